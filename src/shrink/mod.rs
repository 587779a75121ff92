//! The smallest schedule that still violates the same invariant.
//!
//! ```text
//! schedule ──► take something away or make it simpler ──► mend ──► run ──► the same finding? keep it
//!                          ▲                                                       │
//!                          └──────────────── until nothing helps any more ◄────────┘
//! ```
//!
//! Luck is split by purpose, so what is left of a schedule has the luck it had: taking a line out disturbs the
//! others as little as can be. A candidate need not be valid. What became senseless with a line that is gone
//! (`restart` of who never joined) is taken out of it as well, by asking the sim language.
//!
//! | file | what it tries |
//! |---|---|
//! | `lines` | everything behind the finding, whole families of faults, whole consumers, then fewer and fewer lines at once |
//! | `settings` | no topic, group or setting that is not needed; fewer partitions and brokers |
//! | `times` | shorter waits, rounder times, smaller numbers |
//!
//! If the systems of this crate hold on the schedule, they have to hold on what is left of it, too: a schedule on
//! which no system could hold says nothing about the one that is to blame.
//!
//! What this ring does *not* do: look for the cause, or for a *different* schedule that would be shorter still. It
//! reads no clock; who waits for it says how long it may go on.

mod lines;
mod settings;
mod times;

use std::collections::BTreeSet;

use crate::run::{Finding, Report, Systems, run};
use crate::script;
use crate::sim::schedule::Schedule;
use crate::swarm::parts;

/// A schedule that finds what a larger one found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The schedule.
    pub schedule: Schedule,
    /// What it finds.
    pub finding: Finding,
    /// How many candidates were run.
    pub runs: u64,
}

/// Shrinks `schedule` as long as it helps and `keep_on`, which is asked before each run with the best so far and the
/// number of runs, says so. None if it finds nothing to begin with.
pub fn shrink(
    schedule: &Schedule,
    systems: &Systems,
    keep_on: &mut dyn FnMut(&Schedule, u64) -> bool,
) -> Option<Shrunk> {
    let finding = run(schedule, systems, &mut |_| ()).finding?;
    let wanted = Wanted::of(&finding)?;
    let innocent = Systems::default();
    let innocent = holds(schedule, &innocent).then_some(innocent);
    let best = Shrunk { schedule: schedule.clone(), finding, runs: 1 };
    let mut shrinker = Shrinker {
        systems,
        innocent,
        wanted,
        best,
        tried: BTreeSet::new(),
        keep_on,
        stopped: false,
    };
    shrinker.until_nothing_helps();
    Some(shrinker.best)
}

fn holds(schedule: &Schedule, systems: &Systems) -> bool {
    run(schedule, systems, &mut |_| ()).finding.is_none()
}

/// What has to be found again.
struct Wanted {
    /// The invariant, `crash`.
    name: String,
    /// Of an `expect` line what it claims, of a crash its message: there a name alone says little.
    what: Option<String>,
}

impl Wanted {
    fn of(finding: &Finding) -> Option<Wanted> {
        let parts = parts(finding);
        let what = match (finding, parts.name) {
            (Finding::BadStep { .. }, _) => return None,
            (_, "expect") => Some(claim(parts.message).to_owned()),
            (Finding::Crash { message, .. }, _) => Some(masked(message)),
            _ => None,
        };
        Some(Wanted { name: parts.name.to_owned(), what })
    }

    fn is_met_by(&self, finding: &Finding) -> bool {
        Wanted::of(finding).is_some_and(|found| found.name == self.name && found.what == self.what)
    }
}

/// The claim in `line 22: expect stable: found Empty`.
fn claim(message: &str) -> &str {
    let behind = message.split_once(": ").map_or(message, |(_, behind)| behind);
    behind.split_once(": found").map_or(behind, |(claim, _)| claim)
}

/// A message without the numbers in it, which change with every schedule.
fn masked(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// A schedule on its way down.
struct Shrinker<'a> {
    systems: &'a Systems,
    /// Who must hold on whatever is left.
    innocent: Option<Systems>,
    wanted: Wanted,
    best: Shrunk,
    /// The candidates that were run, by the digest of their script.
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

    /// Tries the best schedule with a change.
    fn attempt(&mut self, change: impl FnOnce(&mut Schedule)) -> bool {
        let mut candidate = self.best.schedule.clone();
        change(&mut candidate);
        self.accept(candidate)
    }

    /// Takes a candidate for the best one if it finds the same.
    fn accept(&mut self, candidate: Schedule) -> bool {
        let Some(mut candidate) = script::mended(candidate) else { return false };
        loop {
            if self.stopped || !self.tried.insert(script::digest(&candidate)) {
                return false;
            }
            let report = self.run(&candidate);
            match report.finding {
                Some(Finding::BadStep { line, .. })
                    if script::without_line(&mut candidate, line) => {}
                Some(finding) if self.wanted.is_met_by(&finding) => {
                    if self.innocent.as_ref().is_some_and(|systems| !holds(&candidate, systems)) {
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
        let report = run(candidate, self.systems, &mut |_| ());
        self.best.runs += 1;
        self.stopped |= !(self.keep_on)(&self.best.schedule, self.best.runs);
        report
    }
}

#[cfg(test)]
mod tests;
