//! Hosting consumers: responses in, what they want done out.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::cluster::ConnectionId;
use crate::consumer::{Conn, ConsumerConfig, ConsumerDescription, GroupConsumer, Input, Output};
use crate::coordinator::GroupDescription;
use crate::protocol::{BrokerId, GroupId, RequestFrame, ResponseFrame};
use crate::rng::Rng;
use crate::trace::{ConsumerRef, Kind, Loss, Message, Place};

use super::Sim;
use super::hosted::{Host, Order};
use super::network::{Client, Gone, Item};
use super::node::Node;
use super::queue::Due;

/// What waits for a consumer that does not run.
pub(super) enum Waiting {
    Response(ConnectionId, Conn, Arc<RequestFrame>, Arc<ResponseFrame>),
    Other(Input),
}

pub(super) struct ConsumerNode {
    pub(super) node: Node<Waiting>,
    pub(super) name: Arc<str>,
    pub(super) who: ConsumerRef,
    pub(super) config: Arc<ConsumerConfig>,
    /// The running process, if there is one.
    pub(super) process: Option<Box<dyn GroupConsumer>>,
    /// Gone without having been closed.
    pub(super) crashed: bool,
    /// The application has asked it to close.
    pub(super) closing: bool,
    /// It has closed by itself, after an error that no client recovers from.
    pub(super) gave_up: bool,
    /// The application has been slowed down.
    pub(super) slow: bool,
    /// The connections it has open.
    connections: Vec<(Conn, ConnectionId)>,
    outputs: Vec<Output>,
}

impl ConsumerNode {
    /// A consumer that has not run yet.
    pub(super) fn new(index: u16, name: &str, config: Arc<ConsumerConfig>) -> Self {
        ConsumerNode {
            node: Node::new(),
            name: Arc::from(name),
            who: ConsumerRef { index, incarnation: 0 },
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
        Place::Consumer(self.who)
    }
}

impl Sim {
    /// Starts a new life of a consumer.
    pub(super) fn start_consumer(&mut self, index: u16) {
        let seed = self.schedule.seed;
        let now = self.now;
        let consumer = &mut self.consumers[usize::from(index)];
        consumer.who.incarnation += 1;
        consumer.crashed = false;
        consumer.closing = false;
        consumer.gave_up = false;
        consumer.slow = false;
        consumer.node.paused = false;
        consumer.node.forget_wake();
        let luck =
            Rng::stream(seed, &format!("consumer/{}.{}", consumer.name, consumer.who.incarnation));
        let local = consumer.node.clock.local(now);
        let config = ConsumerConfig::clone(&consumer.config);
        consumer.process = Some((self.systems.consumer)(config, luck, local));
        let (name, config) = (Arc::clone(&consumer.name), Arc::clone(&consumer.config));
        self.emit(
            self.consumers[usize::from(index)].place(),
            Kind::ConsumerStarted { name, config },
        );
        self.order(Order::Start(Host::Consumer(index)));
        self.advance_consumer(index);
    }

    pub(super) fn arrive_back(&mut self, conn: ConnectionId) {
        let (request, response) = match self.network.arrive_back(conn) {
            Some(Item::Message(Message::Response { request, response })) => (request, response),
            Some(Item::Rst) => return self.tell_disconnected(conn),
            Some(Item::Fin | Item::Message(Message::Request(_))) => {
                unreachable!("only clients send these")
            }
            None => return,
        };
        match self.network.client(conn) {
            Client::Consumer(who, own) => {
                self.give(who, Waiting::Response(conn, own, request, response));
            }
            Client::Producer => self.production_answered(conn, request, response),
            Client::Admin => self.admin_answered(conn, request, response),
            Client::Stranger => unreachable!("nobody says when an answer arrives at a stranger"),
        }
    }

    pub(super) fn tell_disconnected(&mut self, conn: ConnectionId) {
        match self.network.client(conn) {
            Client::Consumer(who, own) => {
                self.give(who, Waiting::Other(Input::Disconnected { conn: own }));
            }
            Client::Producer => self.producer_disconnected(conn),
            Client::Admin => self.admin_disconnected(conn),
            Client::Stranger => {}
        }
    }

