//! A member sends heartbeats while it is a member, and stops when the coordinator has ended its
//! membership: failure detection, seen from the client's side.
//!
//! Scope: consumers of the run, on their own clocks, judged by the responses that they received. A
//! consumer
//! - sends heartbeats, from its JoinGroup response on, at least every second interval plus a
//!   second, whatever its application does; unless it is paused, looks for its coordinator, waits
//!   for the response to the last heartbeat, or received an error that it may give up for;
//! - whose Heartbeat, SyncGroup or OffsetCommit was refused with UNKNOWN_MEMBER_ID,
//!   ILLEGAL_GENERATION or FENCED_INSTANCE_ID sends none of these under that id in that generation
//!   until another JoinGroup has succeeded;
//! - takes over an assignment, and commits, only under the membership for which it received the
//!   assignment, and not once it knows that this membership has ended;
//! - sends no request about the group on a connection whose broker has responded that it is not the
//!   coordinator.
//!
//! Not said: how soon a consumer joins again (that the group becomes stable is `convergence`'s
//! claim); that it stops reading: a consumer that has lost its coordinator may go on until it finds
//! another.

use std::time::Duration;

use crate::client::{ClientObservation, MemberState};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, Request, ResponseError as E, StrBytes};
use crate::time::Time;
use crate::trace::{ConnectionId, ConsumerRef, Event, EventKind, FaultKind, Place};

use crate::invariant::Invariant;
use crate::invariant::client::conduct::{
    ClientExchange, Incarnations, ReceivedResponse, claimed_identity, exchange,
};
use crate::invariant::interest::{GROUP_APIS, Interest};
use crate::model::Model;

const SLACK: Duration = Duration::from_secs(1);

/// The errors that end a membership.
const ENDS_MEMBERSHIP: [E; 3] = [E::UnknownMemberId, E::IllegalGeneration, E::FencedInstanceId];

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

type Membership = (StrBytes, i32);

#[derive(Default)]
pub(in crate::invariant) struct Duty {
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
    /// The membership that the coordinator has ended with an error.
    refused: Option<Membership>,
    /// The membership for which it received an assignment.
    synced: Option<Membership>,
    /// The connection on which a broker responded that it is not the coordinator.
    not_coordinator: Option<ConnectionId>,
    /// The correlation id of its last request.
    last_request: i32,
    /// The last request that it abandoned together with its coordinator: the client ignores the
    /// responses to it and to those before.
    last_abandoned: i32,
}

impl Invariant for Duty {
    fn name(&self) -> &'static str {
        "duty"
    }

    fn statement(&self) -> &'static str {
        "a member sends heartbeats, and no request under a membership that the coordinator has ended"
    }

    fn reads(&self) -> Interest {
        Interest::CONSUMER
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .sends(Api::ALL)
            .receives(GROUP_APIS)
            .receives(&[Api::FindCoordinator])
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        let Place::Consumer(consumer) = event.place else { return Ok(()) };
        if let EventKind::ConsumerStarted { config, .. } = &event.kind {
            let incarnation = Incarnation {
                max_silence: config.heartbeat_interval * 2 + SLACK,
                state: MemberState::Unjoined,
                silent_since: event.local,
                paused: false,
                knows_coordinator: false,
                awaits_response: false,
                may_give_up: false,
                refused: None,
                synced: None,
                not_coordinator: None,
                last_request: 0,
                last_abandoned: -1,
            };
            self.incarnations.begin(consumer, incarnation);
            return Ok(());
        }
        let Some(incarnation) = self.incarnations.of(consumer) else { return Ok(()) };
        let in_time = incarnation.check_heartbeat(event.local);
        let taken = self.take(consumer, event);
        in_time.and(taken)
    }
}

