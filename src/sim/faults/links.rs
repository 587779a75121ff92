//! Faults of the links between consumers and brokers, and of the messages on them.

use std::time::Duration;

use crate::client::Purpose;
use crate::protocol::BrokerId;
use crate::sim::Sim;
use crate::sim::broker::BrokerInput;
use crate::sim::hosted::{Directions, Process};
use crate::sim::queue::{Due, TieBreak};
use crate::sim::schedule::legal::link_between;
use crate::sim::schedule::{Action, Direction, NodeName};
use crate::trace::{CutWay, EventKind, FaultKind, Loss, Place};

/// One link, as two names on a line identify it.
#[derive(Clone, Copy)]
struct Ends {
    consumer: u16,
    broker: BrokerId,
    /// The line names the consumer first.
    upwards: bool,
}

impl Sim {
    pub(super) fn apply_to_link(&mut self, action: &Action) {
        match action {
            Action::Partition(from, to, direction) => {
                let ends = self.link(from, to);
                self.partition(ends, *direction);
            }
            Action::Heal(a, b) => {
                let ends = self.link(a, b);
                self.heal(ends.consumer, ends.broker);
            }
            Action::Isolate(node) => {
                let process = self.process_of(node);
                self.isolate(process);
            }
            Action::Reconnect(node) => {
                let process = self.process_of(node);
                self.reconnect(process);
            }
            Action::Clog(a, b, by) => {
                let ends = self.link(a, b);
                self.clog(ends, *by);
            }
            Action::Unclog(a, b) => {
                let ends = self.link(a, b);
                self.unclog(ends.consumer, ends.broker);
            }
            Action::Reset(consumer, purpose) => {
                let index = self.index(consumer);
                self.reset(index, *purpose);
            }
            Action::Drop { consumer, api, side, nth, count } => {
                let index = self.index(consumer);
                self.network.drop_messages(index, *api, *side, (*nth, *count));
                self.fault_on_link(index, self.brokers.only(), FaultKind::Drop, true);
            }
            _ => panic!("{action:?} is not a link fault"),
        }
    }

    fn link(&self, a: &NodeName, b: &NodeName) -> Ends {
        let (name, broker) = link_between(a, b).expect("the ends of a link");
        let upwards = matches!(a, NodeName::Consumer(_));
        Ends { consumer: self.index(name), broker, upwards }
    }

    fn partition(&mut self, Ends { consumer, broker, upwards }: Ends, direction: Direction) {
        let (up, down) = match direction {
            Direction::Both => (true, true),
            Direction::Forward => (upwards, !upwards),
        };
        self.network.cut(consumer, broker, up, down);
        let place = self.consumers[usize::from(consumer)].place();
        self.emit(place, partitioned(broker, Directions { up, down }));
    }

    pub(super) fn heal(&mut self, consumer: u16, broker: BrokerId) {
        if self.network.is_partitioned(consumer, broker) {
            self.network.heal((self.now, &mut self.queue), consumer, broker);
            self.fault_on_link(consumer, Some(broker), FaultKind::Partition, false);
        }
    }

    fn isolate(&mut self, process: Process) {
        if self.network.isolate(process) {
            self.fault_began(self.place_of(process), FaultKind::Partition);
        }
    }

    pub(super) fn reconnect(&mut self, process: Process) {
        if self.network.reconnect((self.now, &mut self.queue), process) {
            self.fault_ended(self.place_of(process), FaultKind::Partition);
        }
    }

    fn clog(&mut self, Ends { consumer, broker, .. }: Ends, by: Duration) {
        if !self.network.is_clogged(consumer, broker) {
            self.fault_on_link(consumer, Some(broker), FaultKind::Clog, true);
        }
        self.network.clog(consumer, broker, by);
    }

    pub(super) fn unclog(&mut self, consumer: u16, broker: BrokerId) {
        if self.network.is_clogged(consumer, broker) {
            self.network.clog(consumer, broker, Duration::ZERO);
            self.fault_on_link(consumer, Some(broker), FaultKind::Clog, false);
        }
    }

    fn reset(&mut self, index: u16, purpose: Option<Purpose>) {
        self.fault_on_link(index, self.brokers.only(), FaultKind::Reset, true);
        for (own, conn) in self.connections(index) {
            if purpose.is_some_and(|purpose| purpose != own.purpose) {
                continue;
            }
            let lost = self.network.reset(conn);
            self.note_lost(conn, lost, Loss::ConnectionReset);
            self.queue.schedule(self.now, TieBreak::Normal, Due::Disconnect(conn));
            if self.cluster.is_up(own.broker) {
                self.deliver_to_broker(own.broker, BrokerInput::Reset(conn));
            }
        }
    }

    /// A drop rule for a consumer's messages is exhausted.
    pub(in crate::sim) fn end_drop(&mut self, index: u16) {
        self.fault_on_link(index, self.brokers.only(), FaultKind::Drop, false);
    }

    /// Records that the link to an external client is cut. Such a client has no place of its own in
    /// the trace, because it may connect and disconnect while the fault lasts.
    #[cfg(feature = "engines")]
    pub(crate) fn partition_external_client(&mut self, broker: BrokerId, directions: Directions) {
        self.emit(Place::Schedule, partitioned(broker, directions));
    }

    /// Records any other fault on the link of an external client.
    #[cfg(feature = "engines")]
    pub(crate) fn fault_on_external_link(
        &mut self,
        fault: FaultKind,
        broker: Option<BrokerId>,
        began: bool,
    ) {
        self.emit(Place::Schedule, fault_of_a_link(fault, broker, began));
    }

    fn fault_on_link(
        &mut self,
        index: u16,
        broker: Option<BrokerId>,
        fault: FaultKind,
        began: bool,
    ) {
        let place = self.consumers[usize::from(index)].place();
        self.emit(place, fault_of_a_link(fault, broker, began));
    }
}

fn fault_of_a_link(fault: FaultKind, broker: Option<BrokerId>, began: bool) -> EventKind {
    let peer = broker.map(Place::Broker);
    match began {
        true => EventKind::FaultBegan { fault, peer, direction: None },
        false => EventKind::FaultEnded { fault, peer },
    }
}

/// A client is partitioned from a broker.
fn partitioned(broker: BrokerId, directions: Directions) -> EventKind {
    let direction = match (directions.up, directions.down) {
        (true, false) => Some(CutWay::ToPeer),
        (false, true) => Some(CutWay::FromPeer),
        _ => None,
    };
    EventKind::FaultBegan {
        fault: FaultKind::Partition,
        peer: Some(Place::Broker(broker)),
        direction,
    }
}
