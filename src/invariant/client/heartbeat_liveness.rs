//! A member sends heartbeats while it is a member: failure detection, seen from the client's side.
//!
//! Scope: consumers of the run, on their own clocks. A consumer sends heartbeats, from its
//! JoinGroup response on, at least every second interval plus a second, whatever its application
//! does; unless it is paused, looks for its coordinator, waits for the response to the last
//! heartbeat, or received an error that it may give up for.
//!
//! Rule: `heartbeats`, the claim above.
//!
//! Not said: that the heartbeats reach the coordinator, and what that makes of them (that is
//! `session`'s claim).

use std::time::Duration;

use crate::client::{ClientObservation, ConsumerConfig, MemberState};
use crate::invariant::interest::{GROUP_APIS, Interest};
use crate::invariant::{Breach, Invariant, breach};
use crate::model::{ClientExchange, Model, exchange};
use crate::protocol::{Api, Request, ResponseError as E};
use crate::time::Time;
use crate::trace::{Event, EventKind, FaultKind};

use super::conduct::Incarnations;

const SLACK: Duration = Duration::from_secs(1);

/// The errors after which the client goes on.
const CLIENT_GOES_ON: [E; 8] = [
    E::CoordinatorLoadInProgress,
    E::CoordinatorNotAvailable,
    E::NotCoordinator,
    E::RequestTimedOut,
    E::UnstableOffsetCommit,
    E::UnknownMemberId,
    E::IllegalGeneration,
    E::RebalanceInProgress,
];

#[derive(Default)]
pub(in crate::invariant) struct HeartbeatLiveness {
    incarnations: Incarnations<Incarnation>,
}

struct Incarnation {
    max_silence: Duration,
    state: MemberState,
    /// Since when the member has sent no heartbeat, or was not obliged to.
    silent_since: Time,
    paused: bool,
    knows_coordinator: bool,
    /// Whether a heartbeat is in flight.
    awaits_response: bool,
    /// Whether it received an error that it may give up for.
    may_give_up: bool,
}

impl Invariant for HeartbeatLiveness {
    fn name(&self) -> &'static str {
        "heartbeat-liveness"
    }

    fn statement(&self) -> &'static str {
        "a member sends heartbeats for as long as it is one"
    }

    fn reads(&self) -> Interest {
        // Everything that a consumer sends is an occasion to check what is overdue.
        Interest::CONSUMER
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .sends(Api::ALL)
            .receives(GROUP_APIS)
            .receives(&[Api::FindCoordinator])
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        let Some(one) = self.incarnations.at(event, Incarnation::new) else { return Ok(()) };
        let in_time = one.check_heartbeat(event.local);
        one.feed(event);
        in_time
    }
}

impl Incarnation {
    fn new(config: &ConsumerConfig, now: Time) -> Incarnation {
        Incarnation {
            max_silence: config.heartbeat_interval * 2 + SLACK,
            state: MemberState::Unjoined,
            silent_since: now,
            paused: false,
            knows_coordinator: false,
            awaits_response: false,
            may_give_up: false,
        }
    }

    /// Checks that the heartbeat that is due has been sent.
    fn check_heartbeat(&mut self, now: Time) -> Result<(), Breach> {
        let member = matches!(self.state, MemberState::CompletingRebalance | MemberState::Stable);
        let excused =
            self.paused || !self.knows_coordinator || self.awaits_response || self.may_give_up;
        if !member || excused || now <= self.silent_since + self.max_silence {
            return Ok(());
        }
        // The next one is due from here on.
        let silent_since = std::mem::replace(&mut self.silent_since, now);
        breach!(
            "heartbeats",
            "the member is {} and has sent no heartbeat since {silent_since}",
            self.state
        )
    }

    fn feed(&mut self, event: &Event) {
        let now = event.local;
        if let Some(exchanged) = exchange(event) {
            return self.exchanged(now, &exchanged);
        }
        match &event.kind {
            EventKind::FaultBegan { fault: FaultKind::Pause, .. } => self.paused = true,
            EventKind::FaultEnded { fault: FaultKind::Pause, .. } => {
                (self.paused, self.silent_since) = (false, now);
            }
            EventKind::Consumer(ClientObservation::State { to, .. }) => {
                (self.state, self.silent_since) = (*to, now);
            }
            EventKind::Consumer(ClientObservation::CoordinatorLost { .. }) => {
                (self.knows_coordinator, self.awaits_response) = (false, false);
            }
            _ => {}
        }
    }

    fn exchanged(&mut self, now: Time, exchange: &ClientExchange<'_>) {
        let is_heartbeat = matches!(exchange.request, Request::Heartbeat(_));
        if is_heartbeat {
            (self.silent_since, self.awaits_response) = (now, exchange.received.is_none());
        }
        let Some(received) = exchange.received else { return };
        match exchange.request {
            Request::FindCoordinator(_) if received.error == 0 => {
                (self.knows_coordinator, self.silent_since) = (true, now);
            }
            Request::LeaveGroup(_) => {}
            _ => self.may_give_up |= received.error != 0 && !received.is(&CLIENT_GOES_ON),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::{ClientObservation, CoordinatorLoss, MemberState::*};
    use crate::invariant::trace_builder::TraceBuilder;
    use crate::invariant::trace_builder::consumer::heartbeat;
    use crate::protocol::ResponseError as E;
    use crate::trace::{EventKind, FaultKind};

    fn member() -> TraceBuilder {
        let mut trace = TraceBuilder::new("heartbeat-liveness");
        trace.member();
        trace
    }

    fn late(trace: &mut TraceBuilder) -> &mut TraceBuilder {
        trace.at(8_000).sends(3, crate::protocol::Request::Fetch(Default::default()))
    }

    #[test]
    fn a_silent_member_breaks() {
        late(&mut member()).violates("heartbeats");
        late(member().at(3_000).beats(None)).holds();
        late(member().sends(1, heartbeat(1))).holds();
    }

    #[test]
    fn no_heartbeat_is_due_while_paused_without_a_coordinator_or_unjoined() {
        let mut paused = member();
        paused.at_consumer(
            0,
            EventKind::FaultBegan { fault: FaultKind::Pause, peer: None, direction: None },
        );
        late(&mut paused).holds();
        let lost = ClientObservation::CoordinatorLost { why: CoordinatorLoss::Disconnected };
        late(member().consumer(0, lost)).holds();
        late(member().becomes(PreparingRebalance)).holds();
    }

    #[test]
    fn a_member_that_may_give_up_owes_no_heartbeat() {
        late(member().beats(Some(E::GroupAuthorizationFailed))).holds();
        late(member().beats(Some(E::RebalanceInProgress))).violates("heartbeats");
    }
}
