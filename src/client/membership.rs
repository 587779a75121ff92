//! JoinGroup and SyncGroup on the client's side, and what each error does to the membership (rules
//! R13.1, R13.2).

use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse,
};

use crate::assignor::Assignor;
use crate::marks::{Mark, sometimes};
use crate::protocol::{
    Api, CONSUMER_PROTOCOL_TYPE, Generation, MemberId, Request, ResponseError, StrBytes, str_bytes,
};
use crate::time::{Time, to_millis_i32};

use super::callbacks::PendingAssignment;
use super::close::Closing;
use super::leader::SubscribedTopics;
use super::links::{SendOptions, Sent};
use super::reason::{CoordinatorLoss, TransitionReason};
use super::versions::version_of;
use super::{ClientObservation, ClientOutput, Consumer, MemberState, Purpose};

/// The identity of a member. Every group request in flight carries the identity it was sent with,
/// because an error for an outdated identity must not destroy the current one (KAFKA-9823).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) generation: Generation,
    pub(super) member: MemberId,
}

pub(super) struct Membership {
    pub(super) state: MemberState,
    pub(super) identity: Identity,
    /// The protocol that the coordinator chose: the name of an assignor.
    protocol: Option<StrBytes>,
    /// The topics from which this member computed the assignment, if it led the last generation it
    /// joined.
    pub(super) subscribed_topics: Option<SubscribedTopics>,
    /// A rebalance is due or in progress.
    pub(super) rejoin_needed: bool,
    /// No join before this time.
    retry_at: Time,
    failures: u32,
}

impl Membership {
    pub(super) fn new(now: Time) -> Self {
        let identity = Identity { generation: Generation::NONE, member: MemberId::default() };
        Membership {
            state: MemberState::Unjoined,
            identity,
            protocol: None,
            subscribed_topics: None,
            rejoin_needed: true,
            retry_at: now,
            failures: 0,
        }
    }

    /// The assignor that the group uses.
    pub(super) fn chosen_assignor(&self) -> Option<Assignor> {
        self.protocol.as_ref().and_then(|name| Assignor::from_name(name.as_str()))
    }

    /// Whether the member sends heartbeats in its current state.
    pub(super) fn heartbeats(&self) -> bool {
        matches!(self.state, MemberState::CompletingRebalance | MemberState::Stable)
    }
}

impl Consumer {
    /// Completes the last rebalance, then joins if another one is due, everything the join needs is
    /// known, and preparation is complete.
    pub(super) fn join_if_needed(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        self.complete_rebalance(now, out);
        if self.closing == Closing::Closed {
            return;
        }
        self.rejoin_if_topics_changed(now);
        let due = self.may_join() && self.membership.retry_at <= now;
        if due && self.prepare_join(now, out) {
            self.send_join(now, out);
        }
    }

    /// Whether a join is this client's next step. A member whose join or sync is in flight waits
    /// for the response.
    fn may_join(&self) -> bool {
        self.membership.rejoin_needed
            && self.discovery.coordinator.is_some()
            && self.metadata.topics.is_some()
            && !self
                .links
                .awaits(Purpose::Coordinator, |sent| matches!(sent, Sent::Join(_) | Sent::Sync(_)))
    }

    pub(super) fn join_deadline(&self) -> Time {
        if !self.may_join() {
            return Time::NEVER;
        }
        self.membership.retry_at.max(self.prepare_deadline())
    }

    fn send_join(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        self.set_member_state(MemberState::PreparingRebalance, TransitionReason::Joining, out);
        let version = version_of(Api::JoinGroup, self.config.join_version);
        let rebalance_timeout = match version {
            0 => -1,
            _ => to_millis_i32(self.config.max_poll_interval),
        };
        let identity = self.membership.identity.clone();
        let request = JoinGroupRequest::default()
            .with_group_id(self.config.group.clone())
            .with_session_timeout_ms(to_millis_i32(self.config.session_timeout))
            .with_rebalance_timeout_ms(rebalance_timeout)
            .with_member_id(identity.member.0.clone())
            .with_group_instance_id(self.config.instance_id.clone())
            .with_protocol_type(str_bytes(CONSUMER_PROTOCOL_TYPE))
            .with_protocols(self.offered_protocols());
        // The response may take as long as the slowest member is allowed to take (rule R13.1.5). A
        // version 0 member cannot send a rebalance timeout; the coordinator allows it its session
        // timeout (rule R6.1.16).
        let allowed = match version {
            0 => self.config.session_timeout,
            _ => self.config.max_poll_interval,
        };
        let longest = allowed + std::time::Duration::from_secs(5);
        let timeout = self.config.request_timeout.max(longest);
        let (purpose, client_id) = (Purpose::Coordinator, &self.config.client_id);
        let options = SendOptions { purpose, broker: self.broker_for(purpose), client_id, timeout };
        self.links.send(now, options, Sent::Join(identity), Request::JoinGroup(request), out);
    }

