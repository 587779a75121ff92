//! A network that behaves like TCP, because Kafka runs on it.
//!
//! Messages of a connection arrive in order or not at all. A cut link swallows silently: what is under
//! way or sent meanwhile waits, and is retransmitted some time after the heal, unless the connection was
//! given up first. A dropped message takes everything behind it along, since TCP would not deliver a gap.
//! A reset tells both ends. Closing is a message too: it arrives after what was sent before it.
//!
//! Not modelled: a handshake (the first message opens a connection), bandwidth, duplication (TCP has none).

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::cluster::ConnectionId;
use crate::consumer::Conn;
use crate::protocol::Api;
use crate::rng::Rng;
use crate::time::Time;
use crate::trace::{ConsumerRef, Loss, Message};

use super::queue::{Due, Queue, Turn};
use super::schedule::Side;

/// The client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Consumer(ConsumerRef, Conn),
    Producer,
}

/// What travels to a broker.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Message(Message),
    /// The client has closed the connection.
    Fin,
}

/// One direction of a connection.
#[derive(Default)]
struct Pipe {
    /// Under way, in order. There is one arrival in the queue of the run for each, but for the `held`.
    under_way: VecDeque<Item>,
    /// How many at the front have arrived at a cut link and wait for its heal.
    held: usize,
    /// Nothing may arrive before this.
    not_before: Time,
    /// A message was swallowed: nothing behind it can arrive.
    stuck: bool,
}

struct Connection {
    client: Client,
    up: Pipe,
    down: Pipe,
    /// The client has it open.
    client_open: bool,
    /// The broker has it open.
    broker_open: bool,
    /// Something has arrived on it, so that the two ends know each other.
    established: bool,
}

/// The link between one client and the broker.
struct Link {
    latency: RangeInclusive<Duration>,
    up_luck: Rng,
    down_luck: Rng,
    retransmit_luck: Rng,
    cut_up: bool,
    cut_down: bool,
    clog: Duration,
}

/// A fault that swallows messages.
#[derive(Clone, Debug)]
struct DropRule {
    consumer: u16,
    api: Api,
    side: Side,
    /// How many to let pass first.
    pass: u32,
    /// How many to swallow.
    swallow: u32,
}

/// What became of a message handed to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    UnderWay,
    Lost(Loss),
    /// Swallowed by a drop rule that is used up now.
    LostToLastDrop,
}

pub(super) struct Network {
    connections: Vec<Connection>,
    /// The link of each consumer, by index.
    links: Vec<Link>,
    producer: Link,
    drops: Vec<DropRule>,
    seed: u64,
    latency: RangeInclusive<Duration>,
}

impl Network {
    pub(super) fn new(seed: u64, latency: RangeInclusive<Duration>) -> Self {
        Network {
            connections: Vec::new(),
            links: Vec::new(),
            producer: Link::new(seed, "producer", latency.clone()),
            drops: Vec::new(),
            seed,
            latency,
        }
    }

    /// A new consumer, with the next index, and its link.
    pub(super) fn add_consumer(&mut self, name: &str) {
        self.links.push(Link::new(self.seed, name, self.latency.clone()));
    }

    pub(super) fn open(&mut self, client: Client) -> ConnectionId {
        self.connections.push(Connection {
            client,
            up: Pipe::default(),
            down: Pipe::default(),
            client_open: true,
            broker_open: true,
            established: false,
        });
        ConnectionId(self.connections.len() as u32 - 1)
    }

    pub(super) fn client(&self, conn: ConnectionId) -> Client {
        self.connections[conn.0 as usize].client
    }

    /// Sends a request; `aim` may move its arrival to a later time.
    pub(super) fn send_up(
        &mut self,
        (now, queue): (Time, &mut Queue),
        conn: ConnectionId,
        message: Message,
        aim: impl FnOnce(Time) -> Option<(Time, Turn)>,
    ) -> Fate {
        let client = self.connections[conn.0 as usize].client;
        let dropped = self.swallow(client, message.api(), Side::Request);
        let connection = &mut self.connections[conn.0 as usize];
        if let Some(fate) = connection.refuse(connection.broker_open, Side::Request, dropped) {
            return fate;
        }
        let link = link_mut(&mut self.links, &mut self.producer, client);
        let soonest = now + link.up_luck.duration(link.latency.clone()) + link.clog;
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
        let client = self.connections[conn.0 as usize].client;
        let dropped = self.swallow(client, message.api(), Side::Response);
        let connection = &mut self.connections[conn.0 as usize];
        if let Some(fate) = connection.refuse(connection.client_open, Side::Response, dropped) {
            return fate;
        }
        let link = link_mut(&mut self.links, &mut self.producer, client);
        let at = now + link.down_luck.duration(link.latency.clone()) + link.clog;
        let at = at.max(connection.down.not_before);
        connection.down.push(Item::Message(message), at);
        queue.schedule(at, Turn::Normal, Due::Return(conn));
        Fate::UnderWay
    }

