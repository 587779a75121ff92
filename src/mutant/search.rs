//! Running seeds with a mutant until an invariant objects.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::rng::Rng;
use crate::run::{Finding, Report, Systems, run};
use crate::sim::schedule::Schedule;
use crate::swarm::{Corpus, Profile, run_mended, schedule};

use super::Mutant;

/// The worlds that seeds are drawn from, in turn.
const PROFILES: [Profile; 2] = [Profile::Default, Profile::Failover];

/// The `number`th seed of a search, and the world it is drawn from.
pub fn seed_of(number: u64) -> (u64, Profile) {
    let worlds = PROFILES.len() as u64;
    (number / worlds, PROFILES[(number % worlds) as usize])
}

/// How a mutant was noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catch {
    /// The seed.
    pub seed: u64,
    /// What kind of world it was drawn from.
    pub profile: Profile,
    /// What was run.
    pub schedule: Schedule,
    /// Which invariant objected; `crash` for a panic.
    pub invariant: &'static str,
    /// What it said.
    pub message: String,
    /// How many seeds it took, the one that found it included.
    pub seeds: u64,
    /// How much virtual time these took.
    pub simulated: Duration,
}

/// In which way mutants are sought, to measure what each way is worth.
#[derive(Clone, Copy)]
pub struct Way {
    /// Changes each schedule before it is run.
    pub without: fn(&mut Schedule),
    /// Every second schedule is a child of those that reached something new in this search.
    pub evolve: bool,
}

impl Way {
    /// Schedules as they are drawn.
    pub const USUAL: Way = Way { without: |_| (), evolve: false };
}

/// A search for a mutant.
pub struct Search<'a> {
    /// The mutant.
    pub mutant: &'a Mutant,
    /// How.
    pub way: Way,
    /// Ends the search.
    pub stop: &'a AtomicBool,
}

impl<'a> Search<'a> {
    /// A search with schedules as they are drawn.
    pub fn new(mutant: &'a Mutant, stop: &'a AtomicBool) -> Search<'a> {
        Search { mutant, way: Way::USUAL, stop }
    }

    /// Runs up to `most` seeds from the `first` on, until an invariant that is meant for the mutant objects. A
    /// seed on which correct systems are objected to as well does not count: a mutant is caught for what it is.
    pub fn run(&self, first: u64, most: u64) -> Option<Catch> {
        let systems = self.mutant.systems();
        let (mut simulated, mut corpus) = (Duration::ZERO, Corpus::default());
        for number in first..first + most {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            let (seed, profile) = seed_of(number);
            let mut schedule = self.draw(number, &corpus);
            let report = run_mended(&mut schedule, &systems);
            simulated += report.simulated;
            if self.way.evolve {
                corpus.learn(&schedule, &report.reached);
            }
            let Some((invariant, message)) = self.objection(report) else { continue };
            if run(&schedule, &Systems::default(), &mut |_| ()).finding.is_none() {
                let seeds = number - first + 1;
                return Some(Catch {
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

    /// The schedule of a number: drawn afresh, or the child of some that were worth keeping.
    fn draw(&self, number: u64, corpus: &Corpus) -> Schedule {
        let (seed, profile) = seed_of(number);
        // Both kinds of world have as many children as seeds of their own.
        let child = (self.way.evolve && number / 2 % 2 == 1)
            .then(|| corpus.child(&mut Rng::stream(number, "mutant/corpus")))
            .flatten();
        let mut schedule = child.unwrap_or_else(|| schedule(seed, profile));
        (self.way.without)(&mut schedule);
        schedule
    }

    /// What is said of the run, if by an invariant that is meant for the mutant.
    fn objection(&self, report: Report) -> Option<(&'static str, String)> {
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
