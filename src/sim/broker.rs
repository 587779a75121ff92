//! Hosting the broker: requests in, what it wants done out.

use std::sync::Arc;

use crate::cluster::{Broker, BrokerConfig, ConnectionId, Output};
use crate::coordinator::CoordinatorConfig;
use crate::protocol::{BrokerId, RequestFrame, TopicName};
use crate::rng::Rng;
use crate::time::Time;
use crate::trace::{Kind, Loss, Message, Place};

use super::Sim;
use super::network::{Client, Fate, Item};
use super::node::Node;
use super::queue::{Due, Turn};
use super::schedule::Schedule;
use super::systems::Systems;

/// The one broker there is.
pub(super) const BROKER: BrokerId = BrokerId(0);

/// What arrives at a broker.
pub(super) enum Input {
    Request(ConnectionId, Arc<RequestFrame>),
    Closed(ConnectionId),
    Reset(ConnectionId),
}

pub(super) struct BrokerNode {
    pub(super) node: Node<Input>,
    pub(super) broker: Broker,
    /// Whether what arrived during a pause is looked at before the timers that ran out meanwhile: a race
    /// in a real broker, luck here.
    resume_luck: Rng,
    aim_luck: Rng,
    outputs: Vec<Output>,
}

pub(super) fn coordinator_config(schedule: &Schedule) -> CoordinatorConfig {
    CoordinatorConfig {
        initial_rebalance_delay: schedule.broker.initial_delay,
        ..CoordinatorConfig::default()
    }
}

impl BrokerNode {
    pub(super) fn new(schedule: &Schedule, systems: &Systems) -> Self {
        let seed = schedule.seed;
        let luck = |purpose: &str| Rng::stream(seed, &format!("{purpose}/{BROKER}"));
        let coordinator = (systems.coordinator)(coordinator_config(schedule), luck("members"));
        let config = BrokerConfig { id: BROKER, commit_delay: schedule.broker.commit.clone() };
        BrokerNode {
            node: Node::new(),
            broker: Broker::new(config, coordinator, luck("log")),
            resume_luck: luck("resume"),
            aim_luck: luck("aim"),
            outputs: Vec::new(),
        }
    }

    pub(super) fn place(&self) -> Place {
        Place::Broker(BROKER)
    }

    pub(super) fn create_topic(&mut self, name: TopicName, partitions: i32) {
        self.broker.create_topic(name, partitions);
    }

    /// Perhaps holds a request back until just before, at or just after a deadline of the coordinator:
    /// where timers and messages race is where bugs are.
    pub(super) fn aim(&mut self, soonest: Time, permille: u16) -> Option<(Time, Turn)> {
        if permille == 0 || !self.aim_luck.chance(u64::from(permille)) {
            return None;
        }
        let horizon = soonest + std::time::Duration::from_secs(30);
        let clock = self.node.clock;
        let (luck, mut seen, mut chosen) = (&mut self.aim_luck, 0, None);
        self.broker.coordinator().deadlines(&mut |deadline| {
            let deadline = clock.when(deadline);
            if deadline > soonest && deadline < horizon {
                seen += 1;
                if luck.below(seen) == 0 {
                    chosen = Some(deadline);
                }
            }
        });
        let (deadline, micro) = (chosen?, std::time::Duration::from_micros(1));
        Some(match luck.below(4) {
            0 => (deadline - micro, Turn::Normal),
            1 => (deadline, Turn::First),
            2 => (deadline, Turn::Last),
            _ => (deadline + micro, Turn::Normal),
        })
    }
}

impl Sim<'_> {
    pub(super) fn arrive(&mut self, conn: ConnectionId) {
        let Some(item) = self.network.arrive(conn) else { return };
        let input = match item {
            Item::Message(message) => Input::Request(conn, Arc::clone(message.request())),
            Item::Fin => Input::Closed(conn),
        };
        if let Some(input) = self.broker.node.receive(input) {
            self.give_to_broker(input);
            self.after_broker();
        }
    }

    pub(super) fn wake_broker(&mut self) {
        if self.broker.node.woken(self.now) {
            self.advance_broker();
            self.after_broker();
        }
    }

    /// A connection was reset: the broker learns of it.
    pub(super) fn reset_at_broker(&mut self, conn: ConnectionId) {
        if let Some(input) = self.broker.node.receive(Input::Reset(conn)) {
            self.give_to_broker(input);
            self.after_broker();
        }
    }

    pub(super) fn resume_broker(&mut self) {
        self.broker.node.paused = false;
        let timers_first = self.broker.resume_luck.chance(500);
        if timers_first {
            self.advance_broker();
        }
        for input in self.broker.node.take_inbox() {
            self.give_to_broker(input);
        }
        self.advance_broker();
        self.after_broker();
    }

    fn give_to_broker(&mut self, input: Input) {
        let local = self.broker.node.clock.local(self.now);
        match input {
            Input::Request(conn, request) => {
                self.broker.broker.handle(local, conn, request, &mut self.broker.outputs);
            }
            Input::Closed(conn) => {
                self.broker.broker.closed(local, conn, &mut self.broker.outputs);
            }
            Input::Reset(conn) => self.broker.broker.reset(conn),
        }
        self.carry_out_broker();
    }

    fn advance_broker(&mut self) {
        let local = self.broker.node.clock.local(self.now);
        self.broker.broker.advance(local, &mut self.broker.outputs);
        self.carry_out_broker();
    }

    /// Sees to it that the broker is woken for its next deadline.
    pub(super) fn after_broker(&mut self) {
        let deadline = self.broker.broker.next_deadline();
        self.broker.node.wake_by((self.now, &mut self.queue), deadline, Due::WakeBroker);
    }

    fn carry_out_broker(&mut self) {
        let mut outputs = std::mem::take(&mut self.broker.outputs);
        let place = self.broker.place();
        for output in outputs.drain(..) {
            match output {
                Output::Handling { conn, request } => {
                    let from = self.client_place(conn);
                    let message = Message::Request(request);
                    self.emit(place, Kind::Received { from, conn, message });
                }
                Output::Respond { conn, request, response } => {
                    self.send_response(conn, Message::Response { request, response });
                }
                Output::Appended { partition, first, next } => {
                    self.emit(place, Kind::Appended { partition, first, next });
                }
                Output::Observe(what) => self.emit(place, Kind::Coordinator(what)),
            }
        }
        self.broker.outputs = outputs;
    }

    fn send_response(&mut self, conn: ConnectionId, message: Message) {
        let (place, to) = (self.broker.place(), self.client_place(conn));
        self.emit(place, Kind::Sent { to, conn, message: message.clone() });
        let fate = self.network.send_down((self.now, &mut self.queue), conn, message.clone());
        self.note_fate(fate, (place, to), conn, message);
    }

    /// Records what a message did not survive.
    pub(super) fn note_fate(
        &mut self,
        fate: Fate,
        (from, to): (Place, Place),
        conn: ConnectionId,
        message: Message,
    ) {
        match fate {
            Fate::UnderWay => {}
            Fate::Lost(why) => self.emit(from, Kind::Lost { to, conn, message, why }),
            Fate::LostToLastDrop => {
                self.emit(from, Kind::Lost { to, conn, message, why: Loss::Dropped });
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
        }
    }
}
