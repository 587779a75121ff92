//! Nobody waits for ever: what a coordinator parks, it answers.
//!
//! Scope: one incarnation of a group, on the clock of its broker, while that runs:
//! - A join phase ends within the longest rebalance timeout of the members that take part in it; one that
//!   began in an empty group within that or the initial delay, whichever is longer. A second of slack.
//!   When its timer fires and static members are left of whom none has come back, it begins again.
//! - It ends within a second of when it waits for nobody: the JoinGroup of each member is parked, and each id that
//!   was handed out has been used, given up, or is older than its session. Not one that began in an empty group,
//!   which runs its course, nor one in which somebody was turned away (R6.1.17).
//! - A sync phase ends within the longest rebalance timeout of its members, and five seconds more for the
//!   leader's assignment to become durable (the bound that Kafka itself sets to a write).
//! - A JoinGroup may wait only during a join phase and a SyncGroup only during a sync phase. Five seconds
//!   after its phase ended, or after it came without one, it has been answered.
//!
//! - What a broker has parked when it unloads the group, it has answered five seconds later.
//!
//! A broker that was paused has the slack again from when it resumes; for the first join phase of an empty
//! group it has the whole bound again, because the steps of the initial delay are counted each from the
//! end of the last. Judged at each event of the broker and at the end of the run. (At the end only if its
//! clock was never skewed: the end is not an event of the broker, and what its clock showed is then not
//! known.)
//!
//! A log that stands still or refuses appends holds up sync phases without a bound of their own. So while
//! that is done to any partition of it, nothing is judged, and each bound counts again from the end of it. Of
//! a zombie nothing is judged before it unloads the group. A request may always be answered sooner, with an
//! error: a write that times out answers also what the group still considers parked. A broker that crashes
//! owes nobody an answer.
//!
//! Not said: that an answer reaches anybody. A request whose connection its consumer may have given up
//! (it crashed, closed, was reset, changed its coordinator, left the group in its own eyes, outlasted its
//! poll interval or asked again) needs no answer.

mod idle;
mod waiting;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::ShardState;
use crate::consumer;
use crate::coordinator::{GroupState, Observation, TimerKind};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, Request};
use crate::time::Time;
use crate::trace::{ConsumerRef, Event, FaultKind, Kind, Message, Place};

use super::Invariant;
use super::interest::{Interest, OCCASIONS};
use super::ledger::{Group, Ledger, number};
use idle::Idle;
use waiting::Waiting;

/// How much later than due a timer may be.
const SLACK: Duration = Duration::from_secs(1);
/// How long what is ready may wait for the log: for its linger and its followers, which the language bounds
/// with 1 s and 4 s.
const DURABLE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Answered {
    /// By the number of the broker.
    brokers: Vec<Watch>,
    waiting: Waiting,
    idle: Idle,
    /// How many faults hold up the offsets log.
    stuck: u32,
}

/// One broker.
#[derive(Default)]
struct Watch {
    /// The phase each group is in, by the number of the incarnation.
    phases: BTreeMap<usize, Phase>,
    /// No bound ends before this.
    next: Option<Time>,
    clock: Clock,
}

struct Phase {
    state: GroupState,
    since: Time,
    bound: Duration,
    /// It is timed in steps, so a pause delays all that is left of it.
    stepwise: bool,
    /// A static member was in it.
    statics: bool,
}

impl Phase {
    fn due(&self, clock: &Clock) -> Time {
        let moved = self.since.max(clock.moved);
        match self.stepwise {
            true => moved.max(clock.resumed) + self.bound,
            false => (moved + self.bound).max(clock.resumed + DURABLE),
        }
    }

