//! Notices a worker that has been running one seed for too long.
//!
//! The simulator ends a run in which virtual time does not advance. But it cannot end a coordinator
//! or a consumer that never returns: all that a process can do then is to report the seed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A longer tick counts as this. A process that was stopped, or a machine that slept, resumes with
/// one long tick, during which no seed had a chance to end.
const LONGEST_TICK: Duration = Duration::from_secs(1);

/// Measures how long each worker has been running its seed. It reads no clock: its owner calls
/// [`tick`](Watchdog::tick) several times per second.
#[derive(Debug)]
pub struct Watchdog {
    limit: Option<Duration>,
    /// By worker: its seed, and how long it has been running.
    at_work: Mutex<BTreeMap<usize, (u64, Duration)>>,
}

impl Watchdog {
    /// A watchdog with a limit on the wall time of one seed, or without a limit.
    pub fn new(limit: Option<Duration>) -> Watchdog {
        Watchdog { limit, at_work: Mutex::default() }
    }

    /// Records that a worker starts a seed.
    pub fn begins(&self, worker: usize, seed: u64) {
        self.at_work().insert(worker, (seed, Duration::ZERO));
    }

    /// Records that a worker has completed its seed.
    pub fn ends(&self, worker: usize) {
        self.at_work().remove(&worker);
    }

    /// Advances the wall clock. Returns a seed that has reached the limit, and how long it has
    /// taken.
    pub fn tick(&self, passed: Duration) -> Option<(u64, Duration)> {
        let limit = self.limit?;
        let mut at_work = self.at_work();
        for (_, taken) in at_work.values_mut() {
            *taken += passed.min(LONGEST_TICK);
        }
        at_work.values().find(|(_, taken)| *taken >= limit).copied()
    }

    fn at_work(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, (u64, Duration)>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(500);

    #[test]
    fn only_the_seed_that_takes_too_long_is_named() {
        let watchdog = Watchdog::new(Some(Duration::from_secs(2)));
        watchdog.begins(0, 17);
        for seed in 40..43 {
            watchdog.begins(1, seed);
            assert_eq!(watchdog.tick(STEP), None);
            watchdog.ends(1);
        }
        assert_eq!(watchdog.tick(STEP), Some((17, Duration::from_secs(2))));
        watchdog.ends(0);
        assert_eq!(watchdog.tick(STEP * 100), None);
    }

    #[test]
    fn time_during_which_the_process_was_stopped_does_not_count() {
        let watchdog = Watchdog::new(Some(Duration::from_secs(2)));
        watchdog.begins(0, 17);
        assert_eq!(watchdog.tick(Duration::from_secs(3_600)), None);
        assert_eq!(watchdog.tick(STEP), None);
        assert_eq!(watchdog.tick(STEP), Some((17, Duration::from_secs(2))));
    }

    #[test]
    fn without_a_limit_a_seed_may_take_for_ever() {
        let watchdog = Watchdog::new(None);
        watchdog.begins(0, 17);
        assert!((0..10_000).all(|_| watchdog.tick(STEP).is_none()));
    }
}
