//! A network that behaves like TCP, because Kafka runs on it.
//!
//! Messages of a connection arrive in order or not at all. A cut link swallows silently: what is under
//! way or sent meanwhile waits, and is retransmitted some time after the heal, unless the connection was
//! given up first. Where messages are lost by luck, they arrive after one or more retransmissions. A dropped message takes everything behind it along, since TCP would not deliver a gap.
//! A reset tells both ends. Closing is a message too: it arrives after what was sent before it. So is the
//! news that the process at the other end is gone, which a client gets from the machine it ran on.
//!
//! Not modelled: a handshake (the first message opens a connection), bandwidth, duplication (TCP has none).
//!
//! | file | what it does |
//! |---|---|
//! | `connection` | what is under way on a connection, each way |
//! | `link` | latency, cuts and clogs between one client and one broker |
//! | `drops` | rules that swallow messages |

mod connection;
mod drops;
mod link;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::ConnectionId;
use crate::consumer::Conn;
use crate::protocol::{Api, BrokerId, StrBytes, str_bytes};
use crate::time::Time;
use crate::trace::{ConsumerRef, Loss, Message};

use super::hosted::{self as order, Directions, Host, Order};
use super::queue::{Due, Queue, Turn};
use super::schedule::{NetworkSpec, Side};
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
    /// Somebody that the simulator does not run.
    Stranger,
}

/// What became of a message handed to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    UnderWay,
    Lost(Loss),
    /// Swallowed by a drop rule that is used up now.
    LostToLastDrop,
}

/// The messages that a connection took along: on the way to the broker, and on the way back.
pub(super) type Gone = (Vec<Message>, Vec<Message>);

/// No link that the simulator knows.
const NO_LINK: usize = usize::MAX;

pub(super) struct Network {
    connections: Vec<Connection>,
    /// The links of the producer, of the administrator, and of each consumer by index: one for each broker.
    links: Vec<Link>,
    /// Where the producer, the administrator and each consumer is, as a broker shows it.
    hosts: Vec<StrBytes>,
    drops: Drops,
    brokers: usize,
    seed: u64,
    spec: NetworkSpec,
    isolated: BTreeSet<Host>,
    /// What is wanted of the engine that carries what consumers and brokers say to each other; none when
    /// this network carries everything itself.
    pub(super) orders: Option<Vec<Order>>,
}

impl Network {
    pub(super) fn new(seed: u64, spec: NetworkSpec, brokers: u8) -> Self {
        let mut network = Network {
            connections: Vec::new(),
            links: Vec::new(),
            hosts: ["/10.2.0.1", "/10.2.0.2"].map(str_bytes).to_vec(),
            drops: Drops::default(),
            brokers: usize::from(brokers),
            seed,
            spec,
            isolated: BTreeSet::new(),
            orders: None,
        };
        network.add_client("producer");
        network.add_client("admin");
        network
    }

