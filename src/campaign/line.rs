//! The lines of a ledger.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::expressible;
use crate::run::Report;
use crate::script;
use crate::swarm::{Conditions, parts, schedule};

use super::signature::signature;

/// One line of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Line {
    /// The first line.
    #[serde(rename = "began")]
    Started(ProcessStarted),
    /// The tally so far, written every few seconds. The last one counts.
    Progress(Tally),
    /// A finding.
    Finding(Box<Entry>),
    /// The last line, unless the process was killed.
    Ended(ProcessEnded),
}

/// The task of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessStarted {
    /// The commit it was built from, or `unknown`.
    pub commit: String,
    /// The shard, such as `0/4`.
    pub shard: String,
    /// The first seed of the range.
    pub from: u64,
    /// The excluded end of the range; `None` for a range without an end.
    pub to: Option<u64>,
    /// The name of the profile.
    pub profile: String,
    /// The name of the engine.
    pub engine: String,
    /// The name of the mutant, if a bug was planted.
    pub mutant: Option<String>,
    /// The time of the start, in RFC 3339.
    pub time: String,
}

/// The work that a process has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The number of completed seeds.
    pub seeds: u64,
    /// The number of vacuous seeds: no finding, but no rebalance or no consumed record either.
    pub vacuous: u64,
    /// The number of seeds with a finding.
    pub findings: u64,
    /// Virtual time, in microseconds.
    pub simulated_us: u64,
    /// Wall time, in milliseconds.
    pub wall_ms: u64,
}

impl Tally {
    /// Counts a completed seed.
    pub fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.vacuous += u64::from(report.finding.is_none() && report.vacuous());
        self.findings += u64::from(report.finding.is_some());
        self.simulated_us += micros(report.simulated);
    }
}

/// The reason why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// All seeds were run.
    Done,
    /// Its time limit was reached.
    Time,
    /// The user interrupted it.
    Interrupted,
    /// A seed took longer than the limit for one seed.
    Hang,
}

impl EndReason {
    /// The reason as summaries show it.
    pub const fn word(self) -> &'static str {
        match self {
            EndReason::Done => "done",
            EndReason::Time => "time is up",
            EndReason::Interrupted => "interrupted",
            EndReason::Hang => "hang",
        }
    }
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessEnded {
    /// The reason.
    #[serde(rename = "why")]
    pub reason: EndReason,
    /// All the work that it did.
    #[serde(flatten)]
    pub tally: Tally,
}

/// A finding, with everything that is needed to reproduce it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The commit, or `unknown`. At another commit the seed may expand to another schedule.
    pub commit: String,
    /// The shard that found it.
    pub shard: String,
    /// The seed.
    pub seed: u64,
    /// The name of the profile.
    pub profile: String,
    /// The name of the engine.
    pub engine: String,
    /// The name of the mutant, if a bug was planted.
    pub mutant: Option<String>,
    /// The digest of the schedule, as a script.
    pub schedule: String,
    /// The name of the invariant, or `crash`, `bad-step`, `hang`.
    pub invariant: String,
    /// What the findings of one bug have in common: the id of the violated rule, or the
    /// [signature](fn@super::signature) of a message for which there is no rule.
    #[serde(rename = "place")]
    pub signature: String,
    /// The message of the finding.
    pub message: String,
    /// The virtual time of the finding, in microseconds.
    pub at_us: Option<u64>,
    /// The digest of the trace; `None` for a run that did not end.
    pub trace: Option<String>,
    /// The virtual time of the run, in microseconds; `None` for a run that did not end.
    pub simulated_us: Option<u64>,
    /// The wall time of the run, in milliseconds.
    pub wall_ms: u64,
    /// The time at which it was found, in RFC 3339.
    pub time: String,
}

/// The ledger entry for the first finding of a report, if it has one. `wall` is the wall time of
/// the run, `time` is now, in RFC 3339.
pub fn entry(
    started: &ProcessStarted,
    conditions: Conditions,
    seed: u64,
    report: &Report,
    (wall, time): (Duration, String),
) -> Option<Entry> {
    let finding = parts(report.finding.as_ref()?);
    Some(Entry {
        invariant: finding.name.to_owned(),
        message: finding.message.to_owned(),
        signature: finding.rule.map_or_else(|| signature(finding.message), str::to_owned),
        at_us: finding.at.map(|at| at.micros()),
        trace: Some(hexadecimal(report.digest)),
        simulated_us: Some(micros(report.simulated)),
        ..bare(started, conditions, seed, (wall, time))
    })
}

/// The ledger entry for a seed that takes longer than the limit for one seed.
pub fn hang(
    started: &ProcessStarted,
    conditions: Conditions,
    seed: u64,
    (wall, time): (Duration, String),
) -> Entry {
    Entry {
        invariant: HANG.to_owned(),
        message: format!("the run did not end within {} s of wall time", wall.as_secs()),
        signature: "the run did not end in time".to_owned(),
        ..bare(started, conditions, seed, (wall, time))
    }
}

/// The value of [`Entry::invariant`] for a run that did not end.
pub(super) const HANG: &str = "hang";

fn bare(
    started: &ProcessStarted,
    conditions: Conditions,
    seed: u64,
    (wall, time): (Duration, String),
) -> Entry {
    Entry {
        commit: started.commit.clone(),
        shard: started.shard.clone(),
        seed,
        profile: conditions.profile.name().to_owned(),
        engine: conditions.engine.name().to_owned(),
        mutant: conditions.mutant.map(str::to_owned),
        schedule: schedule_digest(seed, conditions),
        invariant: String::new(),
        signature: String::new(),
        message: String::new(),
        at_us: None,
        trace: None,
        simulated_us: None,
        wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        time,
    }
}

/// The digest of the schedule that a seed runs, as a script.
pub fn schedule_digest(seed: u64, conditions: Conditions) -> String {
    let (schedule, _) = expressible(conditions.engine, schedule(seed, conditions.profile));
    hexadecimal(script::digest(&schedule))
}

/// A digest in hexadecimal, because many JSON parsers cannot represent 64 bits in a number.
pub(super) fn hexadecimal(digest: u64) -> String {
    format!("{digest:016x}")
}

/// A duration in whole microseconds.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
