//! Runs many seeds on a pool of threads.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rayon::{ThreadPoolBuildError, ThreadPoolBuilder};

use crate::engine::{LeftOut, Refused, expressible};
use crate::model::Model;
use crate::run::{Report, Run, Systems};
use crate::trace::Event;

use super::conditions::Conditions;
use super::generate::schedule;
use super::shard::Shard;
use super::summary::Summary;

/// The completion of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The virtual time of the run.
    pub simulated: Duration,
    /// Whether the run has a finding.
    pub found: bool,
}

impl Progress {
    /// The progress that a report stands for.
    pub fn of(report: &Report) -> Progress {
        Progress { simulated: report.simulated, found: report.finding.is_some() }
    }
}

/// Runs one seed on the engine of `conditions`, and returns what was skipped because the engine
/// does not support it. `watch` receives every event and the model after it.
///
/// # Errors
///
/// If the engine is not available.
pub(super) fn run_seed_under(
    seed: u64,
    conditions: Conditions,
    systems: &Systems,
    watch: &mut dyn FnMut(&Event, &Model),
) -> Result<(Report, LeftOut), Refused> {
    let Conditions { profile, engine, .. } = conditions;
    let (schedule, left_out) = expressible(engine, schedule(seed, profile));
    Ok((Run::of(&schedule).systems(systems).watch(watch).run_on(engine)?, left_out))
}

/// A swarm could not run.
#[derive(Debug)]
pub enum SwarmError {
    /// The threads could not be started.
    Threads(ThreadPoolBuildError),
    /// The engine is not available.
    Refused(Refused),
}

impl fmt::Display for SwarmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SwarmError::Threads(error) => write!(f, "cannot start threads: {error}"),
            SwarmError::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for SwarmError {}

/// Observes the seeds of a swarm. The worker threads call it.
pub trait SwarmObserver: Sync {
    /// A worker starts a seed. Each worker runs one seed at a time.
    fn begins(&self, _worker: usize, _seed: u64) {}

    /// The worker has completed the seed.
    fn ends(&self, _worker: usize, _seed: u64, _report: &Report) {}
}

/// Does not observe.
impl SwarmObserver for () {}

/// Many seeds: expands each to a schedule, runs it, and adds up the reports.
///
/// ```
/// use std::sync::atomic::AtomicBool;
///
/// use groupsim::run::Systems;
/// use groupsim::swarm::{Profile, Swarm};
///
/// let systems = Systems::default();
/// let swarm = Swarm { jobs: 2, ..Swarm::of(0..4, Profile::Default, &systems) };
/// let summary = swarm.run(&AtomicBool::new(false), &()).expect("threads can be started");
/// assert!(summary.findings.is_empty());
/// ```
#[derive(Clone)]
pub struct Swarm<'a> {
    /// The range of seeds.
    pub seeds: Range<u64>,
    /// The shard of the range to run.
    pub shard: Shard,
    /// The profile and the engine.
    pub conditions: Conditions,
    /// The number of threads; 0 for one per core.
    pub jobs: usize,
    /// The systems under test.
    pub systems: &'a Systems,
}

impl<'a> Swarm<'a> {
    /// The whole range of seeds, on all cores.
    pub fn of(
        seeds: Range<u64>,
        conditions: impl Into<Conditions>,
        systems: &'a Systems,
    ) -> Swarm<'a> {
        Swarm { seeds, shard: Shard::WHOLE, conditions: conditions.into(), jobs: 0, systems }
    }

    /// Runs the seeds and adds up their reports. A finding does not stop the swarm. Once `stop` is
    /// true, workers start no further seed, and the summary has the seeds so far.
    ///
    /// # Errors
    ///
    /// If threads cannot be started, or the engine is not available.
    pub fn run(&self, stop: &AtomicBool, watch: &dyn SwarmObserver) -> Result<Summary, SwarmError> {
        let pool = ThreadPoolBuilder::new().num_threads(self.jobs).build();
        let pool = pool.map_err(SwarmError::Threads)?;
        let taken = AtomicU64::new(0);
        let mut summary = self.empty_summary();
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
        watch: &dyn SwarmObserver,
    ) -> Result<Summary, Refused> {
        let mut part = self.empty_summary();
        while let Some(seed) = self.take(taken, stop) {
            watch.begins(worker, seed);
            let (report, left_out) =
                run_seed_under(seed, self.conditions, self.systems, &mut |_, _| ())?;
            watch.ends(worker, seed, &report);
            part.leave_out(left_out);
            part.add(seed, report);
        }
        Ok(part)
    }

    fn empty_summary(&self) -> Summary {
        Summary { shard: self.shard, ..Summary::new(self.seeds.clone(), self.conditions) }
    }

    /// Takes the next seed. Seeds are taken in order, so an interrupted swarm has run a prefix of
    /// them.
    fn take(&self, taken: &AtomicU64, stop: &AtomicBool) -> Option<u64> {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        self.shard.nth(&self.seeds, taken.fetch_add(1, Ordering::Relaxed))
    }
}
