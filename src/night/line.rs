//! The lines of a ledger.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::expressible;
use crate::run::Report;
use crate::script;
use crate::swarm::{Conditions, parts, schedule};

use super::place::place;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Line {
    /// The first.
    Began(Began),
    /// How far it is, every few seconds; the last one counts.
    Progress(Tally),
    /// Something was found.
    Finding(Box<Entry>),
    /// The last, unless the process was killed.
    Ended(Ended),
}

/// What a process set out to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// The commit it was built from, or `unknown`.
    pub commit: String,
    /// Its shard, `0/4`.
    pub shard: String,
    /// The first seed of the range.
    pub from: u64,
    /// The end of the range; none when it has no end.
    pub to: Option<u64>,
    /// The profile.
    pub profile: String,
    /// The engine.
    pub engine: String,
    /// What is broken on purpose.
    pub mutant: Option<String>,
    /// When, in RFC 3339.
    pub time: String,
}

/// What a process has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many seeds it has run to their ends.
    pub seeds: u64,
    /// How many of them proved nothing.
    pub vacuous: u64,
    /// How many of them found something.
    pub findings: u64,
    /// How much virtual time passed, in microseconds.
    pub simulated_us: u64,
    /// How much wall time, in milliseconds.
    pub wall_ms: u64,
}

impl Tally {
    /// A seed is done.
    pub fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.vacuous += u64::from(report.finding.is_none() && report.vacuous());
        self.findings += u64::from(report.finding.is_some());
        self.simulated_us += micros(report.simulated);
    }
}

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// All seeds have been run.
    Done,
    /// Its time was up.
    Time,
    /// It was asked to.
    Interrupted,
    /// A seed took too long.
    Hang,
}

impl Why {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Why::Done => "done",
            Why::Time => "time is up",
            Why::Interrupted => "interrupted",
            Why::Hang => "hang",
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Why.
    pub why: Why,
    /// What it has done.
    #[serde(flatten)]
    pub tally: Tally,
}

/// A finding, with all that is needed to see it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The commit, or `unknown`. At another one the seed may be another world.
    pub commit: String,
    /// The shard that found it.
    pub shard: String,
    /// The seed.
    pub seed: u64,
    /// The profile.
    pub profile: String,
    /// The engine.
    pub engine: String,
    /// What was broken on purpose.
    pub mutant: Option<String>,
    /// The digest of the schedule, as a script.
    pub schedule: String,
    /// The invariant, or `crash`, `bad-step`, `hang`.
    pub invariant: String,
    /// What is the same about all findings of one bug.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// When, on the run's clock, in microseconds.
    pub at_us: Option<u64>,
    /// The digest of the trace; none for a run that did not end.
    pub trace: Option<String>,
    /// How much virtual time it took to find it, in microseconds; none for a run that did not end.
    pub simulated_us: Option<u64>,
    /// How much wall time the seed took, in milliseconds.
    pub wall_ms: u64,
    /// When it was found, in RFC 3339.
    pub time: String,
}

/// What a report comes to in a ledger, if it found something: `began` says where, and `time` when.
pub fn entry(
    began: &Began,
    conditions: Conditions,
    seed: u64,
    report: &Report,
    (wall, time): (Duration, String),
) -> Option<Entry> {
    let finding = parts(report.finding.as_ref()?);
    Some(Entry {
        invariant: finding.name.to_owned(),
        message: finding.message.to_owned(),
        place: place(finding.message),
        at_us: finding.at.map(|at| at.micros()),
        trace: Some(hexadecimal(report.digest)),
        simulated_us: Some(micros(report.simulated)),
        ..bare(began, conditions, seed, (wall, time))
    })
}

/// What a seed comes to that takes longer than it may.
pub fn hang(
    began: &Began,
    conditions: Conditions,
    seed: u64,
    (wall, time): (Duration, String),
) -> Entry {
    Entry {
        invariant: HANG.to_owned(),
        message: format!("the seed was not done after {} s of wall time", wall.as_secs()),
        place: "the seed was not done in time".to_owned(),
        ..bare(began, conditions, seed, (wall, time))
    }
}

/// What a seed that did not end is called.
pub(super) const HANG: &str = "hang";

fn bare(
    began: &Began,
    conditions: Conditions,
    seed: u64,
    (wall, time): (Duration, String),
) -> Entry {
    Entry {
        commit: began.commit.clone(),
        shard: began.shard.clone(),
        seed,
        profile: conditions.profile.name().to_owned(),
        engine: conditions.engine.name().to_owned(),
        mutant: conditions.mutant.map(str::to_owned),
        schedule: schedule_digest(seed, conditions),
        invariant: String::new(),
        place: String::new(),
        message: String::new(),
        at_us: None,
        trace: None,
        simulated_us: None,
        wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        time,
    }
}

/// The digest of what a seed runs, as a script.
pub fn schedule_digest(seed: u64, conditions: Conditions) -> String {
    let (schedule, _) = expressible(conditions.engine, schedule(seed, conditions.profile));
    hexadecimal(script::digest(&schedule))
}

/// Hexadecimal, because many readers of JSON cannot hold 64 bits in a number.
pub(super) fn hexadecimal(digest: u64) -> String {
    format!("{digest:016x}")
}

/// In whole microseconds.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