    pub(super) fn on_join(
        &mut self,
        now: Time,
        sent_as: &Identity,
        response: &JoinGroupResponse,
        out: &mut Vec<ClientOutput>,
    ) {
        use ResponseError as E;
        match E::try_from_code(response.error_code) {
            None => self.joined(now, response, out),
            Some(E::MemberIdRequired) => {
                self.membership.identity.member = MemberId(response.member_id.clone());
                self.membership.identity.generation = Generation::NONE;
                self.rejoin_at_once(now);
            }
            Some(E::UnknownMemberId) => {
                self.reset_if_current(sent_as, false, TransitionReason::UnknownMemberId, out);
                self.rejoin_at_once(now);
            }
            Some(E::RebalanceInProgress) => self.rejoin_at_once(now),
            Some(E::NotCoordinator | E::CoordinatorNotAvailable) => {
                self.abandon_coordinator(now, CoordinatorLoss::NotCoordinator, out);
                self.join_failed(now);
            }
            Some(E::CoordinatorLoadInProgress) => self.join_failed(now),
            Some(_) => self.fatal(response.error_code, out),
        }
    }

    fn joined(&mut self, now: Time, response: &JoinGroupResponse, out: &mut Vec<ClientOutput>) {
        // The heartbeat thread may have left the group while the join was in flight. Then this
        // response belongs to a membership that no longer exists.
        if self.membership.state != MemberState::PreparingRebalance {
            sometimes(Mark::JoinedTooLate);
            return self.join_failed(now);
        }
        if is_foreign(response.protocol_type.as_ref()) {
            return self.fatal(ResponseError::InconsistentGroupProtocol.code(), out);
        }
        self.membership.failures = 0;
        self.membership.protocol = response.protocol_name.clone();
        let identity = Identity {
            generation: Generation(response.generation_id),
            member: MemberId(response.member_id.clone()),
        };
        let same_generation = self.membership.identity == identity;
        self.membership.identity = identity;
        self.set_member_state(MemberState::CompletingRebalance, TransitionReason::Joined, out);
        self.heartbeats.reset(now, &self.config);
        let earlier = self.membership.subscribed_topics.take().filter(|_| same_generation);
        let leads = response.leader == response.member_id;
        let assignments = if leads { self.lead(response, earlier) } else { Vec::new() };
        self.send_sync(now, response, assignments, out);
    }

    fn send_sync(
        &mut self,
        now: Time,
        joined: &JoinGroupResponse,
        assignments: Vec<SyncGroupRequestAssignment>,
        out: &mut Vec<ClientOutput>,
    ) {
        let identity = self.membership.identity.clone();
        let mut request = SyncGroupRequest::default()
            .with_group_id(self.config.group.clone())
            .with_generation_id(identity.generation.0)
            .with_member_id(identity.member.0.clone())
            .with_group_instance_id(self.config.instance_id.clone())
            .with_assignments(assignments);
        if version_of(Api::SyncGroup, self.config.join_version) >= 5 {
            request = request
                .with_protocol_type(Some(str_bytes(CONSUMER_PROTOCOL_TYPE)))
                .with_protocol_name(joined.protocol_name.clone());
        }
        self.send(now, Purpose::Coordinator, Sent::Sync(identity), request, out);
    }

