//! JoinGroup and SyncGroup from the client's side, and what each error does to the membership
//! (rules R13.1, R13.2).

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse,
};

use crate::protocol::{
    Api, CONSUMER_PROTOCOL_TYPE, Generation, MemberId, Request, ResponseError, str_bytes,
    subscription,
};
use crate::time::{Time, to_millis_i32};

use super::fetch::Partition;
use super::links::Sent;
use super::versions::version_of;
use super::{Consumer, MemberState, Observation, Output, Purpose};

/// Who a member is. Every group request in flight carries the identity it was sent with, because an error
/// that answers an outdated identity must not destroy the new one (KAFKA-9823).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) generation: Generation,
    pub(super) member: MemberId,
}

pub(super) struct Membership {
    pub(super) state: MemberState,
    pub(super) identity: Identity,
    /// A rebalance is due, or under way.
    pub(super) rejoin_needed: bool,
    /// Not to join before this.
    retry_at: Time,
    failures: u32,
}

impl Membership {
    pub(super) fn new(now: Time) -> Self {
        let identity = Identity { generation: Generation::NONE, member: MemberId::default() };
        Membership {
            state: MemberState::Unjoined,
            identity,
            rejoin_needed: true,
            retry_at: now,
            failures: 0,
        }
    }

    /// Whether the heartbeat thread is awake.
    pub(super) fn heartbeats(&self) -> bool {
        matches!(self.state, MemberState::CompletingRebalance | MemberState::Stable)
    }
}

impl Consumer {
    /// Joins when a rebalance is due, everything it takes is known, and preparation is over.
    pub(super) fn join_if_needed(&mut self, now: Time, out: &mut Vec<Output>) {
        let due = self.may_join() && self.membership.retry_at <= now;
        if due && self.prepare_join(now, out) {
            self.send_join(now, out);
        }
    }

