//! The description of a finding: the message, the last lines of the trace, and the replay command.

use std::fmt::Write as _;

use crate::engine::{EngineKind, Refused};
use crate::invariant::Violation;
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

/// The parts of a finding of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The kind: `violation`, `no convergence`, `crash` or `bad step`.
    pub kind: &'static str,
    /// The name of the invariant, or `crash` or `bad-step`.
    pub name: &'a str,
    /// The id of the rule of the invariant; `None` if no invariant is violated.
    pub rule: Option<&'static str>,
    /// The virtual time; `None` for a bad step.
    pub at: Option<Time>,
    /// The message.
    pub message: &'a str,
}

/// Splits a finding into its parts.
pub fn parts(finding: &Finding) -> Parts<'_> {
    fn violated<'a>(kind: &'static str, violation: &'a Violation) -> Parts<'a> {
        Parts {
            kind,
            name: violation.invariant,
            rule: Some(violation.rule),
            at: Some(violation.at),
            message: &violation.message,
        }
    }
    match finding {
        Finding::Violation(violation) => violated("violation", violation),
        Finding::NoConvergence(violation) => violated("no convergence", violation),
        Finding::Crash { at, message } => {
            Parts { kind: "crash", name: "crash", rule: None, at: Some(*at), message }
        }
        Finding::BadStep { message, .. } => {
            Parts { kind: "bad step", name: "bad-step", rule: None, at: None, message }
        }
    }
}

/// Describes the finding of a seed: the message, the last relevant lines of the trace, and the
/// replay command. It replays the seed to get the trace. If `GROUPSIM_SEED` is this seed, the trace
/// is complete.
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
    let again =
        run_seed_under(seed, conditions, systems, &mut |event, model| tail.take(event, model));
    let mut text = format!("seed {seed}: {finding}\n");
    if !matches!(&again, Ok((again, _)) if again.finding.as_ref() == Some(finding)) {
        let again = again.map(|(report, _)| report);
        let _ = writeln!(text, "{}", not_reproduced(conditions.engine, &again));
    }
    text.push_str(&tail.rendered());
    if named {
        let _ = writeln!(text, "seed {seed}: {finding}");
    } else {
        let _ = writeln!(text, "replay: {}", replay.command(seed, conditions));
    }
    text
}

/// Describes the first finding of each invariant, as the panic message of a test. If
/// `GROUPSIM_SEED` is a seed with a finding, describes only that one.
pub fn describe_all(summary: &Summary, systems: &Systems) -> String {
    describe_for(summary, systems, Replay::Test)
}

/// Describes the first finding of each invariant, like [`describe_all`], with replay commands of
/// the given kind.
pub fn describe_for(summary: &Summary, systems: &Systems, replay: Replay) -> String {
    let by_invariant = summary.by_invariant();
    let named = summary.findings.iter().find(|found| Some(found.seed) == named_seed());
    let shown: Vec<&SeedFinding> = match named.filter(|_| replay == Replay::Test) {
        Some(named) => vec![named],
        None => by_invariant.values().filter_map(|found| found.first().copied()).collect(),
    };
    let conditions = summary.conditions;
    let texts = shown
        .into_iter()
        .map(|found| describe(found.seed, conditions, &found.finding, systems, replay));
    texts.collect::<Vec<_>>().join("\n")
}

/// The warning about a replay with another result.
fn not_reproduced(engine: EngineKind, again: &Result<Report, Refused>) -> String {
    let found = match again {
        Ok(report) => report.finding.as_ref().map_or("nothing".to_owned(), Finding::to_string),
        Err(refused) => refused.to_string(),
    };
    match engine {
        // A run over TCP depends on the kernel and the clock.
        EngineKind::Tcp => {
            format!("runs over real TCP are not reproducible: the replay found {found}")
        }
        EngineKind::Sim | EngineKind::Turmoil | EngineKind::Madsim => {
            format!("NOT DETERMINISTIC: the replay of the same seed found {found}")
        }
    }
}
