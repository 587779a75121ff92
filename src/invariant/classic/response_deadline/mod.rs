//! No request waits for ever: the coordinator responds to every request that it parks.
//!
//! Scope: one incarnation of a group, on the clock of its broker, while that runs:
//! - A join phase ends within the longest rebalance timeout of the members that take part in it;
//!   one that began in an empty group within that or the initial delay, whichever is longer. The
//!   slack is one second. When its timer fires and static members are left of which none has come
//!   back, it begins again.
//! - It ends within a second after it has nothing to wait for: the JoinGroup of each member is
//!   parked, and each id that was handed out has been used, given up, or is older than its session.
//!   This does not apply to one that began in an empty group, which lasts its full time, nor to one
//!   in which a JoinGroup was rejected because the group is full (R6.1.17).
//! - A sync phase ends within the longest rebalance timeout of its members, plus five seconds for
//!   the leader's assignment to become durable (Kafka's own bound for a write).
//! - A JoinGroup may wait only during a join phase and a SyncGroup only during a sync phase. Five
//!   seconds after its phase ended, or after it came without one, it has a response.
//! - The requests that are parked when a broker unloads the group have a response five seconds
//!   later.
//!
//! A broker that was paused has the slack again from when it resumes; for the first join phase of
//! an empty group it has the whole bound again, because the steps of the initial delay are counted
//! each from the end of the last. The bounds are checked at each event of the broker and at the end
//! of the run. (At the end only if its clock was never skewed: the end is not an event of the
//! broker, and what its clock showed is then not known.)
//!
//! A log that stalls or refuses appends delays sync phases without a bound of its own. So while a
//! fault does this to any partition of it, nothing is judged, and each bound counts again from the
//! end of the fault. A zombie is not judged before it unloads the group. A broker may always
//! respond sooner, with an error: a write that times out also responds to requests that the group
//! still considers parked. A broker that crashes owes no response.
//!
//! | rule | violated when |
//! |---|---|
//! | `phase` | a join or sync phase outlasts its bound |
//! | `idle` | a join phase has nothing to wait for, and does not end |
//! | `parked` | a parked request has no response after its phase has ended |
//!
//! Not said: that a response reaches its client. A request needs no response if its consumer may
//! have given up the connection: the consumer crashed, closed, was reset, changed its coordinator,
//! left the group in its own view, exceeded its poll interval or sent another request.

mod idle;
mod waiting;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::broker::TermState;
use crate::client;
use crate::coordinator::{ClassicObservation, GroupState, Observation, TimerKind};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, Request};
use crate::time::Time;
use crate::trace::{ConsumerRef, Event, EventKind, FaultKind, Message, Place};

use crate::invariant::Invariant;
use crate::invariant::interest::{Interest, OCCASIONS};
use crate::model::{Group, Model, number};
use idle::Idle;
use waiting::Waiting;

/// How much later than due a timer may fire.
const SLACK: Duration = Duration::from_secs(1);
/// How long a write may wait for the log: for its linger and its followers, which the sim language
/// limits to 1 s and 4 s.
const DURABLE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(in crate::invariant) struct ResponseDeadline {
    /// Per broker number.
    brokers: Vec<BrokerWatch>,
    waiting: Waiting,
    idle: Idle,
    /// The number of faults that now hold up the offsets log.
    log_faults: u32,
}

/// The phases and the clock of one broker.
#[derive(Default)]
struct BrokerWatch {
    /// The phase of each group, by the index of the incarnation.
    phases: BTreeMap<usize, Phase>,
    /// The earliest time at which a bound may end.
    next: Option<Time>,
    clock: Clock,
}

struct Phase {
    state: GroupState,
    since: Time,
    bound: Duration,
    /// Whether it is timed in steps, so that a pause delays all of the rest.
    stepwise: bool,
    /// Whether a static member took part in it.
    has_static: bool,
}

impl Phase {
    fn due(&self, clock: &Clock) -> Time {
        let start = self.since.max(clock.log_resumed);
        match self.stepwise {
            true => start.max(clock.resumed) + self.bound,
            false => (start + self.bound).max(clock.resumed + DURABLE),
        }
    }

