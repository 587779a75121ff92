//! Virtual time.
//!
//! [`Time`] is microseconds since a run began; durations are [`std::time::Duration`]. Nothing in
//! this crate's core reads a clock: time is always an argument. [`crate::sim`] advances the time
//! and gives each node its own, skewed clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A point in virtual time: whole microseconds since the run began, on the clock from which it was
/// read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The start of a run.
    pub const ZERO: Time = Time(0);
    /// Later than any time a run reaches.
    pub const NEVER: Time = Time(u64::MAX);

    /// The time `micros` microseconds after the start of the run.
    pub const fn from_micros(micros: u64) -> Time {
        Time(micros)
    }

    /// Microseconds since the start of the run.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the start of the run, the unit of Kafka's timestamps.
    pub const fn millis(self) -> i64 {
        (self.0 / 1_000) as i64
    }

    /// The duration since `earlier`; zero if this is not after it.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000 + u64::from(duration.subsec_micros())
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(micros(duration)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, duration: Duration) -> Time {
        Time(self.0.saturating_sub(micros(duration)))
    }
}

/// Seconds with six digits, such as `12.345678`, so that columns of a trace line up.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// The duration in a Kafka field in milliseconds; negative values, which Kafka uses for "unset",
/// become zero.
pub fn from_millis_i32(millis: i32) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// A duration as a Kafka field in milliseconds, capped at `i32::MAX`.
pub fn to_millis_i32(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// A duration as the sim language and the trace write it: in the largest of `m`, `s`, `ms`, `us`
/// that needs no fraction (`90s`, `250ms`, `2m`).
pub struct Pretty(pub Duration);

impl fmt::Display for Pretty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = micros(self.0);
        match micros {
            0 => write!(f, "0s"),
            m if m % 60_000_000 == 0 => write!(f, "{}m", m / 60_000_000),
            m if m % 1_000_000 == 0 => write!(f, "{}s", m / 1_000_000),
            m if m % 1_000 == 0 => write!(f, "{}ms", m / 1_000),
            m => write!(f, "{m}us"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pretty_uses_the_largest_whole_unit() {
        for (micros, text) in
            [(0, "0s"), (120_000_000, "2m"), (90_000_000, "90s"), (250_000, "250ms"), (7, "7us")]
        {
            assert_eq!(Pretty(Duration::from_micros(micros)).to_string(), text);
        }
    }

    #[test]
    fn subtraction_stops_at_zero() {
        assert_eq!(Time::ZERO - Duration::from_secs(1), Time::ZERO);
        assert_eq!(Time::ZERO.since(Time::from_micros(5)), Duration::ZERO);
    }
}
