//! Runs the brokers: feeds them requests and carries out their outputs.

use std::sync::Arc;

use crate::broker::{BrokerOutput, Cluster, ConnectionId};
use crate::coordinator::TopicChange;
use crate::protocol::{BrokerId, RequestFrame, TopicName};
use crate::rng::Rng;
use crate::time::Time;
use crate::trace::{EventKind, FaultKind, Loss, Message, Place};

use super::Sim;
use super::hosted::{BOOTSTRAP, Command, Process};
use super::network::{Client, Item, SendOutcome};
use super::node::Node;
use super::queue::TieBreak;
use super::schedule::Tail;

/// What arrives at a broker.
#[derive(Clone)]
pub(super) enum BrokerInput {
    Request(ConnectionId, Arc<RequestFrame>),
    Closed(ConnectionId),
    Reset(ConnectionId),
    /// The controller's decisions.
    Decided,
    TopicGrown(TopicName),
    TopicDeleted(TopicName),
}

/// A crash that the controller has not noticed yet.
pub(super) struct UnnoticedCrash {
    /// When the controller will notice it.
    pub(super) until: Time,
    pub(super) tail: Tail,
}

/// One broker: its process, and its state at the controller.
pub(super) struct BrokerNode {
    pub(super) id: BrokerId,
    pub(super) node: Node<BrokerInput>,
    pub(super) unnoticed: Option<UnnoticedCrash>,
    /// No decision of the controller reaches the broker before this time.
    pub(super) unaware_until: Time,
    /// The broker still acts as the leader of partitions that another broker leads.
    pub(super) zombie: bool,
    /// Decides whether messages that arrived during a pause are handled before the timers that
    /// expired in it. In a real broker the two race.
    resume_rng: Rng,
    race_rng: Rng,
}

impl BrokerNode {
    pub(super) fn new(id: BrokerId, seed: u64) -> Self {
        let rng = |purpose: &str| Rng::stream(seed, &format!("{purpose}/{id}"));
        BrokerNode {
            id,
            node: Node::new(),
            unnoticed: None,
            unaware_until: Time::ZERO,
            zombie: false,
            resume_rng: rng("resume"),
            race_rng: rng("aim"),
        }
    }

    /// Delays `permille` of 1,000 requests, at random, so that each arrives just before, at or just
    /// after a deadline of the coordinator. Bugs are where timers and messages race.
    pub(super) fn race(
        &mut self,
        cluster: &Cluster<'static>,
        soonest: Time,
        permille: u16,
    ) -> Option<(Time, TieBreak)> {
        if permille == 0 || !self.race_rng.chance(u64::from(permille)) {
            return None;
        }
        let horizon = soonest + std::time::Duration::from_secs(30);
        let clock = self.node.clock;
        let (rng, mut seen, mut chosen) = (&mut self.race_rng, 0, None);
        cluster.deadlines(self.id, &mut |deadline| {
            let deadline = clock.when(deadline);
            if deadline > soonest && deadline < horizon {
                seen += 1;
                if rng.below(seen) == 0 {
                    chosen = Some(deadline);
                }
            }
        });
        let (deadline, micro) = (chosen?, std::time::Duration::from_micros(1));
        Some(match rng.below(4) {
            0 => (deadline - micro, TieBreak::Normal),
            1 => (deadline, TieBreak::First),
            2 => (deadline, TieBreak::Last),
            _ => (deadline + micro, TieBreak::Normal),
        })
    }
}

/// The brokers of a run.
pub(super) enum Brokers {
    /// The simulator runs them; by broker id.
    Simulated(Vec<BrokerNode>),
    /// They are third-party ones: the simulator neither runs them nor looks into them, and no fault
    /// can affect them.
    ThirdParty,
}

impl Brokers {
    pub(super) fn simulated(count: u8, seed: u64) -> Self {
        let ids = (0..i32::from(count)).map(BrokerId);
        Brokers::Simulated(ids.map(|id| BrokerNode::new(id, seed)).collect())
    }

    pub(super) const fn are_third_party(&self) -> bool {
        matches!(self, Brokers::ThirdParty)
    }

    /// The brokers that the simulator runs.
    pub(super) const fn nodes(&self) -> &[BrokerNode] {
        match self {
            Brokers::Simulated(nodes) => nodes.as_slice(),
            Brokers::ThirdParty => &[],
        }
    }

    /// A broker that the simulator runs, if it has this one.
    pub(super) fn find(&self, id: BrokerId) -> Option<&BrokerNode> {
        usize::try_from(id.0).ok().and_then(|index| self.nodes().get(index))
    }

    pub(super) fn node(&self, id: BrokerId) -> &BrokerNode {
        &self.nodes()[id.0 as usize]
    }

    pub(super) fn node_mut(&mut self, id: BrokerId) -> &mut BrokerNode {
        match self {
            Brokers::Simulated(nodes) => &mut nodes[id.0 as usize],
            Brokers::ThirdParty => panic!("the simulator does not run {id}, a third-party broker"),
        }
    }