    /// When to check the phase again, unless it is overdue. `idle` is since when it has nothing to
    /// wait for.
    fn overdue(
        &self,
        model: &Model,
        clock: &Clock,
        idle: Option<Time>,
        index: usize,
        now: Time,
    ) -> Result<Option<Time>, Breach> {
        let (state, id) = (self.state, &model.group(index).id);
        let group = id.as_str();
        let mut next = None;
        if !self.stepwise
            && let Some(since) = idle
        {
            let due = since.max(clock.log_resumed).max(clock.resumed) + SLACK;
            if now <= due {
                next = Some(due);
            } else if model.is_current_leader(index) {
                return breach!(
                    "idle" in id,
                    "group {group}: the group is still {state} at {now}, though it has had nothing to \
                     wait for since {since}"
                );
            }
        }
        let (due, since) = (self.due(clock), self.since);
        if now > due && model.is_current_leader(index) {
            return breach!(
                "phase" in id,
                "group {group}: the group is still {state} at {now}, since {since}"
            );
        }
        let due = (now <= due).then_some(due);
        Ok([next, due].into_iter().flatten().min())
    }
}

/// The broker's clock.
#[derive(Default)]
struct Clock {
    at: Time,
    local: Time,
    resumed: Time,
    paused: bool,
    skewed: bool,
    /// When the last fault on the offsets log ended.
    log_resumed: Time,
}

impl Invariant for ResponseDeadline {
    fn name(&self) -> &'static str {
        "response-deadline"
    }

    fn statement(&self) -> &'static str {
        "the coordinator responds to every parked join and sync within its bound"
    }

    fn reads(&self) -> Interest {
        const PHASES: &[Api] = &[Api::JoinGroup, Api::SyncGroup, Api::LeaveGroup];
        Interest::COORDINATOR
            .and(Interest::CONSUMER)
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .and(Interest::TERMS)
            .and(OCCASIONS)
            .and(Interest::SCHEDULE)
            .sends(PHASES)
            .responses(PHASES)
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        if let EventKind::FaultBegan { fault: FaultKind::Stall | FaultKind::Refuse, .. } =
            event.kind
        {
            self.log_faults += 1;
        }
        if let EventKind::FaultEnded { fault: FaultKind::Stall | FaultKind::Refuse, .. } =
            event.kind
        {
            self.log_faults = self.log_faults.saturating_sub(1);
            self.on_log_resumed(event);
        }
        match event.place {
            Place::Broker(broker) => self.broker(model, number(broker), event),
            Place::Consumer(consumer) => {
                self.consumer(consumer, &event.kind);
                Ok(())
            }
            Place::Schedule if matches!(event.kind, EventKind::Finished) => {
                self.at_end(model, event.at)
            }
            Place::Schedule
            | Place::Producer
            | Place::Admin
            | Place::Controller
            | Place::Client(_) => Ok(()),
        }
    }
}

impl ResponseDeadline {
    /// A fault on the offsets log has ended. What a broker's clock shows is known only at its own
    /// events.
    fn on_log_resumed(&mut self, event: &Event) {
        for watch in &mut self.brokers {
            watch.clock.log_resumed = watch.clock.local + event.at.since(watch.clock.at);
        }
    }

