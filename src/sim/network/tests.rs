use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use super::{Client, Fate, Item, Network};
use crate::cluster::ConnectionId;
use crate::consumer::{Conn, Purpose};
use crate::protocol::{Api, BrokerId, RequestFrame, ResponseFrame, str_bytes};
use crate::sim::hosted::Host;
use crate::sim::queue::{Due, Queue};
use crate::sim::schedule::{NetworkSpec, Side};
use crate::time::Time;
use crate::trace::{ConsumerRef, Loss, Message};

const B0: BrokerId = BrokerId(0);
const B1: BrokerId = BrokerId(1);

struct World {
    now: Time,
    queue: Queue,
    network: Network,
}

/// What a step of the queue came to.
#[derive(Debug, PartialEq)]
enum Seen {
    Request,
    Response,
    Fin,
    Rst,
    Nothing,
}

impl World {
    fn new() -> World {
        let latency = Duration::from_millis(1)..=Duration::from_millis(5);
        let mut network = Network::new(7, NetworkSpec { latency, ..NetworkSpec::default() }, 2);
        network.add_consumer("c1");
        World { now: Time::ZERO, queue: Queue::default(), network }
    }

    fn open(&mut self, broker: BrokerId) -> ConnectionId {
        let who = ConsumerRef { index: 0, incarnation: 1 };
        let own = Conn { purpose: Purpose::Coordinator, number: 0, broker };
        self.network.open(Client::Consumer(who, own), broker)
    }

    fn send(&mut self, conn: ConnectionId) -> Fate {
        let time = (self.now, &mut self.queue);
        self.network.send_up(time, conn, Message::Request(request()), |_| None)
    }

    fn answer(&mut self, conn: ConnectionId) -> Fate {
        let response = ResponseFrame { correlation: 0, body: HeartbeatResponse::default().into() };
        let message = Message::Response { request: request(), response: Arc::new(response) };
        self.network.send_down((self.now, &mut self.queue), conn, message)
    }

    fn hang_up(&mut self, conn: ConnectionId) -> usize {
        self.network.hang_up((self.now, &mut self.queue), conn).len()
    }

    fn step(&mut self) -> Option<Seen> {
        let (at, due) = self.queue.pop()?;
        self.now = at;
        let item = match due {
            Due::Arrive(conn) => self.network.arrive(conn),
            Due::Return(conn) => self.network.arrive_back(conn),
            other => panic!("the network does not schedule {other:?}"),
        };
        Some(match item {
            Some(Item::Message(Message::Request(_))) => Seen::Request,
            Some(Item::Message(Message::Response { .. })) => Seen::Response,
            Some(Item::Fin) => Seen::Fin,
            Some(Item::Rst) => Seen::Rst,
            None => Seen::Nothing,
        })
    }

    fn steps(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.step()).collect()
    }
}

fn request() -> Arc<RequestFrame> {
    Arc::new(RequestFrame {
        correlation: 0,
        version: 4,
        client_id: str_bytes("c1"),
        body: HeartbeatRequest::default().into(),
    })
}

#[test]
fn what_a_broker_sent_before_it_died_arrives_before_the_news_of_its_death() {
    let mut world = World::new();
    let conn = world.open(B0);
    world.send(conn);
    assert_eq!(world.step(), Some(Seen::Request));
    assert_eq!(world.answer(conn), Fate::UnderWay);
    assert_eq!(world.send(conn), Fate::UnderWay);
    assert_eq!(world.hang_up(conn), 1, "the second request is lost");
    assert_eq!(world.send(conn), Fate::Lost(Loss::ConnectionClosed));
    assert!(world.network.is_open(conn), "its client does not know yet");
    let seen = world.steps();
    let told: Vec<&Seen> = seen.iter().filter(|seen| **seen != Seen::Nothing).collect();
    assert_eq!(told, [&Seen::Response, &Seen::Rst]);
    assert!(!world.network.is_open(conn));
}

#[test]
fn a_client_that_has_closed_is_not_told() {
    let mut world = World::new();
    let conn = world.open(B0);
    world.send(conn);
    assert_eq!(world.step(), Some(Seen::Request));
    let lost = world.network.close((world.now, &mut world.queue), conn);
    assert!(lost.0.is_empty() && lost.1.is_empty());
    world.hang_up(conn);
    assert_eq!(world.steps(), [Seen::Nothing], "neither a FIN nor a RST arrives");
}

