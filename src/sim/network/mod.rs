//! A network that behaves like TCP, because Kafka runs on TCP.
//!
//! Messages of a connection arrive in order or not at all. A cut link swallows silently: messages
//! that are in flight or sent meanwhile wait and are retransmitted some time after the link heals,
//! unless the connection is closed first. With random loss, a message arrives after one or more
//! retransmissions. A dropped message blocks everything behind it, since TCP delivers no gaps. A
//! reset tells both ends. A close is a message too: it arrives after what was sent before it. When
//! the process at the broker's end dies, its machine sends the client an RST in the same way.
//!
//! Not modelled: handshakes (the first message opens a connection), bandwidth, duplicates (TCP has
//! none).
//!
//! | file | what it does |
//! |---|---|
//! | `connection` | the messages in flight on a connection, each way |
//! | `link` | latency, cuts and clogs between one client and one broker |
//! | `drops` | rules that swallow messages |
//! | `faults` | cuts, isolations, clogs and drops: what faults do to links |

mod connection;
mod drops;
mod faults;
mod link;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::broker::ConnectionId;
use crate::client::Conn;
use crate::protocol::{BrokerId, StrBytes, str_bytes};
use crate::time::Time;
use crate::trace::{ConsumerRef, Loss, Message};

use super::hosted::{Command, Directions, Process};
use super::queue::{Due, Queue, TieBreak};
use super::schedule::{NetworkSpec, Side};
use super::transport::{Carrier, Transport};
use connection::Connection;
pub(super) use connection::Item;
use drops::Drops;
use link::Link;

/// The client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Consumer(ConsumerRef, Conn),
    Producer,
    Admin,
    /// A client that the simulator does not run.
    External,
}

/// What became of a message that was handed to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendOutcome {
    InFlight,
    Lost(Loss),
    /// Swallowed by a drop rule that is now exhausted.
    LostToLastDrop,
}

/// The messages lost with a connection: on the way to the broker, and on the way back.
pub(super) type LostMessages = (Vec<Message>, Vec<Message>);

pub(super) struct Network {
    connections: Vec<Connection>,
    /// The links of the producer, of the administrator, and of each consumer by index: one per
    /// broker.
    links: Vec<Link>,
    /// The hosts of the producer, the administrator and each consumer, as a broker shows them.
    hosts: Vec<StrBytes>,
    drops: Drops,
    brokers: usize,
    seed: u64,
    spec: NetworkSpec,
    isolated: BTreeSet<Process>,
    pub(super) transport: Transport,
}

impl Network {
    /// A network between the clients and this many brokers of the simulator.
    pub(super) fn new(
        seed: u64,
        (spec, brokers): (NetworkSpec, usize),
        transport: Transport,
    ) -> Self {
        let mut network = Network {
            connections: Vec::new(),
            links: Vec::new(),
            hosts: ["/10.2.0.1", "/10.2.0.2"].map(str_bytes).to_vec(),
            drops: Drops::default(),
            brokers,
            seed,
            spec,
            isolated: BTreeSet::new(),
            transport,
        };
        network.add_client("producer");
        network.add_client("admin");
        network
    }

    /// Adds a consumer, with the next index, and its links.
    pub(super) fn add_consumer(&mut self, name: &str) {
        let first = self.links.len();
        let [high, low] = (self.hosts.len() as u16 - 1).to_be_bytes();
        self.hosts.push(str_bytes(&format!("/10.1.{high}.{low}")));
        self.add_client(name);
        for (number, link) in self.links[first..].iter_mut().enumerate() {
            link.loss = self.spec.loss;
            link.isolated =
                self.isolated.contains(&Process::Broker(BrokerId(number as i32))).into();
        }
    }

    fn add_client(&mut self, name: &str) {
        for broker in 0..self.brokers {
            let broker = BrokerId(broker as i32);
            self.links.push(Link::new(self.seed, name, broker, self.spec.latency.clone()));
        }
    }

    fn link_of(&self, client: usize, broker: BrokerId) -> usize {
        assert!((0..self.brokers as i32).contains(&broker.0), "there is no broker {broker}");
        client * self.brokers + broker.0 as usize
    }

    fn consumer_link(&self, consumer: u16, broker: BrokerId) -> usize {
        self.link_of(2 + usize::from(consumer), broker)
    }

