//! A node's own clock, which may run fast or slow.
//!
//! A node sees only its own clock. The deadlines that it names are on that clock and are translated
//! to the run's clock for the queue.

use crate::time::Time;

/// A clock that runs `1 + ppm / 1,000,000` times as fast as the run's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// A time on the run's clock …
    run: Time,
    /// … and what this clock showed at that time.
    local: Time,
    ppm: i32,
}

const MILLION: u128 = 1_000_000;

impl Clock {
    pub(super) const TRUE: Clock = Clock { run: Time::ZERO, local: Time::ZERO, ppm: 0 };

    /// What this clock shows at `now`.
    pub(super) fn local(&self, now: Time) -> Time {
        if self.ppm == 0 && self.run == self.local {
            return now;
        }
        let passed = u128::from(now.micros() - self.run.micros()) * self.speed() / MILLION;
        Time::from_micros(self.local.micros() + passed as u64)
    }

    /// The first time on the run's clock at which this clock shows `local` or later.
    pub(super) fn when(&self, local: Time) -> Time {
        if (self.ppm == 0 && self.run == self.local) || local == Time::NEVER {
            return local;
        }
        let ahead = u128::from(local.micros().saturating_sub(self.local.micros()));
        Time::from_micros(self.run.micros() + (ahead * MILLION).div_ceil(self.speed()) as u64)
    }

    /// Changes the speed from `now` on. The clock does not jump.
    pub(super) fn set_speed(&mut self, now: Time, ppm: i32) {
        *self = Clock { run: now, local: self.local(now), ppm };
    }

    /// Whether the clock runs at another speed than the run's. A clock may be off without being
    /// skewed any more.
    pub(super) fn is_skewed(&self) -> bool {
        self.ppm != 0
    }

    fn speed(&self) -> u128 {
        (1_000_000 + i64::from(self.ppm)).unsigned_abs().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_translated_back_is_never_early() {
        let mut clock = Clock::TRUE;
        for (at, ppm) in [(1_000, 50_000), (7_777, -33_333), (9_999, 1), (20_000, 0)] {
            clock.set_speed(Time::from_micros(at), ppm);
            for ahead in [0, 1, 2, 3, 999, 1_000_001] {
                let deadline =
                    Time::from_micros(clock.local(Time::from_micros(at)).micros() + ahead);
                let when = clock.when(deadline);
                assert!(clock.local(when) >= deadline, "ppm {ppm}, {ahead} ahead");
                if when.micros() > at {
                    assert!(clock.local(Time::from_micros(when.micros() - 1)) < deadline);
                }
            }
        }
    }
}
