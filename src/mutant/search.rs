//! Running seeds with a mutant until an invariant objects.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::run::{Finding, Report, Systems, run};
use crate::sim::schedule::Schedule;
use crate::swarm::{Profile, schedule};

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
    /// Which invariant objected; `crash` for a panic.
    pub invariant: &'static str,
    /// What it said.
    pub message: String,
    /// How many seeds it took, the one that found it included.
    pub seeds: u64,
    /// How much virtual time these took.
    pub simulated: Duration,
}

/// A search for a mutant.
pub struct Search<'a> {
    /// The mutant.
    pub mutant: &'a Mutant,
    /// Changes each schedule before it is run, to measure what something in it is worth.
    pub without: fn(&mut Schedule),
    /// Ends the search.
    pub stop: &'a AtomicBool,
}

impl<'a> Search<'a> {
    /// A search with schedules as they are.
    pub fn new(mutant: &'a Mutant, stop: &'a AtomicBool) -> Search<'a> {
        Search { mutant, without: |_| (), stop }
    }

    /// Runs up to `most` seeds from the `first` on, until an invariant that is meant for the mutant objects. A
    /// seed on which correct systems are objected to as well does not count: a mutant is caught for what it is.
    pub fn run(&self, first: u64, most: u64) -> Option<Catch> {
        let systems = self.mutant.systems();
        let mut simulated = Duration::ZERO;
        for number in first..first + most {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            let (seed, profile) = seed_of(number);
            let mut schedule = schedule(seed, profile);
            (self.without)(&mut schedule);
            let report = run(&schedule, &systems, &mut |_| ());
            simulated += report.simulated;
            let Some((invariant, message)) = self.objection(report) else { continue };
            if run(&schedule, &Systems::default(), &mut |_| ()).finding.is_none() {
                let seeds = number - first + 1;
                return Some(Catch { seed, profile, invariant, message, seeds, simulated });
            }
        }
        None
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