    /// Opens a connection of the producer, the administrator or a consumer.
    pub(super) fn open(&mut self, client: Client, broker: BrokerId) -> ConnectionId {
        let number = match client {
            Client::Producer => 0,
            Client::Admin => 1,
            Client::Consumer(consumer, _) => 2 + usize::from(consumer.index),
            Client::External => panic!("an external client opens a connection from its own host"),
        };
        let carrier = self.transport.carrier(client, || self.link_of(number, broker));
        let conn = self.connect(client, self.hosts[number].clone(), broker, carrier);
        if let Client::Consumer(from, _) = client {
            self.transport.command(Command::Open { conn, from, to: broker });
        }
        conn
    }

    /// Opens the connection of an external client, which only an engine can have.
    pub(super) fn open_from(&mut self, host: StrBytes, broker: BrokerId) -> ConnectionId {
        self.connect(Client::External, host, broker, Carrier::Engine)
    }

    fn connect(
        &mut self,
        client: Client,
        host: StrBytes,
        broker: BrokerId,
        carrier: Carrier,
    ) -> ConnectionId {
        let conn = ConnectionId(self.connections.len() as u32);
        self.connections.push(Connection::new(client, host, broker, carrier));
        conn
    }

    /// The client's host, as the broker shows it.
    pub(super) fn host(&self, conn: ConnectionId) -> &StrBytes {
        &self.connections[conn.0 as usize].host
    }

    pub(super) fn client(&self, conn: ConnectionId) -> Client {
        self.connections[conn.0 as usize].client
    }

    pub(super) fn broker(&self, conn: ConnectionId) -> BrokerId {
        self.connections[conn.0 as usize].broker
    }

    /// Sends a request. `race` may delay its arrival.
    pub(super) fn send_up(
        &mut self,
        (now, queue): (Time, &mut Queue),
        conn: ConnectionId,
        message: Message,
        race: impl FnOnce(Time) -> Option<(Time, TieBreak)>,
    ) -> SendOutcome {
        let connection = &mut self.connections[conn.0 as usize];
        let dropped = self.drops.swallow(connection.client, message.api(), Side::Request);
        if let Some(outcome) = connection.check_send(connection.broker_open, Side::Request, dropped)
        {
            return outcome;
        }
        match connection.carrier {
            Carrier::Engine => {
                self.transport.command(Command::Request(conn, Arc::clone(message.request())));
                connection.up.push(Item::Message(message), now);
            }
            Carrier::Link(link) => {
                let soonest = now + self.links[link].up();
                let soonest = soonest.max(connection.up.not_before);
                let (at, tie_break) = race(soonest).unwrap_or((soonest, TieBreak::Normal));
                connection.up.push(Item::Message(message), at);
                queue.schedule(at, tie_break, Due::Arrive(conn));
            }
        }
        SendOutcome::InFlight
    }

    /// Sends a response.
    pub(super) fn send_down(
        &mut self,
        (now, queue): (Time, &mut Queue),
        conn: ConnectionId,
        message: Message,
    ) -> SendOutcome {
        let connection = &mut self.connections[conn.0 as usize];
        let dropped = self.drops.swallow(connection.client, message.api(), Side::Response);
        let refused = connection.check_send(connection.client_open, Side::Response, dropped);
        match (connection.carrier, refused) {
            (Carrier::Link(link), None) => {
                self.push_down((now, queue), (conn, link), Item::Message(message));
            }
            (Carrier::Engine, None) => self.carry_down(now, conn, message),
            (Carrier::Link(_), Some(outcome)) => return outcome,
            (Carrier::Engine, Some(outcome)) => {
                // The broker's end goes on with the next request all the same.
                self.transport.command(Command::Swallow(conn));
                return outcome;
            }
        }
        SendOutcome::InFlight
    }

    /// Has the engine carry a response.
    fn carry_down(&mut self, now: Time, conn: ConnectionId, message: Message) {
        let Message::Response { request, response } = &message else {
            unreachable!("brokers send responses only")
        };
        self.transport.command(Command::Response(conn, Arc::clone(request), Arc::clone(response)));
        let connection = &mut self.connections[conn.0 as usize];
        // The engine does not report when a response reaches an external client.
        if connection.client != Client::External {
            connection.down.push(Item::Message(message), now);
        }
    }

    fn push_down(
        &mut self,
        (now, queue): (Time, &mut Queue),
        (conn, link): (ConnectionId, usize),
        item: Item,
    ) {
        let connection = &mut self.connections[conn.0 as usize];
        let at = now + self.links[link].down();
        let at = at.max(connection.down.not_before);
        connection.down.push(item, at);
        queue.schedule(at, TieBreak::Normal, Due::Return(conn));
    }

