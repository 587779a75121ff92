//! Runs the consumers: feeds them responses and carries out their outputs.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::broker::ConnectionId;
use crate::client::{
    ClientInput, ClientOutput, Conn, ConsumerConfig, ConsumerDescription, GroupConsumer,
};
use crate::coordinator::GroupDescription;
use crate::protocol::{BrokerId, GroupId, RequestFrame, ResponseFrame};
use crate::rng::Rng;
use crate::trace::{ConsumerRef, EventKind, Loss, Message, Place};

use super::Sim;
use super::hosted::{Command, Process};
use super::network::{Client, Item, LostMessages};
use super::node::Node;

/// What arrives at a consumer; it waits here while the process is paused.
pub(super) enum ConsumerInput {
    Response(ConnectionId, Conn, Arc<RequestFrame>, Arc<ResponseFrame>),
    Other(ClientInput),
}

pub(super) struct ConsumerNode {
    pub(super) node: Node<ConsumerInput>,
    pub(super) name: Arc<str>,
    pub(super) id: ConsumerRef,
    pub(super) config: Arc<ConsumerConfig>,
    /// The running process, if any.
    pub(super) process: Option<Box<dyn GroupConsumer>>,
    /// The process ended without closing.
    pub(super) crashed: bool,
    /// The application has called close.
    pub(super) closing: bool,
    /// The consumer closed by itself, after a fatal error.
    pub(super) gave_up: bool,
    /// The application's processing time has been increased.
    pub(super) slow: bool,
    /// The open connections.
    connections: Vec<(Conn, ConnectionId)>,
    outputs: Vec<ClientOutput>,
}

impl ConsumerNode {
    /// A consumer that has not been started yet.
    pub(super) fn new(index: u16, name: &str, config: Arc<ConsumerConfig>) -> Self {
        ConsumerNode {
            node: Node::new(),
            name: Arc::from(name),
            id: ConsumerRef { index, incarnation: 0 },
            config,
            process: None,
            crashed: false,
            closing: false,
            gave_up: false,
            slow: false,
            connections: Vec::new(),
            outputs: Vec::new(),
        }
    }

    pub(super) fn place(&self) -> Place {
        Place::Consumer(self.id)
    }
}

impl Sim {
    /// Starts a new incarnation of a consumer.
    pub(super) fn start_consumer(&mut self, index: u16) {
        let seed = self.schedule.seed;
        let now = self.now;
        let consumer = &mut self.consumers[usize::from(index)];
        consumer.id.incarnation += 1;
        consumer.crashed = false;
        consumer.closing = false;
        consumer.gave_up = false;
        consumer.slow = false;
        consumer.node.paused = false;
        consumer.node.forget_wake();
        let rng =
            Rng::stream(seed, &format!("consumer/{}.{}", consumer.name, consumer.id.incarnation));
        let local = consumer.node.clock.local(now);
        let config = ConsumerConfig::clone(&consumer.config);
        consumer.process = Some((self.systems.consumer)(config, rng, local));
        let (name, config) = (Arc::clone(&consumer.name), Arc::clone(&consumer.config));
        self.emit(
            self.consumers[usize::from(index)].place(),
            EventKind::ConsumerStarted { name, config },
        );
        self.command(Command::Start(Process::Consumer(index)));
        self.advance_consumer(index);
    }

    pub(super) fn arrive_back(&mut self, conn: ConnectionId) {
        let (request, response) = match self.network.arrive_back(conn) {
            Some(Item::Message(Message::Response { request, response })) => (request, response),
            Some(Item::Rst) => return self.deliver_disconnect(conn),
            Some(Item::Fin | Item::Message(Message::Request(_))) => {
                unreachable!("only clients send these")
            }
            None => return,
        };
        match self.network.client(conn) {
            Client::Consumer(who, own) => {
                self.deliver_to_consumer(
                    who,
                    ConsumerInput::Response(conn, own, request, response),
                );
            }
            Client::Producer => self.on_produce_response(conn, request, response),
            Client::Admin => self.on_admin_response(conn, request, response),
            Client::External => unreachable!("responses to external clients are not tracked"),
        }
    }