    /// When to look at it again, unless it is overdue. `idle` is since when it waits for nobody.
    fn overdue(
        &self,
        ledger: &Ledger,
        clock: &Clock,
        idle: Option<Time>,
        index: usize,
        now: Time,
    ) -> Result<Option<Time>, Breach> {
        let (state, id) = (self.state, &ledger.group(index).id);
        let group = id.as_str();
        let mut next = None;
        if !self.stepwise
            && let Some(since) = idle
        {
            let due = since.max(clock.moved).max(clock.resumed) + SLACK;
            if now <= due {
                next = Some(due);
            } else if ledger.reigns(index) {
                return breach!(
                    "waits-for-nobody" in id,
                    "group {group}: still {state} at {now}, waiting for nobody since {since}"
                );
            }
        }
        let (due, since) = (self.due(clock), self.since);
        if now > due && ledger.reigns(index) {
            return breach!("phase" in id, "group {group}: still {state} at {now}, since {since}");
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
    /// When the offsets log last was held up no longer.
    moved: Time,
}

impl Invariant for Answered {
    fn name(&self) -> &'static str {
        "answered"
    }

    fn statement(&self) -> &'static str {
        "every parked join and sync is answered within its bound"
    }

    fn reads(&self) -> Interest {
        const PHASES: &[Api] = &[Api::JoinGroup, Api::SyncGroup, Api::LeaveGroup];
        Interest::COORDINATOR
            .and(Interest::CONSUMER)
            .and(Interest::LIVES)
            .and(Interest::FAULTS)
            .and(Interest::TERMS)
            .and(OCCASIONS)
            .and(Interest::SCHEDULE)
            .says(PHASES)
            .answered(PHASES)
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        if let Kind::FaultBegan { fault: FaultKind::Stall | FaultKind::Refuse, .. } = event.kind {
            self.stuck += 1;
        }
        if let Kind::FaultEnded { fault: FaultKind::Stall | FaultKind::Refuse, .. } = event.kind {
            self.stuck = self.stuck.saturating_sub(1);
            self.moves(event);
        }
        match event.place {
            Place::Broker(broker) => self.broker(ledger, number(broker), event),
            Place::Consumer(consumer) => {
                self.consumer(consumer, &event.kind);
                Ok(())
            }
            Place::Schedule if matches!(event.kind, Kind::Finished) => {
                self.finished(ledger, event.at)
            }
            Place::Schedule
            | Place::Producer
            | Place::Admin
            | Place::Controller
            | Place::Client(_) => Ok(()),
        }
    }
}

impl Answered {
    /// The offsets log moves again. What a broker's clock shows is known only at its own events.
    fn moves(&mut self, event: &Event) {
        for watch in &mut self.brokers {
            watch.clock.moved = watch.clock.local + event.at.since(watch.clock.at);
        }
    }

    fn broker(&mut self, ledger: &Ledger, broker: usize, event: &Event) -> Result<(), Breach> {
        if self.brokers.len() <= broker {
            self.brokers.resize_with(broker + 1, Watch::default);
        }
        let idle = self.idle.check(ledger, event);
        self.brokers[broker].mind(idle.map(|since| since + SLACK));
        let clock = &mut self.brokers[broker].clock;
        (clock.at, clock.local) = (event.at, event.local);
        match &event.kind {
            Kind::Received { .. } => self.asked(ledger, broker, event),
            Kind::Sent { .. } => {
                if let Some((asked, request, _)) = ledger.answer(event)
                    && let Place::Consumer(consumer) = asked.from
                    && matches!(request.body.api(), Api::JoinGroup | Api::SyncGroup)
                {
                    self.waiting.answered(consumer, asked.key);
                }
            }
            Kind::Coordinator(observation) => {
                if let Some((index, group)) = ledger.observed() {
                    self.observe(ledger, broker, index, group, event.local, observation);
                }
            }
            Kind::CoordinatorStarted { .. } => {
                self.brokers[broker].phases.clear();
                (self.waiting, self.idle) = Default::default();
            }
            Kind::Shard { state: ShardState::Unloaded, .. } => {
                let ended = |index: usize| ledger.group(index).over;
                self.waiting.unloaded(broker, ended, event.local);
                self.brokers[broker].phases.retain(|index, _| !ended(*index));
                self.brokers[broker].mind(Some(event.local + DURABLE));
            }
            Kind::FaultBegan { fault: FaultKind::Crash, .. } => {
                self.waiting.crashed(broker);
                self.brokers[broker].phases.clear();
            }
            Kind::FaultBegan { fault: FaultKind::Pause, .. } => clock.paused = true,
            Kind::FaultEnded { fault: FaultKind::Pause, .. } => {
                clock.paused = false;
                clock.resumed = event.local;
            }
            Kind::FaultEnded { fault: FaultKind::Crash, .. } => {
                clock.paused = false;
                clock.resumed = event.local;
            }
            Kind::FaultBegan { fault: FaultKind::Skew, .. } => clock.skewed = true,
            Kind::FaultBegan {
                fault: FaultKind::Reset,
                peer: Some(Place::Consumer(consumer)),
                ..
            } => {
                self.waiting.gave_up(*consumer);
            }
            _ => {}
        }
        self.overdue(ledger, broker, event.local)
    }