    /// What arrives at the broker now, if the link lets it.
    pub(super) fn arrive(&mut self, conn: ConnectionId) -> Option<Item> {
        let connection = &mut self.connections[conn.0 as usize];
        let link = link_mut(&mut self.links, &mut self.producer, connection.client);
        let item = connection.up.take(link.cut_up)?;
        connection.established = true;
        if matches!(item, Item::Fin) {
            connection.broker_open = false;
        }
        Some(item)
    }

    /// What arrives back at the client now, if the link lets it.
    pub(super) fn arrive_back(&mut self, conn: ConnectionId) -> Option<Message> {
        let connection = &mut self.connections[conn.0 as usize];
        let link = link_mut(&mut self.links, &mut self.producer, connection.client);
        match connection.down.take(link.cut_down)? {
            Item::Message(message) => Some(message),
            Item::Fin => unreachable!("only clients close connections"),
        }
    }

    /// The client closes a connection, or dies: what is on its way back is lost, what it has sent still
    /// arrives, and then the news. But on a connection that a cut link kept from being established,
    /// nothing ever arrives. Returns what is lost on the way to the broker, and on the way back.
    pub(super) fn close(
        &mut self,
        (now, queue): (Time, &mut Queue),
        conn: ConnectionId,
    ) -> (Vec<Message>, Vec<Message>) {
        let connection = &mut self.connections[conn.0 as usize];
        connection.client_open = false;
        if !connection.established && connection.up.held > 0 {
            return self.reset(conn);
        }
        if connection.broker_open && !connection.up.stuck {
            let link = link_mut(&mut self.links, &mut self.producer, connection.client);
            let at = now + link.up_luck.duration(link.latency.clone()) + link.clog;
            let at = at.max(connection.up.not_before);
            connection.up.push(Item::Fin, at);
            queue.schedule(at, Turn::Normal, Due::Arrive(conn));
        }
        (Vec::new(), connection.down.clear())
    }

    /// Both ends lose a connection, with everything on it: requests and responses that will not arrive.
    pub(super) fn reset(&mut self, conn: ConnectionId) -> (Vec<Message>, Vec<Message>) {
        let connection = &mut self.connections[conn.0 as usize];
        connection.client_open = false;
        connection.broker_open = false;
        (connection.up.clear(), connection.down.clear())
    }

    pub(super) fn cut(&mut self, consumer: u16, up: bool, down: bool) {
        let link = &mut self.links[usize::from(consumer)];
        link.cut_up |= up;
        link.cut_down |= down;
    }

    /// Whether anything is cut between a consumer and the broker.
    pub(super) fn is_cut(&self, consumer: u16) -> bool {
        let link = &self.links[usize::from(consumer)];
        link.cut_up || link.cut_down
    }

    /// Heals a link; what waited at the cut arrives when TCP sends it again.
    pub(super) fn heal(&mut self, (now, queue): (Time, &mut Queue), consumer: u16) {
        let link = &mut self.links[usize::from(consumer)];
        link.cut_up = false;
        link.cut_down = false;
        for (number, connection) in self.connections.iter_mut().enumerate() {
            let conn = ConnectionId(number as u32);
            match connection.client {
                Client::Consumer(place, _) if place.index == consumer => {
                    let luck = &mut link.retransmit_luck;
                    connection.up.retransmit(now, luck, |at| {
                        queue.schedule(at, Turn::Normal, Due::Arrive(conn));
                    });
                    connection.down.retransmit(now, luck, |at| {
                        queue.schedule(at, Turn::Normal, Due::Return(conn));
                    });
                }
                Client::Consumer(..) | Client::Producer => {}
            }
        }
    }