    fn broker(&mut self, model: &Model, broker: usize, event: &Event) -> Result<(), Breach> {
        if self.brokers.len() <= broker {
            self.brokers.resize_with(broker + 1, BrokerWatch::default);
        }
        let idle = self.idle.check(model, event);
        self.brokers[broker].check_at(idle.map(|since| since + SLACK));
        let clock = &mut self.brokers[broker].clock;
        (clock.at, clock.local) = (event.at, event.local);
        match &event.kind {
            EventKind::Received { .. } => self.on_request(model, broker, event),
            EventKind::Sent { .. } => {
                if let Some((context, request, _)) = model.response(event)
                    && let Place::Consumer(consumer) = context.from
                    && matches!(request.body.api(), Api::JoinGroup | Api::SyncGroup)
                {
                    self.waiting.on_response(consumer, context.key);
                }
            }
            EventKind::Coordinator(observation) => {
                if let Some((index, group)) = model.observed() {
                    self.observe(model, broker, index, group, event.local, observation);
                }
            }
            EventKind::CoordinatorStarted { .. } => {
                self.brokers[broker].phases.clear();
                (self.waiting, self.idle) = Default::default();
            }
            EventKind::TermChanged { state: TermState::Unloaded, .. } => {
                let ended = |index: usize| model.group(index).over;
                self.waiting.unloaded(broker, ended, event.local);
                self.brokers[broker].phases.retain(|index, _| !ended(*index));
                self.brokers[broker].check_at(Some(event.local + DURABLE));
            }
            EventKind::FaultBegan { fault: FaultKind::Crash, .. } => {
                self.waiting.crashed(broker);
                self.brokers[broker].phases.clear();
            }
            EventKind::FaultBegan { fault: FaultKind::Pause, .. } => clock.paused = true,
            EventKind::FaultEnded { fault: FaultKind::Pause, .. } => {
                clock.paused = false;
                clock.resumed = event.local;
            }
            EventKind::FaultEnded { fault: FaultKind::Crash, .. } => {
                clock.paused = false;
                clock.resumed = event.local;
            }
            EventKind::FaultBegan { fault: FaultKind::Skew, .. } => clock.skewed = true,
            EventKind::FaultBegan {
                fault: FaultKind::Reset,
                peer: Some(Place::Consumer(consumer)),
                ..
            } => {
                self.waiting.gave_up(*consumer);
            }
            _ => {}
        }
        self.overdue(model, broker, event.local)
    }

    fn consumer(&mut self, consumer: ConsumerRef, kind: &EventKind) {
        let gave_up = match kind {
            EventKind::Sent { conn, message: Message::Request(request), .. } => {
                let key = (*conn, request.correlation);
                match request.body.api() {
                    Api::JoinGroup | Api::SyncGroup => self.waiting.sent(consumer, key),
                    Api::LeaveGroup => self.waiting.gave_up(consumer),
                    _ => {}
                }
                false
            }
            EventKind::ConsumerClosed => true,
            EventKind::FaultBegan { fault: FaultKind::Crash | FaultKind::Reset, .. } => true,
            EventKind::Consumer(observation) => match observation {
                client::ClientObservation::CoordinatorLost { .. }
                | client::ClientObservation::PollTimeout
                | client::ClientObservation::Fatal { .. } => true,
                client::ClientObservation::State { to, .. } => *to == client::MemberState::Unjoined,
                _ => false,
            },
            _ => false,
        };
        if gave_up {
            self.waiting.gave_up(consumer);
        }
    }

    /// The run is over: every bound that has ended by now is violated.
    fn at_end(&mut self, model: &Model, at: Time) -> Result<(), Breach> {
        for broker in 0..self.brokers.len() {
            let clock = &self.brokers[broker].clock;
            if !clock.skewed {
                let now = clock.local + at.since(clock.at);
                self.overdue(model, broker, now)?;
            }
        }
        Ok(())
    }

    /// The broker begins to handle a request.
    fn on_request(&mut self, model: &Model, broker: usize, event: &Event) {
        let Some((context, request)) = model.request(event) else { return };
        let Place::Consumer(consumer) = context.from else { return };
        let may_wait = match &request.body {
            Request::JoinGroup(_) => context.state == GroupState::PreparingRebalance,
            Request::SyncGroup(_) => context.state == GroupState::CompletingRebalance,
            _ => return,
        };
        let since = (!may_wait).then_some(event.local);
        self.waiting.on_request(consumer, broker, context, request.body.api(), since);
        self.brokers[broker].check_at(since.map(|since| since + DURABLE));
    }