    /// Takes the item that arrives at the broker now, unless the link is cut.
    pub(super) fn arrive(&mut self, conn: ConnectionId) -> Option<Item> {
        let connection = &mut self.connections[conn.0 as usize];
        let cut = cut_of(&self.links, connection.carrier).up;
        let item = connection.up.take(cut)?;
        connection.established = true;
        if matches!(item, Item::Fin) {
            connection.broker_open = false;
        }
        Some(item)
    }

    /// The item that will arrive next at the broker.
    pub(super) fn peek_up(&self, conn: ConnectionId) -> Option<&Item> {
        self.connections[conn.0 as usize].up.in_flight.front()
    }

    /// Takes the item that arrives back at the client now, unless the link is cut.
    pub(super) fn arrive_back(&mut self, conn: ConnectionId) -> Option<Item> {
        let connection = &mut self.connections[conn.0 as usize];
        let cut = cut_of(&self.links, connection.carrier).down;
        let item = connection.down.take(cut)?;
        if matches!(item, Item::Rst) {
            connection.client_open = false;
        }
        Some(item)
    }

    /// Whether a connection is open, as far as the client's machine knows.
    pub(super) fn is_open(&self, conn: ConnectionId) -> bool {
        self.connections[conn.0 as usize].client_open
    }

    /// The client closes a connection or dies. Responses in flight are lost. Its requests still
    /// arrive, and then the close. If a cut link kept the connection from being established,
    /// nothing ever arrives.
    pub(super) fn close(
        &mut self,
        (now, queue): (Time, &mut Queue),
        conn: ConnectionId,
    ) -> LostMessages {
        let connection = &mut self.connections[conn.0 as usize];
        connection.client_open = false;
        if !connection.established && connection.up.held > 0 {
            return self.reset(conn);
        }
        match connection.carrier {
            Carrier::Engine => self.transport.command(Command::Close(conn)),
            Carrier::Link(link) if connection.broker_open && !connection.up.stuck => {
                let at = now + self.links[link].up();
                let at = at.max(connection.up.not_before);
                connection.up.push(Item::Fin, at);
                queue.schedule(at, TieBreak::Normal, Due::Arrive(conn));
            }
            Carrier::Link(_) => {}
        }
        (Vec::new(), connection.down.clear())
    }

    /// Both ends lose a connection, with everything on it.
    pub(super) fn reset(&mut self, conn: ConnectionId) -> LostMessages {
        match self.connections[conn.0 as usize].carrier {
            Carrier::Engine => self.transport.command(Command::Reset(conn)),
            Carrier::Link(_) => {}
        }
        self.end(conn)
    }

    /// Both ends know that a connection is gone, with everything on it.
    pub(super) fn end(&mut self, conn: ConnectionId) -> LostMessages {
        let connection = &mut self.connections[conn.0 as usize];
        connection.client_open = false;
        connection.broker_open = false;
        (connection.up.clear(), connection.down.clear())
    }

    /// The broker's end learns that the client has closed; false if it already knew.
    pub(super) fn end_at_broker(&mut self, conn: ConnectionId) -> bool {
        let connection = &mut self.connections[conn.0 as usize];
        if connection.client == Client::External {
            connection.client_open = false;
        }
        std::mem::take(&mut connection.broker_open)
    }

    /// The process at the broker's end of a connection is gone. Requests in flight are lost.
    /// Responses in flight still arrive, and then an RST.
    pub(super) fn reset_by_broker(
        &mut self,
        (now, queue): (Time, &mut Queue),
        conn: ConnectionId,
    ) -> Vec<Message> {
        let connection = &mut self.connections[conn.0 as usize];
        connection.broker_open = false;
        let lost = connection.up.clear();
        match connection.carrier {
            // The machine itself closes the connection.
            Carrier::Engine => {}
            Carrier::Link(link) if connection.client_open => {
                self.push_down((now, queue), (conn, link), Item::Rst);
            }
            Carrier::Link(_) => {}
        }
        lost
    }

    /// The connections that a broker has open.
    pub(super) fn open_at(&self, broker: BrokerId) -> Vec<ConnectionId> {
        let numbered = self.connections.iter().enumerate();
        numbered
            .filter(|(_, connection)| connection.broker == broker && connection.broker_open)
            .map(|(number, _)| ConnectionId(number as u32))
            .collect()
    }
}

/// The directions in which nothing passes that this network carries. An engine cuts its own links.
fn cut_of(links: &[Link], carrier: Carrier) -> Directions {
    match carrier {
        Carrier::Link(link) => links[link].cut(),
        Carrier::Engine => Directions { up: false, down: false },
    }
}

#[cfg(test)]
mod tests;
