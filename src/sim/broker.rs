//! Hosting the brokers: requests in, what they want done out.

use std::sync::Arc;

use crate::cluster::{Cluster, ConnectionId, Output};
use crate::protocol::{BrokerId, RequestFrame, TopicName};
use crate::rng::Rng;
use crate::time::Time;
use crate::trace::{FaultKind, Kind, Loss, Message, Place};

use super::Sim;
use super::hosted::{Host, Order};
use super::network::{Client, Fate, Item};
use super::node::Node;
use super::queue::{Due, Turn};
use super::schedule::Tail;

/// What arrives at a broker.
pub(super) enum Input {
    Request(ConnectionId, Arc<RequestFrame>),
    Closed(ConnectionId),
    Reset(ConnectionId),
    /// News from the controller.
    Decided,
    TopicDeleted(TopicName),
}

/// A crash that the controller has not noticed yet.
pub(super) struct Unnoticed {
    /// When it will.
    pub(super) until: Time,
    pub(super) tail: Tail,
}

/// One broker: its process, and what it has to do with the controller.
pub(super) struct BrokerNode {
    pub(super) id: BrokerId,
    pub(super) node: Node<Input>,
    pub(super) unnoticed: Option<Unnoticed>,
    /// Nothing that the controller decides reaches it before this.
    pub(super) unaware_until: Time,
    /// It goes on leading what another broker leads by now.
    pub(super) zombie: bool,
    /// Whether what arrived during a pause is looked at before the timers that ran out meanwhile: a race
    /// in a real broker, luck here.
    resume_luck: Rng,
    aim_luck: Rng,
}

impl BrokerNode {
    pub(super) fn new(id: BrokerId, seed: u64) -> Self {
        let luck = |purpose: &str| Rng::stream(seed, &format!("{purpose}/{id}"));
        BrokerNode {
            id,
            node: Node::new(),
            unnoticed: None,
            unaware_until: Time::ZERO,
            zombie: false,
            resume_luck: luck("resume"),
            aim_luck: luck("aim"),
        }
    }