    /// A new consumer, with the next index, and its links.
    pub(super) fn add_consumer(&mut self, name: &str) {
        let first = self.links.len();
        let [high, low] = (self.hosts.len() as u16 - 1).to_be_bytes();
        self.hosts.push(str_bytes(&format!("/10.1.{high}.{low}")));
        self.add_client(name);
        for (number, link) in self.links[first..].iter_mut().enumerate() {
            link.loss = self.spec.loss;
            link.isolated = self.isolated.contains(&Host::Broker(BrokerId(number as i32))).into();
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

    pub(super) fn open(&mut self, client: Client, broker: BrokerId) -> ConnectionId {
        let link = match client {
            // The brokers are somebody else's, and so is the network.
            _ if self.brokers == 0 => NO_LINK,
            Client::Producer => self.link_of(0, broker),
            Client::Admin => self.link_of(1, broker),
            Client::Consumer(who, _) => self.consumer_link(who.index, broker),
            Client::Stranger => NO_LINK,
        };
        let host = match client {
            Client::Producer => self.hosts[0].clone(),
            Client::Admin => self.hosts[1].clone(),
            Client::Consumer(who, _) => self.hosts[2 + usize::from(who.index)].clone(),
            Client::Stranger => StrBytes::default(),
        };
        let conn = ConnectionId(self.connections.len() as u32);
        self.connections.push(Connection::new(client, host, broker, link));
        if let (Client::Consumer(from, _), Some(orders)) = (client, &mut self.orders) {
            orders.push(Order::Open { conn, from, to: broker });
        }
        conn
    }

    /// The same for somebody that the simulator does not run.
    pub(super) fn open_from(&mut self, host: StrBytes, broker: BrokerId) -> ConnectionId {
        let conn = self.open(Client::Stranger, broker);
        self.connections[conn.0 as usize].host = host;
        conn
    }

    /// Where the client is, as the broker shows it.
    pub(super) fn host(&self, conn: ConnectionId) -> &StrBytes {
        &self.connections[conn.0 as usize].host
    }

    pub(super) fn client(&self, conn: ConnectionId) -> Client {
        self.connections[conn.0 as usize].client
    }

    pub(super) fn broker(&self, conn: ConnectionId) -> BrokerId {
        self.connections[conn.0 as usize].broker
    }

    /// The orders, if an engine carries the messages of this connection.
    fn carried(&mut self, conn: ConnectionId) -> Option<&mut Vec<Order>> {
        let client = self.connections[conn.0 as usize].client;
        let carried = matches!(client, Client::Consumer(..) | Client::Stranger);
        self.orders.as_mut().filter(|_| carried)
    }

    /// Sends a request; `aim` may move its arrival to a later time.
    pub(super) fn send_up(
        &mut self,
        (now, queue): (Time, &mut Queue),
        conn: ConnectionId,
        message: Message,
        aim: impl FnOnce(Time) -> Option<(Time, Turn)>,
    ) -> Fate {
        let connection = &mut self.connections[conn.0 as usize];
        let dropped = self.drops.swallow(connection.client, message.api(), Side::Request);
        if let Some(fate) = connection.refuse(connection.broker_open, Side::Request, dropped) {
            return fate;
        }
        if let Some(orders) = self.carried(conn) {
            orders.push(Order::Request(conn, Arc::clone(message.request())));
            self.connections[conn.0 as usize].up.push(Item::Message(message), now);
            return Fate::UnderWay;
        }
        let connection = &mut self.connections[conn.0 as usize];
        let soonest = now + self.links[connection.link].up();
        let soonest = soonest.max(connection.up.not_before);
        let (at, turn) = aim(soonest).unwrap_or((soonest, Turn::Normal));
        connection.up.push(Item::Message(message), at);
        queue.schedule(at, turn, Due::Arrive(conn));
        Fate::UnderWay
    }

    /// Sends a response.
    pub(super) fn send_down(
        &mut self,
        (now, queue): (Time, &mut Queue),
        conn: ConnectionId,
        message: Message,
    ) -> Fate {
        let connection = &mut self.connections[conn.0 as usize];
        let dropped = self.drops.swallow(connection.client, message.api(), Side::Response);
        if let Some(fate) = connection.refuse(connection.client_open, Side::Response, dropped) {
            // The broker's end goes on with the next request all the same.
            if let Some(orders) = self.carried(conn) {
                orders.push(Order::Swallow(conn));
            }
            return fate;
        }
        if let (Some(orders), Message::Response { request, response }) =
            (self.carried(conn), &message)
        {
            orders.push(Order::Response(conn, Arc::clone(request), Arc::clone(response)));
            let connection = &mut self.connections[conn.0 as usize];
            // Nobody says when an answer has arrived at a stranger.
            if connection.client != Client::Stranger {
                connection.down.push(Item::Message(message), now);
            }
            return Fate::UnderWay;
        }
        self.push_down((now, queue), conn, Item::Message(message));
        Fate::UnderWay
    }

    fn push_down(&mut self, (now, queue): (Time, &mut Queue), conn: ConnectionId, item: Item) {
        let connection = &mut self.connections[conn.0 as usize];
        let at = now + self.links[connection.link].down();
        let at = at.max(connection.down.not_before);
        connection.down.push(item, at);
        queue.schedule(at, Turn::Normal, Due::Return(conn));
    }

    /// What arrives at the broker now, if the link lets it.
    pub(super) fn arrive(&mut self, conn: ConnectionId) -> Option<Item> {
        let connection = &mut self.connections[conn.0 as usize];
        let cut = self.orders.is_none() && self.links[connection.link].cut().up;
        let item = connection.up.take(cut)?;
        connection.established = true;
        if matches!(item, Item::Fin) {
            connection.broker_open = false;
        }
        Some(item)
    }

    /// What will arrive next at the broker.
    pub(super) fn next_up(&self, conn: ConnectionId) -> Option<&Item> {
        self.connections[conn.0 as usize].up.under_way.front()
    }

    /// What arrives back at the client now, if the link lets it.
    pub(super) fn arrive_back(&mut self, conn: ConnectionId) -> Option<Item> {
        let connection = &mut self.connections[conn.0 as usize];
        let cut = self.orders.is_none() && self.links[connection.link].cut().down;
        let item = connection.down.take(cut)?;
        if matches!(item, Item::Rst) {
            connection.client_open = false;
        }
        Some(item)
    }

    /// Whether the client has a connection open, as far as its machine knows.
    pub(super) fn is_open(&self, conn: ConnectionId) -> bool {
        self.connections[conn.0 as usize].client_open
    }

    /// The client closes a connection, or dies: what is on its way back is lost, what it has sent still
    /// arrives, and then the news. But on a connection that a cut link kept from being established,
    /// nothing ever arrives.
    pub(super) fn close(&mut self, (now, queue): (Time, &mut Queue), conn: ConnectionId) -> Gone {
        let connection = &mut self.connections[conn.0 as usize];
        connection.client_open = false;
        if !connection.established && connection.up.held > 0 {
            return self.reset(conn);
        }
        if let Some(orders) = self.carried(conn) {
            orders.push(Order::Close(conn));
            return (Vec::new(), self.connections[conn.0 as usize].down.clear());
        }
        let connection = &mut self.connections[conn.0 as usize];
        if connection.broker_open && !connection.up.stuck {
            let at = now + self.links[connection.link].up();
            let at = at.max(connection.up.not_before);
            connection.up.push(Item::Fin, at);
            queue.schedule(at, Turn::Normal, Due::Arrive(conn));
        }
        (Vec::new(), connection.down.clear())
    }

    /// Both ends lose a connection, with everything on it.
    pub(super) fn reset(&mut self, conn: ConnectionId) -> Gone {
        if let Some(orders) = self.carried(conn) {
            orders.push(Order::Reset(conn));
        }
        self.end(conn)
    }

    /// Both ends know that a connection is gone, with everything on it.
    pub(super) fn end(&mut self, conn: ConnectionId) -> Gone {
        let connection = &mut self.connections[conn.0 as usize];
        connection.client_open = false;
        connection.broker_open = false;
        (connection.up.clear(), connection.down.clear())
    }

    /// The broker's end knows that the client has closed; false if it knew.
    pub(super) fn end_at_broker(&mut self, conn: ConnectionId) -> bool {
        let connection = &mut self.connections[conn.0 as usize];
        if connection.client == Client::Stranger {
            connection.client_open = false;
        }
        std::mem::take(&mut connection.broker_open)
    }

    /// The process at the broker's end of a connection is gone: what is on the way to it is lost, what has
    /// left it still arrives, and then the news.
    pub(super) fn hang_up(
        &mut self,
        (now, queue): (Time, &mut Queue),
        conn: ConnectionId,
    ) -> Vec<Message> {
        let connection = &mut self.connections[conn.0 as usize];
        connection.broker_open = false;
        let lost = connection.up.clear();
        // On an engine the machine itself hangs up.
        if self.carried(conn).is_none() && self.is_open(conn) {
            self.push_down((now, queue), conn, Item::Rst);
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

    pub(super) fn cut(&mut self, consumer: u16, broker: BrokerId, up: bool, down: bool) {
        let link = self.consumer_link(consumer, broker);
        let partitioned = &mut self.links[link].partitioned;
        partitioned.up |= up;
        partitioned.down |= down;
        if let Some(orders) = &mut self.orders {
            orders.push(Order::Cut(order::Link { consumer, broker }, Directions { up, down }));
        }
    }

    /// Whether anything is cut between a consumer and a broker, by whatever it was.
    pub(super) fn is_cut(&self, consumer: u16, broker: BrokerId) -> bool {
        let Directions { up, down } = self.links[self.consumer_link(consumer, broker)].cut();
        up || down
    }

    /// Whether their link was partitioned.
    pub(super) fn is_partitioned(&self, consumer: u16, broker: BrokerId) -> bool {
        let Directions { up, down } = self.links[self.consumer_link(consumer, broker)].partitioned;
        up || down
    }

    /// Heals a link; what waited at the cut arrives when TCP sends it again.
    pub(super) fn heal(
        &mut self,
        (now, queue): (Time, &mut Queue),
        consumer: u16,
        broker: BrokerId,
    ) {
        let healed = self.consumer_link(consumer, broker);
        if let Some(orders) = &mut self.orders {
            orders.push(Order::Heal(order::Link { consumer, broker }));
        }
        self.links[healed].partitioned = Directions { up: false, down: false };
        self.send_again((now, queue), healed);
    }

    /// Cuts all links of a node; false when they are.
    pub(super) fn isolate(&mut self, node: Host) -> bool {
        if !self.isolated.insert(node) {
            return false;
        }
        for link in self.links_of(node) {
            self.links[link].isolated += 1;
        }
        if let Some(orders) = &mut self.orders {
            orders.push(Order::Isolate(node));
        }
        true
    }

    /// Ends that; false when there was nothing to end.
    pub(super) fn reconnect(&mut self, (now, queue): (Time, &mut Queue), node: Host) -> bool {
        if !self.isolated.remove(&node) {
            return false;
        }
        for link in self.links_of(node) {
            self.links[link].isolated -= 1;
            self.send_again((now, queue), link);
        }
        if let Some(orders) = &mut self.orders {
            orders.push(Order::Reconnect(node));
        }
        true
    }

    fn links_of(&self, node: Host) -> Vec<usize> {
        match node {
            Host::Consumer(index) => {
                let first = self.consumer_link(index, BrokerId(0));
                (first..first + self.brokers).collect()
            }
            Host::Broker(broker) => {
                let first = self.consumer_link(0, broker);
                (first..self.links.len()).step_by(self.brokers).collect()
            }
        }
    }

    /// What waited at a cut sets out again, where it may pass now.
    fn send_again(&mut self, (now, queue): (Time, &mut Queue), over: usize) {
        let link = &mut self.links[over];
        let cut = link.cut();
        for (number, connection) in self.connections.iter_mut().enumerate() {
            if connection.link != over {
                continue;
            }
            let conn = ConnectionId(number as u32);
            let luck = &mut link.retransmit_luck;
            if !cut.up {
                connection.up.retransmit(now, luck, |at| {
                    queue.schedule(at, Turn::Normal, Due::Arrive(conn));
                });
            }
            if !cut.down {
                connection.down.retransmit(now, luck, |at| {
                    queue.schedule(at, Turn::Normal, Due::Return(conn));
                });
            }
        }
    }

    /// From now on nothing is lost by luck.
    pub(super) fn stop_loss(&mut self) {
        if std::mem::take(&mut self.spec.loss) == 0 {
            return;
        }
        self.links.iter_mut().for_each(|link| link.loss = 0);
        if let Some(orders) = &mut self.orders {
            orders.push(Order::StopLoss);
        }
    }

    /// Everything on the link takes this much longer from now on.
    pub(super) fn clog(&mut self, consumer: u16, broker: BrokerId, by: Duration) {
        let link = self.consumer_link(consumer, broker);
        self.links[link].clog = by;
        if let Some(orders) = &mut self.orders {
            orders.push(Order::Clog(order::Link { consumer, broker }, by));
        }
    }

    pub(super) fn is_clogged(&self, consumer: u16, broker: BrokerId) -> bool {
        !self.links[self.consumer_link(consumer, broker)].clog.is_zero()
    }

    /// Arms a drop rule for the messages of a consumer, whichever broker is at the other end: counted from
    /// now, those from the `nth` on are swallowed, `count` of them.
    pub(super) fn drop_messages(
        &mut self,
        consumer: u16,
        api: Api,
        side: Side,
        (nth, count): (u32, u32),
    ) {
        self.drops.arm(consumer, api, side, (nth, count));
    }

    /// Disarms all drop rules: which consumers had one.
    pub(super) fn stop_drops(&mut self) -> Vec<u16> {
        self.drops.disarm()
    }
}

#[cfg(test)]
mod tests;
