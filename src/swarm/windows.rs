//! Draws times: from wide ranges, for stability windows, and close to a timeout.
//!
//! All times are whole milliseconds, so that a printed schedule is readable.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::rng::Rng;
use crate::time::Time;

use super::options::Options;

/// A number of the range with each power of two equally likely, so that both small and large
/// numbers are common.
pub fn wide(rng: &mut Rng, range: &RangeInclusive<u64>) -> u64 {
    let (low, high) = ((*range.start()).max(1), *range.end());
    if high <= low {
        return *range.start();
    }
    let octaves = u64::from((high / low).ilog2());
    let from = low << rng.within(0..=octaves);
    rng.within(from..=high.min(from * 2))
}

/// A duration drawn by [`wide`], in milliseconds.
pub fn wide_millis(rng: &mut Rng, range: &RangeInclusive<u64>) -> Duration {
    Duration::from_millis(wide(rng, range))
}

/// A duration drawn uniformly from a range of milliseconds.
pub fn millis(rng: &mut Rng, range: RangeInclusive<u64>) -> Duration {
    Duration::from_millis(rng.within(range))
}

/// Rounds down to a multiple of `to`, but not to zero.
pub fn round(number: u64, to: u64) -> u64 {
    (number / to * to).max(to)
}

/// A range of durations from a range of milliseconds.
pub fn span(range: RangeInclusive<u64>) -> RangeInclusive<Duration> {
    Duration::from_millis(*range.start())..=Duration::from_millis(*range.end())
}

/// The duration of a fault: at least the seed's minimum time broken, or often one of the timeouts
/// of the fleet, ±5 ms.
pub fn broken(rng: &mut Rng, options: &Options) -> Duration {
    let faults = &options.faults;
    if rng.chance(faults.at_timeout) {
        return at_a_timeout(rng, options);
    }
    at_least(rng, options, faults.broken)
}

/// The healthy time before the next fault of a lane.
pub fn healthy(rng: &mut Rng, options: &Options) -> Duration {
    at_least(rng, options, options.faults.healthy)
}

/// A stability window: up to eight times its minimum, but short enough for several in one run.
fn at_least(rng: &mut Rng, options: &Options, minimum: Duration) -> Duration {
    let low = minimum.as_millis() as u64;
    let high = (low * 8).min(options.duration.as_millis() as u64 / 4);
    wide_millis(rng, &(low..=high.max(low)))
}

/// One of the timeouts of a group, ±5 ms.
pub fn at_a_timeout(rng: &mut Rng, options: &Options) -> Duration {
    let settings = &rng.pick(&options.groups).settings;
    let timeouts = [
        settings.session,
        settings.session,
        settings.rebalance,
        settings.heartbeat,
        settings.request,
    ];
    let timeout = (*rng.pick(&timeouts)).unwrap_or(Duration::from_secs(10));
    let earlier = Duration::from_millis(5);
    (timeout + millis(rng, 0..=10)).saturating_sub(earlier).max(Duration::from_millis(1))
}

/// The faults of one lane: healthy, broken, healthy, … until the end of the fault phase. `quiesce`
/// ends a fault that would last longer.
pub fn lane(rng: &mut Rng, options: &Options) -> Vec<Window> {
    let over = options.faults_end();
    let mut windows = Vec::new();
    let mut at = Time::ZERO + healthy(rng, options);
    while at < over {
        let end = at + broken(rng, options);
        windows.push(Window { from: at, to: (end < over).then_some(end) });
        at = end + healthy(rng, options);
    }
    windows
}

/// The time during which one fault is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The start.
    pub from: Time,
    /// The end; `None` if the fault lasts until `quiesce`.
    pub to: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_stays_in_its_range_and_draws_small_and_large_numbers() {
        let mut rng = Rng::stream(1, "test");
        let drawn: Vec<u64> = (0..1_000).map(|_| wide(&mut rng, &(20..=30_000))).collect();
        assert!(drawn.iter().all(|n| (20..=30_000).contains(n)));
        assert!(drawn.iter().any(|n| *n < 60) && drawn.iter().any(|n| *n > 15_000));
        assert_eq!(wide(&mut rng, &(0..=0)), 0);
        assert_eq!(wide(&mut rng, &(7..=7)), 7);
    }
}