#[test]
fn a_cut_link_keeps_the_news_of_a_death_back_until_it_heals() {
    let mut world = World::new();
    let conn = world.open(B0);
    world.send(conn);
    assert_eq!(world.step(), Some(Seen::Request));
    world.network.cut(0, B0, false, true);
    world.hang_up(conn);
    assert_eq!(world.steps(), [Seen::Nothing]);
    world.network.heal((world.now, &mut world.queue), 0, B0);
    assert_eq!(world.steps(), [Seen::Rst]);
}

#[test]
fn each_pair_has_a_link_of_its_own() {
    let mut world = World::new();
    let (to_b0, to_b1) = (world.open(B0), world.open(B1));
    world.network.cut(0, B1, true, true);
    world.network.clog(0, B1, Duration::from_secs(1));
    assert!(world.network.is_cut(0, B1) && !world.network.is_cut(0, B0));
    world.send(to_b0);
    assert_eq!(world.steps(), [Seen::Request]);
    world.send(to_b1);
    assert_eq!(world.steps(), [Seen::Nothing]);
    world.network.heal((world.now, &mut world.queue), 0, B0);
    assert_eq!(world.steps(), []);
    world.network.heal((world.now, &mut world.queue), 0, B1);
    assert_eq!(world.steps(), [Seen::Request]);
}

#[test]
fn an_isolated_node_reaches_nobody_until_it_is_reconnected() {
    let mut world = World::new();
    let (to_b0, to_b1) = (world.open(B0), world.open(B1));
    assert!(world.network.isolate(Host::Consumer(0)) && !world.network.isolate(Host::Consumer(0)));
    world.network.cut(0, B1, true, false);
    world.send(to_b0);
    world.send(to_b1);
    assert_eq!(world.steps(), [Seen::Nothing, Seen::Nothing]);
    world.network.heal((world.now, &mut world.queue), 0, B0);
    assert_eq!(world.steps(), [], "a heal ends no isolation");
    assert!(world.network.reconnect((world.now, &mut world.queue), Host::Consumer(0)));
    assert_eq!(world.steps(), [Seen::Request], "and a reconnection no partition");
    world.network.heal((world.now, &mut world.queue), 0, B1);
    assert_eq!(world.steps(), [Seen::Request]);
}

#[test]
fn whoever_comes_later_does_not_reach_an_isolated_broker_either() {
    let mut world = World::new();
    world.network.isolate(Host::Broker(B1));
    world.network.add_consumer("c2");
    assert!(world.network.is_cut(1, B1) && !world.network.is_cut(1, B0));
    world.network.reconnect((world.now, &mut world.queue), Host::Broker(B1));
    assert!(!world.network.is_cut(1, B1));
}

#[test]
fn what_is_lost_by_luck_arrives_after_a_retransmission() {
    let spec = NetworkSpec { loss: 500, ..NetworkSpec::default() };
    let mut network = Network::new(7, spec, 2);
    network.add_consumer("c1");
    let mut world = World { now: Time::ZERO, queue: Queue::default(), network };
    let late = |world: &mut World| {
        (0..100)
            .filter(|_| {
                let (conn, sent) = (world.open(B0), world.now);
                world.send(conn);
                assert_eq!(world.steps(), [Seen::Request]);
                world.now.since(sent) >= Duration::from_millis(200)
            })
            .count()
    };
    assert!((30..70).contains(&late(&mut world)));
    world.network.stop_loss();
    assert_eq!(late(&mut world), 0);
}

#[test]
fn a_drop_rule_counts_messages_to_any_broker() {
    let mut world = World::new();
    let (to_b0, to_b1) = (world.open(B0), world.open(B1));
    world.network.drop_messages(0, Api::Heartbeat, Side::Request, (2, 1));
    assert_eq!(world.send(to_b0), Fate::UnderWay);
    assert_eq!(world.send(to_b1), Fate::LostToLastDrop);
    assert_eq!(world.send(to_b0), Fate::UnderWay);
    assert_eq!(world.send(to_b1), Fate::Lost(Loss::BehindDropped));
}

#[test]
fn another_broker_does_not_change_the_luck_of_the_links_to_the_first() {
    let arrivals = |brokers| {
        let latency = Duration::from_millis(1)..=Duration::from_secs(5);
        let mut network =
            Network::new(7, NetworkSpec { latency, ..NetworkSpec::default() }, brokers);
        network.add_consumer("c1");
        let mut world = World { now: Time::ZERO, queue: Queue::default(), network };
        let conn = world.open(B0);
        (0..5)
            .map(|_| {
                world.send(conn);
                world.step();
                world.now
            })
            .collect::<Vec<Time>>()
    };
    assert_eq!(arrivals(1), arrivals(3));
}
