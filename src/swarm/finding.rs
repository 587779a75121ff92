//! How a finding is told: what is broken, when, the last lines of the trace, and how to see it again.

use std::fmt::Write as _;

use crate::engine::{Engine, Refused};
use crate::run::{Finding, Report, Systems};
use crate::time::Time;

use super::conditions::Conditions;
use super::focus::Focus;
use super::generate::schedule;
use super::replay::Replay;
use super::summary::{SeedFinding, Summary};
use super::tail::Tail;
use super::testing::{named_seed, zoom};
use super::workers::run_seed_under;

/// The parts of a finding, whichever kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// What kind: `violation`, `no convergence`, `crash`, `bad step`.
    pub kind: &'static str,
    /// The name of the invariant, or `crash`, or `bad-step`.
    pub name: &'a str,
    /// When, on the run's clock, if it has a time.
    pub at: Option<Time>,
    /// What is wrong.
    pub message: &'a str,
}

/// Takes a finding apart.
pub fn parts(finding: &Finding) -> Parts<'_> {
    match finding {
        Finding::Violation(v) => {
            Parts { kind: "violation", name: v.invariant, at: Some(v.at), message: &v.message }
        }
        Finding::NoConvergence(v) => {
            Parts { kind: "no convergence", name: v.invariant, at: Some(v.at), message: &v.message }
        }
        Finding::Crash { at, message } => {
            Parts { kind: "crash", name: "crash", at: Some(*at), message }
        }
        Finding::BadStep { message, .. } => {
            Parts { kind: "bad step", name: "bad-step", at: None, message }
        }
    }
}

/// Tells a finding of a seed in full, by running the seed again: what is wrong, the last lines of the trace
/// that have to do with it, and how to see it again. If `GROUPSIM_SEED` names the seed, the trace is whole.
pub fn describe(
    seed: u64,
    conditions: Conditions,
    finding: &Finding,
    systems: &Systems,
    replay: Replay,
) -> String {
    let named = replay == Replay::Test && named_seed() == Some(seed);
    let mut tail = match named {
        true => Tail::all(zoom()),
        false => {
            Tail::last(Focus::new(parts(finding).message, &schedule(seed, conditions.profile)))
        }
    };
    let again = run_seed_under(seed, conditions, systems, &mut |event| tail.take(event));
    let mut text = format!("seed {seed}: {finding}\n");
    if !matches!(&again, Ok((again, _)) if again.finding.as_ref() == Some(finding)) {
        let again = again.map(|(report, _)| report);
        let _ = writeln!(text, "{}", not_again(conditions.engine, &again));
    }
    text.push_str(&tail.told());
    if named {
        let _ = writeln!(text, "seed {seed}: {finding}");
    } else {
        let _ = writeln!(text, "see all of it: {}", replay.command(seed, conditions));
    }
    text
}

/// Tells the first finding of each invariant in full, for a test to panic with; the other seeds are in the
/// summary. If `GROUPSIM_SEED` names a seed that found something, it is that one.
pub fn describe_all(summary: &Summary, systems: &Systems) -> String {
    describe_for(summary, systems, Replay::Test)
}

/// As [`describe_all`], for whoever runs seeds again in the given way.
pub fn describe_for(summary: &Summary, systems: &Systems, replay: Replay) -> String {
    let by_invariant = summary.by_invariant();
    let named = summary.findings.iter().find(|found| Some(found.seed) == named_seed());
    let told: Vec<&SeedFinding> = match named.filter(|_| replay == Replay::Test) {
        Some(named) => vec![named],
        None => by_invariant.values().filter_map(|found| found.first().copied()).collect(),
    };
    let conditions = summary.conditions;
    let told = told
        .into_iter()
        .map(|found| describe(found.seed, conditions, &found.finding, systems, replay));
    told.collect::<Vec<_>>().join("\n")
}

fn not_again(engine: Engine, again: &Result<Report, Refused>) -> String {
    let found = match again {
        Ok(report) => report.finding.as_ref().map_or("nothing".to_owned(), Finding::to_string),
        Err(refused) => refused.to_string(),
    };
    match engine {
        // The kernel and the clock have a part in it.
        Engine::Tcp => format!("no two runs on real TCP are the same: run again, it found {found}"),
        Engine::Sim | Engine::Turmoil | Engine::Madsim => {
            format!("NOT DETERMINISTIC: the same seed, run again, found {found}")
        }
    }
}