    /// The ids of the brokers that the simulator runs.
    pub(super) fn ids(&self) -> impl Iterator<Item = BrokerId> + use<> {
        (0..self.nodes().len() as i32).map(BrokerId)
    }

    /// The brokers that the consumer with this index knows from the start: all of them, in an order
    /// that makes consumers contact different ones first. Of third-party brokers it knows one
    /// address.
    pub(super) fn bootstrap(&self, consumer: usize) -> Vec<BrokerId> {
        match self {
            Brokers::Simulated(nodes) => {
                let ids = (consumer..consumer + nodes.len()).map(|step| step % nodes.len());
                ids.map(|id| BrokerId(id as i32)).collect()
            }
            Brokers::ThirdParty => vec![BOOTSTRAP],
        }
    }

    /// The other end of a fault that names no broker, if there is only one.
    pub(super) fn only(&self) -> Option<BrokerId> {
        match self.nodes() {
            [only] => Some(only.id),
            _ => None,
        }
    }
}

impl Sim {
    pub(super) fn broker(&self, id: BrokerId) -> &BrokerNode {
        self.brokers.node(id)
    }

    pub(super) fn broker_mut(&mut self, id: BrokerId) -> &mut BrokerNode {
        self.brokers.node_mut(id)
    }

    /// The ids of all brokers that the simulator runs.
    pub(super) fn broker_ids(&self) -> impl Iterator<Item = BrokerId> + use<> {
        self.brokers.ids()
    }

    pub(super) fn arrive(&mut self, conn: ConnectionId) {
        let Some(item) = self.network.arrive(conn) else { return };
        let at = self.network.broker(conn);
        if !self.cluster.is_up(at) {
            return self.refuse_connection(conn, item);
        }
        match item {
            Item::Message(message) => {
                self.deliver_to_broker(
                    at,
                    BrokerInput::Request(conn, Arc::clone(message.request())),
                );
            }
            Item::Fin => self.deliver_to_broker(at, BrokerInput::Closed(conn)),
            Item::Rst => unreachable!("a broker that is up receives no RST"),
        }
    }

    /// No process listens at the broker's end, so the machine answers with an RST.
    fn refuse_connection(&mut self, conn: ConnectionId, item: Item) {
        let mut lost = match item {
            Item::Message(message) => vec![message],
            Item::Fin | Item::Rst => Vec::new(),
        };
        lost.extend(self.network.reset_by_broker((self.now, &mut self.queue), conn));
        self.note_lost(conn, (lost, Vec::new()), Loss::ReceiverGone);
    }

    /// Hands an input to a broker that is up: now, or when it resumes.
    pub(super) fn deliver_to_broker(&mut self, at: BrokerId, input: BrokerInput) {
        if let Some(input) = self.broker_mut(at).node.receive(input) {
            self.handle_at_broker(at, input);
            self.schedule_broker_wake(at);
        }
    }

    pub(super) fn wake_broker(&mut self, at: BrokerId) {
        let now = self.now;
        if self.broker_mut(at).node.woken(now) && self.cluster.is_up(at) {
            self.advance_broker(at);
            self.schedule_broker_wake(at);
        }
    }

    pub(super) fn resume_broker(&mut self, at: BrokerId) {
        let broker = self.broker_mut(at);
        broker.node.paused = false;
        let timers_first = broker.resume_rng.chance(500);
        if timers_first {
            self.advance_broker(at);
        }
        for input in self.broker_mut(at).node.take_inbox() {
            self.handle_at_broker(at, input);
        }
        self.advance_broker(at);
        self.schedule_broker_wake(at);
    }

    fn handle_at_broker(&mut self, at: BrokerId, input: BrokerInput) {
        let local = self.broker(at).node.clock.local(self.now);
        let learned = matches!(input, BrokerInput::Decided);
        match input {
            BrokerInput::Request(conn, request) => {
                let host = self.network.host(conn).clone();
                self.cluster.handle(local, at, (conn, &host), request, &mut self.outputs);
            }
            BrokerInput::Closed(conn) => self.cluster.closed(local, at, conn, &mut self.outputs),
            BrokerInput::Reset(conn) => self.cluster.reset(at, conn),
            BrokerInput::Decided => self.cluster.learn(local, at, &mut self.outputs),
            BrokerInput::TopicGrown(name) => {
                let change = TopicChange::Grown(name);
                self.cluster.learn_topic(local, at, &change, &mut self.outputs);
            }
            BrokerInput::TopicDeleted(name) => {
                self.cluster.delete_topic(local, at, &name, &mut self.outputs);
            }
        }
        self.apply_broker_outputs(at);
        if learned {
            self.end_zombie(at);
        }
    }

    /// Ends the zombie fault: the broker has learned of the new leaders, or has crashed.
    pub(super) fn end_zombie(&mut self, at: BrokerId) {
        if std::mem::take(&mut self.broker_mut(at).zombie) {
            let kind = EventKind::FaultEnded { fault: FaultKind::Zombie, peer: None };
            self.emit(Place::Broker(at), kind);
        }
    }

