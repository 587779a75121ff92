//! The link between one client and one broker: its luck, and what is wrong with it.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::protocol::BrokerId;
use crate::rng::Rng;
use crate::sim::hosted::Directions;

/// After which TCP sends a lost segment again; each time it is lost once more it waits twice as long.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// The link between one client and a broker.
pub(super) struct Link {
    latency: RangeInclusive<Duration>,
    up_luck: Rng,
    down_luck: Rng,
    loss_luck: Rng,
    pub(super) retransmit_luck: Rng,
    pub(super) partitioned: Directions,
    /// How many of its two ends are isolated.
    pub(super) isolated: u8,
    /// How many of 1,000 messages are lost each time they are sent.
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
            loss_luck: Rng::stream(seed, &format!("loss/{client}→{broker}")),
            partitioned: Directions { up: false, down: false },
            isolated: 0,
            loss: 0,
            clog: Duration::ZERO,
        }
    }

    /// Which ways nothing passes.
    pub(super) fn cut(&self) -> Directions {
        let isolated = self.isolated > 0;
        Directions { up: self.partitioned.up || isolated, down: self.partitioned.down || isolated }
    }

    /// How long the next message to the broker is under way.
    pub(super) fn up(&mut self) -> Duration {
        self.up_luck.duration(self.latency.clone()) + self.clog + self.retransmissions()
    }

    /// How long the next message to the client is under way.
    pub(super) fn down(&mut self) -> Duration {
        self.down_luck.duration(self.latency.clone()) + self.clog + self.retransmissions()
    }

    /// How much later a message arrives because it was lost, perhaps several times.
    fn retransmissions(&mut self) -> Duration {
        let (mut later, mut pause) = (Duration::ZERO, RETRANSMISSION);
        while self.loss > 0 && self.loss_luck.chance(u64::from(self.loss)) {
            later += pause;
            pause *= 2;
        }
        later
    }
}
