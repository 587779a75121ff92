//! A probe of our own brokers in virtual time: like `probe`, but without a network.
//!
//! Two simulators run side by side. One runs the consumers of a schedule and treats the brokers as
//! third-party ones; the other runs the brokers and treats the consumers as external clients. What
//! one sends, the other receives after a short latency, as Kafka's bytes. The same schedules give
//! the same events, byte for byte, so thousands of schedules can show that a probe neither panics
//! nor raises false alarms.
//!
//! Non-goal: breaking the brokers. Read next: `probe`, the same over TCP.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::DerefMut;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::broker::ConnectionId;
use crate::coordinator::GroupState;
use crate::invariant::{Checker, Violation};
use crate::model::Model;
use crate::protocol::{Api, BrokerId, GroupId, str_bytes};
use crate::run::{Checks, Report, Run, Systems, World};
use crate::sim::hosted::{BOOTSTRAP, Command, Process, Topology};
use crate::sim::schedule::Schedule;
use crate::sim::{self, Described, Sim};
use crate::time::Time;
use crate::trace::Event;
use crate::wire::{self, Incoming};

use super::Refused;
use super::probe;

/// The latency of every message.
const LATENCY: Duration = Duration::from_millis(1);

/// The result of a virtual probe.
#[derive(Clone, Debug)]
pub struct VirtualProbe {
    /// What the probe found.
    pub found: Report,
    /// The first violation of the brokers, judged with full visibility.
    pub brokers: Option<Violation>,
}

/// Carries out `schedule` with consumers that probe our own brokers. The brokers have the settings
/// of the schedule `brokers`, whose steps are ignored, and the coordinators of `broker_systems`.
///
/// # Errors
///
/// When the schedule needs something that a probe cannot do.
pub fn run_virtual_probe(
    schedule: &Schedule,
    brokers: &Schedule,
    broker_systems: &Systems,
    watch: &mut dyn FnMut(&Event, &Model),
) -> Result<VirtualProbe, Refused> {
    if let Some(refused) = probe::refused(schedule) {
        return Err(refused);
    }
    let (consumers, cluster) = (Rc::new(schedule.clone()), Rc::new(brokers.clone()));
    let mut violation = None;
    let own = broker_systems.invariants.iter().map(|make| make());
    let judge = BrokerJudge {
        model: Model::default(),
        checker: Checker::new(None).with(own),
        violation: &mut violation,
        events: Vec::new(),
    };
    let world = move || SideBySide {
        consumer_side: Sim::hosted(&consumers, &sim::Systems::default(), &probe::topology()),
        broker_side: Sim::hosted(
            &cluster,
            &broker_systems.into(),
            &Topology { external_clients: true, ..Topology::default() },
        ),
        now: Time::ZERO,
        brokers: brokers.broker.count,
        consumers: BTreeSet::new(),
        connections: Connections::default(),
        in_transit: VecDeque::new(),
        judge,
        commands: Vec::new(),
    };
    let checks = Checks { black_box: true, ..Checks::ALL };
    let found = Run::of(schedule).checks(checks).watch(watch).run_in(world);
    Ok(VirtualProbe { found, brokers: violation })
}

struct SideBySide<'j> {
    consumer_side: Sim,
    broker_side: Sim,
    now: Time,
    brokers: u8,
    /// The consumers that run.
    consumers: BTreeSet<u16>,
    connections: Connections,
    /// The messages in flight, in the order of their arrival.
    in_transit: VecDeque<(Time, InTransit)>,
    judge: BrokerJudge<'j>,
    /// Reused between calls.
    commands: Vec<Command>,
}

/// A message in flight. Its connection id is the one of the receiving side.
enum InTransit {
    Request(ConnectionId, Bytes),
    Response(ConnectionId, Bytes, Api, i16),
    ClientDisconnected(ConnectionId),
    Describe(GroupId),
}

/// Maps the connections of the consumers' side to those of the brokers' side, and back.
#[derive(Default)]
struct Connections {
    to_broker_side: BTreeMap<ConnectionId, ConnectionId>,
    to_consumer_side: BTreeMap<ConnectionId, ConnectionId>,
}

/// Judges the brokers with full visibility.
struct BrokerJudge<'j> {
    model: Model,
    checker: Checker,
    violation: &'j mut Option<Violation>,
    events: Vec<Event>,
}

impl BrokerJudge<'_> {
    fn judge(&mut self, brokers: &mut Sim) {
        brokers.take_events(&mut self.events);
        for event in self.events.drain(..) {
            if self.violation.is_none() {
                self.model.feed(&event);
                *self.violation = self.checker.check(&self.model, &event);
            }
        }
    }
}

impl World for SideBySide<'_> {
    fn core(&mut self) -> impl DerefMut<Target = Sim> {
        &mut self.consumer_side
    }

    fn next(&mut self, limit: Time) -> bool {
        self.dispatch();
        let due = self.next_time().max(self.now);
        self.now = due.min(limit);
        self.consumer_side.set_time(self.now);
        self.broker_side.set_time(self.now);
        if due > limit {
            return false;
        }
        self.run_due();
        self.dispatch();
        self.judge.judge(&mut self.broker_side);
        true
    }
}

