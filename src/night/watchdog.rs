//! Who has been at a seed for too long.
//!
//! The simulator ends a run in which virtual time does not go on. But a coordinator or a consumer that does not
//! return cannot be ended from inside its process: all that can be done is to tell which seed it was.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// No tick counts for more than this. A process that was stopped, or a machine that slept, comes back with one long
/// tick, in which no seed had a chance to end.
const LONGEST_TICK: Duration = Duration::from_secs(1);

/// Knows how long each worker has been at its seed. Somebody else has the clock, and calls
/// [`tick`](Watchdog::tick) several times a second.
#[derive(Debug)]
pub struct Watchdog {
    limit: Option<Duration>,
    at_work: Mutex<BTreeMap<usize, (u64, Duration)>>,
}

impl Watchdog {
    /// A watchdog that lets a seed take this long; for ever when there is no limit.
    pub fn new(limit: Option<Duration>) -> Watchdog {
        Watchdog { limit, at_work: Mutex::default() }
    }

    /// A worker begins a seed.
    pub fn begins(&self, worker: usize, seed: u64) {
        self.at_work().insert(worker, (seed, Duration::ZERO));
    }

    /// A worker is done with its seed.
    pub fn ends(&self, worker: usize) {
        self.at_work().remove(&worker);
    }

    /// So much wall time has passed. Says which seed has taken too long, and how long.
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
        let dog = Watchdog::new(Some(Duration::from_secs(2)));
        dog.begins(0, 17);
        for seed in 40..43 {
            dog.begins(1, seed);
            assert_eq!(dog.tick(STEP), None);
            dog.ends(1);
        }
        assert_eq!(dog.tick(STEP), Some((17, Duration::from_secs(2))));
        dog.ends(0);
        assert_eq!(dog.tick(STEP * 100), None);
    }

    #[test]
    fn the_time_in_which_the_process_was_stopped_is_not_the_seeds() {
        let dog = Watchdog::new(Some(Duration::from_secs(2)));
        dog.begins(0, 17);
        assert_eq!(dog.tick(Duration::from_secs(3_600)), None);
        assert_eq!(dog.tick(STEP), None);
        assert_eq!(dog.tick(STEP), Some((17, Duration::from_secs(2))));
    }

    #[test]
    fn without_a_limit_a_seed_may_take_for_ever() {
        let dog = Watchdog::new(None);
        dog.begins(0, 17);
        assert!((0..10_000).all(|_| dog.tick(STEP).is_none()));
    }
}
