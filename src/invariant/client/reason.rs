//! A member that gives something up without need triggers a needless rebalance, or leaves a stale
//! member that others wait for.
//!
//! Scope: consumers of the run, judged by the responses that they received. A consumer
//! - joins with the id that it was last handed, until it receives UNKNOWN_MEMBER_ID, leaves, or is
//!   late for its poll; and with one JoinGroup at a time (an id that is handed out twice is one
//!   that no client will use);
//! - joins again only if it received an error about a rebalance or the end of its membership,
//!   revoked something at the end of the last rebalance, or leads and so watches the topics;
//! - drops its membership only if the coordinator ended it, or it leaves, or is late for its poll;
//!   a dynamic member that knows its coordinator does not go without a LeaveGroup (KIP-62);
//! - leaves because of a late poll only when its application was late;
//! - gives up for good only for an error that it received, and that is not transient.
//!
//! An error counts only if it is about the present membership: one about an older membership is no
//! cause (KAFKA-9823).
//!
//! Not said: that a consumer acts when it has a cause (that is `duty`'s and `convergence`'s claim);
//! that a static member leaves with a LeaveGroup; that a plan has an assignment for every member
//! once the number of a generation was issued twice, since a plan for the first is taken for one of
//! the second (R11.13), or once a replacement was undone, which a leader does not learn (R8.9);
//! whether a leader has a cause to join; anything about an assignment that has arrived when its
//! generation turns out to have ended: Java drops the id then, too (KAFKA-8104).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::client::{ClientObservation, ConsumerConfig, MemberState};
use crate::coordinator;
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, Generation, GroupId, Request, Response, ResponseError as E, StrBytes};
use crate::time::Time;
use crate::trace::{ConnectionId, Event, EventKind, FaultKind, Place};
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use crate::invariant::Invariant;
use crate::invariant::client::conduct::{
    ClientExchange, Incarnations, ReceivedResponse, claimed_identity, exchange,
};
use crate::invariant::interest::{GROUP_APIS, Interest};
use crate::model::Model;

/// The tolerance for a clock outside the simulation when it measures how late an application is.
const SLACK: Duration = Duration::from_secs(1);

/// The errors that are transient, or end with another join.
const TRANSIENT: [E; 10] = [
    E::CoordinatorLoadInProgress,
    E::CoordinatorNotAvailable,
    E::NotCoordinator,
    E::NotLeaderOrFollower,
    E::RequestTimedOut,
    E::UnstableOffsetCommit,
    E::UnknownMemberId,
    E::IllegalGeneration,
    E::RebalanceInProgress,
    E::MemberIdRequired,
];

#[derive(Default)]
pub(in crate::invariant) struct Reason {
    incarnations: Incarnations<Incarnation>,
    /// The newest generation of each group.
    newest: BTreeMap<GroupId, Generation>,
    /// Whether some plan may name ids that no member has, and leave out ids that members have: a
    /// generation has begun that was not newer, because fail-over can issue a number twice, or a
    /// replacement was undone of which the leader may know only the first half.
    ambiguous: bool,
}

struct Incarnation {
    is_static: bool,
    poll_interval: Duration,
    /// The id that it must join with; none if any id will do.
    id: Option<StrBytes>,
    generation: i32,
    /// Whether its membership has ended, and it knows.
    has_ended: bool,
    /// Whether it has a cause to join.
    has_cause: bool,
    /// Whether an assignment has arrived that it has not taken over.
    arrived: bool,
    leads: bool,
    /// The id, generation and leadership in a successful JoinGroup response. They take effect when
    /// the client goes on to sync: a response that a busy application left unread may follow an
    /// error that has ended the membership.
    granted: Option<(StrBytes, i32, bool)>,
    /// The connection on which its JoinGroup is in flight.
    join_in_flight: Option<ConnectionId>,
    knows_coordinator: bool,
    /// The connection of its last request to its coordinator, unless it has lost that coordinator
    /// since.
    listens_on: Option<ConnectionId>,
    errors: BTreeSet<i16>,
    last_poll: Time,
}