impl Duty {
    fn take(&mut self, consumer: ConsumerRef, event: &Event) -> Result<(), Breach> {
        let Some(incarnation) = self.incarnations.of(consumer) else { return Ok(()) };
        if let Some(exchanged) = exchange(event) {
            return match exchanged.received {
                None => incarnation.on_send(event.local, &exchanged),
                Some(received) => {
                    incarnation.on_response(event.local, &exchanged, received);
                    Ok(())
                }
            };
        }
        match &event.kind {
            EventKind::ConsumerClosed | EventKind::FaultBegan { fault: FaultKind::Crash, .. } => {
                self.incarnations.end(consumer);
            }
            EventKind::FaultBegan { fault: FaultKind::Pause, .. } => incarnation.paused = true,
            EventKind::FaultEnded { fault: FaultKind::Pause, .. } => {
                (incarnation.paused, incarnation.silent_since) = (false, event.local);
            }
            EventKind::Consumer(observation) => {
                return incarnation.on_observation(event.local, observation);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Incarnation {
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

    fn on_send(&mut self, now: Time, exchange: &ClientExchange<'_>) -> Result<(), Breach> {
        self.last_request = exchange.correlation;
        let api = exchange.request.api();
        let of_group = matches!(
            exchange.request,
            Request::JoinGroup(_)
                | Request::SyncGroup(_)
                | Request::Heartbeat(_)
                | Request::OffsetCommit(_)
                | Request::OffsetFetch(_)
        );
        if of_group && self.not_coordinator == Some(exchange.conn) {
            return breach!(
                "coordinator",
                "the member sent {api} to a broker that had responded that it is not the coordinator"
            );
        }
        match exchange.request {
            Request::Heartbeat(_) => (self.silent_since, self.awaits_response) = (now, true),
            Request::LeaveGroup(_) => self.synced = None,
            _ => {}
        }
        let Some((member, generation)) = claimed_identity(exchange.request) else { return Ok(()) };
        let is = |other: &Option<Membership>| {
            other.as_ref().is_some_and(|(id, number)| id == member && *number == generation)
        };
        if is(&self.refused) {
            return breach!(
                "over",
                "{member} sent {api} in generation {generation} after the coordinator had ended this \
                 membership"
            );
        }
        if matches!(exchange.request, Request::OffsetCommit(_)) && !is(&self.synced) {
            return breach!(
                "commits",
                "{member} committed in generation {generation} before it received an assignment"
            );
        }
        Ok(())
    }

    fn on_response(
        &mut self,
        now: Time,
        exchange: &ClientExchange<'_>,
        received: ReceivedResponse<'_>,
    ) {
        match exchange.request {
            Request::FindCoordinator(_) if received.error == 0 => {
                (self.knows_coordinator, self.silent_since) = (true, now);
            }
            Request::JoinGroup(_) if received.error == 0 => self.refused = None,
            Request::Heartbeat(_) => (self.silent_since, self.awaits_response) = (now, false),
            Request::LeaveGroup(_) | Request::Metadata(_) | Request::Fetch(_) => return,
            _ => {}
        }
        self.may_give_up |= received.error != 0 && !received.is(&CLIENT_GOES_ON);
        if received.is(&[E::NotCoordinator, E::CoordinatorNotAvailable])
            && !matches!(exchange.request, Request::FindCoordinator(_))
        {
            self.not_coordinator = Some(exchange.conn);
        }
        let Some((member, generation)) = claimed_identity(exchange.request) else { return };
        if exchange.correlation <= self.last_abandoned {
            return;
        }
        if received.error == 0 && !matches!(exchange.request, Request::SyncGroup(_)) {
            return;
        }
        let membership = (member.clone(), generation);
        if received.is(&ENDS_MEMBERSHIP) {
            self.synced.take_if(|synced| *synced == membership);
            self.refused = Some(membership);
        } else if received.error == 0 {
            self.synced = Some(membership);
        }
    }

    fn on_observation(&mut self, now: Time, observation: &ClientObservation) -> Result<(), Breach> {
        match observation {
            ClientObservation::Assigned { member, generation, .. } => {
                let synced = self.synced.as_ref();
                if synced.is_none_or(|(id, of)| *id != member.0 || *of != generation.0) {
                    return breach!(
                        "assignment",
                        "the client took over an assignment as {:?} in generation {generation}, but it \
                         received none or the membership has ended",
                        member.as_str()
                    );
                }
            }
            ClientObservation::PollTimeout => self.synced = None,
            ClientObservation::State { to, .. } => (self.state, self.silent_since) = (*to, now),
            ClientObservation::CoordinatorLost { .. } => {
                (self.knows_coordinator, self.awaits_response) = (false, false);
                self.last_abandoned = self.last_request;
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::HeartbeatResponse;

    use crate::client::{ClientObservation, CoordinatorLoss, MemberState::*};
    use crate::invariant::trace_builder::consumer::{commit, heartbeat, joins, syncs};
    use crate::invariant::trace_builder::{TraceBuilder, join_response};
    use crate::protocol::ResponseError as E;
    use crate::trace::{EventKind, FaultKind};

    fn member() -> TraceBuilder {
        let mut trace = TraceBuilder::new("duty");
        trace.member();
        trace
    }

    fn late(trace: &mut TraceBuilder) -> &mut TraceBuilder {
        trace.at(8_000).sends(3, crate::protocol::Request::Fetch(Default::default()))
    }

    #[test]
    fn a_silent_member_breaks() {
        late(&mut member()).breaks("has sent no heartbeat since 0");
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
    fn a_member_whose_membership_has_ended_stops() {
        for error in [E::UnknownMemberId, E::IllegalGeneration, E::FencedInstanceId] {
            member().beats(Some(error)).sends(1, commit(1)).breaks("had ended this membership");
            let mut again = member();
            again.beats(Some(error)).receives(1, joins("a"), join_response("a", 1, "b", &[]));
            again.sends(1, syncs(1)).holds();
        }
    }

    #[test]
    fn the_response_to_an_abandoned_request_is_ignored() {
        let refusal = || HeartbeatResponse::default().with_error_code(E::UnknownMemberId.code());
        let mut heeds = member();
        heeds.sends(1, heartbeat(1)).receives(1, heartbeat(1), refusal());
        heeds.sends(1, commit(1)).breaks("had ended this membership");
        let mut gave_up = member();
        gave_up.sends(1, heartbeat(1));
        gave_up
            .consumer(0, ClientObservation::CoordinatorLost { why: CoordinatorLoss::Disconnected });
        gave_up.receives(1, heartbeat(1), refusal()).sends(1, commit(1)).holds();
    }

    #[test]
    fn commits_come_after_the_assignment() {
        member().sends(1, commit(1)).holds();
        member().sends(1, commit(2)).breaks("committed in generation 2 before");
    }

    #[test]
    fn an_assignment_is_not_taken_over_after_the_membership_has_ended() {
        let arrived = || {
            let mut trace = member();
            trace.receives(1, syncs(2), crate::protocol::Response::SyncGroup(Default::default()));
            trace
        };
        arrived().assigned(0, "a", 2, &[]).holds();
        arrived().assigned(0, "", -1, &[]).breaks("took over an assignment as \"\"");
        let timeout = ClientObservation::PollTimeout;
        arrived().consumer(0, timeout).assigned(0, "a", 2, &[]).breaks("membership has ended");
    }

    #[test]
    fn a_broker_that_is_not_the_coordinator_receives_no_further_request() {
        let not_coordinator = || {
            let mut trace = member();
            trace.beats(Some(E::NotCoordinator));
            trace
        };
        not_coordinator().sends(1, commit(1)).breaks("not the coordinator");
        not_coordinator().sends(2, commit(1)).holds();
    }
}
