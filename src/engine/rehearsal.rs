//! A probe of our own brokers in virtual time: what `probe` does, without a network.
//!
//! Two simulators stand side by side. One has the consumers of a schedule and takes the brokers for
//! third-party ones; the other has the brokers and takes the consumers for clients from outside. What one
//! sends the other receives a moment later, as Kafka's bytes. The same schedules give the same events, byte
//! for byte, so that schedules by the thousand can show that a probe neither panics nor raises a false alarm.
//!
//! What it deliberately does not do: break the brokers. Read next: `probe`, the same over TCP.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::DerefMut;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::cluster::ConnectionId;
use crate::coordinator::GroupState;
use crate::invariant::{Checker, Violation};
use crate::protocol::{Api, BrokerId, GroupId, str_bytes};
use crate::run::{Checks, Report, Systems, World, drive_in};
use crate::sim::hosted::{BOOTSTRAP, Cast, Host, Order};
use crate::sim::schedule::Schedule;
use crate::sim::{Described, Sim};
use crate::time::Time;
use crate::trace::Event;
use crate::wire::{self, Incoming};

use super::Refused;
use super::probe;

/// How long everything is under way.
const LATENCY: Duration = Duration::from_millis(1);

/// What a rehearsal comes to.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// What the probe found.
    pub found: Report,
    /// The first thing that is wrong with the brokers, as seen by who looks into them.
    pub brokers: Option<Violation>,
}

/// Carries out `schedule` with consumers that probe brokers of ours: those of the schedule `brokers`, of which
/// nothing but the settings counts, with the coordinators of `theirs`.
///
/// # Errors
///
/// When the schedule asks for what a probe cannot do.
pub fn rehearse(
    schedule: &Schedule,
    brokers: &Schedule,
    theirs: &Systems,
    watch: &mut dyn FnMut(&Event),
) -> Result<Rehearsal, Refused> {
    if let Some(refused) = probe::refused(schedule) {
        return Err(refused);
    }
    let (consumers, cluster) = (Rc::new(schedule.clone()), Rc::new(brokers.clone()));
    let mut wrong = None;
    let judge = Judge { checker: Checker::new(None), wrong: &mut wrong, events: Vec::new() };
    let world = move || SideBySide {
        ours: Sim::hosted(&consumers, &Systems::default(), &probe::cast()),
        theirs: Sim::hosted(&cluster, theirs, &Cast { outsiders: true, ..Cast::default() }),
        now: Time::ZERO,
        brokers: brokers.broker.count,
        consumers: BTreeSet::new(),
        connections: Connections::default(),
        post: VecDeque::new(),
        judge,
        orders: Vec::new(),
    };
    let found =
        drive_in(schedule, world, Checks { from_outside: true, ..Checks::ALL }, watch, |driver| {
            let _ = driver.drive().and_then(|()| driver.finish());
        });
    Ok(Rehearsal { found, brokers: wrong })
}

struct SideBySide<'j> {
    ours: Sim,
    theirs: Sim,
    now: Time,
    brokers: u8,
    /// The consumers that run.
    consumers: BTreeSet<u16>,
    connections: Connections,
    /// What is under way, in the order of its arrival.
    post: VecDeque<(Time, Mail)>,
    judge: Judge<'j>,
    /// Reused.
    orders: Vec<Order>,
}

/// What is under way, by the names of connections that it is known by where it arrives.
enum Mail {
    Request(ConnectionId, Bytes),
    Response(ConnectionId, Bytes, Api, i16),
    ClientIsGone(ConnectionId),
    Describe(GroupId),
}

/// Which connection of the consumers is which of the brokers.
#[derive(Default)]
struct Connections {
    there: BTreeMap<ConnectionId, ConnectionId>,
    here: BTreeMap<ConnectionId, ConnectionId>,
}

/// Looks into the brokers.
struct Judge<'j> {
    checker: Checker,
    wrong: &'j mut Option<Violation>,
    events: Vec<Event>,
}

impl Judge<'_> {
    fn judge(&mut self, theirs: &mut Sim) {
        theirs.take_events(&mut self.events);
        for event in self.events.drain(..) {
            if self.wrong.is_none() {
                *self.wrong = self.checker.check(&event);
            }
        }
    }
}

impl World for SideBySide<'_> {
    fn stage(&mut self) -> impl DerefMut<Target = Sim> {
        &mut self.ours
    }

    fn next(&mut self, limit: Time) -> bool {
        self.sort();
        let due = self.next_time().max(self.now);
        self.now = due.min(limit);
        self.ours.set_time(self.now);
        self.theirs.set_time(self.now);
        if due > limit {
            return false;
        }
        self.do_what_is_due();
        self.sort();
        self.judge.judge(&mut self.theirs);
        true
    }
}