impl Invariant for Reason {
    fn name(&self) -> &'static str {
        "reason"
    }

    fn statement(&self) -> &'static str {
        "a member drops its id, joins again, leaves or gives up only for a cause that it received"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR
            .and(Interest::CONSUMER)
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .sends(GROUP_APIS)
            .receives(GROUP_APIS)
            .receives(&[Api::FindCoordinator])
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        if let Some(exchanged) = exchange(event) {
            let Some(incarnation) = self.incarnations.of(exchanged.consumer) else { return Ok(()) };
            return match exchanged.received {
                None => incarnation.on_send(&exchanged),
                Some(received) => {
                    incarnation.on_response(&exchanged, received);
                    Ok(())
                }
            };
        }
        match &event.kind {
            EventKind::Coordinator(coordinator::Observation::Classic(
                coordinator::ClassicObservation::GenerationBegan { group, generation, .. },
            )) => {
                let newest = self.newest.entry(group.clone()).or_insert(Generation::NONE);
                self.ambiguous |= *generation <= *newest;
                *newest = *generation;
            }
            EventKind::Coordinator(coordinator::Observation::Classic(
                coordinator::ClassicObservation::ReplacementUndone { .. },
            )) => {
                self.ambiguous = true;
            }
            _ => {}
        }
        let Place::Consumer(consumer) = event.place else { return Ok(()) };
        match &event.kind {
            EventKind::Consumer(ClientObservation::Fatal { error })
                if self.ambiguous && *error == E::UnknownServerError.code() => {}
            EventKind::ConsumerStarted { config, .. } => {
                self.incarnations.begin(consumer, Incarnation::new(config, event.local));
            }
            EventKind::ConsumerClosed | EventKind::FaultBegan { fault: FaultKind::Crash, .. } => {
                self.incarnations.end(consumer);
            }
            EventKind::Consumer(observation) => {
                if let Some(incarnation) = self.incarnations.of(consumer) {
                    return incarnation.on_observation(event.local, observation);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Incarnation {
    fn new(config: &ConsumerConfig, now: Time) -> Incarnation {
        Incarnation {
            is_static: config.instance_id.is_some(),
            poll_interval: config.max_poll_interval,
            id: None,
            generation: -1,
            has_ended: false,
            has_cause: true,
            arrived: false,
            leads: false,
            granted: None,
            join_in_flight: None,
            knows_coordinator: false,
            listens_on: None,
            errors: BTreeSet::new(),
            last_poll: now,
        }
    }

    fn on_send(&mut self, exchange: &ClientExchange<'_>) -> Result<(), Breach> {
        self.listens_on = Some(exchange.conn);
        match exchange.request {
            Request::JoinGroup(body) => return self.joins(exchange.conn, body),
            Request::LeaveGroup(_) => self.end_membership(false),
            _ => {}
        }
        Ok(())
    }

    fn joins(&mut self, conn: ConnectionId, body: &JoinGroupRequest) -> Result<(), Breach> {
        let (group, id) = (body.group_id.as_str(), &body.member_id);
        if self.join_in_flight == Some(conn) {
            return breach!(
                "joins-twice",
                "group {group}: {id:?} sent two JoinGroup requests at once"
            );
        }
        if let Some(known) = self.id.as_ref().filter(|known| *known != id) {
            return breach!(
                "member-id",
                "group {group}: the client joined as {id:?}, but its id is {known:?} and no response had \
                 taken it away"
            );
        }
        if !(self.has_cause || self.arrived || self.leads) {
            return breach!("rejoins", "group {group}: {id:?} joined again without a cause");
        }
        self.join_in_flight = Some(conn);
        Ok(())
    }

    fn on_response(&mut self, exchange: &ClientExchange<'_>, received: ReceivedResponse<'_>) {
        if received.error != 0 {
            self.errors.insert(received.error);
        }
        match (exchange.request, received.response) {
            (Request::JoinGroup(body), Response::JoinGroup(joined)) => {
                self.join_in_flight = None;
                self.joined(body, joined, received);
            }
            (Request::SyncGroup(_), _) if received.error == 0 => {
                (self.has_cause, self.arrived) = (false, true);
            }
            (Request::SyncGroup(_), _) => {
                self.has_cause = true;
                self.refused(exchange, received);
            }
            (Request::Heartbeat(_) | Request::OffsetCommit(_), _) => {
                self.has_cause |= received.is(&[E::RebalanceInProgress]);
                self.refused(exchange, received);
            }
            (Request::FindCoordinator(_), _) if received.error == 0 => {
                self.knows_coordinator = true
            }
            _ => {}
        }
    }

    fn joined(
        &mut self,
        body: &JoinGroupRequest,
        joined: &JoinGroupResponse,
        received: ReceivedResponse<'_>,
    ) {
        if received.is(&[E::MemberIdRequired]) {
            (self.id, self.generation) = (Some(joined.member_id.clone()), -1);
        } else if received.is(&[E::UnknownMemberId]) && self.id.as_ref() == Some(&body.member_id) {
            self.end_membership(false);
        } else if received.error == 0 {
            let leads = joined.leader == joined.member_id;
            self.granted = Some((joined.member_id.clone(), joined.generation_id, leads));
        }
    }

    /// Processes an error that ends the membership, if it is about the present membership.
    fn refused(&mut self, exchange: &ClientExchange<'_>, received: ReceivedResponse<'_>) {
        let Some((member, generation)) = claimed_identity(exchange.request) else { return };
        if self.id.as_ref().is_some_and(|id| id != member) || self.generation != generation {
            return;
        }
        let ended = received.is(&[E::UnknownMemberId, E::FencedInstanceId, E::IllegalGeneration]);
        if ended && self.listens_on != Some(exchange.conn) {
            // It may have stopped to listen on that connection, or received the error before.
            (self.has_ended, self.has_cause, self.id) = (true, true, None);
        } else if received.is(&[E::UnknownMemberId, E::FencedInstanceId]) {
            self.end_membership(false);
        } else if received.is(&[E::IllegalGeneration]) {
            self.end_membership(!self.arrived);
        }
    }

    fn end_membership(&mut self, keep_id: bool) {
        (self.has_ended, self.has_cause, self.generation) = (true, true, -1);
        if !keep_id {
            self.id = None;
        }
    }

    fn on_observation(&mut self, now: Time, observation: &ClientObservation) -> Result<(), Breach> {
        match observation {
            ClientObservation::State { to, why, .. } => {
                if *to == MemberState::CompletingRebalance
                    && let Some((id, generation, leads)) = self.granted.take()
                {
                    (self.id, self.generation, self.leads) = (Some(id), generation, leads);
                    // Until its SyncGroup response arrives it may have to join again (rule
                    // R13.2.1), also if it had joined as a former leader, which needs no cause.
                    (self.has_ended, self.has_cause) = (false, true);
                }
                let unobliged = self.is_static || !self.knows_coordinator || self.id.is_none();
                if *to == MemberState::Unjoined && !(self.has_ended || unobliged) {
                    let id = self.id.as_deref().unwrap_or_default();
                    return breach!(
                        "membership-ends",
                        "{id} dropped its membership without an error from the coordinator: {why}"
                    );
                }
            }
            ClientObservation::PollTimeout => {
                if now + SLACK < self.last_poll + self.poll_interval {
                    return breach!(
                        "poll-timeout",
                        "the member left because of a late poll, though it had polled at {}",
                        self.last_poll
                    );
                }
                self.end_membership(false);
            }
            ClientObservation::Polled { .. } => self.last_poll = now,
            ClientObservation::Assigned { .. } => self.arrived = false,
            ClientObservation::Revoked { .. } => self.has_cause |= self.arrived,
            ClientObservation::CoordinatorLost { .. } => {
                (self.knows_coordinator, self.join_in_flight, self.listens_on) =
                    (false, None, None);
            }
            ClientObservation::Fatal { error } => return self.on_fatal(*error),
            ClientObservation::Lost { .. }
            | ClientObservation::Positioned { .. }
            | ClientObservation::Processed { .. }
            | ClientObservation::CommitFailed { .. } => {}
        }
        Ok(())
    }

    fn on_fatal(&self, error: i16) -> Result<(), Breach> {
        if !self.errors.contains(&error) {
            return breach!(
                "fatal-unheard",
                "the client gave up for error {error}, which it had not received"
            );
        }
        match TRANSIENT.iter().find(|transient| transient.code() == error) {
            None => Ok(()),
            Some(transient) => {
                breach!("fatal-transient", "the client gave up for {transient}, which is transient")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::{ClientObservation, CoordinatorLoss, MemberState::*};
    use crate::invariant::trace_builder::consumer::{heartbeat, joins, syncs};
    use crate::invariant::trace_builder::{
        TraceBuilder, error_join, heartbeat_response, join_response, partition,
    };
    use crate::protocol::ResponseError as E;

    fn member() -> TraceBuilder {
        let mut trace = TraceBuilder::new("reason");
        trace.member();
        trace
    }

    #[test]
    fn a_member_that_learns_of_a_rebalance_joins_again_under_its_id() {
        member().beats(Some(E::RebalanceInProgress)).sends(1, joins("a")).holds();
        member().beats(None).sends(1, joins("a")).breaks("joined again without a cause");
        member().beats(Some(E::RebalanceInProgress)).sends(1, joins("")).breaks("joined as \"\"");
    }

    #[test]
    fn an_id_is_valid_until_the_coordinator_does_not_know_it() {
        let unknown = || {
            let mut trace = member();
            trace.beats(Some(E::UnknownMemberId)).becomes(Unjoined);
            trace
        };
        unknown().sends(1, joins("")).holds();
        let mut illegal = member();
        illegal.beats(Some(E::IllegalGeneration)).becomes(Unjoined).sends(1, joins("a")).holds();
        illegal.sends(2, joins("")).breaks("but its id is");
        let mut handed = unknown();
        handed.sends(1, joins("")).receives(
            1,
            joins(""),
            error_join("b", E::MemberIdRequired.code()),
        );
        handed.sends(1, joins("b")).holds();
        handed.sends(2, joins("")).breaks("but its id is");
    }

    #[test]
    fn an_error_about_an_older_membership_is_no_cause() {
        let mut trace = member();
        trace.receives(1, heartbeat(0), heartbeat_response(E::UnknownMemberId.code()));
        trace.becomes(Unjoined).breaks("dropped its membership");
    }

    #[test]
    fn a_response_on_an_abandoned_connection_may_be_received_or_not() {
        let lost = || {
            let mut trace = member();
            let lost = ClientObservation::CoordinatorLost { why: CoordinatorLoss::Disconnected };
            trace.sends(1, heartbeat(1)).consumer(0, lost);
            trace.receives(1, heartbeat(1), heartbeat_response(E::IllegalGeneration.code()));
            trace
        };
        lost().sends(1, joins("a")).holds();
        let mut unheard = lost();
        unheard.sends(2, heartbeat(1));
        unheard.receives(2, heartbeat(1), heartbeat_response(E::UnknownMemberId.code()));
        unheard.becomes(Unjoined).sends(2, joins("")).holds();
    }

    #[test]
    fn a_join_response_that_comes_too_late_changes_nothing() {
        let mut trace = member();
        trace.beats(Some(E::UnknownMemberId)).receives(
            1,
            joins("a"),
            join_response("a", 1, "b", &[]),
        );
        trace.becomes(Unjoined).sends(1, joins("")).holds();
    }

    #[test]
    fn one_join_at_a_time() {
        let mut trace = TraceBuilder::new("reason");
        trace.started(0).sends(1, joins("")).sends(2, joins("")).holds();
        trace.sends(2, joins("")).breaks("two JoinGroup requests at once");
    }

    #[test]
    fn a_revocation_at_the_end_of_a_rebalance_is_a_cause_to_rejoin() {
        let mut trace = member();
        trace.beats(Some(E::RebalanceInProgress)).sends(1, joins("a"));
        trace.receives(1, syncs(1), crate::protocol::Response::SyncGroup(Default::default()));
        trace.consumer(0, ClientObservation::Revoked { partitions: vec![partition("t-0")] });
        trace.assigned(0, "a", 1, &[]).sends(2, joins("a")).holds();
    }

    #[test]
    fn no_member_leaves_without_a_leave_group_or_before_it_is_late() {
        member().becomes(Unjoined).breaks("without an error from the coordinator: poll timeout");
        member().at(400_000).consumer(0, ClientObservation::PollTimeout).becomes(Unjoined).holds();
        member().consumer(0, ClientObservation::PollTimeout).breaks("left because of a late poll");
    }

    #[test]
    fn no_client_gives_up_for_a_transient_error() {
        let fatal = |error: E| ClientObservation::Fatal { error: error.code() };
        member().consumer(0, fatal(E::FencedInstanceId)).breaks("which it had not received");
        let mut fenced = member();
        fenced.beats(Some(E::FencedInstanceId)).consumer(0, fatal(E::FencedInstanceId)).holds();
        let mut moved = member();
        moved.beats(Some(E::NotCoordinator)).consumer(0, fatal(E::NotCoordinator));
        moved.breaks("which is transient");
        // Rule R11.13: after a fail-over a plan for another generation of that number may leave it
        // out.
        let mut left_out = member();
        left_out.generation(1, &["a"]).generation(1, &["a", "b"]);
        left_out.consumer(0, fatal(E::UnknownServerError)).holds();
        let mut without_error = member();
        without_error.generation(1, &["a"]).generation(2, &["a", "b"]);
        without_error.consumer(0, fatal(E::UnknownServerError)).breaks("which it had not received");
    }
}