    fn observe(
        &mut self,
        model: &Model,
        broker: usize,
        index: usize,
        group: &Group,
        now: Time,
        observation: &Observation,
    ) {
        let watch = &mut self.brokers[broker];
        match observation {
            Observation::Classic(ClassicObservation::State { from, to, .. }) => {
                let bound = bound(model, group, *from, *to);
                let stepwise = *from == GroupState::Empty;
                let has_static = group.members.values().any(|member| member.instance.is_some());
                watch.phases.remove(&index);
                if let Some(bound) = bound {
                    let phase = Phase { state: *to, since: now, bound, stepwise, has_static };
                    watch.phases.insert(index, phase);
                }
                watch.check_at(bound.map(|bound| now + bound));
                let without_phase = self.waiting.moved(index, *to, now);
                watch.check_at(without_phase.then_some(now + DURABLE));
            }
            Observation::Classic(ClassicObservation::MemberAdded { rebalance, .. })
            | Observation::Classic(ClassicObservation::MemberReplaced { rebalance, .. }) => {
                if let Some(phase) = watch.phases.get_mut(&index) {
                    phase.bound = phase.bound.max(*rebalance + SLACK);
                    phase.has_static |= group.members.values().any(|m| m.instance.is_some());
                }
            }
            Observation::Classic(ClassicObservation::TimerFired {
                timer: TimerKind::Join, ..
            }) => {
                if let Some(phase) = watch.phases.get_mut(&index)
                    && phase.has_static
                {
                    phase.since = now;
                }
            }
            Observation::GroupRemoved { .. } => {
                watch.phases.remove(&index);
            }
            Observation::Classic(ClassicObservation::ReplacementUndone { .. })
            | Observation::GroupLoaded(_)
            | Observation::OffsetRemoved { .. }
            | Observation::Classic(ClassicObservation::MemberRemoved { .. })
            | Observation::Classic(ClassicObservation::GenerationBegan { .. })
            | Observation::Classic(ClassicObservation::TimerFired { .. }) => {}
        }
    }

    /// The first phase or request that is overdue. It is dropped, so that a run that continues
    /// reports it once.
    fn overdue(&mut self, model: &Model, broker: usize, now: Time) -> Result<(), Breach> {
        let watch = &mut self.brokers[broker];
        if self.log_faults > 0 || watch.clock.paused || watch.next.is_none_or(|next| now <= next) {
            return Ok(());
        }
        let (next, late) = watch.check_phases(model, &self.idle, now);
        watch.next = next;
        if let Some((index, breach)) = late {
            watch.phases.remove(&index);
            // Others may be overdue as well.
            watch.check_at(Some(Time::ZERO));
            return Err(breach);
        }
        let is_judged = |index: usize| model.group(index).over || model.is_current_leader(index);
        let mut late = None;
        for (since, wait) in self.waiting.without_phase(broker) {
            let due = since.max(watch.clock.resumed).max(watch.clock.log_resumed) + DURABLE;
            if now <= due {
                watch.check_at(Some(due));
            } else if is_judged(wait.group) && late.is_none() {
                late =
                    Some((wait.consumer, wait.group, wait.describe(model.group(wait.group), now)));
            }
        }
        let Some((consumer, group, message)) = late else { return Ok(()) };
        self.waiting.gave_up(consumer);
        self.brokers[broker].check_at(Some(Time::ZERO));
        breach!("parked" in model.group(group).id, "{message}")
    }
}

impl BrokerWatch {
    /// When to check a phase again, and the first that is overdue, if any.
    fn check_phases(
        &self,
        model: &Model,
        idle: &Idle,
        now: Time,
    ) -> (Option<Time>, Option<(usize, Breach)>) {
        let mut next: Option<Time> = None;
        for (index, phase) in &self.phases {
            match phase.overdue(model, &self.clock, idle.since(*index), *index, now) {
                Err(breach) => return (next, Some((*index, breach))),
                Ok(due) => next = [next, due].into_iter().flatten().min(),
            }
        }
        (next, None)
    }

    /// A bound may end at `due`.
    fn check_at(&mut self, due: Option<Time>) {
        if let Some(due) = due {
            self.next = Some(self.next.map_or(due, |next| next.min(due)));
        }
    }
}

/// How long the group may stay in the state that it enters; none for a state without a bound.
fn bound(model: &Model, group: &Group, from: GroupState, to: GroupState) -> Option<Duration> {
    let rebalance = group.rebalance_timeout();
    match to {
        GroupState::PreparingRebalance if from == GroupState::Empty => {
            Some(rebalance.max(model.config().initial_rebalance_delay) + SLACK)
        }
        GroupState::PreparingRebalance => Some(rebalance + SLACK),
        GroupState::CompletingRebalance => Some(rebalance + DURABLE),
        GroupState::Empty | GroupState::Stable | GroupState::Dead => None,
    }
}

#[cfg(test)]
mod tests;