impl SideBySide<'_> {
    fn next_time(&self) -> Time {
        let ours = self.consumers.iter().map(|&index| self.ours.deadline(Host::Consumer(index)));
        let theirs = self.broker_ids().map(|broker| self.theirs.deadline(Host::Broker(broker)));
        let queues = [self.ours.next_time(), self.theirs.next_time()];
        let post = self.post.front().map(|(at, _)| *at);
        let all = ours.chain(theirs).chain(queues).chain([post]);
        all.flatten().min().unwrap_or(Time::NEVER)
    }

    fn broker_ids(&self) -> impl Iterator<Item = BrokerId> + use<> {
        (0..i32::from(self.brokers)).map(BrokerId)
    }

    fn do_what_is_due(&mut self) {
        let now = self.now;
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if is_due(self.post.front().map(|(at, _)| *at)) {
            if let Some((_, mail)) = self.post.pop_front() {
                self.deliver(mail);
            }
            return;
        }
        if is_due(self.ours.next_time()) {
            return self.ours.step();
        }
        if is_due(self.theirs.next_time()) {
            return self.theirs.step();
        }
        let consumers = self.consumers.iter().map(|&at| Host::Consumer(at));
        let due: Vec<Host> = consumers.filter(|host| is_due(self.ours.deadline(*host))).collect();
        for host in due {
            self.ours.advance(host);
        }
        for host in self.broker_ids().map(Host::Broker) {
            if is_due(self.theirs.deadline(host)) {
                self.theirs.advance(host);
            }
        }
    }

    fn deliver(&mut self, mail: Mail) {
        match mail {
            Mail::Request(there, bytes) => match wire::decode_request(bytes) {
                Ok(Incoming::Request(frame)) => self.theirs.request_arrived(there, frame),
                other => panic!("a consumer's request arrives as {other:?}"),
            },
            Mail::Response(here, bytes, api, version) => {
                let frame = wire::decode_response(bytes, api, version);
                let frame = frame.unwrap_or_else(|bad| panic!("a broker's answer: {bad}"));
                self.ours.response_arrived(here, frame);
            }
            Mail::ClientIsGone(there) => self.theirs.client_is_gone(there),
            Mail::Describe(group) => {
                let found = self.theirs.describe_group(&group);
                let described = match found {
                    None => Described { state: GroupState::Dead, members: BTreeSet::new() },
                    Some(found) => Described {
                        state: found.state,
                        members: found.members.into_iter().map(|member| member.id).collect(),
                    },
                };
                self.ours.described(&group, Ok(described));
            }
        }
    }

    fn send(&mut self, mail: Mail) {
        self.post.push_back((self.now + LATENCY, mail));
    }

    /// Does what the two want done.
    fn sort(&mut self) {
        let mut orders = std::mem::take(&mut self.orders);
        self.ours.take_orders(&mut orders);
        orders.drain(..).for_each(|order| self.sort_ours(order));
        self.theirs.take_orders(&mut orders);
        orders.drain(..).for_each(|order| self.sort_theirs(order));
        self.orders = orders;
    }

    fn sort_ours(&mut self, order: Order) {
        match order {
            Order::Start(Host::Consumer(index)) => drop(self.consumers.insert(index)),
            Order::Kill(Host::Consumer(index)) => drop(self.consumers.remove(&index)),
            Order::Open { conn, to, .. } => {
                let to = if to == BOOTSTRAP { BrokerId(0) } else { to };
                let there = self.theirs.stranger_connected(to, str_bytes("/127.0.0.1"));
                self.connections.there.insert(conn, there);
                self.connections.here.insert(there, conn);
            }
            Order::Request(conn, frame) => {
                let Some(&there) = self.connections.there.get(&conn) else { return };
                let bytes = wire::encode_request(&frame);
                let bytes = bytes.unwrap_or_else(|bad| panic!("a consumer's request: {bad}"));
                self.send(Mail::Request(there, bytes));
            }
            Order::Close(conn) | Order::Reset(conn) => {
                if let Some(there) = self.connections.there.remove(&conn) {
                    self.connections.here.remove(&there);
                    self.send(Mail::ClientIsGone(there));
                }
            }
            Order::Describe(group) => self.send(Mail::Describe(group)),
            Order::Wake(_) => {}
            other => unreachable!("nobody here can do {other:?} to third-party brokers"),
        }
    }

    fn sort_theirs(&mut self, order: Order) {
        // Nothing is done to brokers here, and they say by themselves when they want to be woken.
        let Order::Response(there, request, response) = order else { return };
        let Some(&here) = self.connections.here.get(&there) else { return };
        let bytes = wire::encode_response(&response, request.version);
        let bytes = bytes.unwrap_or_else(|bad| panic!("a broker's answer: {bad}"));
        self.send(Mail::Response(here, bytes, request.body.api(), request.version));
    }
}
