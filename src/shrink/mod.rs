//! Shrinks a schedule to a minimal one that still violates the same rule of the same invariant.
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

use crate::invariant::Violation;
use crate::run::{Finding, Report, Run, Systems};
use crate::script;
use crate::sim::schedule::{Action, Schedule};

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
    let target = Target::of(&finding, schedule)?;
    let reference = Systems { invariants: systems.invariants.clone(), ..Systems::default() };
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
#[derive(PartialEq, Eq)]
enum Target {
    /// A violation of this invariant and rule.
    Violation { invariant: &'static str, rule: &'static str },
    /// This `expect` is not met, in whatever line.
    Expectation(Action),
    /// A crash with this message, but for its numbers.
    Crash(String),
}

impl Target {
    /// The target that a finding of the schedule stands for; `None` for a bad step.
    fn of(finding: &Finding, schedule: &Schedule) -> Option<Target> {
        match finding {
            Finding::Violation(found) | Finding::NoConvergence(found) => {
                let Violation { invariant, rule, line, .. } = *found;
                let mut steps = schedule.steps.iter();
                let expect = steps.find(|step| {
                    Some(step.line) == line && matches!(step.action, Action::Expect(_))
                });
                Some(match expect {
                    Some(step) => Target::Expectation(step.action.clone()),
                    None => Target::Violation { invariant, rule },
                })
            }
            Finding::Crash { message, .. } => Some(Target::Crash(masked(message))),
            Finding::BadStep { .. } => None,
        }
    }
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
                Some(finding)
                    if Target::of(&finding, &candidate).as_ref() == Some(&self.target) =>
                {
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