impl SideBySide<'_> {
    fn next_time(&self) -> Time {
        let consumers = self
            .consumers
            .iter()
            .map(|&index| self.consumer_side.deadline(Process::Consumer(index)));
        let brokers =
            self.broker_ids().map(|broker| self.broker_side.deadline(Process::Broker(broker)));
        let queues = [self.consumer_side.next_time(), self.broker_side.next_time()];
        let arrival = self.in_transit.front().map(|(at, _)| *at);
        let all = consumers.chain(brokers).chain(queues).chain([arrival]);
        all.flatten().min().unwrap_or(Time::NEVER)
    }

    fn broker_ids(&self) -> impl Iterator<Item = BrokerId> + use<> {
        (0..i32::from(self.brokers)).map(BrokerId)
    }

    fn run_due(&mut self) {
        let now = self.now;
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if is_due(self.in_transit.front().map(|(at, _)| *at)) {
            if let Some((_, message)) = self.in_transit.pop_front() {
                self.deliver(message);
            }
            return;
        }
        if is_due(self.consumer_side.next_time()) {
            return self.consumer_side.step();
        }
        if is_due(self.broker_side.next_time()) {
            return self.broker_side.step();
        }
        let consumers = self.consumers.iter().map(|&at| Process::Consumer(at));
        let due: Vec<Process> =
            consumers.filter(|process| is_due(self.consumer_side.deadline(*process))).collect();
        for process in due {
            self.consumer_side.advance(process);
        }
        for process in self.broker_ids().map(Process::Broker) {
            if is_due(self.broker_side.deadline(process)) {
                self.broker_side.advance(process);
            }
        }
    }

    fn deliver(&mut self, message: InTransit) {
        match message {
            InTransit::Request(there, bytes) => match wire::decode_request(bytes) {
                Ok(Incoming::Request(frame)) => self.broker_side.request_arrived(there, frame),
                other => panic!("a consumer's request was decoded as {other:?}"),
            },
            InTransit::Response(here, bytes, api, version) => {
                let frame = wire::decode_response(bytes, api, version);
                let frame = frame.unwrap_or_else(|bad| panic!("a broker's response: {bad}"));
                self.consumer_side.response_arrived(here, frame);
            }
            InTransit::ClientDisconnected(there) => self.broker_side.client_disconnected(there),
            InTransit::Describe(group) => {
                let found = self.broker_side.describe_group(&group);
                let described = match found {
                    None => Described { state: GroupState::Dead, members: BTreeSet::new() },
                    Some(found) => Described {
                        state: found.state,
                        members: found.members.into_iter().map(|member| member.id).collect(),
                    },
                };
                self.consumer_side.on_described(&group, Ok(described));
            }
        }
    }

    fn send(&mut self, message: InTransit) {
        self.in_transit.push_back((self.now + LATENCY, message));
    }

    /// Carries out the commands of both sides.
    fn dispatch(&mut self) {
        let mut commands = std::mem::take(&mut self.commands);
        self.consumer_side.take_commands(&mut commands);
        commands.drain(..).for_each(|command| self.dispatch_consumer_side(command));
        self.broker_side.take_commands(&mut commands);
        commands.drain(..).for_each(|command| self.dispatch_broker_side(command));
        self.commands = commands;
    }

    fn dispatch_consumer_side(&mut self, command: Command) {
        match command {
            Command::Start(Process::Consumer(index)) => drop(self.consumers.insert(index)),
            Command::Kill(Process::Consumer(index)) => drop(self.consumers.remove(&index)),
            Command::Open { conn, to, .. } => {
                let to = if to == BOOTSTRAP { BrokerId(0) } else { to };
                let there = self.broker_side.external_client_connected(to, str_bytes("/127.0.0.1"));
                self.connections.to_broker_side.insert(conn, there);
                self.connections.to_consumer_side.insert(there, conn);
            }
            Command::Request(conn, frame) => {
                let Some(&there) = self.connections.to_broker_side.get(&conn) else { return };
                let bytes = wire::encode_request(&frame);
                let bytes = bytes.unwrap_or_else(|bad| panic!("a consumer's request: {bad}"));
                self.send(InTransit::Request(there, bytes));
            }
            Command::Close(conn) | Command::Reset(conn) => {
                if let Some(there) = self.connections.to_broker_side.remove(&conn) {
                    self.connections.to_consumer_side.remove(&there);
                    self.send(InTransit::ClientDisconnected(there));
                }
            }
            Command::Describe(group) => self.send(InTransit::Describe(group)),
            Command::Wake(_) => {}
            other => unreachable!("{other:?} cannot be done to third-party brokers"),
        }
    }

    fn dispatch_broker_side(&mut self, command: Command) {
        // Nothing is done to brokers here, and their deadlines are polled, so other commands are
        // ignored.
        let Command::Response(there, request, response) = command else { return };
        let Some(&here) = self.connections.to_consumer_side.get(&there) else { return };
        let bytes = wire::encode_response(&response, request.version);
        let bytes = bytes.unwrap_or_else(|bad| panic!("a broker's response: {bad}"));
        self.send(InTransit::Response(here, bytes, request.body.api(), request.version));
    }
}