    pub(super) fn advance_broker(&mut self, at: BrokerId) {
        let local = self.broker(at).node.clock.local(self.now);
        self.cluster.advance(local, at, &mut self.outputs);
        self.apply_broker_outputs(at);
    }

    /// Has a broker woken at its next deadline.
    pub(super) fn schedule_broker_wake(&mut self, at: BrokerId) {
        let process = (Process::Broker(at), &mut self.brokers.node_mut(at).node);
        let deadline = || self.cluster.next_deadline(at);
        self.network.transport.wake(process, (self.now, &mut self.queue), deadline);
    }

    /// Carries out the outputs of a broker.
    pub(super) fn apply_broker_outputs(&mut self, at: BrokerId) {
        let mut outputs = std::mem::take(&mut self.outputs);
        let place = Place::Broker(at);
        for output in outputs.drain(..) {
            match output {
                BrokerOutput::Handling { conn, request } => {
                    let from = self.client_place(conn);
                    let message = Message::Request(request);
                    self.emit(place, EventKind::Received { from, conn, message });
                }
                BrokerOutput::Respond { conn, request, response } => {
                    self.send_response(at, conn, Message::Response { request, response });
                }
                BrokerOutput::Appended { partition, first, next } => {
                    self.emit(place, EventKind::Appended { partition, first, next });
                }
                BrokerOutput::Observe(observation) => {
                    self.emit(place, EventKind::Coordinator(observation))
                }
                BrokerOutput::TermChanged(of_term, state) => {
                    if self.controller.is_traced(of_term.partition) {
                        self.emit(place, EventKind::TermChanged { term: of_term, state });
                    }
                }
                BrokerOutput::Uncommitted(shard, records) => {
                    if self.controller.is_traced(shard.partition) {
                        self.emit(place, EventKind::Uncommitted { term: shard, records });
                    }
                }
            }
        }
        self.outputs = outputs;
    }

    fn send_response(&mut self, at: BrokerId, conn: ConnectionId, message: Message) {
        let (place, to) = (Place::Broker(at), self.client_place(conn));
        self.emit(place, EventKind::Sent { to, conn, message: message.clone() });
        let outcome = self.network.send_down((self.now, &mut self.queue), conn, message.clone());
        self.note_outcome(outcome, (place, to), conn, message);
    }

    /// Records the loss of a message that the network did not accept.
    pub(super) fn note_outcome(
        &mut self,
        outcome: SendOutcome,
        (from, to): (Place, Place),
        conn: ConnectionId,
        message: Message,
    ) {
        match outcome {
            SendOutcome::InFlight => {}
            SendOutcome::Lost(why) => self.emit(from, EventKind::Lost { to, conn, message, why }),
            SendOutcome::LostToLastDrop => {
                self.emit(from, EventKind::Lost { to, conn, message, why: Loss::Dropped });
                if let Place::Consumer(who) = self.client_place(conn) {
                    self.end_drop(who.index);
                }
            }
        }
    }

    pub(super) fn client_place(&self, conn: ConnectionId) -> Place {
        match self.network.client(conn) {
            Client::Consumer(who, _) => Place::Consumer(who),
            Client::Producer => Place::Producer,
            Client::Admin => Place::Admin,
            Client::External => Place::Client(conn),
        }
    }

    /// Restarts a broker's process. It knows all decisions that were made in the meantime.
    pub(super) fn start_broker(&mut self, at: BrokerId) {
        let local = self.broker(at).node.clock.local(self.now);
        self.command(Command::Start(Process::Broker(at)));
        self.cluster.start(local, at, &mut self.outputs);
        self.apply_broker_outputs(at);
        self.schedule_broker_wake(at);
    }

    /// Kills a broker's process. Messages in flight to it are lost.
    pub(super) fn kill_broker(&mut self, at: BrokerId) {
        let inbox = self.broker_mut(at).node.take_inbox();
        self.broker_mut(at).node.forget_wake();
        self.command(Command::Kill(Process::Broker(at)));
        self.cluster.crash(at, &mut self.outputs);
        self.apply_broker_outputs(at);
        for input in inbox {
            if let BrokerInput::Request(conn, request) = input {
                let lost = vec![Message::Request(request)];
                self.note_lost(conn, (lost, Vec::new()), Loss::ReceiverGone);
            }
        }
        for conn in self.network.open_at(at) {
            let lost = self.network.reset_by_broker((self.now, &mut self.queue), conn);
            self.note_lost(conn, (lost, Vec::new()), Loss::ReceiverGone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Brokers;
    use crate::protocol::BrokerId;

    #[test]
    fn consumers_know_all_brokers_and_begin_with_different_ones() {
        let of = |consumer, brokers| Brokers::simulated(brokers, 7).bootstrap(consumer);
        assert_eq!(of(0, 3), [BrokerId(0), BrokerId(1), BrokerId(2)]);
        assert_eq!(of(4, 3), [BrokerId(1), BrokerId(2), BrokerId(0)]);
        assert_eq!(of(9, 1), [BrokerId(0)]);
    }
}
