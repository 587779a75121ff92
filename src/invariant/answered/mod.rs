//! Nobody waits for ever: what a coordinator parks, it answers.
//!
//! Scope, on the broker's own clock, while it runs:
//! - A join phase ends within the longest rebalance timeout of the members that take part in it; one that
//!   began in an empty group within that or the initial delay, whichever is longer. A second of slack.
//! - A sync phase ends within the longest rebalance timeout of its members, and five seconds more for the
//!   leader's assignment to become durable (the bound that Kafka itself sets to a write).
//! - A JoinGroup may wait only during a join phase and a SyncGroup only during a sync phase. Five seconds
//!   after its phase ended, or after it came without one, it has been answered.
//!
//! A broker that was paused has the slack again from when it resumes; for the first join phase of an empty
//! group it has the whole bound again, because the steps of the initial delay are counted each from the
//! end of the last. Judged at each event of the broker
//! and at the end of the run. (At the end only if its clock was never skewed: the end is not an event of
//! the broker, and what its clock showed is then not known.)
//!
//! Not said: that an answer reaches anybody. A request whose connection its consumer may have given up
//! (it crashed, closed, was reset, changed its coordinator, left the group in its own eyes, outlasted its
//! poll interval or asked again) needs no answer. Members that hold up a phase because a static member
//! is away are not here yet.

mod waiting;

use std::time::Duration;

use crate::consumer;
use crate::coordinator::{GroupState, Observation};
use crate::protocol::{Api, Request};
use crate::time::Time;
use crate::trace::{ConsumerRef, Event, FaultKind, Kind, Message, Place};

use super::Invariant;
use super::ledger::{Group, Ledger, group_of};
use waiting::Waiting;

/// How much later than due a timer may be.
const SLACK: Duration = Duration::from_secs(1);
/// How long what is ready may wait for the log.
const DURABLE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Answered {
    /// The phase each group is in, by the ledger's number of the group.
    phases: Vec<Option<Phase>>,
    waiting: Waiting,
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
}

impl Phase {
    fn due(&self, resumed: Time) -> Time {
        match self.stepwise {
            true => self.since.max(resumed) + self.bound,
            false => (self.since + self.bound).max(resumed + DURABLE),
        }
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
}

impl Invariant for Answered {
    fn name(&self) -> &'static str {
        "answered"
    }

    fn statement(&self) -> &'static str {
        "every parked join and sync is answered within its bound"
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), String> {
        match event.place {
            Place::Broker(_) => self.broker(ledger, event),
            Place::Consumer(consumer) => {
                self.consumer(consumer, &event.kind);
                Ok(())
            }
            Place::Schedule if matches!(event.kind, Kind::Finished) => {
                self.finished(ledger, event.at)
            }
            Place::Schedule | Place::Producer => Ok(()),
        }
    }
}

impl Answered {
    fn broker(&mut self, ledger: &Ledger, event: &Event) -> Result<(), String> {
        (self.clock.at, self.clock.local) = (event.at, event.local);
        match &event.kind {
            Kind::Received { .. } => self.asked(ledger, event),
            Kind::Sent { .. } => {
                if let Some((asked, request, _)) = ledger.answer(event)
                    && let Place::Consumer(consumer) = asked.from
                    && matches!(request.body.api(), Api::JoinGroup | Api::SyncGroup)
                {
                    self.waiting.answered(consumer, asked.key);
                }
            }
            Kind::Coordinator(observation) => self.observe(ledger, event.local, observation),
            Kind::CoordinatorStarted { .. } => {
                self.phases.clear();
                self.waiting = Waiting::default();
            }
            Kind::FaultBegan { fault: FaultKind::Pause, .. } => self.clock.paused = true,
            Kind::FaultEnded { fault: FaultKind::Pause, .. } => {
                self.clock.paused = false;
                self.clock.resumed = event.local;
            }
            Kind::FaultBegan { fault: FaultKind::Skew, .. } => self.clock.skewed = true,
            Kind::FaultBegan { fault: FaultKind::Reset, peer: Some(Place::Consumer(consumer)) } => {
                self.waiting.gave_up(*consumer);
            }
            _ => {}
        }
        self.overdue(ledger, event.local)
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
    fn finished(&mut self, ledger: &Ledger, at: Time) -> Result<(), String> {
        if self.clock.skewed {
            return Ok(());
        }
        let now = self.clock.local + at.since(self.clock.at);
        self.overdue(ledger, now)
    }

    /// The broker begins to handle a request.
    fn asked(&mut self, ledger: &Ledger, event: &Event) {
        let Some((asked, request)) = ledger.question(event) else { return };
        let Place::Consumer(consumer) = asked.from else { return };
        let patient = match &request.body {
            Request::JoinGroup(_) => asked.state == GroupState::PreparingRebalance,
            Request::SyncGroup(_) => asked.state == GroupState::CompletingRebalance,
            _ => return,
        };
        let since = (!patient).then_some(event.local);
        self.waiting.asked(consumer, asked, request.body.api(), since);
        self.mind(since.map(|since| since + DURABLE));
    }

    fn observe(&mut self, ledger: &Ledger, now: Time, observation: &Observation) {
        let Some((index, group)) = ledger.find(group_of(observation)) else { return };
        if self.phases.len() <= index {
            self.phases.resize_with(index + 1, || None);
        }
        match observation {
            Observation::State { from, to, .. } => {
                let bound = bound(ledger, group, *from, *to);
                let stepwise = *from == GroupState::Empty;
                self.phases[index] =
                    bound.map(|bound| Phase { state: *to, since: now, bound, stepwise });
                self.mind(bound.map(|bound| now + bound));
                let stray = self.waiting.moved(index, *to, now);
                self.mind(stray.then_some(now + DURABLE));
            }
            Observation::MemberAdded { rebalance, .. } => {
                if let Some(phase) = &mut self.phases[index] {
                    phase.bound = phase.bound.max(*rebalance + SLACK);
                }
            }
            Observation::MemberRemoved { .. }
            | Observation::GenerationBegan { .. }
            | Observation::TimerFired { .. } => {}
        }
    }

    /// Something may be due at `due`.
    fn mind(&mut self, due: Option<Time>) {
        if let Some(due) = due {
            self.next = Some(self.next.map_or(due, |next| next.min(due)));
        }
    }

    fn overdue(&mut self, ledger: &Ledger, now: Time) -> Result<(), String> {
        if self.clock.paused || self.next.is_none_or(|next| now <= next) {
            return Ok(());
        }
        self.next = None;
        let resumed = self.clock.resumed;
        for index in 0..self.phases.len() {
            let Some(phase) = &self.phases[index] else { continue };
            let due = phase.due(resumed);
            if now > due {
                let group = ledger.group(index).id.as_str();
                let (state, since) = (phase.state, phase.since);
                return Err(format!("group {group}: still {state} at {now}, since {since}"));
            }
            self.mind(Some(due));
        }
        let Some((since, wait)) = self.waiting.oldest() else { return Ok(()) };
        let due = (since + DURABLE).max(resumed + DURABLE);
        if now > due {
            return Err(wait.describe(ledger.group(wait.group), now));
        }
        self.mind(Some(due));
        Ok(())
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
