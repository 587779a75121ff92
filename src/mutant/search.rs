//! Runs seeds with a mutant until an invariant detects it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::rng::Rng;
use crate::run::{Finding, Report, Run};
use crate::sim::schedule::Schedule;
use crate::swarm::{Corpus, Profile, run_repaired, schedule};

use super::Mutant;

/// The profiles that seeds are drawn from, in turn.
const PROFILES: [Profile; 2] = [Profile::Default, Profile::Failover];

/// The seed of number `number` in a search, and the profile that it is drawn from.
pub fn seed_of(number: u64) -> (u64, Profile) {
    let worlds = PROFILES.len() as u64;
    (number / worlds, PROFILES[(number % worlds) as usize])
}

/// How a mutant was detected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The seed.
    pub seed: u64,
    /// The profile that the seed was drawn from.
    pub profile: Profile,
    /// The schedule of the run.
    pub schedule: Schedule,
    /// The invariant that detected it; `crash` for a panic.
    pub invariant: &'static str,
    /// The message of the violation.
    pub message: String,
    /// The number of seeds that were run, including the one that detected it.
    pub seeds: u64,
    /// The virtual time that these seeds took.
    pub simulated: Duration,
}

/// How to search for mutants; several modes exist to measure what each is worth.
#[derive(Clone, Copy)]
pub struct SearchMode {
    /// Changes each schedule before it is run.
    pub without: fn(&mut Schedule),
    /// Whether every second schedule is a child of those that reached something new in this search.
    pub evolve: bool,
}

impl SearchMode {
    /// Schedules as they are drawn.
    pub const USUAL: SearchMode = SearchMode { without: |_| (), evolve: false };
}

/// A search for a mutant.
pub struct Search<'a> {
    /// The mutant to search for.
    pub mutant: &'a Mutant,
    /// How to search.
    pub mode: SearchMode,
    /// Ends the search when it becomes true.
    pub stop: &'a AtomicBool,
}

impl<'a> Search<'a> {
    /// A search with schedules as they are drawn.
    pub fn new(mutant: &'a Mutant, stop: &'a AtomicBool) -> Search<'a> {
        Search { mutant, mode: SearchMode::USUAL, stop }
    }

    /// Runs up to `most` seeds from `first` on, until an invariant that is meant for the mutant
    /// reports a violation. A seed on which correct systems violate an invariant as well does not
    /// count: only the mutant's bug counts.
    pub fn run(&self, first: u64, most: u64) -> Option<Detection> {
        let systems = self.mutant.systems();
        let (mut simulated, mut corpus) = (Duration::ZERO, Corpus::default());
        for number in first..first + most {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            let (seed, profile) = seed_of(number);
            let mut schedule = self.draw(number, &corpus);
            let report = run_repaired(&mut schedule, &systems);
            simulated += report.simulated;
            if self.mode.evolve {
                corpus.learn(&schedule, &report.reached);
            }
            let Some((invariant, message)) = self.detection(report) else { continue };
            if Run::of(&schedule).run().finding.is_none() {
                let seeds = number - first + 1;
                return Some(Detection {
                    seed,
                    profile,
                    schedule,
                    invariant,
                    message,
                    seeds,
                    simulated,
                });
            }
        }
        None
    }

    /// The schedule of a number: drawn anew, or the child of some that reached something new.
    fn draw(&self, number: u64, corpus: &Corpus) -> Schedule {
        let (seed, profile) = seed_of(number);
        // Both profiles have as many children as seeds of their own.
        let child = (self.mode.evolve && number / 2 % 2 == 1)
            .then(|| corpus.child(&mut Rng::stream(number, "mutant/corpus")))
            .flatten();
        let mut schedule = child.unwrap_or_else(|| schedule(seed, profile));
        (self.mode.without)(&mut schedule);
        schedule
    }

    /// The violation of the run, if it is by an invariant that is meant for the mutant.
    fn detection(&self, report: Report) -> Option<(&'static str, String)> {
        let (name, message) = match report.finding? {
            Finding::Violation(violation) | Finding::NoConvergence(violation) => {
                (violation.invariant, violation.message)
            }
            Finding::Crash { message, .. } => ("crash", message),
            Finding::BadStep { .. } => return None,
        };
        self.mutant.caught_by.contains(&name).then_some((name, message))
    }
}
