//! The link between one client and one broker: its randomness and its faults.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::protocol::BrokerId;
use crate::rng::Rng;
use crate::sim::hosted::Directions;

/// TCP's first retransmission timeout. It doubles each time the segment is lost again.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// The link between one client and one broker.
pub(super) struct Link {
    latency: RangeInclusive<Duration>,
    up_rng: Rng,
    down_rng: Rng,
    loss_rng: Rng,
    pub(super) retransmit_rng: Rng,
    pub(super) partitioned: Directions,
    /// How many of its two ends are isolated.
    pub(super) isolated: u8,
    /// How many of 1,000 messages are lost, each time they are sent.
    pub(super) loss: u16,
    pub(super) clog: Duration,
}

impl Link {
    pub(super) fn new(
        seed: u64,
        client: &str,
        broker: BrokerId,
        latency: RangeInclusive<Duration>,
    ) -> Link {
        // For b0 the stream's name has no broker, so that runs with one broker keep their
        // randomness.
        let retransmit = match broker {
            BrokerId(0) => format!("retransmit/{client}"),
            broker => format!("retransmit/{client}→{broker}"),
        };
        Link {
            latency,
            up_rng: Rng::stream(seed, &format!("network/{client}→{broker}")),
            down_rng: Rng::stream(seed, &format!("network/{broker}→{client}")),
            retransmit_rng: Rng::stream(seed, &retransmit),
            loss_rng: Rng::stream(seed, &format!("loss/{client}→{broker}")),
            partitioned: Directions { up: false, down: false },
            isolated: 0,
            loss: 0,
            clog: Duration::ZERO,
        }
    }

    /// The directions in which nothing passes.
    pub(super) fn cut(&self) -> Directions {
        let isolated = self.isolated > 0;
        Directions { up: self.partitioned.up || isolated, down: self.partitioned.down || isolated }
    }

    /// The latency of the next message to the broker.
    pub(super) fn up(&mut self) -> Duration {
        self.up_rng.duration(self.latency.clone()) + self.clog + self.retransmissions()
    }

    /// The latency of the next message to the client.
    pub(super) fn down(&mut self) -> Duration {
        self.down_rng.duration(self.latency.clone()) + self.clog + self.retransmissions()
    }

    /// The delay of a message that is lost, perhaps several times.
    fn retransmissions(&mut self) -> Duration {
        let (mut later, mut pause) = (Duration::ZERO, RETRANSMISSION);
        while self.loss > 0 && self.loss_rng.chance(u64::from(self.loss)) {
            later += pause;
            pause *= 2;
        }
        later
    }
}
