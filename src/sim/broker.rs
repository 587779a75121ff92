//! Runs the brokers: feeds them requests and carries out their outputs.

use std::sync::Arc;

use crate::broker::{BrokerOutput, Cluster, ConnectionId};
use crate::coordinator::TopicChange;
use crate::protocol::{BrokerId, RequestFrame, TopicName};
use crate::rng::Rng;
use crate::time::Time;
use crate::trace::{EventKind, FaultKind, Loss, Message, Place};

use super::Sim;
use super::hosted::{Command, Process};
use super::network::{Client, Item, SendOutcome};
use super::node::Node;
use super::queue::{Due, TieBreak};
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

impl Sim {
    pub(super) fn broker(&self, id: BrokerId) -> &BrokerNode {
        &self.brokers[id.0 as usize]
    }

    pub(super) fn broker_mut(&mut self, id: BrokerId) -> &mut BrokerNode {
        &mut self.brokers[id.0 as usize]
    }

    /// The ids of all brokers.
    pub(super) fn broker_ids(&self) -> impl Iterator<Item = BrokerId> + use<> {
        (0..self.brokers.len() as i32).map(BrokerId)
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
        if self.brokers[at.0 as usize].node.woken(self.now) && self.cluster.is_up(at) {
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

    /// Schedules the wake-up of a broker at its next deadline.
    pub(super) fn schedule_broker_wake(&mut self, at: BrokerId) {
        if self.is_hosted() {
            return self.command(Command::Wake(Process::Broker(at)));
        }
        let deadline = self.cluster.next_deadline(at);
        let node = &mut self.brokers[at.0 as usize].node;
        node.wake_by((self.now, &mut self.queue), deadline, Due::WakeBroker(at));
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
