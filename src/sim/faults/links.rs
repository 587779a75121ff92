//! What is done to the links between consumers and brokers, and to what runs over them.

use std::time::Duration;

use crate::consumer::Purpose;
use crate::protocol::BrokerId;
use crate::sim::Sim;
use crate::sim::broker::Input;
use crate::sim::hosted::{Directions, Host};
use crate::sim::queue::{Due, Turn};
use crate::sim::schedule::{Action, Direction, NodeName};
use crate::trace::{CutWay, FaultKind, Kind, Loss, Place};

use super::{Done, Impossible, impossible};

/// One link, as two names on a line say it.
#[derive(Clone, Copy)]
struct Ends {
    consumer: u16,
    broker: BrokerId,
    /// The consumer was named first.
    upwards: bool,
}

impl Sim {
    pub(super) fn apply_to_link(&mut self, action: &Action) -> Done {
        match action {
            Action::Partition(from, to, direction) => {
                let ends = self.link(from, to)?;
                self.partition(ends, *direction);
            }
            Action::Heal(a, b) => {
                let ends = self.link(a, b)?;
                self.heal(ends.consumer, ends.broker);
            }
            Action::Isolate(node) => {
                let host = self.host(node)?;
                self.isolate(host);
            }
            Action::Reconnect(node) => {
                let host = self.host(node)?;
                self.reconnect(host);
            }
            Action::Clog(a, b, by) => {
                let ends = self.link(a, b)?;
                self.clog(ends, *by);
            }
            Action::Unclog(a, b) => {
                let ends = self.link(a, b)?;
                self.unclog(ends.consumer, ends.broker);
            }
            Action::Reset(consumer, purpose) => {
                let index = self.index(consumer)?;
                self.reset(index, *purpose);
            }
            Action::Drop { consumer, api, side, nth, count } => {
                let index = self.index(consumer)?;
                self.network.drop_messages(index, *api, *side, (*nth, *count));
                self.fault_on_link(index, self.only_broker(), FaultKind::Drop, true);
            }
            _ => panic!("{action:?} is not done to a link"),
        }
        Ok(())
    }

    fn link(&self, a: &NodeName, b: &NodeName) -> Result<Ends, Impossible> {
        let (name, broker, upwards) = match (a, b) {
            (NodeName::Consumer(name), NodeName::Broker(broker)) => (name, *broker, true),
            (NodeName::Broker(broker), NodeName::Consumer(name)) => (name, *broker, false),
            _ => return Err(impossible(format!("there is no link between {a} and {b}"))),
        };
        Ok(Ends { consumer: self.index(name)?, broker: self.known(broker)?, upwards })
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

    fn host(&self, node: &NodeName) -> Result<Host, Impossible> {
        Ok(match node {
            NodeName::Consumer(name) => Host::Consumer(self.index(name)?),
            NodeName::Broker(broker) => Host::Broker(self.known(*broker)?),
        })
    }

    fn place_of(&self, host: Host) -> Place {
        match host {
            Host::Consumer(index) => self.consumers[usize::from(index)].place(),
            Host::Broker(broker) => Place::Broker(broker),
        }
    }

    fn isolate(&mut self, host: Host) {
        if self.network.isolate(host) {
            self.began(self.place_of(host), FaultKind::Partition);
        }
    }

    pub(super) fn reconnect(&mut self, host: Host) {
        if self.network.reconnect((self.now, &mut self.queue), host) {
            self.ended(self.place_of(host), FaultKind::Partition);
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
        self.fault_on_link(index, self.only_broker(), FaultKind::Reset, true);
        for (own, conn) in self.connections(index) {
            if purpose.is_some_and(|purpose| purpose != own.purpose) {
                continue;
            }
            let lost = self.network.reset(conn);
            self.note_lost(conn, lost, Loss::ConnectionReset);
            self.queue.schedule(self.now, Turn::Normal, Due::Disconnect(conn));
            if self.cluster.is_up(own.broker) {
                self.tell_broker(own.broker, Input::Reset(conn));
            }
        }
    }

    /// A drop rule for the messages of a consumer is used up.
    pub(in crate::sim) fn end_drop(&mut self, index: u16) {
        self.fault_on_link(index, self.only_broker(), FaultKind::Drop, false);
    }

    /// The other end of a fault that names no broker, where there is no choice.
    fn only_broker(&self) -> Option<BrokerId> {
        (self.brokers.len() == 1).then_some(BrokerId(0))
    }

    /// The link to a client that is not the run's is cut. The client has no place of its own: it may come and go
    /// while the fault lasts.
    pub(crate) fn partition_outside(&mut self, broker: BrokerId, ways: Directions) {
        self.emit(Place::Schedule, partitioned(broker, ways));
    }

    /// Another fault of such a link.
    pub(crate) fn fault_on_a_link_outside(
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

fn fault_of_a_link(fault: FaultKind, broker: Option<BrokerId>, began: bool) -> Kind {
    let peer = broker.map(Place::Broker);
    match began {
        true => Kind::FaultBegan { fault, peer, direction: None },
        false => Kind::FaultEnded { fault, peer },
    }
}

/// A client is partitioned from a broker.
fn partitioned(broker: BrokerId, ways: Directions) -> Kind {
    let direction = match (ways.up, ways.down) {
        (true, false) => Some(CutWay::ToPeer),
        (false, true) => Some(CutWay::FromPeer),
        _ => None,
    };
    Kind::FaultBegan { fault: FaultKind::Partition, peer: Some(Place::Broker(broker)), direction }
}