    fn consumer(&mut self, consumer: ConsumerRef, kind: &Kind) {
        let gave_up = match kind {
            Kind::Sent { conn, message: Message::Request(request), .. } => {
                let key = (*conn, request.correlation);
                match request.body.api() {
                    Api::JoinGroup | Api::SyncGroup => self.waiting.sent(consumer, key),
                    Api::LeaveGroup => self.waiting.gave_up(consumer),
                    _ => {}
                }
                false
            }
            Kind::ConsumerClosed => true,
            Kind::FaultBegan { fault: FaultKind::Crash | FaultKind::Reset, .. } => true,
            Kind::Consumer(observation) => match observation {
                consumer::Observation::CoordinatorLost { .. }
                | consumer::Observation::PollTimeout
                | consumer::Observation::Fatal { .. } => true,
                consumer::Observation::State { to, .. } => *to == consumer::MemberState::Unjoined,
                _ => false,
            },
            _ => false,
        };
        if gave_up {
            self.waiting.gave_up(consumer);
        }
    }

    /// The run is over; whatever is due by now is overdue.
    fn finished(&mut self, ledger: &Ledger, at: Time) -> Result<(), Breach> {
        for broker in 0..self.brokers.len() {
            let clock = &self.brokers[broker].clock;
            if !clock.skewed {
                let now = clock.local + at.since(clock.at);
                self.overdue(ledger, broker, now)?;
            }
        }
        Ok(())
    }

    /// The broker begins to handle a request.
    fn asked(&mut self, ledger: &Ledger, broker: usize, event: &Event) {
        let Some((asked, request)) = ledger.question(event) else { return };
        let Place::Consumer(consumer) = asked.from else { return };
        let patient = match &request.body {
            Request::JoinGroup(_) => asked.state == GroupState::PreparingRebalance,
            Request::SyncGroup(_) => asked.state == GroupState::CompletingRebalance,
            _ => return,
        };
        let since = (!patient).then_some(event.local);
        self.waiting.asked(consumer, broker, asked, request.body.api(), since);
        self.brokers[broker].mind(since.map(|since| since + DURABLE));
    }

