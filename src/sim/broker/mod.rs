//! Runs the brokers: feeds them requests and carries out their outputs. `node` has their state.

mod node;

use std::sync::Arc;

use crate::broker::{BrokerOutput, ConnectionId};
use crate::coordinator::TopicChange;
use crate::protocol::BrokerId;
use crate::trace::{EventKind, Loss, Message, Place};

use super::Sim;
use super::hosted::{Command, Process};
use super::network::{Client, Item, SendOutcome};

pub(super) use node::{BrokerInput, BrokerNode, Brokers};

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
        let timers_first = broker.timers_first();
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