    /// Gives an input to one life of a consumer, if it is still that life's time.
    pub(super) fn give(&mut self, who: ConsumerRef, input: Waiting) {
        let consumer = &mut self.consumers[usize::from(who.index)];
        if consumer.who != who || consumer.process.is_none() {
            return;
        }
        if let Some(input) = consumer.node.receive(input) {
            self.handle_at_consumer(who.index, input);
            self.after_consumer(who.index);
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
        let inbox: VecDeque<Waiting> = consumer.node.take_inbox();
        for input in inbox {
            self.handle_at_consumer(index, input);
        }
        self.advance_consumer(index);
    }

    fn handle_at_consumer(&mut self, index: u16, input: Waiting) {
        let input = match input {
            Waiting::Response(conn, own, request, response) => {
                let place = self.consumers[usize::from(index)].place();
                let from = Place::Broker(own.broker);
                let message = Message::Response { request, response: Arc::clone(&response) };
                if !self.network.is_open(conn) {
                    // The connection went while the response waited in the inbox of a paused process.
                    let why = Loss::ConnectionClosed;
                    return self.emit(from, Kind::Lost { to: place, conn, message, why });
                }
                self.emit(place, Kind::Received { from, conn, message });
                Input::Response { conn: own, frame: response }
            }
            Waiting::Other(input) => input,
        };
        if let Input::Disconnected { conn } = &input {
            let connections = &mut self.consumers[usize::from(index)].connections;
            connections.retain(|(open, _)| open != conn);
        }
        let consumer = &mut self.consumers[usize::from(index)];
        let local = consumer.node.clock.local(self.now);
        if let Some(process) = &mut consumer.process {
            process.handle(local, input, &mut consumer.outputs);
        }
        self.carry_out_consumer(index);
    }

    pub(super) fn advance_consumer(&mut self, index: u16) {
        let consumer = &mut self.consumers[usize::from(index)];
        let local = consumer.node.clock.local(self.now);
        if let Some(process) = &mut consumer.process {
            process.advance(local, &mut consumer.outputs);
        }
        self.carry_out_consumer(index);
        self.after_consumer(index);
    }

    /// Sees to it that a consumer is woken for its next deadline.
    pub(super) fn after_consumer(&mut self, index: u16) {
        if self.is_hosted() {
            return self.order(Order::Wake(Host::Consumer(index)));
        }
        let consumer = &mut self.consumers[usize::from(index)];
        let deadline = consumer.process.as_ref().and_then(|process| process.next_deadline());
        let due = Due::WakeConsumer(index);
        consumer.node.wake_by((self.now, &mut self.queue), deadline, due);
    }

    fn carry_out_consumer(&mut self, index: u16) {
        let consumer = &mut self.consumers[usize::from(index)];
        let mut outputs = std::mem::take(&mut consumer.outputs);
        let place = consumer.place();
        for output in outputs.drain(..) {
            match output {
                Output::Send { conn, frame } => self.send_request(index, conn, frame),
                Output::Close { conn } => self.close_connection(index, conn),
                Output::Observe(what) => self.emit(place, Kind::Consumer(what)),
                Output::Closed => {
                    let consumer = &mut self.consumers[usize::from(index)];
                    consumer.process = None;
                    consumer.gave_up = !consumer.closing;
                    self.close_all_connections(index);
                    self.emit(place, Kind::ConsumerClosed);
                }
            }
        }
        self.consumers[usize::from(index)].outputs = outputs;
    }

    fn send_request(&mut self, index: u16, own: Conn, frame: Arc<RequestFrame>) {
        let consumer = &mut self.consumers[usize::from(index)];
        let (place, who) = (consumer.place(), consumer.who);
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
        self.emit(place, Kind::Sent { to, conn, message: message.clone() });
        let (brokers, cluster, permille) = (&mut self.brokers, &self.cluster, self.aim);
        let aim = |soonest| brokers[own.broker.0 as usize].aim(cluster, soonest, permille);
        let fate = self.network.send_up((self.now, &mut self.queue), conn, message.clone(), aim);
        self.note_fate(fate, (place, to), conn, message);
    }

    fn close_connection(&mut self, index: u16, own: Conn) {
        let connections = &mut self.consumers[usize::from(index)].connections;
        if let Some(at) = connections.iter().position(|(open, _)| *open == own) {
            let (_, conn) = connections.swap_remove(at);
            self.close(conn, Loss::ConnectionClosed);
        }
    }

    /// Closes everything a consumer has open, because it is closed or gone.
    pub(super) fn close_all_connections(&mut self, index: u16) {
        for (_, conn) in std::mem::take(&mut self.consumers[usize::from(index)].connections) {
            self.close(conn, Loss::ReceiverGone);
        }
    }

    fn close(&mut self, conn: ConnectionId, why: Loss) {
        let lost = self.network.close((self.now, &mut self.queue), conn);
        self.note_lost(conn, lost, why);
    }

    /// Records what a connection took along: on the way to the broker, and on the way back.
    pub(super) fn note_lost(&mut self, conn: ConnectionId, (up, down): Gone, why: Loss) {
        let client = self.client_place(conn);
        let broker = Place::Broker(self.network.broker(conn));
        for message in up {
            self.emit(client, Kind::Lost { to: broker, conn, message, why });
        }
        for message in down {
            self.emit(broker, Kind::Lost { to: client, conn, message, why });
        }
    }

    /// The connections a consumer has open.
    pub(super) fn connections(&self, index: u16) -> Vec<(Conn, ConnectionId)> {
        let all = self.consumers[usize::from(index)].connections.iter();
        all.filter(|(_, conn)| self.network.is_open(*conn)).copied().collect()
    }

    /// Forgets pending inputs of a process that is gone.
    pub(super) fn drop_inbox(&mut self, index: u16) {
        self.consumers[usize::from(index)].node.take_inbox();
    }
}

impl Sim {
    /// A look inside a running consumer.
    pub fn describe_consumer(&self, name: &str) -> Option<ConsumerDescription> {
        let index = *self.indices.get(name)?;
        self.consumers[usize::from(index)].process.as_ref().map(|process| process.describe())
    }

    /// A look inside a group.
    pub fn describe_group(&self, group: &GroupId) -> Option<GroupDescription> {
        self.cluster.describe(group)
    }

    /// The groups that coordinators have.
    pub fn groups(&self) -> BTreeSet<GroupId> {
        self.cluster.groups()
    }

    /// Who leads a group's partition of the offsets log, as the controller knows.
    pub fn coordinator(&self, group: &GroupId) -> Option<BrokerId> {
        self.cluster.leader(self.cluster.partition_of(group))
    }

    /// The group that is meant when a line does not name one.
    pub fn first_group(&self) -> Option<&str> {
        self.schedule.groups.first().map(|group| group.name.as_str())
    }
}