    pub(super) fn on_sync(
        &mut self,
        now: Time,
        sent_as: &Identity,
        response: &SyncGroupResponse,
        out: &mut Vec<ClientOutput>,
    ) {
        use ResponseError as E;
        match E::try_from_code(response.error_code) {
            None => self.synced(now, sent_as, response, out),
            Some(E::RebalanceInProgress) => self.rejoin_at_once(now),
            Some(E::UnknownMemberId) => {
                self.reset_if_current(sent_as, false, TransitionReason::UnknownMemberId, out);
                self.rejoin_at_once(now);
            }
            Some(E::IllegalGeneration) => {
                self.reset_if_current(sent_as, true, TransitionReason::IllegalGeneration, out);
                self.rejoin_at_once(now);
            }
            Some(E::NotCoordinator | E::CoordinatorNotAvailable) => {
                self.abandon_coordinator(now, CoordinatorLoss::NotCoordinator, out);
                self.join_failed(now);
            }
            // The Java client throws this error from poll(); an application that polls again ends
            // up here (rule R13.2.2).
            Some(E::CoordinatorLoadInProgress) => self.join_failed(now),
            Some(_) => self.fatal(response.error_code, out),
        }
    }

    fn synced(
        &mut self,
        now: Time,
        sent_as: &Identity,
        response: &SyncGroupResponse,
        out: &mut Vec<ClientOutput>,
    ) {
        let current = self.membership.identity == *sent_as;
        if !current || self.membership.state != MemberState::CompletingRebalance {
            return self.rejoin_at_once(now);
        }
        let (name, chosen) = (&response.protocol_name, &self.membership.protocol);
        if is_foreign(response.protocol_type.as_ref()) || (name.is_some() && name != chosen) {
            return self.fatal(ResponseError::InconsistentGroupProtocol.code(), out);
        }
        self.set_member_state(MemberState::Stable, TransitionReason::Synced, out);
        self.membership.rejoin_needed = false;
        let (sent_as, assignment) = (sent_as.clone(), response.assignment.clone());
        self.pending_assignment = Some(PendingAssignment { sent_as, assignment });
        if self.app_is_polling() {
            self.complete_rebalance(now, out);
        }
    }

    /// A join or sync failed with a retriable error: retry after a backoff.
    pub(super) fn join_failed(&mut self, now: Time) {
        let pause = Consumer::backoff(&self.config, &mut self.rng, self.membership.failures);
        self.membership.failures += 1;
        self.membership.rejoin_needed = true;
        self.membership.retry_at = now + pause;
    }

    pub(super) fn rejoin_at_once(&mut self, now: Time) {
        self.membership.rejoin_needed = true;
        self.membership.retry_at = now;
    }

    /// Resets the membership after an error, unless the client has a newer identity than the
    /// request that failed.
    pub(super) fn reset_if_current(
        &mut self,
        sent_as: &Identity,
        keep_member_id: bool,
        why: TransitionReason,
        out: &mut Vec<ClientOutput>,
    ) {
        if self.membership.identity == *sent_as {
            self.reset_membership(keep_member_id, why, out);
        } else {
            sometimes(Mark::OldResponseIgnored);
        }
    }

    /// Resets the generation, and the member id unless it is still valid. The next poll gives up
    /// the owned partitions as lost, before the next join.
    pub(super) fn reset_membership(
        &mut self,
        keep_member_id: bool,
        why: TransitionReason,
        out: &mut Vec<ClientOutput>,
    ) {
        self.set_member_state(MemberState::Unjoined, why, out);
        self.membership.identity.generation = Generation::NONE;
        if !keep_member_id {
            self.membership.identity.member = MemberId::default();
        }
        self.membership.rejoin_needed = true;
        // Without this reset, a member that the coordinator removes between join and sync would
        // skip onPartitionsLost (KAFKA-12983).
        self.prepare.reset();
    }

    pub(super) fn set_member_state(
        &mut self,
        to: MemberState,
        why: TransitionReason,
        out: &mut Vec<ClientOutput>,
    ) {
        let from = self.membership.state;
        if from == to {
            return;
        }
        assert!(
            from.may_become(to),
            "consumer {}: member {} of group {} cannot go from {from} to {to} in generation {}",
            self.config.client_id.as_str(),
            self.membership.identity.member,
            self.config.group.0.as_str(),
            self.membership.identity.generation,
        );
        self.membership.state = to;
        out.push(ClientOutput::Observe(ClientObservation::State { from, to, why }));
    }
}

/// Whether a response names a protocol type other than the consumers' (rule R13.1.7).
fn is_foreign(protocol_type: Option<&StrBytes>) -> bool {
    protocol_type.is_some_and(|name| name.as_str() != CONSUMER_PROTOCOL_TYPE)
}
