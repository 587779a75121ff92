//! Shrinks a schedule to a minimal one that still violates the same invariant.
//!
//! ```text
//! schedule ──► remove or simplify something ──► repair ──► run ──► same finding? keep it
//!                          ▲                                                │
//!                          └──────────── until nothing helps ◄──────────────┘
//! ```
//!
//! Randomness is split by purpose, so removing a step changes the randomness of the others as
//! little as possible. A candidate need not be valid: steps that became invalid because another one
//! was removed (a `restart` of a consumer that never joined) are removed too, by parsing the
//! candidate as a script.
//!
//! | file | what it tries to remove or simplify |
//! |---|---|
//! | `lines` | steps after the finding, fault families, consumers, then ever smaller runs of steps |
//! | `settings` | topics, groups and settings; the numbers of partitions and brokers |
//! | `times` | waits, odd times, large numbers |
//!
//! If the systems of this crate hold on the schedule, they must also hold on every candidate that
//! is kept: a schedule on which no system can hold says nothing about the system under test.
//!
//! This ring does not look for the cause, or for a *different* schedule that is even shorter. It
//! reads no clock: its caller decides how long it may take.

mod lines;
mod settings;
mod times;

use std::collections::BTreeSet;

use crate::run::{Finding, Report, Run, Systems};
use crate::script;
use crate::sim::schedule::Schedule;
use crate::swarm::parts;

/// A shrunk schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The schedule.
    pub schedule: Schedule,
    /// The finding of the schedule.
    pub finding: Finding,
    /// The number of candidates that were run.
    pub runs: u64,
}

/// Shrinks `schedule` until nothing helps, or until `keep_on` returns false. `keep_on` is called
/// for each run, with the smallest schedule so far and the number of runs. `None` if the schedule
/// has no finding.
pub fn shrink(
    schedule: &Schedule,
    systems: &Systems,
    keep_on: &mut dyn FnMut(&Schedule, u64) -> bool,
) -> Option<Shrunk> {
    let finding = Run::of(schedule).systems(systems).run().finding?;
    let target = Target::of(&finding)?;
    let reference = Systems::default();
    let reference = holds(schedule, &reference).then_some(reference);
    let best = Shrunk { schedule: schedule.clone(), finding, runs: 1 };
    let mut shrinker = Shrinker {
        systems,
        reference,
        target,
        best,
        tried: BTreeSet::new(),
        keep_on,
        stopped: false,
    };
    shrinker.until_nothing_helps();
    Some(shrinker.best)
}

fn holds(schedule: &Schedule, systems: &Systems) -> bool {
    Run::of(schedule).systems(systems).run().finding.is_none()
}

/// The finding that a candidate has to reproduce.
struct Target {
    /// The name of the invariant, or `crash`.
    name: String,
    /// For `expect` its claim, for a crash its message: the name alone does not identify the
    /// finding.
    detail: Option<String>,
}

impl Target {
    fn of(finding: &Finding) -> Option<Target> {
        let parts = parts(finding);
        let detail = match (finding, parts.name) {
            (Finding::BadStep { .. }, _) => return None,
            (_, "expect") => Some(claim(parts.message).to_owned()),
            (Finding::Crash { message, .. }, _) => Some(masked(message)),
            _ => None,
        };
        Some(Target { name: parts.name.to_owned(), detail })
    }

    fn is_met_by(&self, finding: &Finding) -> bool {
        Target::of(finding)
            .is_some_and(|found| found.name == self.name && found.detail == self.detail)
    }
}

/// The claim `expect stable` of the message `line 22: expect stable: found Empty`.
fn claim(message: &str) -> &str {
    let rest = message.split_once(": ").map_or(message, |(_, rest)| rest);
    rest.split_once(": found").map_or(rest, |(claim, _)| claim)
}

/// A message without its numbers, which differ from schedule to schedule.
fn masked(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// The state of shrinking.
struct Shrinker<'a> {
    systems: &'a Systems,
    /// The systems of this crate, which must hold on each candidate; `None` if they do not hold on
    /// the original schedule.
    reference: Option<Systems>,
    target: Target,
    best: Shrunk,
    /// The digests of the scripts of all candidates that were run.
    tried: BTreeSet<u64>,
    keep_on: &'a mut dyn FnMut(&Schedule, u64) -> bool,
    stopped: bool,
}

impl Shrinker<'_> {
    fn until_nothing_helps(&mut self) {
        self.cut_off();
        self.drop_families();
        loop {
            let before = self.best.schedule.clone();
            self.drop_consumers();
            self.drop_lines();
            self.cut_off();
            self.simplify_settings();
            self.shorten();
            if self.stopped || self.best.schedule == before {
                return;
            }
        }
    }

    fn schedule(&self) -> &Schedule {
        &self.best.schedule
    }

    /// Tries a change of the best schedule. Returns whether it was kept.
    fn attempt(&mut self, change: impl FnOnce(&mut Schedule)) -> bool {
        let mut candidate = self.best.schedule.clone();
        change(&mut candidate);
        self.accept(candidate)
    }

    /// Runs a candidate and keeps it as the best schedule if it reproduces the finding.
    fn accept(&mut self, candidate: Schedule) -> bool {
        let Some(mut candidate) = script::repaired(candidate) else { return false };
        loop {
            if self.stopped || !self.tried.insert(script::digest(&candidate)) {
                return false;
            }
            let report = self.run(&candidate);
            match report.finding {
                Some(Finding::BadStep { line, .. })
                    if script::without_line(&mut candidate, line) => {}
                Some(finding) if self.target.is_met_by(&finding) => {
                    if self.reference.as_ref().is_some_and(|systems| !holds(&candidate, systems)) {
                        return false;
                    }
                    self.best.schedule = candidate;
                    self.best.finding = finding;
                    return true;
                }
                Some(_) | None => return false,
            }
        }
    }

    fn run(&mut self, candidate: &Schedule) -> Report {
        let report = Run::of(candidate).systems(self.systems).run();
        self.best.runs += 1;
        self.stopped |= !(self.keep_on)(&self.best.schedule, self.best.runs);
        report
    }
}

#[cfg(test)]
mod tests;
