//! The simulator: a virtual clock, a network that behaves like TCP, brokers with their controller,
//! consumers, a workload, an administrator, and faults.
//!
//! It is a discrete-event loop. [`Sim::step`] takes the next entry from the queue, lets its node
//! handle it, and schedules the node's outputs as new entries. Everything that happens is emitted
//! as a typed [`Event`]; the simulator knows nothing of invariants, and it reads the
//! [model](crate::model) of the run only to tell whether the groups have settled. The same schedule
//! gives the same events, byte for byte: all randomness comes from streams of the schedule's seed,
//! and entries that are due at the same time run in the order of scheduling.
//!
//! | file | what it does | the state it owns |
//! |---|---|---|
//! | `schedule` | what a run does, as plain data, and which of it is legal when | |
//! | `queue`, `clock` | what happens next; each node's own time | the entries that are due |
//! | `transport` | whether the simulator or an engine carries messages and wakes processes | the commands for the engine |
//! | `network` | connections, links, latency; partitions, clogs, drops, resets | connections, links |
//! | `node` | one process: its clock, its inbox while paused | both |
//! | `broker`, `consumers` | run the state machines: inputs in, outputs out | the processes, and what became of them |
//! | `controller` | elects leaders; when each broker learns of it | what it and the brokers do not know yet |
//! | `settings` | script settings as configs, and the bounds that follow from them | |
//! | `faults` | carries out the actions of a schedule | faults of the offsets log |
//! | `workload` | produces records | requests without a response, topics |
//! | `admin` | the administrator's requests and last response | the last response |
//! | `hosted` | the simulator as the core of programs on another engine | |
//! | `settle` | whether the cluster has settled and the logs are drained | |
//!
//! Read next: [`crate::run`], which drives a whole schedule through a simulator and judges it.

mod admin;
mod broker;
mod clock;
mod consumers;
mod controller;
mod faults;
#[doc(hidden)]
pub mod hosted;
mod network;
mod node;
mod queue;
pub mod schedule;
mod settings;
mod settle;
mod systems;
mod transport;
mod workload;

#[doc(hidden)]
pub use admin::AdminResponse;
#[doc(hidden)]
pub use faults::Impossible;
#[doc(hidden)]
pub use settle::{Described, DescriptionRequest, GroupStatus};
pub use systems::{MakeConsumer, MakeCoordinator, Systems};

use std::rc::Rc;
use std::sync::Arc;

use crate::broker::{BrokerOutput, Cluster};
use crate::protocol::{BrokerId, TopicName};
use crate::rng::Rng;
use crate::time::Time;
use crate::trace::{Event, EventKind, Place};

use admin::Admin;
use broker::Brokers;
use consumers::Consumers;
use controller::Controller;
use faults::LogFaults;
use hosted::{Process, Topology};
use network::Network;
use queue::{Due, Queue};
use schedule::Schedule;
use settle::Settling;
use transport::Transport;
use workload::Workload;

/// After this many steps at the same time, a run is taken for an endless loop.
const LIVELOCK: u32 = 20_000_000;

/// A simulated cluster in the middle of a run.
#[doc(hidden)]
pub struct Sim {
    now: Time,
    queue: Queue,
    network: Network,
    cluster: Cluster<'static>,
    brokers: Brokers,
    /// The outputs of a broker, reused between calls.
    outputs: Vec<BrokerOutput>,
    controller: Controller,
    log_faults: LogFaults,
    consumers: Consumers,
    workload: Workload,
    admin: Admin,
    settling: Settling,
    schedule: Rc<Schedule>,
    systems: Systems,
    steps_at_this_instant: u32,
    /// How many of 1,000 requests are delayed to race deadlines; 0 once the run is quiesced.
    race: u16,
    /// Time zero of the run, as a time since 1970, for record timestamps.
    epoch: std::time::Duration,
    /// Events that have not been taken yet.
    events: Vec<Event>,
}

impl Sim {
    /// A cluster as `schedule` describes it, before its first step, running `systems`.
    pub fn new(schedule: &Rc<Schedule>, systems: &Systems) -> Sim {
        Sim::with_transport(schedule, systems, &Topology::default(), Transport::Simulated)
    }

