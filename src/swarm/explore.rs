//! Coverage-guided exploration in rounds: schedules that reach new coverage are kept and mutated,
//! until none does.
//!
//! A round draws its schedules from the corpus as it was at the start of the round, runs them on
//! all cores, and adds their coverage in the order of their seeds. So the result does not depend on
//! the number of cores.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::rng::Rng;
use crate::run::{Finding, Report, Systems};
use crate::sim::schedule::Schedule;

use super::corpus::{Corpus, run_repaired};
use super::generate::schedule;
use super::profile::Profile;

/// The number of schedules in a round.
const ROUND: u64 = 64;

/// The parameters of an exploration.
pub struct Exploration<'a> {
    /// The seeds to run.
    pub seeds: Range<u64>,
    /// The profile that the schedules are drawn from.
    pub profile: Profile,
    /// Stops after this many schedules in a row that reach no new coverage.
    pub until_quiet: Option<u64>,
    /// Whether every second schedule is a mutation of kept ones.
    pub evolve: bool,
    /// The systems under test.
    pub systems: &'a Systems,
}

/// A schedule with a finding.
#[derive(Clone, Debug)]
pub struct Found {
    /// The seed that the schedule, or its mutations, were drawn from.
    pub seed: u64,
    /// The schedule.
    pub schedule: Schedule,
    /// The finding.
    pub finding: Finding,
}

/// The result of an exploration.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// The number of schedules that were run.
    pub ran: u64,
    /// The number of kept schedules that are mutations.
    pub children_kept: u64,
    /// Whether it was interrupted before its end.
    pub interrupted: bool,
    /// The number of the last schedule that reached new coverage, counted from 1.
    pub last_new: u64,
    /// The kept schedules.
    pub corpus: Corpus,
    /// The findings.
    pub found: Vec<Found>,
}

impl Exploration<'_> {
    /// Explores, starting with the corpus `known`. Calls `seen` after each round.
    pub fn run(
        &self,
        known: Corpus,
        stop: &AtomicBool,
        seen: &mut dyn FnMut(&Explored),
    ) -> Explored {
        let mut explored = Explored { corpus: known, ..Explored::default() };
        let mut next = self.seeds.start;
        while next < self.seeds.end && !self.is_quiet(&explored) {
            if stop.load(Ordering::Relaxed) {
                explored.interrupted = true;
                break;
            }
            let round = next..self.seeds.end.min(next + ROUND);
            next = round.end;
            let drawn: Vec<(u64, Schedule, bool)> =
                round.map(|seed| self.draw(seed, &explored.corpus)).collect();
            let ran: Vec<(u64, Schedule, bool, Report)> = drawn
                .into_par_iter()
                .with_max_len(1)
                .map(|(seed, mut schedule, is_child)| {
                    let report = run_repaired(&mut schedule, self.systems);
                    (seed, schedule, is_child, report)
                })
                .collect();
            ran.into_iter().for_each(|ran| explored.learn(ran));
            seen(&explored);
        }
        explored
    }

    fn is_quiet(&self, explored: &Explored) -> bool {
        self.until_quiet.is_some_and(|quiet| explored.ran >= explored.last_new + quiet)
    }

    fn draw(&self, seed: u64, corpus: &Corpus) -> (u64, Schedule, bool) {
        let child = (self.evolve && seed % 2 == 1)
            .then(|| corpus.child(&mut Rng::stream(seed, "swarm/corpus")))
            .flatten();
        match child {
            Some(child) => (seed, child, true),
            None => (seed, schedule(seed, self.profile), false),
        }
    }
}

impl Explored {
    fn learn(&mut self, (seed, schedule, is_child, report): (u64, Schedule, bool, Report)) {
        self.ran += 1;
        if self.corpus.learn(&schedule, &report.reached) > 0 {
            self.last_new = self.ran;
            self.children_kept += u64::from(is_child);
        }
        self.found.extend(report.finding.map(|finding| Found { seed, schedule, finding }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explored(seeds: Range<u64>, until_quiet: Option<u64>) -> Explored {
        let systems = &Systems::default();
        let profile = Profile::Default;
        let exploration = Exploration { seeds, profile, until_quiet, evolve: true, systems };
        exploration.run(Corpus::default(), &AtomicBool::new(false), &mut |_| ())
    }

    #[test]
    fn correct_systems_hold_and_an_exploration_is_deterministic() {
        let [once, again] = [0, 1].map(|_| explored(0..200, None));
        assert!(once.found.is_empty(), "{:?}", once.found);
        assert!(once.children_kept > 0);
        assert_eq!(once.corpus.kept(), again.corpus.kept());
        assert_eq!((once.ran, once.last_new), (200, again.last_new));
    }

    #[test]
    fn an_exploration_ends_when_no_new_coverage_is_reached() {
        let quiet = explored(0..100_000, Some(20));
        assert!(quiet.ran < 3_000, "{} schedules", quiet.ran);
        assert!(quiet.ran >= quiet.last_new + 20);
    }
}