    pub(super) fn deliver_disconnect(&mut self, conn: ConnectionId) {
        match self.network.client(conn) {
            Client::Consumer(who, own) => {
                self.deliver_to_consumer(
                    who,
                    ConsumerInput::Other(ClientInput::Disconnected { conn: own }),
                );
            }
            Client::Producer => self.producer_disconnected(conn),
            Client::Admin => self.admin_disconnected(conn),
            Client::External => {}
        }
    }

    /// Hands an input to one incarnation of a consumer. Does nothing if that incarnation has ended.
    pub(super) fn deliver_to_consumer(&mut self, who: ConsumerRef, input: ConsumerInput) {
        let consumer = &mut self.consumers[usize::from(who.index)];
        if consumer.id != who || consumer.process.is_none() {
            return;
        }
        if let Some(input) = consumer.node.receive(input) {
            self.handle_at_consumer(who.index, input);
            self.schedule_consumer_wake(who.index);
        }
    }

    pub(super) fn wake_consumer(&mut self, index: u16) {
        if self.consumers[usize::from(index)].node.woken(self.now) {
            self.advance_consumer(index);
        }
    }

    pub(super) fn resume_consumer(&mut self, index: u16) {
        let consumer = &mut self.consumers[usize::from(index)];
        consumer.node.paused = false;
        let inbox: VecDeque<ConsumerInput> = consumer.node.take_inbox();
        for input in inbox {
            self.handle_at_consumer(index, input);
        }
        self.advance_consumer(index);
    }

    fn handle_at_consumer(&mut self, index: u16, input: ConsumerInput) {
        let input = match input {
            ConsumerInput::Response(conn, own, request, response) => {
                let place = self.consumers[usize::from(index)].place();
                let from = Place::Broker(own.broker);
                let message = Message::Response { request, response: Arc::clone(&response) };
                if !self.network.is_open(conn) {
                    // The connection was closed while the response waited in the inbox of a paused
                    // process.
                    let why = Loss::ConnectionClosed;
                    return self.emit(from, EventKind::Lost { to: place, conn, message, why });
                }
                self.emit(place, EventKind::Received { from, conn, message });
                ClientInput::Response { conn: own, frame: response }
            }
            ConsumerInput::Other(input) => input,
        };
        if let ClientInput::Disconnected { conn } = &input {
            let connections = &mut self.consumers[usize::from(index)].connections;
            connections.retain(|(open, _)| open != conn);
        }
        let consumer = &mut self.consumers[usize::from(index)];
        let local = consumer.node.clock.local(self.now);
        if let Some(process) = &mut consumer.process {
            process.handle(local, input, &mut consumer.outputs);
        }
        self.apply_consumer_outputs(index);
    }

    pub(super) fn advance_consumer(&mut self, index: u16) {
        let consumer = &mut self.consumers[usize::from(index)];
        let local = consumer.node.clock.local(self.now);
        if let Some(process) = &mut consumer.process {
            process.advance(local, &mut consumer.outputs);
        }
        self.apply_consumer_outputs(index);
        self.schedule_consumer_wake(index);
    }

    /// Has a consumer woken at its next deadline.
    pub(super) fn schedule_consumer_wake(&mut self, index: u16) {
        let consumer = &mut self.consumers[usize::from(index)];
        let process = &consumer.process;
        let deadline = || process.as_ref().and_then(|process| process.next_deadline());
        let process = (Process::Consumer(index), &mut consumer.node);
        self.network.transport.wake(process, (self.now, &mut self.queue), deadline);
    }

    fn apply_consumer_outputs(&mut self, index: u16) {
        let consumer = &mut self.consumers[usize::from(index)];
        let mut outputs = std::mem::take(&mut consumer.outputs);
        let place = consumer.place();
        for output in outputs.drain(..) {
            match output {
                ClientOutput::Send { conn, frame } => self.send_request(index, conn, frame),
                ClientOutput::Close { conn } => self.close_connection(index, conn),
                ClientOutput::Observe(observation) => {
                    self.emit(place, EventKind::Consumer(observation))
                }
                ClientOutput::Closed => {
                    let consumer = &mut self.consumers[usize::from(index)];
                    consumer.process = None;
                    consumer.gave_up = !consumer.closing;
                    self.close_all_connections(index);
                    self.emit(place, EventKind::ConsumerClosed);
                }
            }
        }
        self.consumers[usize::from(index)].outputs = outputs;
    }