    fn with_transport(
        schedule: &Rc<Schedule>,
        systems: &Systems,
        topology: &Topology,
        transport: Transport,
    ) -> Sim {
        let brokers = match topology.third_party_brokers {
            true => Brokers::ThirdParty,
            false => Brokers::simulated(schedule.broker.count, schedule.seed),
        };
        let config = settings::cluster_config(schedule, topology, &brokers);
        let make = Arc::clone(&systems.coordinator);
        let make = Rc::new(move |config, rng| make(config, rng));
        let cluster = Cluster::new(config, make, schedule.seed);
        let links = (schedule.network.clone(), brokers.nodes().len());
        let mut sim = Sim {
            now: Time::ZERO,
            queue: Queue::default(),
            network: Network::new(schedule.seed, links, transport),
            brokers,
            outputs: Vec::new(),
            controller: Controller::new(schedule, &cluster, topology.external_clients),
            log_faults: LogFaults::default(),
            cluster,
            consumers: Consumers::default(),
            workload: Workload::new(schedule),
            admin: Admin::default(),
            settling: Settling::default(),
            schedule: Rc::clone(schedule),
            systems: systems.clone(),
            steps_at_this_instant: 0,
            race: schedule.network.race,
            epoch: topology.epoch,
            events: Vec::new(),
        };
        if sim.race > 0 {
            sim.queue.in_random_order(Rng::stream(schedule.seed, "ties"));
        }
        if !sim.brokers.are_third_party() {
            sim.begin();
        }
        sim
    }

    /// Creates the topics and starts the coordinators and the workload, on the simulator's brokers.
    fn begin(&mut self) {
        let schedule = Rc::clone(&self.schedule);
        for topic in &schedule.topics {
            let name = TopicName(crate::protocol::str_bytes(&topic.name));
            self.cluster.create_topic(name.clone(), topic.partitions);
            let partitions = topic.partitions;
            self.emit(Place::Schedule, EventKind::TopicCreated { topic: name, partitions });
        }
        let config = settings::coordinator_config(&schedule);
        let offsets_partitions = i32::from(schedule.broker.offsets_partitions);
        let place = Place::Broker(BrokerId(0));
        self.emit(place, EventKind::CoordinatorStarted { config, offsets_partitions });
        self.start_workload();
    }

    /// The time on the run's clock.
    pub fn now(&self) -> Time {
        self.now
    }

    /// When the next step happens; `None` if nothing is left to happen.
    pub fn next_time(&self) -> Option<Time> {
        self.queue.next_time()
    }

    /// Carries out the next step.
    pub fn step(&mut self) {
        let Some((at, due)) = self.queue.pop() else { return };
        self.watch_for_livelock(at, due);
        // On an engine the clock may be past the entry's time.
        self.now = self.now.max(at);
        match due {
            Due::Arrive(conn) => self.arrive(conn),
            Due::Return(conn) => self.arrive_back(conn),
            Due::Disconnect(conn) => self.deliver_disconnect(conn),
            Due::Wake(Process::Broker(at)) => self.wake_broker(at),
            Due::Wake(Process::Consumer(index)) => self.wake_consumer(index),
            Due::Produce(topic) => self.produce_when_due(topic),
            Due::Resend => self.resend(),
            Due::Notice(crashed) => self.notice_if_due(crashed),
            Due::Learn(broker) => self.learn_if_due(broker),
            Due::CheckSettled => self.recheck_settled(),
        }
    }

    /// Advances the clock to `to`. Nothing may be due up to then.
    pub fn idle_until(&mut self, to: Time) {
        assert!(
            self.next_time().is_none_or(|next| next > to),
            "the clock would skip an event before {to}"
        );
        self.now = self.now.max(to);
        self.steps_at_this_instant = 0;
    }

    /// Moves the events since the last call to `into`, in order.
    pub fn take_events(&mut self, into: &mut Vec<Event>) {
        match into.is_empty() {
            true => std::mem::swap(into, &mut self.events),
            false => into.append(&mut self.events),
        }
    }

    /// Records that a line of the schedule is being carried out.
    pub fn echo(&mut self, line: u32, text: &str) {
        self.emit(Place::Schedule, EventKind::Script { line, text: Arc::from(text) });
    }

    /// Records a finding of the run's driver.
    pub fn report(&mut self, kind: EventKind) {
        self.emit(Place::Schedule, kind);
    }

    fn emit(&mut self, place: Place, kind: EventKind) {
        let local = match place {
            // The run does not know the clock of a third-party broker.
            Place::Broker(_) if self.brokers_are_third_party() => self.now,
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
    }

    fn watch_for_livelock(&mut self, at: Time, due: Due) {
        if at > self.now {
            self.steps_at_this_instant = 0;
        }
        self.steps_at_this_instant += 1;
        assert!(
            self.steps_at_this_instant < LIVELOCK,
            "livelock: {LIVELOCK} steps at {at} without progress in time; the last one is {due:?}"
        );
    }
}

#[cfg(test)]
mod tests;