    /// Whether joining is this client's next move. A member whose join is in flight waits for it.
    fn may_join(&self) -> bool {
        self.membership.rejoin_needed
            && self.discovery.coordinator.is_some()
            && self.discovery.counts.is_some()
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

    fn send_join(&mut self, now: Time, out: &mut Vec<Output>) {
        self.set_member_state(MemberState::PreparingRebalance, "joining", out);
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
            .with_protocol_type(str_bytes(CONSUMER_PROTOCOL_TYPE))
            .with_protocols(self.offered_protocols());
        // The answer may take as long as the slowest member is allowed to (rule R13.1.5).
        let patience = self.config.max_poll_interval + std::time::Duration::from_secs(5);
        let timeout = self.config.request_timeout.max(patience);
        let how = (Purpose::Coordinator, &self.config.client_id, timeout);
        self.links.send(now, how, Sent::Join(identity), Request::JoinGroup(request), out);
    }

    fn offered_protocols(&self) -> Vec<JoinGroupRequestProtocol> {
        let version = match self.config.join_version {
            0..=3 => 0,
            4..=8 => 1,
            _ => 3,
        };
        let generation = self.membership.identity.generation;
        let topics = &self.config.topics;
        let metadata = subscription::encode_subscription(topics, version, generation);
        let offer = |name| {
            JoinGroupRequestProtocol::default()
                .with_name(str_bytes(name))
                .with_metadata(metadata.clone())
        };
        self.config.assignors.iter().map(|assignor| offer(assignor.name())).collect()
    }

    pub(super) fn on_join(
        &mut self,
        now: Time,
        sent_as: &Identity,
        answer: &JoinGroupResponse,
        out: &mut Vec<Output>,
    ) {
        use ResponseError as E;
        match E::try_from_code(answer.error_code) {
            None => self.joined(now, answer, out),
            Some(E::MemberIdRequired) => {
                self.membership.identity.member = MemberId(answer.member_id.clone());
                self.membership.identity.generation = Generation::NONE;
                self.rejoin_at_once(now);
            }
            Some(E::UnknownMemberId) => {
                self.reset_if_current(sent_as, false, "unknown member id", out);
                self.rejoin_at_once(now);
            }
            Some(E::RebalanceInProgress) => self.rejoin_at_once(now),
            Some(E::NotCoordinator | E::CoordinatorNotAvailable) => {
                self.abandon_coordinator(now, "not the coordinator", out);
                self.join_failed(now);
            }
            Some(E::CoordinatorLoadInProgress) => self.join_failed(now),
            Some(_) => self.fatal(answer.error_code, out),
        }
    }

    fn joined(&mut self, now: Time, answer: &JoinGroupResponse, out: &mut Vec<Output>) {
        // The heartbeat thread may have left the group while the join was in flight: then this answer
        // belongs to a membership that no longer exists.
        if self.membership.state != MemberState::PreparingRebalance {
            return self.join_failed(now);
        }
        self.membership.failures = 0;
        self.membership.identity = Identity {
            generation: Generation(answer.generation_id),
            member: MemberId(answer.member_id.clone()),
        };
        self.set_member_state(MemberState::CompletingRebalance, "joined", out);
        self.heartbeats.reset(now, &self.config);
        let leads = answer.leader == answer.member_id;
        let assignments = if leads { self.assign(answer) } else { Vec::new() };
        self.send_sync(now, answer, assignments, out);
    }

    fn send_sync(
        &mut self,
        now: Time,
        joined: &JoinGroupResponse,
        assignments: Vec<SyncGroupRequestAssignment>,
        out: &mut Vec<Output>,
    ) {
        let identity = self.membership.identity.clone();
        let mut request = SyncGroupRequest::default()
            .with_group_id(self.config.group.clone())
            .with_generation_id(identity.generation.0)
            .with_member_id(identity.member.0.clone())
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
        answer: &SyncGroupResponse,
        out: &mut Vec<Output>,
    ) {
        use ResponseError as E;
        match E::try_from_code(answer.error_code) {
            None => self.synced(now, sent_as, answer, out),
            Some(E::RebalanceInProgress) => self.rejoin_at_once(now),
            Some(E::UnknownMemberId) => {
                self.reset_if_current(sent_as, false, "unknown member id", out);
                self.rejoin_at_once(now);
            }
            Some(E::IllegalGeneration) => {
                self.reset_if_current(sent_as, true, "illegal generation", out);
                self.rejoin_at_once(now);
            }
            Some(E::NotCoordinator | E::CoordinatorNotAvailable) => {
                self.abandon_coordinator(now, "not the coordinator", out);
                self.join_failed(now);
            }
            // The Java client throws this one out of poll(); an application that polls again ends up
            // here (rule R13.2.2).
            Some(E::CoordinatorLoadInProgress) => self.join_failed(now),
            Some(_) => self.fatal(answer.error_code, out),
        }
    }

    fn synced(
        &mut self,
        now: Time,
        sent_as: &Identity,
        answer: &SyncGroupResponse,
        out: &mut Vec<Output>,
    ) {
        let current = self.membership.identity == *sent_as;
        if !current || self.membership.state != MemberState::CompletingRebalance {
            return self.rejoin_at_once(now);
        }
        self.set_member_state(MemberState::Stable, "synced", out);
        self.prepare.reset();
        let assigned = subscription::decode_assignment(&answer.assignment).ok();
        let assigned = assigned.filter(|partitions| {
            partitions.iter().all(|one| self.config.topics.contains(&one.topic))
        });
        match assigned {
            Some(partitions) => {
                self.membership.rejoin_needed = false;
                self.partitions =
                    partitions.iter().map(|one| (one.clone(), Partition::default())).collect();
                self.fetcher.begin_assignment(now, partitions.len());
                self.commits.reset(now, &self.config);
                let Identity { generation, member } = sent_as.clone();
                out.push(Output::Observe(Observation::Assigned { member, generation, partitions }));
            }
            // An assignment that is not readable, or that names topics this member did not ask for, is
            // ignored and asked for again.
            None => self.rejoin_at_once(now),
        }
    }

    /// A join or sync failed in a way that heals by itself: try again after a while.
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

    /// Forgets the membership that an error answered, unless the client has moved on since.
    pub(super) fn reset_if_current(
        &mut self,
        sent_as: &Identity,
        keep_member_id: bool,
        why: &'static str,
        out: &mut Vec<Output>,
    ) {
        if self.membership.identity == *sent_as {
            self.reset_membership(keep_member_id, why, out);
        }
    }

    /// Forgets the generation, and the member id unless it is still valid; what was owned is lost at the
    /// next poll, before the next join.
    pub(super) fn reset_membership(
        &mut self,
        keep_member_id: bool,
        why: &'static str,
        out: &mut Vec<Output>,
    ) {
        self.set_member_state(MemberState::Unjoined, why, out);
        self.membership.identity.generation = Generation::NONE;
        if !keep_member_id {
            self.membership.identity.member = MemberId::default();
        }
        self.membership.rejoin_needed = true;
        // Without this, a member kicked out between join and sync would skip onPartitionsLost
        // (KAFKA-12983).
        self.prepare.reset();
    }

    pub(super) fn set_member_state(
        &mut self,
        to: MemberState,
        why: &'static str,
        out: &mut Vec<Output>,
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
        out.push(Output::Observe(Observation::State { from, to, why }));
    }
}
