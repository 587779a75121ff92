//! A finding as a script, made smaller.

use std::fmt::Write as _;

use crate::engine::{Engine, expressible};
use crate::mutant;
use crate::run::Systems;
use crate::script::{digest, print};
use crate::shrink::shrink;
use crate::sim::schedule::Schedule;
use crate::swarm::{Profile, parts, schedule};

use super::line::{Entry, HANG, hexadecimal};

/// A script that shows a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The name of its file: the invariant and the digest of its steps.
    pub file: String,
    /// The script.
    pub text: String,
    /// How many steps the seed's schedule has.
    pub steps_before: usize,
    /// How many the script has.
    pub steps: usize,
    /// Why it is not smaller than the seed's schedule, if it is not.
    pub whole: Option<&'static str>,
}

/// Makes a script of a finding. `keep_on` is asked before each further attempt to make it smaller.
///
/// # Errors
///
/// When this build does not have the seed's schedule: why not.
pub fn script(
    entry: &Entry,
    keep_on: &mut dyn FnMut(&Schedule, u64) -> bool,
) -> Result<Script, String> {
    let (schedule, systems, engine) = recall(entry)?;
    let (smaller, message, whole) = match (entry.invariant.as_str(), engine) {
        (HANG, _) => (None, None, Some("a run that does not end is not run again")),
        (_, Engine::Turmoil | Engine::Madsim | Engine::Tcp) => {
            (None, None, Some("only what the event engine shows is made smaller"))
        }
        (_, Engine::Sim) => match shrink(&schedule, &systems, keep_on) {
            None => (None, None, Some("it was not found again")),
            Some(shrunk) => {
                let message = parts(&shrunk.finding).message.to_owned();
                (Some(shrunk.schedule), Some(message), None)
            }
        },
    };
    let steps_before = schedule.steps.len();
    let schedule = smaller.unwrap_or(schedule);
    Ok(Script {
        file: format!("{}-{}.sim", entry.invariant, hexadecimal(digest(&schedule))),
        text: head(entry, message.as_deref()) + &print(&schedule),
        steps_before,
        steps: schedule.steps.len(),
        whole,
    })
}

/// What was run, if it is the same in this build.
fn recall(entry: &Entry) -> Result<(Schedule, Systems, Engine), String> {
    let profile: Profile =
        entry.profile.parse().map_err(|_| not_here("profile", &entry.profile))?;
    let engine = Engine::ALL.into_iter().find(|engine| engine.name() == entry.engine);
    let engine = engine.ok_or_else(|| not_here("engine", &entry.engine))?;
    let systems = match &entry.mutant {
        None => Systems::default(),
        Some(name) => mutant::find(name).ok_or_else(|| not_here("mutant", name))?.systems(),
    };
    let (schedule, _) = expressible(engine, schedule(entry.seed, profile));
    match hexadecimal(digest(&schedule)) == entry.schedule {
        true => Ok((schedule, systems, engine)),
        false => Err(format!("seed {} is another world here than at {}", entry.seed, entry.commit)),
    }
}

fn not_here(what: &str, name: &str) -> String {
    format!("there is no {what} {name} here")
}

/// What the script shows, in comments.
fn head(entry: &Entry, message: Option<&str>) -> String {
    let Entry { invariant, seed, profile, engine, commit, .. } = entry;
    let message = message.unwrap_or(&entry.message);
    let mut text = format!("# {invariant}: {}\n", message.lines().collect::<Vec<_>>().join(" "));
    let _ = writeln!(text, "#\n# Seed {seed} of profile {profile} on {engine}, commit {commit}.");
    if let Some(mutant) = &entry.mutant {
        let _ = writeln!(text, "# Only with --mutant {mutant}.");
    }
    text.push('\n');
    text
}