    /// Perhaps holds a request back until just before, at or just after a deadline of the coordinator:
    /// where timers and messages race is where bugs are.
    pub(super) fn aim(
        &mut self,
        cluster: &Cluster<'static>,
        soonest: Time,
        permille: u16,
    ) -> Option<(Time, Turn)> {
        if permille == 0 || !self.aim_luck.chance(u64::from(permille)) {
            return None;
        }
        let horizon = soonest + std::time::Duration::from_secs(30);
        let clock = self.node.clock;
        let (luck, mut seen, mut chosen) = (&mut self.aim_luck, 0, None);
        cluster.deadlines(self.id, &mut |deadline| {
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

impl Sim {
    pub(super) fn broker(&self, id: BrokerId) -> &BrokerNode {
        &self.brokers[id.0 as usize]
    }

    pub(super) fn broker_mut(&mut self, id: BrokerId) -> &mut BrokerNode {
        &mut self.brokers[id.0 as usize]
    }

    /// Every broker's id.
    pub(super) fn broker_ids(&self) -> impl Iterator<Item = BrokerId> + use<> {
        (0..self.brokers.len() as i32).map(BrokerId)
    }

    pub(super) fn arrive(&mut self, conn: ConnectionId) {
        let Some(item) = self.network.arrive(conn) else { return };
        let at = self.network.broker(conn);
        if !self.cluster.is_up(at) {
            return self.refuse_connection(conn, item);
        }
        match item {
            Item::Message(message) => {
                self.tell_broker(at, Input::Request(conn, Arc::clone(message.request())));
            }
            Item::Fin => self.tell_broker(at, Input::Closed(conn)),
            Item::Rst => unreachable!("a broker that is up is not hung up on"),
        }
    }

    /// Nobody listens where this has arrived: the machine says so.
    fn refuse_connection(&mut self, conn: ConnectionId, item: Item) {
        let mut lost = match item {
            Item::Message(message) => vec![message],
            Item::Fin | Item::Rst => Vec::new(),
        };
        lost.extend(self.network.hang_up((self.now, &mut self.queue), conn));
        self.note_lost(conn, (lost, Vec::new()), Loss::ReceiverGone);
    }

    /// Gives an input to a broker that is up, now or when it runs again.
    pub(super) fn tell_broker(&mut self, at: BrokerId, input: Input) {
        if let Some(input) = self.broker_mut(at).node.receive(input) {
            self.give_to_broker(at, input);
            self.after_broker(at);
        }
    }

    pub(super) fn wake_broker(&mut self, at: BrokerId) {
        if self.brokers[at.0 as usize].node.woken(self.now) && self.cluster.is_up(at) {
            self.advance_broker(at);
            self.after_broker(at);
        }
    }

    pub(super) fn resume_broker(&mut self, at: BrokerId) {
        let broker = self.broker_mut(at);
        broker.node.paused = false;
        let timers_first = broker.resume_luck.chance(500);
        if timers_first {
            self.advance_broker(at);
        }
        for input in self.broker_mut(at).node.take_inbox() {
            self.give_to_broker(at, input);
        }
        self.advance_broker(at);
        self.after_broker(at);
    }

    fn give_to_broker(&mut self, at: BrokerId, input: Input) {
        let local = self.broker(at).node.clock.local(self.now);
        let was_told = matches!(input, Input::Decided);
        match input {
            Input::Request(conn, request) => {
                let host = self.network.host(conn).clone();
                self.cluster.handle(local, at, (conn, &host), request, &mut self.outputs);
            }
            Input::Closed(conn) => self.cluster.closed(local, at, conn, &mut self.outputs),
            Input::Reset(conn) => self.cluster.reset(at, conn),
            Input::Decided => self.cluster.learn(local, at, &mut self.outputs),
            Input::TopicDeleted(name) => {
                self.cluster.delete_topic(local, at, &name, &mut self.outputs);
            }
        }
        self.carry_out_broker(at);
        if was_told {
            self.end_zombie(at);
        }
    }

    /// A broker knows by now, or is gone: it leads nothing that another broker leads.
    pub(super) fn end_zombie(&mut self, at: BrokerId) {
        if std::mem::take(&mut self.broker_mut(at).zombie) {
            let kind = Kind::FaultEnded { fault: FaultKind::Zombie, peer: None };
            self.emit(Place::Broker(at), kind);
        }
    }

    pub(super) fn advance_broker(&mut self, at: BrokerId) {
        let local = self.broker(at).node.clock.local(self.now);
        self.cluster.advance(local, at, &mut self.outputs);
        self.carry_out_broker(at);
    }

    /// Sees to it that a broker is woken for its next deadline.
    pub(super) fn after_broker(&mut self, at: BrokerId) {
        if self.is_hosted() {
            return self.order(Order::Wake(Host::Broker(at)));
        }
        let deadline = self.cluster.next_deadline(at);
        let node = &mut self.brokers[at.0 as usize].node;
        node.wake_by((self.now, &mut self.queue), deadline, Due::WakeBroker(at));
    }

    /// Does what a broker wants done.
    pub(super) fn carry_out_broker(&mut self, at: BrokerId) {
        let mut outputs = std::mem::take(&mut self.outputs);
        let place = Place::Broker(at);
        for output in outputs.drain(..) {
            match output {
                Output::Handling { conn, request } => {
                    let from = self.client_place(conn);
                    let message = Message::Request(request);
                    self.emit(place, Kind::Received { from, conn, message });
                }
                Output::Respond { conn, request, response } => {
                    self.send_response(at, conn, Message::Response { request, response });
                }
                Output::Appended { partition, first, next } => {
                    self.emit(place, Kind::Appended { partition, first, next });
                }
                Output::Observe(what) => self.emit(place, Kind::Coordinator(what)),
                Output::Shard(shard, state) => {
                    if self.controller.is_inhabited(shard.partition) {
                        self.emit(place, Kind::Shard { shard, state });
                    }
                }
                Output::Uncommitted(shard, records) => {
                    if self.controller.is_inhabited(shard.partition) {
                        self.emit(place, Kind::Uncommitted { shard, records });
                    }
                }
            }
        }
        self.outputs = outputs;
    }

    fn send_response(&mut self, at: BrokerId, conn: ConnectionId, message: Message) {
        let (place, to) = (Place::Broker(at), self.client_place(conn));
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
            Client::Admin => Place::Admin,
            Client::Stranger => Place::Client(conn),
        }
    }

    /// Starts the process of a broker again; it knows what has been decided meanwhile.
    pub(super) fn start_broker(&mut self, at: BrokerId) {
        let local = self.broker(at).node.clock.local(self.now);
        self.order(Order::Start(Host::Broker(at)));
        self.cluster.start(local, at, &mut self.outputs);
        self.carry_out_broker(at);
        self.after_broker(at);
    }

    /// Ends the process of a broker, with what is on the way to it.
    pub(super) fn kill_broker(&mut self, at: BrokerId) {
        let inbox = self.broker_mut(at).node.take_inbox();
        self.broker_mut(at).node.forget_wake();
        self.order(Order::Kill(Host::Broker(at)));
        self.cluster.crash(at, &mut self.outputs);
        self.carry_out_broker(at);
        for input in inbox {
            if let Input::Request(conn, request) = input {
                let lost = vec![Message::Request(request)];
                self.note_lost(conn, (lost, Vec::new()), Loss::ReceiverGone);
            }
        }
        for conn in self.network.open_at(at) {
            let lost = self.network.hang_up((self.now, &mut self.queue), conn);
            self.note_lost(conn, (lost, Vec::new()), Loss::ReceiverGone);
        }
    }
}
