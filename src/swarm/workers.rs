//! Runs many seeds on many threads.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rayon::{ThreadPoolBuildError, ThreadPoolBuilder};

use crate::engine::{LeftOut, Refused, expressible, run_on};
use crate::run::{Checks, Report, Systems, run};
use crate::trace::Event;

use super::conditions::Conditions;
use super::generate::schedule;
use super::profile::Profile;
use super::shard::Shard;
use super::summary::Summary;

/// One seed is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How much virtual time it took.
    pub simulated: Duration,
    /// Whether it found something.
    pub found: bool,
}

impl Progress {
    /// What the report of a seed adds.
    pub fn of(report: &Report) -> Progress {
        Progress { simulated: report.simulated, found: report.finding.is_some() }
    }
}

/// Runs one seed on the event engine; `watch` sees every event.
pub fn run_seed(
    seed: u64,
    profile: Profile,
    systems: &Systems,
    watch: &mut dyn FnMut(&Event),
) -> Report {
    run(&schedule(seed, profile), systems, watch)
}

/// Runs what can be expressed of one seed, and says what was left out; `watch` sees every event.
///
/// # Errors
///
/// When the engine is not there.
pub fn run_seed_under(
    seed: u64,
    conditions: Conditions,
    systems: &Systems,
    watch: &mut dyn FnMut(&Event),
) -> Result<(Report, LeftOut), Refused> {
    let Conditions { profile, engine, .. } = conditions;
    let (schedule, left_out) = expressible(engine, schedule(seed, profile));
    Ok((run_on(engine, &schedule, systems, Checks::ALL, watch)?, left_out))
}

/// Why a swarm did not run.
#[derive(Debug)]
pub enum SwarmError {
    /// Threads cannot be had.
    Threads(ThreadPoolBuildError),
    /// The engine is not there.
    Refused(Refused),
}

impl fmt::Display for SwarmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SwarmError::Threads(error) => write!(f, "the jobs cannot be started: {error}"),
            SwarmError::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for SwarmError {}

/// Who is told about every seed of a swarm, by the threads that run them.
pub trait Watch: Sync {
    /// A worker begins a seed. Each worker runs one at a time.
    fn begins(&self, _worker: usize, _seed: u64) {}

    /// It is done with the seed.
    fn ends(&self, _worker: usize, _seed: u64, _report: &Report) {}
}

/// Many seeds, and how they are run.
#[derive(Clone)]
pub struct Swarm<'a> {
    /// The seeds.
    pub seeds: Range<u64>,
    /// Which of them are this machine's.
    pub shard: Shard,
    /// The profile and the engine.
    pub conditions: Conditions,
    /// How many threads; 0 for one per core.
    pub jobs: usize,
    /// What is under test.
    pub systems: &'a Systems,
}

impl Swarm<'_> {
    /// Runs the seeds and adds their reports up. A finding does not stop it. Once `stop` is true no further
    /// seed is begun, and the sum is that of the seeds so far.
    ///
    /// # Errors
    ///
    /// When threads cannot be had, or the engine.
    pub fn run(&self, stop: &AtomicBool, watch: &dyn Watch) -> Result<Summary, SwarmError> {
        let pool = ThreadPoolBuilder::new().num_threads(self.jobs).build();
        let pool = pool.map_err(SwarmError::Threads)?;
        let taken = AtomicU64::new(0);
        let mut summary = self.nothing_yet();
        for part in pool.broadcast(|worker| self.work(worker.index(), &taken, stop, watch)) {
            summary.merge(part.map_err(SwarmError::Refused)?);
        }
        Ok(summary)
    }

    fn work(
        &self,
        worker: usize,
        taken: &AtomicU64,
        stop: &AtomicBool,
        watch: &dyn Watch,
    ) -> Result<Summary, Refused> {
        let mut part = self.nothing_yet();
        while let Some(seed) = self.take(taken, stop) {
            watch.begins(worker, seed);
            let (report, left_out) =
                run_seed_under(seed, self.conditions, self.systems, &mut |_| ())?;
            watch.ends(worker, seed, &report);
            part.leave_out(left_out);
            part.add(seed, report);
        }
        Ok(part)
    }

    fn nothing_yet(&self) -> Summary {
        Summary { shard: self.shard, ..Summary::new(self.seeds.clone(), self.conditions) }
    }

    /// The next seed, in order, so that an interrupted swarm has run a prefix of its seeds.
    fn take(&self, taken: &AtomicU64, stop: &AtomicBool) -> Option<u64> {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        self.shard.nth(&self.seeds, taken.fetch_add(1, Ordering::Relaxed))
    }
}

/// Runs the seeds on `jobs` threads (0 for one per core), as [`Swarm::run`].
///
/// # Errors
///
/// When threads cannot be had, or the engine.
pub fn run_seeds(
    seeds: Range<u64>,
    conditions: impl Into<Conditions>,
    jobs: usize,
    systems: &Systems,
    stop: &AtomicBool,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Summary, SwarmError> {
    let swarm = Swarm { seeds, shard: Shard::WHOLE, conditions: conditions.into(), jobs, systems };
    swarm.run(stop, &Steps(progress))
}

/// Whoever only wants to know how far it is.
struct Steps<'a>(&'a (dyn Fn(Progress) + Sync));

impl Watch for Steps<'_> {
    fn ends(&self, _worker: usize, _seed: u64, report: &Report) {
        (self.0)(Progress::of(report));
    }
}