    fn observe(
        &mut self,
        ledger: &Ledger,
        broker: usize,
        index: usize,
        group: &Group,
        now: Time,
        observation: &Observation,
    ) {
        let watch = &mut self.brokers[broker];
        match observation {
            Observation::State { from, to, .. } => {
                let bound = bound(ledger, group, *from, *to);
                let stepwise = *from == GroupState::Empty;
                let statics = group.members.values().any(|member| member.instance.is_some());
                watch.phases.remove(&index);
                if let Some(bound) = bound {
                    let phase = Phase { state: *to, since: now, bound, stepwise, statics };
                    watch.phases.insert(index, phase);
                }
                watch.mind(bound.map(|bound| now + bound));
                let stray = self.waiting.moved(index, *to, now);
                watch.mind(stray.then_some(now + DURABLE));
            }
            Observation::MemberAdded { rebalance, .. }
            | Observation::MemberReplaced { rebalance, .. } => {
                if let Some(phase) = watch.phases.get_mut(&index) {
                    phase.bound = phase.bound.max(*rebalance + SLACK);
                    phase.statics |= group.members.values().any(|m| m.instance.is_some());
                }
            }
            Observation::TimerFired { timer: TimerKind::Join, .. } => {
                if let Some(phase) = watch.phases.get_mut(&index)
                    && phase.statics
                {
                    phase.since = now;
                }
            }
            Observation::GroupRemoved { .. } => {
                watch.phases.remove(&index);
            }
            Observation::ReplacementUndone { .. }
            | Observation::GroupLoaded(_)
            | Observation::OffsetRemoved { .. }
            | Observation::MemberRemoved { .. }
            | Observation::GenerationBegan { .. }
            | Observation::TimerFired { .. } => {}
        }
    }

    /// The first that is overdue. It is not watched any more: whoever goes on is told of it once.
    fn overdue(&mut self, ledger: &Ledger, broker: usize, now: Time) -> Result<(), Breach> {
        let watch = &mut self.brokers[broker];
        if self.stuck > 0 || watch.clock.paused || watch.next.is_none_or(|next| now <= next) {
            return Ok(());
        }
        let (next, late) = watch.look(ledger, &self.idle, now);
        watch.next = next;
        if let Some((index, breach)) = late {
            watch.phases.remove(&index);
            // There may be others.
            watch.mind(Some(Time::ZERO));
            return Err(breach);
        }
        let judged = |index: usize| ledger.group(index).over || ledger.reigns(index);
        let mut late = None;
        for (since, wait) in self.waiting.strays(broker) {
            let due = since.max(watch.clock.resumed).max(watch.clock.moved) + DURABLE;
            if now <= due {
                watch.mind(Some(due));
            } else if judged(wait.group) && late.is_none() {
                late =
                    Some((wait.consumer, wait.group, wait.describe(ledger.group(wait.group), now)));
            }
        }
        let Some((consumer, group, message)) = late else { return Ok(()) };
        self.waiting.gave_up(consumer);
        self.brokers[broker].mind(Some(Time::ZERO));
        breach!("answers" in ledger.group(group).id, "{message}")
    }
}

impl Watch {
    /// When to look at a phase again, and the first that is overdue, if any.
    fn look(
        &self,
        ledger: &Ledger,
        idle: &Idle,
        now: Time,
    ) -> (Option<Time>, Option<(usize, Breach)>) {
        let mut next: Option<Time> = None;
        for (index, phase) in &self.phases {
            match phase.overdue(ledger, &self.clock, idle.since(*index), *index, now) {
                Err(breach) => return (next, Some((*index, breach))),
                Ok(due) => next = [next, due].into_iter().flatten().min(),
            }
        }
        (next, None)
    }

    /// Something may be due at `due`.
    fn mind(&mut self, due: Option<Time>) {
        if let Some(due) = due {
            self.next = Some(self.next.map_or(due, |next| next.min(due)));
        }
    }
}

/// How long the phase may last that a group enters; none for a state it may stay in.
fn bound(ledger: &Ledger, group: &Group, from: GroupState, to: GroupState) -> Option<Duration> {
    let rebalance = group.rebalance_timeout();
    match to {
        GroupState::PreparingRebalance if from == GroupState::Empty => {
            Some(rebalance.max(ledger.config().initial_rebalance_delay) + SLACK)
        }
        GroupState::PreparingRebalance => Some(rebalance + SLACK),
        GroupState::CompletingRebalance => Some(rebalance + DURABLE),
        GroupState::Empty | GroupState::Stable | GroupState::Dead => None,
    }
}

#[cfg(test)]
mod tests;
