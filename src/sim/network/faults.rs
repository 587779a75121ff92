//! What faults do to the links, and how the links recover.

use std::time::Duration;

use crate::broker::ConnectionId;
use crate::protocol::{Api, BrokerId};
use crate::sim::hosted::{self, Command, Directions, Process};
use crate::sim::queue::{Due, Queue, TieBreak};
use crate::sim::schedule::Side;
use crate::sim::transport::Carrier;
use crate::time::Time;

use super::Network;

impl Network {
    pub(in crate::sim) fn cut(&mut self, consumer: u16, broker: BrokerId, up: bool, down: bool) {
        let link = self.consumer_link(consumer, broker);
        let partitioned = &mut self.links[link].partitioned;
        partitioned.up |= up;
        partitioned.down |= down;
        self.transport
            .command(Command::Cut(hosted::Link { consumer, broker }, Directions { up, down }));
    }

    /// Whether the link between a consumer and a broker is cut, by a partition or an isolation.
    pub(in crate::sim) fn is_cut(&self, consumer: u16, broker: BrokerId) -> bool {
        let Directions { up, down } = self.links[self.consumer_link(consumer, broker)].cut();
        up || down
    }

    /// Whether the link itself is partitioned.
    pub(in crate::sim) fn is_partitioned(&self, consumer: u16, broker: BrokerId) -> bool {
        let Directions { up, down } = self.links[self.consumer_link(consumer, broker)].partitioned;
        up || down
    }

    /// Heals a link. What waited at the cut arrives when TCP retransmits it.
    pub(in crate::sim) fn heal(
        &mut self,
        (now, queue): (Time, &mut Queue),
        consumer: u16,
        broker: BrokerId,
    ) {
        let healed = self.consumer_link(consumer, broker);
        self.transport.command(Command::Heal(hosted::Link { consumer, broker }));
        self.links[healed].partitioned = Directions { up: false, down: false };
        self.retransmit_over((now, queue), healed);
    }

    /// Cuts all links of a node; false if it is isolated already.
    pub(in crate::sim) fn isolate(&mut self, node: Process) -> bool {
        if !self.isolated.insert(node) {
            return false;
        }
        for link in self.links_of(node) {
            self.links[link].isolated += 1;
        }
        self.transport.command(Command::Isolate(node));
        true
    }

    /// Ends the isolation of a node; false if it was not isolated.
    pub(in crate::sim) fn reconnect(
        &mut self,
        (now, queue): (Time, &mut Queue),
        node: Process,
    ) -> bool {
        if !self.isolated.remove(&node) {
            return false;
        }
        for link in self.links_of(node) {
            self.links[link].isolated -= 1;
            self.retransmit_over((now, queue), link);
        }
        self.transport.command(Command::Reconnect(node));
        true
    }

    fn links_of(&self, node: Process) -> Vec<usize> {
        match node {
            Process::Consumer(index) => {
                let first = self.consumer_link(index, BrokerId(0));
                (first..first + self.brokers).collect()
            }
            Process::Broker(broker) => {
                let first = self.consumer_link(0, broker);
                (first..self.links.len()).step_by(self.brokers).collect()
            }
        }
    }

    /// Retransmits what waited at a cut, in the directions that are open again.
    fn retransmit_over(&mut self, (now, queue): (Time, &mut Queue), over: usize) {
        let link = &mut self.links[over];
        let cut = link.cut();
        for (number, connection) in self.connections.iter_mut().enumerate() {
            if connection.carrier != Carrier::Link(over) {
                continue;
            }
            let conn = ConnectionId(number as u32);
            let rng = &mut link.retransmit_rng;
            if !cut.up {
                connection.up.retransmit(now, rng, |at| {
                    queue.schedule(at, TieBreak::Normal, Due::Arrive(conn));
                });
            }
            if !cut.down {
                connection.down.retransmit(now, rng, |at| {
                    queue.schedule(at, TieBreak::Normal, Due::Return(conn));
                });
            }
        }
    }

    /// Ends random loss.
    pub(in crate::sim) fn stop_loss(&mut self) {
        if std::mem::take(&mut self.spec.loss) == 0 {
            return;
        }
        self.links.iter_mut().for_each(|link| link.loss = 0);
        self.transport.command(Command::StopLoss);
    }

    /// Delays all messages on the link by `by` from now on.
    pub(in crate::sim) fn clog(&mut self, consumer: u16, broker: BrokerId, by: Duration) {
        let link = self.consumer_link(consumer, broker);
        self.links[link].clog = by;
        self.transport.command(Command::Clog(hosted::Link { consumer, broker }, by));
    }

    pub(in crate::sim) fn is_clogged(&self, consumer: u16, broker: BrokerId) -> bool {
        !self.links[self.consumer_link(consumer, broker)].clog.is_zero()
    }

    /// Arms a drop rule for the messages of a consumer, whichever broker is at the other end. It
    /// swallows `count` messages, starting with the `nth` from now.
    pub(in crate::sim) fn drop_messages(
        &mut self,
        consumer: u16,
        api: Api,
        side: Side,
        (nth, count): (u32, u32),
    ) {
        self.drops.arm(consumer, api, side, (nth, count));
    }

    /// Disarms all drop rules and returns the consumers that had one.
    pub(in crate::sim) fn stop_drops(&mut self) -> Vec<u16> {
        self.drops.disarm()
    }
}
