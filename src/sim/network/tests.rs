use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use super::{Client, Item, Network, SendOutcome};
use crate::broker::ConnectionId;
use crate::client::{Conn, Purpose};
use crate::protocol::{Api, BrokerId, RequestFrame, ResponseFrame, str_bytes};
use crate::sim::hosted::Process;
use crate::sim::queue::{Due, Queue};
use crate::sim::schedule::{NetworkSpec, Side};
use crate::sim::transport::Transport;
use crate::time::Time;
use crate::trace::{ConsumerRef, Loss, Message};

const B0: BrokerId = BrokerId(0);
const B1: BrokerId = BrokerId(1);

struct World {
    now: Time,
    queue: Queue,
    network: Network,
}

/// What a step of the queue delivered.
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
        let mut network = Network::new(
            7,
            (NetworkSpec { latency, ..NetworkSpec::default() }, 2),
            Transport::Simulated,
        );
        network.add_consumer("c1");
        World { now: Time::ZERO, queue: Queue::default(), network }
    }

    fn open(&mut self, broker: BrokerId) -> ConnectionId {
        let who = ConsumerRef { index: 0, incarnation: 1 };
        let own = Conn { purpose: Purpose::Coordinator, number: 0, broker };
        self.network.open(Client::Consumer(who, own), broker)
    }

    fn send(&mut self, conn: ConnectionId) -> SendOutcome {
        let time = (self.now, &mut self.queue);
        self.network.send_up(time, conn, Message::Request(request()), |_| None)
    }

    fn respond(&mut self, conn: ConnectionId) -> SendOutcome {
        let response = ResponseFrame { correlation: 0, body: HeartbeatResponse::default().into() };
        let message = Message::Response { request: request(), response: Arc::new(response) };
        self.network.send_down((self.now, &mut self.queue), conn, message)
    }

    fn reset_by_broker(&mut self, conn: ConnectionId) -> usize {
        self.network.reset_by_broker((self.now, &mut self.queue), conn).len()
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
fn responses_of_a_dead_broker_arrive_before_its_reset() {
    let mut world = World::new();
    let conn = world.open(B0);
    world.send(conn);
    assert_eq!(world.step(), Some(Seen::Request));
    assert_eq!(world.respond(conn), SendOutcome::InFlight);
    assert_eq!(world.send(conn), SendOutcome::InFlight);
    assert_eq!(world.reset_by_broker(conn), 1, "the second request is lost");
    assert_eq!(world.send(conn), SendOutcome::Lost(Loss::ConnectionClosed));
    assert!(world.network.is_open(conn), "the client does not know yet");
    let seen = world.steps();
    let delivered: Vec<&Seen> = seen.iter().filter(|seen| **seen != Seen::Nothing).collect();
    assert_eq!(delivered, [&Seen::Response, &Seen::Rst]);
    assert!(!world.network.is_open(conn));
}

#[test]
fn a_client_that_has_closed_gets_no_reset() {
    let mut world = World::new();
    let conn = world.open(B0);
    world.send(conn);
    assert_eq!(world.step(), Some(Seen::Request));
    let lost = world.network.close((world.now, &mut world.queue), conn);
    assert!(lost.0.is_empty() && lost.1.is_empty());
    world.reset_by_broker(conn);
    assert_eq!(world.steps(), [Seen::Nothing], "neither a FIN nor a RST arrives");
}

#[test]
fn a_cut_link_holds_the_reset_of_a_dead_broker_until_it_heals() {
    let mut world = World::new();
    let conn = world.open(B0);
    world.send(conn);
    assert_eq!(world.step(), Some(Seen::Request));
    world.network.cut(0, B0, false, true);
    world.reset_by_broker(conn);
    assert_eq!(world.steps(), [Seen::Nothing]);
    world.network.heal((world.now, &mut world.queue), 0, B0);
    assert_eq!(world.steps(), [Seen::Rst]);
}

#[test]
fn each_client_and_broker_have_a_link_of_their_own() {
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
fn an_isolated_node_reaches_no_other_until_it_is_reconnected() {
    let mut world = World::new();
    let (to_b0, to_b1) = (world.open(B0), world.open(B1));
    assert!(
        world.network.isolate(Process::Consumer(0)) && !world.network.isolate(Process::Consumer(0))
    );
    world.network.cut(0, B1, true, false);
    world.send(to_b0);
    world.send(to_b1);
    assert_eq!(world.steps(), [Seen::Nothing, Seen::Nothing]);
    world.network.heal((world.now, &mut world.queue), 0, B0);
    assert_eq!(world.steps(), [], "a heal ends no isolation");
    assert!(world.network.reconnect((world.now, &mut world.queue), Process::Consumer(0)));
    assert_eq!(world.steps(), [Seen::Request], "a reconnect ends no partition");
    world.network.heal((world.now, &mut world.queue), 0, B1);
    assert_eq!(world.steps(), [Seen::Request]);
}

#[test]
fn a_consumer_that_starts_later_does_not_reach_an_isolated_broker() {
    let mut world = World::new();
    world.network.isolate(Process::Broker(B1));
    world.network.add_consumer("c2");
    assert!(world.network.is_cut(1, B1) && !world.network.is_cut(1, B0));
    world.network.reconnect((world.now, &mut world.queue), Process::Broker(B1));
    assert!(!world.network.is_cut(1, B1));
}

#[test]
fn a_randomly_lost_message_arrives_after_a_retransmission() {
    let spec = NetworkSpec { loss: 500, ..NetworkSpec::default() };
    let mut network = Network::new(7, (spec, 2), Transport::Simulated);
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
    assert_eq!(world.send(to_b0), SendOutcome::InFlight);
    assert_eq!(world.send(to_b1), SendOutcome::LostToLastDrop);
    assert_eq!(world.send(to_b0), SendOutcome::InFlight);
    assert_eq!(world.send(to_b1), SendOutcome::Lost(Loss::BehindDropped));
}

#[test]
fn another_broker_does_not_change_the_randomness_of_links_to_the_first() {
    let arrivals = |brokers| {
        let latency = Duration::from_millis(1)..=Duration::from_secs(5);
        let mut network = Network::new(
            7,
            (NetworkSpec { latency, ..NetworkSpec::default() }, brokers),
            Transport::Simulated,
        );
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
