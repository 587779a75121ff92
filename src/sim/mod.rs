//! The simulator: a virtual clock, a network that behaves like TCP, brokers with their controller, a fleet
//! of consumers, a workload, an administrator, and faults.
//!
//! A discrete-event loop: [`Sim::step`] takes the next entry of the queue, lets the node it belongs to
//! handle it, and puts what the node wants done back into the queue. Everything that happens is pushed as
//! a typed [`Event`]; the simulator knows nothing of invariants. Same schedule, same events, byte for byte:
//! all luck comes from streams of the schedule's seed, and ties in time are broken by the order of
//! scheduling.
//!
//! | file | what it does |
//! |---|---|
//! | `schedule` | what a run does, as plain data |
//! | `queue`, `clock` | what happens next; each node's own time |
//! | `network` | connections, links, latency; cuts, clogs, drops, resets |
//! | `node` | one process: its clock, its inbox while paused |
//! | `broker`, `consumers` | hosting the state machines: what goes in, what comes out |
//! | `controller` | who leads, and when each broker learns of it |
//! | `settings` | what a script sets, and the bounds that follow from it |
//! | `faults` | carrying out the actions of a schedule |
//! | `workload` | producing records |
//! | `admin` | the administrator's requests, and what it was told |
//! | `hosted` | the simulator as the stage of programs that run on another engine |
//! | `census` | what the cluster agrees on; whether it has settled, whether the logs are drained |
//!
//! Read next: [`crate::run`], which drives a whole schedule through a simulator and judges it.

mod admin;
mod broker;
mod census;
mod clock;
mod consumers;
mod controller;
mod faults;
pub mod hosted;
mod network;
mod node;
mod queue;
pub mod schedule;
mod settings;
mod systems;
mod workload;

pub use admin::Told;
pub use census::{Described, Inquiry, Standing};
pub use faults::Impossible;
pub use systems::{MakeConsumer, MakeCoordinator, Systems};

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::cluster::{Cluster, Output};
use crate::protocol::{BrokerId, TopicName};
use crate::rng::Rng;
use crate::time::Time;
use crate::trace::{Event, Kind, Place};

use admin::Admin;
use broker::BrokerNode;
use census::Census;
use consumers::ConsumerNode;
use controller::Controller;
use faults::Broken;
use hosted::Cast;
use network::Network;
use queue::{Due, Queue};
use schedule::Schedule;
use workload::Workload;

/// How many entries of one instant a run may work through before it is taken for an endless loop.
const LIVELOCK: u32 = 20_000_000;

/// A simulated cluster in the middle of a run.
pub struct Sim {
    now: Time,
    queue: Queue,
    network: Network,
    cluster: Cluster<'static>,
    /// By their ids.
    brokers: Vec<BrokerNode>,
    /// What a broker wants done, reused between calls.
    outputs: Vec<Output>,
    controller: Controller,
    broken: Broken,
    /// By the index of their [`crate::trace::ConsumerRef`].
    consumers: Vec<ConsumerNode>,
    indices: BTreeMap<String, u16>,
    workload: Workload,
    admin: Admin,
    census: Census,
    schedule: Rc<Schedule>,
    systems: Systems,
    steps_at_this_instant: u32,
    /// Deliveries are aimed at deadlines: until calm, if the schedule says so.
    aim: u16,
    /// What the timestamps of records count from.
    epoch: std::time::Duration,
    /// What has happened and not been taken yet.
    events: Vec<Event>,
}

impl Sim {
    /// A cluster as `schedule` describes it, before its first step, running `systems`.
    pub fn new(schedule: &Rc<Schedule>, systems: &Systems) -> Sim {
        Sim::with_cast(schedule, systems, &Cast::default())
    }

