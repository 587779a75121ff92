//! Many seeds in rounds: what reached something new is kept and changed further, until nothing new comes.
//!
//! A round is drawn from what was known at its beginning, run on all cores, and learned from in the order of its
//! numbers. So what comes of it does not depend on how many cores there are.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::rng::Rng;
use crate::run::{Finding, Report, Systems};
use crate::sim::schedule::Schedule;

use super::corpus::{Corpus, run_mended};
use super::generate::schedule;
use super::profile::Profile;

/// How many schedules are run between two looks at what is new.
const ROUND: u64 = 64;

/// What to explore.
pub struct Exploration<'a> {
    /// Which seeds.
    pub seeds: Range<u64>,
    /// What kind of world they are drawn from.
    pub profile: Profile,
    /// Ends it when so many schedules in a row reached nothing new.
    pub until_quiet: Option<u64>,
    /// Whether every second schedule is a child of what was kept.
    pub evolve: bool,
    /// What is run.
    pub systems: &'a Systems,
}

/// What was found with a schedule.
#[derive(Clone, Debug)]
pub struct Found {
    /// The seed that it was drawn from, or from which its changes were.
    pub seed: u64,
    /// The schedule.
    pub schedule: Schedule,
    /// What it found.
    pub finding: Finding,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// How many schedules were run.
    pub ran: u64,
    /// How many of those that were kept are children.
    pub children_kept: u64,
    /// It was stopped before it was quiet, and before the last seed.
    pub interrupted: bool,
    /// The number of the last schedule that reached something new, counted from 1.
    pub last_new: u64,
    /// What was kept.
    pub corpus: Corpus,
    /// What was found.
    pub found: Vec<Found>,
}

impl Exploration<'_> {
    /// Explores; `seen` is told how much was new after each round.
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
                    let report = run_mended(&mut schedule, self.systems);
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
    fn correct_systems_hold_on_what_evolves_and_it_comes_out_the_same_again() {
        let [once, again] = [0, 1].map(|_| explored(0..200, None));
        assert!(once.found.is_empty(), "{:?}", once.found);
        assert!(once.children_kept > 0);
        assert_eq!(once.corpus.kept(), again.corpus.kept());
        assert_eq!((once.ran, once.last_new), (200, again.last_new));
    }

    #[test]
    fn it_ends_when_nothing_new_comes() {
        let quiet = explored(0..100_000, Some(20));
        assert!(quiet.ran < 3_000, "{} schedules", quiet.ran);
        assert!(quiet.ran >= quiet.last_new + 20);
    }
}
