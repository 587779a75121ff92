//! The backoff before the client reopens a connection that it has lost, whichever end closed it
//! (rule R13.6.6). Requests that need the connection wait for it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::BrokerId;
use crate::rng::Rng;
use crate::time::Time;

use super::{ConsumerConfig, Purpose};

/// The connections that were lost and on which no response has arrived since.
#[derive(Default)]
pub(super) struct Reconnects(BTreeMap<(Purpose, BrokerId), Lost>);

struct Lost {
    /// No connection attempt before this time.
    until: Time,
    /// How many losses in a row.
    failures: u32,
}

impl Reconnects {
    /// Records that a connection was lost or could not be opened.
    pub(super) fn lost(
        &mut self,
        now: Time,
        link: (Purpose, BrokerId),
        config: &ConsumerConfig,
        rng: &mut Rng,
    ) {
        let lost = self.0.entry(link).or_insert(Lost { until: now, failures: 0 });
        lost.until = now + backoff(config, rng, lost.failures);
        lost.failures += 1;
    }

    /// Records that a response has arrived on a connection, so the next loss counts as the first.
    pub(super) fn on_response(&mut self, link: (Purpose, BrokerId)) {
        if !self.0.is_empty() {
            self.0.remove(&link);
        }
    }

    /// When the backoff is over; in the past if the connection was not lost.
    pub(super) fn until(&self, link: (Purpose, BrokerId)) -> Time {
        self.0.get(&link).map_or(Time::ZERO, |lost| lost.until)
    }
}

/// Kafka's exponential backoff: doubled with each failure, ±20 % jitter, never more than the
/// maximum.
fn backoff(config: &ConsumerConfig, rng: &mut Rng, failures: u32) -> Duration {
    let most = config.reconnect_backoff_max;
    if most <= config.reconnect_backoff {
        return most;
    }
    let doubled = config.reconnect_backoff.saturating_mul(1 << failures.min(16)).min(most);
    rng.duration(doubled * 8 / 10..=doubled * 12 / 10).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{GroupId, str_bytes};

    /// The backoffs, in milliseconds, for `count` failures in a row.
    fn pauses(first: u64, most: u64, count: u32) -> Vec<u64> {
        let mut config = ConsumerConfig::new(str_bytes("c"), GroupId(str_bytes("g")), Vec::new());
        config.reconnect_backoff = Duration::from_millis(first);
        config.reconnect_backoff_max = Duration::from_millis(most);
        let mut rng = Rng::stream(1, "reconnect");
        (0..count).map(|failures| backoff(&config, &mut rng, failures).as_millis() as u64).collect()
    }

    /// R13.6.6.
    #[test]
    fn the_pause_doubles_up_to_the_maximum_with_jitter() {
        for (pause, middle) in pauses(50, 1_000, 20).into_iter().zip([50, 100, 200, 400, 800]) {
            assert!((middle * 8 / 10..=middle * 12 / 10).contains(&pause), "{pause} for {middle}");
        }
        assert!(pauses(50, 1_000, 20)[5..].iter().all(|pause| (800..=1_000).contains(pause)));
        let jitter: std::collections::BTreeSet<u64> = pauses(50, 1_000, 20).into_iter().collect();
        assert!(jitter.len() > 5, "{jitter:?}");
    }

    /// R13.6.6.
    #[test]
    fn a_maximum_below_the_first_pause_is_the_pause() {
        assert_eq!(pauses(50, 20, 3), [20, 20, 20]);
        assert_eq!(pauses(0, 0, 3), [0, 0, 0]);
    }
}
