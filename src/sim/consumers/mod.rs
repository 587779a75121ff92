//! Runs the consumers: feeds them responses and carries out their outputs. `node` has their state.

mod node;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::broker::ConnectionId;
use crate::client::{ClientInput, ClientOutput, Conn, ConsumerConfig, ConsumerDescription};
use crate::coordinator::GroupDescription;
use crate::protocol::{BrokerId, GroupId, RequestFrame};
use crate::rng::Rng;
use crate::trace::{ConsumerRef, EventKind, Loss, Message, Place};

use super::Sim;
use super::hosted::{Command, Process};
use super::network::{Client, Item, LostMessages};

pub(super) use node::{ConsumerInput, Consumers};

impl Sim {
    /// Starts a new incarnation of a consumer.
    pub(super) fn start_consumer(&mut self, index: u16) {
        let (seed, make) = (self.schedule.seed, &self.systems.consumer);
        let consumer = &mut self.consumers[usize::from(index)];
        consumer.start(self.now, |consumer, local| {
            let stream = format!("consumer/{}.{}", consumer.name, consumer.id.incarnation);
            make(ConsumerConfig::clone(&consumer.config), Rng::stream(seed, &stream), local)
        });
        let place = consumer.place();
        let (name, config) = (Arc::clone(&consumer.name), Arc::clone(&consumer.config));
        self.emit(place, EventKind::ConsumerStarted { name, config });
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
        for input in consumer.take_inbox() {
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
        let consumer = &mut self.consumers[usize::from(index)];
        if let ClientInput::Disconnected { conn } = &input {
            consumer.disconnected(*conn);
        }
        let outputs = consumer.handle(self.now, input);
        self.apply_consumer_outputs(index, outputs);
    }

    pub(super) fn advance_consumer(&mut self, index: u16) {
        let outputs = self.consumers[usize::from(index)].advance(self.now);
        self.apply_consumer_outputs(index, outputs);
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

    fn apply_consumer_outputs(&mut self, index: u16, mut outputs: Vec<ClientOutput>) {
        let place = self.consumers[usize::from(index)].place();
        for output in outputs.drain(..) {
            match output {
                ClientOutput::Send { conn, frame } => self.send_request(index, conn, frame),
                ClientOutput::Close { conn } => self.close_connection(index, conn),
                ClientOutput::Observe(observation) => {
                    self.emit(place, EventKind::Consumer(observation))
                }
                ClientOutput::Closed => {
                    self.consumers[usize::from(index)].has_closed();
                    self.close_all_connections(index);
                    self.emit(place, EventKind::ConsumerClosed);
                }
            }
        }
        self.consumers[usize::from(index)].reuse(outputs);
    }

    fn send_request(&mut self, index: u16, own: Conn, frame: Arc<RequestFrame>) {
        let consumer = &mut self.consumers[usize::from(index)];
        let (place, who) = (consumer.place(), consumer.id);
        let conn = consumer.connection(own).unwrap_or_else(|| {
            let conn = self.network.open(Client::Consumer(who, own), own.broker);
            consumer.connected(own, conn);
            conn
        });
        let (to, message) = (Place::Broker(own.broker), Message::Request(frame));
        self.emit(place, EventKind::Sent { to, conn, message: message.clone() });
        let (brokers, cluster, permille) = (&mut self.brokers, &self.cluster, self.race);
        let race = |soonest| brokers.node_mut(own.broker).race(cluster, soonest, permille);
        let outcome =
            self.network.send_up((self.now, &mut self.queue), conn, message.clone(), race);
        self.note_outcome(outcome, (place, to), conn, message);
    }

    fn close_connection(&mut self, index: u16, own: Conn) {
        if let Some(conn) = self.consumers[usize::from(index)].take_connection(own) {
            self.close(conn, Loss::ConnectionClosed);
        }
    }

    /// Closes all connections of a consumer that has closed or crashed.
    pub(super) fn close_all_connections(&mut self, index: u16) {
        for (_, conn) in self.consumers[usize::from(index)].take_connections() {
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
        let all = self.consumers[usize::from(index)].connections();
        all.filter(|(_, conn)| self.network.is_open(*conn)).collect()
    }
}

impl Sim {
    /// The current state of a running consumer.
    pub fn describe_consumer(&self, name: &str) -> Option<ConsumerDescription> {
        let index = self.consumers.find(name)?;
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