    /// Everything on the link takes this much longer from now on.
    pub(super) fn clog(&mut self, consumer: u16, by: Duration) {
        self.links[usize::from(consumer)].clog = by;
    }

    pub(super) fn is_clogged(&self, consumer: u16) -> bool {
        !self.links[usize::from(consumer)].clog.is_zero()
    }

    /// Arms a drop rule: counted from now, the messages from the `nth` on are swallowed, `count` of them.
    pub(super) fn drop_messages(
        &mut self,
        consumer: u16,
        api: Api,
        side: Side,
        (nth, count): (u32, u32),
    ) {
        self.drops.push(DropRule { consumer, api, side, pass: nth - 1, swallow: count });
    }

    /// Disarms all drop rules: which consumers had one.
    pub(super) fn stop_drops(&mut self) -> Vec<u16> {
        self.drops.drain(..).map(|rule| rule.consumer).collect()
    }

    /// Whether a drop rule swallows this message, and whether it is used up by that.
    fn swallow(&mut self, client: Client, api: Api, side: Side) -> Option<Fate> {
        let Client::Consumer(place, _) = client else { return None };
        let matches =
            |rule: &DropRule| rule.consumer == place.index && rule.api == api && rule.side == side;
        let mut fate = None;
        for rule in self.drops.iter_mut().filter(|rule| matches(rule)) {
            if rule.pass > 0 {
                rule.pass -= 1;
            } else {
                rule.swallow -= 1;
                let last = rule.swallow == 0;
                fate = Some(if last { Fate::LostToLastDrop } else { Fate::Lost(Loss::Dropped) });
                break;
            }
        }
        self.drops.retain(|rule| rule.swallow > 0);
        fate
    }
}

impl Link {
    fn new(seed: u64, name: &str, latency: RangeInclusive<Duration>) -> Link {
        Link {
            latency,
            up_luck: Rng::stream(seed, &format!("network/{name}→b0")),
            down_luck: Rng::stream(seed, &format!("network/b0→{name}")),
            retransmit_luck: Rng::stream(seed, &format!("retransmit/{name}")),
            cut_up: false,
            cut_down: false,
            clog: Duration::ZERO,
        }
    }
}

fn link_mut<'a>(links: &'a mut [Link], producer: &'a mut Link, client: Client) -> &'a mut Link {
    match client {
        Client::Consumer(place, _) => &mut links[usize::from(place.index)],
        Client::Producer => producer,
    }
}

impl Connection {
    /// Why a message cannot set out, if it cannot; a drop makes its direction stuck.
    fn refuse(&mut self, receiver_open: bool, side: Side, dropped: Option<Fate>) -> Option<Fate> {
        let sender_open = match side {
            Side::Request => self.client_open,
            Side::Response => self.broker_open,
        };
        let pipe = match side {
            Side::Request => &mut self.up,
            Side::Response => &mut self.down,
        };
        if !receiver_open || !sender_open {
            return Some(Fate::Lost(Loss::ConnectionClosed));
        }
        if pipe.stuck {
            return Some(Fate::Lost(Loss::BehindDropped));
        }
        pipe.stuck = dropped.is_some();
        dropped
    }
}

impl Pipe {
    fn push(&mut self, item: Item, at: Time) {
        self.not_before = at;
        self.under_way.push_back(item);
    }

    /// Takes the next item out, or counts it as held when the link is cut.
    fn take(&mut self, cut: bool) -> Option<Item> {
        if self.under_way.len() <= self.held {
            return None; // The connection was closed or reset, and what was on it is gone.
        }
        if cut {
            self.held += 1;
            return None;
        }
        self.under_way.pop_front()
    }

    fn clear(&mut self) -> Vec<Message> {
        self.held = 0;
        let gone = self.under_way.drain(..).filter_map(|item| match item {
            Item::Message(message) => Some(message),
            Item::Fin => None,
        });
        gone.collect()
    }

    /// What was held sets out again; TCP's timers decide when, between a fifth of a second and two.
    fn retransmit(&mut self, now: Time, luck: &mut Rng, mut schedule: impl FnMut(Time)) {
        if self.held == 0 {
            return;
        }
        let pause = luck.duration(Duration::from_millis(200)..=Duration::from_secs(2));
        let at = now + pause;
        self.not_before = self.not_before.max(at);
        for _ in 0..std::mem::take(&mut self.held) {
            schedule(at);
        }
    }
}