    fn with_cast(schedule: &Rc<Schedule>, systems: &Systems, cast: &Cast) -> Sim {
        let config = settings::cluster_config(schedule, cast);
        let make = Arc::clone(&systems.coordinator);
        let make = Rc::new(move |config, luck| make(config, luck));
        let cluster = Cluster::new(config, make, schedule.seed);
        let count = if cast.foreign_brokers { 0 } else { schedule.broker.count };
        let ids = (0..i32::from(count)).map(BrokerId);
        let mut sim = Sim {
            now: Time::ZERO,
            queue: Queue::default(),
            network: Network::new(schedule.seed, schedule.network.clone(), count),
            brokers: ids.map(|id| BrokerNode::new(id, schedule.seed)).collect(),
            outputs: Vec::new(),
            controller: Controller::new(schedule, &cluster, cast.outsiders),
            broken: Broken::default(),
            cluster,
            consumers: Vec::new(),
            indices: BTreeMap::new(),
            workload: Workload::new(schedule),
            admin: Admin::default(),
            census: Census::default(),
            schedule: Rc::clone(schedule),
            systems: systems.clone(),
            steps_at_this_instant: 0,
            aim: schedule.network.aim,
            epoch: cast.epoch,
            events: Vec::new(),
        };
        if sim.aim > 0 {
            sim.queue.in_any_order(Rng::stream(schedule.seed, "ties"));
        }
        if cast.foreign_brokers {
            return sim;
        }
        for topic in &schedule.topics {
            let name = TopicName(crate::protocol::str_bytes(&topic.name));
            sim.cluster.create_topic(name.clone(), topic.partitions);
            let partitions = topic.partitions;
            sim.emit(Place::Schedule, Kind::TopicCreated { topic: name, partitions });
        }
        let config = settings::coordinator_config(schedule);
        let offsets_partitions = i32::from(schedule.broker.offsets_partitions);
        let place = Place::Broker(BrokerId(0));
        sim.emit(place, Kind::CoordinatorStarted { config, offsets_partitions });
        sim.start_workload();
        sim
    }

    /// The time on the run's clock.
    pub fn now(&self) -> Time {
        self.now
    }

    /// When the next step happens; none when nothing will ever happen again.
    pub fn next_time(&self) -> Option<Time> {
        self.queue.next_time()
    }

    /// Lets the next thing happen.
    pub fn step(&mut self) {
        let Some((at, due)) = self.queue.pop() else { return };
        self.watch_for_livelock(at, due);
        // On an engine the clock may be past the entry's time.
        self.now = self.now.max(at);
        match due {
            Due::Arrive(conn) => self.arrive(conn),
            Due::Return(conn) => self.arrive_back(conn),
            Due::Disconnect(conn) => self.tell_disconnected(conn),
            Due::WakeBroker(at) => self.wake_broker(at),
            Due::WakeConsumer(index) => self.wake_consumer(index),
            Due::Produce(topic) => self.produce_on_time(topic),
            Due::Resend => self.resend(),
            Due::Notice(crashed) => self.notice_in_time(crashed),
            Due::Learn(broker) => self.learn_in_time(broker),
            Due::Look => self.look_again(),
        }
    }

    /// Moves the clock to `to` when nothing is due before.
    pub fn idle_until(&mut self, to: Time) {
        assert!(self.next_time().is_none_or(|next| next > to), "the clock would skip an event");
        self.now = self.now.max(to);
        self.steps_at_this_instant = 0;
    }

    /// What has happened since this was last called, in order.
    pub fn take_events(&mut self, into: &mut Vec<Event>) {
        match into.is_empty() {
            true => std::mem::swap(into, &mut self.events),
            false => into.append(&mut self.events),
        }
    }

    /// Records that a line of the schedule is being carried out.
    pub fn echo(&mut self, line: u32, text: &str) {
        self.emit(Place::Schedule, Kind::Script { line, text: Arc::from(text) });
    }

    /// Records something that the driver of the run has found out.
    pub fn report(&mut self, kind: Kind) {
        self.emit(Place::Schedule, kind);
    }

    fn emit(&mut self, place: Place, kind: Kind) {
        let local = match place {
            // A third-party broker has no clock that the run could know.
            Place::Broker(_) if self.brokers_are_foreign() => self.now,
            Place::Broker(at) => self.broker(at).node.clock.local(self.now),
            Place::Consumer(who) => {
                self.consumers[usize::from(who.index)].node.clock.local(self.now)
            }
            Place::Schedule
            | Place::Producer
            | Place::Admin
            | Place::Controller
            | Place::Client(_) => self.now,
        };
        self.events.push(Event { at: self.now, local, place, kind });
        if let Some(event) = self.events.last() {
            self.census.observe(event, |group| self.cluster.partition_of(group));
        }
    }

    fn watch_for_livelock(&mut self, at: Time, due: Due) {
        if at > self.now {
            self.steps_at_this_instant = 0;
        }
        self.steps_at_this_instant += 1;
        assert!(
            self.steps_at_this_instant < LIVELOCK,
            "livelock: {LIVELOCK} steps at {at} without time moving on, the last one {due:?}"
        );
    }
}

#[cfg(test)]
mod tests;
