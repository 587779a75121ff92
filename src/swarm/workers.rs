//! Runs many seeds on many threads.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rayon::{ThreadPoolBuildError, ThreadPoolBuilder};

use crate::run::{Report, Systems, run};
use crate::trace::Event;

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

/// Runs one seed; `watch` sees every event.
pub fn run_seed(
    seed: u64,
    profile: Profile,
    systems: &Systems,
    watch: &mut dyn FnMut(&Event),
) -> Report {
    run(&schedule(seed, profile), systems, watch)
}

/// Runs the seeds on `jobs` threads (0 for one per core) and adds their reports up. A finding does not
/// stop it. Once `stop` is true no further seed is begun, and the sum is that of the seeds so far.
/// Fails only when threads cannot be had.
pub fn run_seeds(
    seeds: Range<u64>,
    profile: Profile,
    jobs: usize,
    systems: &Systems,
    stop: &AtomicBool,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Summary, ThreadPoolBuildError> {
    let pool = ThreadPoolBuilder::new().num_threads(jobs).build()?;
    let taken = AtomicU64::new(0);
    let work = || {
        let mut part = Summary::new(seeds.clone(), profile);
        while let Some(seed) = take(&seeds, &taken, stop) {
            let report = run_seed(seed, profile, systems, &mut |_| ());
            progress(Progress { simulated: report.simulated, found: report.finding.is_some() });
            part.add(seed, report);
        }
        part
    };
    let mut summary = Summary::new(seeds.clone(), profile);
    for part in pool.broadcast(|_| work()) {
        summary.merge(part);
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
