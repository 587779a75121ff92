//! The link between one client and one broker: its luck, and what is wrong with it.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::protocol::BrokerId;
use crate::rng::Rng;

/// The link between one client and a broker.
pub(super) struct Link {
    latency: RangeInclusive<Duration>,
    up_luck: Rng,
    down_luck: Rng,
    pub(super) retransmit_luck: Rng,
    pub(super) cut_up: bool,
    pub(super) cut_down: bool,
    pub(super) clog: Duration,
}

impl Link {
    pub(super) fn new(
        seed: u64,
        client: &str,
        broker: BrokerId,
        latency: RangeInclusive<Duration>,
    ) -> Link {
        // The stream has no broker in its name for b0, so that runs with one broker keep their luck.
        let retransmit = match broker {
            BrokerId(0) => format!("retransmit/{client}"),
            broker => format!("retransmit/{client}→{broker}"),
        };
        Link {
            latency,
            up_luck: Rng::stream(seed, &format!("network/{client}→{broker}")),
            down_luck: Rng::stream(seed, &format!("network/{broker}→{client}")),
            retransmit_luck: Rng::stream(seed, &retransmit),
            cut_up: false,
            cut_down: false,
            clog: Duration::ZERO,
        }
    }

    /// How long the next message to the broker is under way.
    pub(super) fn up(&mut self) -> Duration {
        self.up_luck.duration(self.latency.clone()) + self.clog
    }

    /// How long the next message to the client is under way.
    pub(super) fn down(&mut self) -> Duration {
        self.down_luck.duration(self.latency.clone()) + self.clog
    }
}
