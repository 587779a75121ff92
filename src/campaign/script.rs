//! Turns a finding into a shrunk script.

use std::fmt::Write as _;

use crate::engine::{EngineKind, expressible};
use crate::mutant;
use crate::run::Systems;
use crate::script::{digest, print};
use crate::shrink::shrink;
use crate::sim::schedule::Schedule;
use crate::swarm::{Profile, parts, schedule};

use super::line::{Entry, HANG, hexadecimal};

/// A script that reproduces a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The file name: the invariant and the digest of the steps.
    pub file: String,
    /// The text of the script.
    pub text: String,
    /// The number of steps in the schedule of the seed.
    pub steps_before: usize,
    /// The number of steps in the script.
    pub steps: usize,
    /// The reason why the schedule was not shrunk, if it was not.
    pub not_shrunk: Option<&'static str>,
}

/// Turns a finding into a script. Shrinking calls `keep_on` before each attempt and stops when it
/// returns false.
///
/// # Errors
///
/// If this build cannot reproduce the schedule of the seed: the reason.
pub fn script(
    entry: &Entry,
    keep_on: &mut dyn FnMut(&Schedule, u64) -> bool,
) -> Result<Script, String> {
    let (schedule, systems, engine) = reconstruct(entry)?;
    let (smaller, message, not_shrunk) = match (entry.invariant.as_str(), engine) {
        (HANG, _) => (None, None, Some("not shrunk: the run did not end")),
        (_, EngineKind::Turmoil | EngineKind::Madsim | EngineKind::Tcp) => {
            (None, None, Some("not shrunk: only findings of the engine sim are"))
        }
        (_, EngineKind::Sim) => match shrink(&schedule, &systems, keep_on) {
            None => (None, None, Some("not shrunk: the finding could not be reproduced")),
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
        not_shrunk,
    })
}

/// The schedule, systems and engine of the run, if this build expands the seed to the same
/// schedule.
fn reconstruct(entry: &Entry) -> Result<(Schedule, Systems, EngineKind), String> {
    let profile: Profile =
        entry.profile.parse().map_err(|_| not_here("profile", &entry.profile))?;
    let engine = EngineKind::ALL.into_iter().find(|engine| engine.name() == entry.engine);
    let engine = engine.ok_or_else(|| not_here("engine", &entry.engine))?;
    let systems = match &entry.mutant {
        None => Systems::default(),
        Some(name) => mutant::find(name).ok_or_else(|| not_here("mutant", name))?.systems(),
    };
    let (schedule, _) = expressible(engine, schedule(entry.seed, profile));
    match hexadecimal(digest(&schedule)) == entry.schedule {
        true => Ok((schedule, systems, engine)),
        false => Err(format!(
            "seed {} expands to another schedule in this build than at commit {}",
            entry.seed, entry.commit
        )),
    }
}

fn not_here(what: &str, name: &str) -> String {
    format!("this build has no {what} {name}")
}

/// The comments at the head of the script: the finding and how to reproduce it.
fn head(entry: &Entry, message: Option<&str>) -> String {
    let Entry { invariant, seed, profile, engine, commit, .. } = entry;
    let message = message.unwrap_or(&entry.message);
    let mut text = format!("# {invariant}: {}\n", message.lines().collect::<Vec<_>>().join(" "));
    let _ = writeln!(text, "#\n# Seed {seed} of profile {profile} on {engine}, commit {commit}.");
    if let Some(mutant) = &entry.mutant {
        let _ = writeln!(text, "# Requires --mutant {mutant}.");
    }
    text.push('\n');
    text
}
