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
use super::summary::Summary;

/// One seed is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How much virtual time it took.
    pub simulated: Duration,
    /// Whether it found something.
    pub found: bool,
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
    let Conditions { profile, engine } = conditions;
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

/// Runs the seeds on `jobs` threads (0 for one per core) and adds their reports up. A finding does not
/// stop it. Once `stop` is true no further seed is begun, and the sum is that of the seeds so far.
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
    let conditions = conditions.into();
    let pool = ThreadPoolBuilder::new().num_threads(jobs).build().map_err(SwarmError::Threads)?;
    let taken = AtomicU64::new(0);
    let work = || {
        let mut part = Summary::new(seeds.clone(), conditions);
        while let Some(seed) = take(&seeds, &taken, stop) {
            let (report, left_out) = run_seed_under(seed, conditions, systems, &mut |_| ())?;
            progress(Progress { simulated: report.simulated, found: report.finding.is_some() });
            part.leave_out(left_out);
            part.add(seed, report);
        }
        Ok(part)
    };
    let mut summary = Summary::new(seeds.clone(), conditions);
    for part in pool.broadcast(|_| work()) {
        summary.merge(part.map_err(SwarmError::Refused)?);
    }
    Ok(summary)
}

/// The next seed, in order, so that an interrupted swarm has run a prefix of its seeds.
fn take(seeds: &Range<u64>, taken: &AtomicU64, stop: &AtomicBool) -> Option<u64> {
    if stop.load(Ordering::Relaxed) {
        return None;
    }
    let index = taken.fetch_add(1, Ordering::Relaxed);
    (index < seeds.end - seeds.start).then(|| seeds.start + index)
}