    fn send_request(&mut self, index: u16, own: Conn, frame: Arc<RequestFrame>) {
        let consumer = &mut self.consumers[usize::from(index)];
        let (place, who) = (consumer.place(), consumer.id);
        let open = consumer.connections.iter().find(|(open, _)| *open == own);
        let conn = match open {
            Some(&(_, conn)) => conn,
            None => {
                let conn = self.network.open(Client::Consumer(who, own), own.broker);
                consumer.connections.push((own, conn));
                conn
            }
        };
        let (to, message) = (Place::Broker(own.broker), Message::Request(frame));
        self.emit(place, EventKind::Sent { to, conn, message: message.clone() });
        let (brokers, cluster, permille) = (&mut self.brokers, &self.cluster, self.race);
        let race = |soonest| brokers.node_mut(own.broker).race(cluster, soonest, permille);
        let outcome =
            self.network.send_up((self.now, &mut self.queue), conn, message.clone(), race);
        self.note_outcome(outcome, (place, to), conn, message);
    }

    fn close_connection(&mut self, index: u16, own: Conn) {
        let connections = &mut self.consumers[usize::from(index)].connections;
        if let Some(at) = connections.iter().position(|(open, _)| *open == own) {
            let (_, conn) = connections.swap_remove(at);
            self.close(conn, Loss::ConnectionClosed);
        }
    }

    /// Closes all connections of a consumer that has closed or crashed.
    pub(super) fn close_all_connections(&mut self, index: u16) {
        for (_, conn) in std::mem::take(&mut self.consumers[usize::from(index)].connections) {
            self.close(conn, Loss::ReceiverGone);
        }
    }

    fn close(&mut self, conn: ConnectionId, why: Loss) {
        let lost = self.network.close((self.now, &mut self.queue), conn);
        self.note_lost(conn, lost, why);
    }

    /// Records the messages that were lost with a connection, in both directions.
    pub(super) fn note_lost(&mut self, conn: ConnectionId, (up, down): LostMessages, why: Loss) {
        let client = self.client_place(conn);
        let broker = Place::Broker(self.network.broker(conn));
        for message in up {
            self.emit(client, EventKind::Lost { to: broker, conn, message, why });
        }
        for message in down {
            self.emit(broker, EventKind::Lost { to: client, conn, message, why });
        }
    }

    /// The connections that a consumer has open.
    pub(super) fn connections(&self, index: u16) -> Vec<(Conn, ConnectionId)> {
        let all = self.consumers[usize::from(index)].connections.iter();
        all.filter(|(_, conn)| self.network.is_open(*conn)).copied().collect()
    }

    /// Drops the pending inputs of a process that has ended.
    pub(super) fn drop_inbox(&mut self, index: u16) {
        self.consumers[usize::from(index)].node.take_inbox();
    }
}

impl Sim {
    /// The current state of a running consumer.
    pub fn describe_consumer(&self, name: &str) -> Option<ConsumerDescription> {
        let index = *self.indices.get(name)?;
        self.consumers[usize::from(index)].process.as_ref().map(|process| process.describe())
    }

    /// The current state of a group.
    pub fn describe_group(&self, group: &GroupId) -> Option<GroupDescription> {
        self.cluster.describe(group)
    }

    /// All groups that coordinators hold.
    pub fn groups(&self) -> BTreeSet<GroupId> {
        self.cluster.groups()
    }

    /// The leader of a group's partition of the offsets log, as the controller knows it.
    pub fn coordinator(&self, group: &GroupId) -> Option<BrokerId> {
        self.cluster.leader(self.cluster.partition_of(group))
    }

    /// The group that a line means if it does not name one.
    pub fn first_group(&self) -> Option<&str> {
        self.schedule.groups.first().map(|group| group.name.as_str())
    }
}
