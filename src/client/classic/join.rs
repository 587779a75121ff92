//! When a member joins, and JoinGroup on the client's side (rules R13.1, R13.2).

use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use crate::client::commit::CommitKind;
use crate::client::context::{Context, always};
use crate::client::links::Sent;
use crate::client::membership::{Identity, Membership, NextStep};
use crate::client::metadata::Metadata;
use crate::client::partitions::Partitions;
use crate::client::reason::TransitionReason;
use crate::client::responses::Outcome;
use crate::client::{Consumer, MemberState, Purpose};
use crate::marks::{Mark, sometimes};
use crate::protocol::{
    Api, BrokerId, CONSUMER_PROTOCOL_TYPE, Generation, MemberId, ResponseError, str_bytes,
};
use crate::time::{Time, to_millis_i32};

use super::{Classic, is_foreign};

impl Consumer {
    /// Completes the last rebalance, then joins if another one is due, everything the join needs is
    /// known, and preparation is complete.
    pub(in crate::client) fn join_if_needed(&mut self) {
        self.complete_rebalance();
        if self.closing.is_closed() {
            return;
        }
        self.rejoin_if_topics_changed();
        let due = self.may_join() && self.membership.retry_at() <= self.cx.now;
        if due
            && self.prepare_join()
            && let Some(coordinator) = self.discovery.coordinator()
        {
            let (membership, owned) = (&mut self.membership, &self.partitions);
            self.classic.join(&mut self.cx, coordinator, membership, owned);
        }
    }

    fn rejoin_if_topics_changed(&mut self) {
        let changed = self.classic.topics_changed(&self.cx, &self.metadata);
        if changed && !self.membership.rejoin_needed() {
            sometimes(Mark::TopicsChanged);
            self.membership.rejoin_at_once(self.cx.now);
        }
    }

    /// Whether a join is this client's next step. A member whose join or sync is in flight waits
    /// for the response.
    fn may_join(&self) -> bool {
        self.membership.rejoin_needed()
            && self.discovery.knows_coordinator()
            && self.metadata.topics().is_some()
            && !in_flight(&self.cx)
    }

    /// Continues preparation; returns whether it is complete.
    fn prepare_join(&mut self) -> bool {
        let now = self.cx.now;
        match self.membership.prepare.next_step(now) {
            NextStep::Commit { deadline } => {
                let deadline = deadline.unwrap_or(now + self.cx.config.max_poll_interval);
                if self.commit(CommitKind::Prepare) {
                    self.membership.prepare.committing(&self.cx, deadline);
                    return false;
                }
                self.give_up_partitions();
            }
            NextStep::Wait => return false,
            NextStep::GiveUp => self.give_up_partitions(),
            NextStep::Join => {}
        }
        true
    }

    pub(in crate::client) fn join_deadline(&self) -> Time {
        match self.may_join() {
            true => self.membership.retry_at().max(self.membership.prepare.deadline()),
            false => Time::NEVER,
        }
    }
}

impl Classic {
    fn join(
        &mut self,
        cx: &mut Context,
        coordinator: BrokerId,
        membership: &mut Membership,
        owned: &Partitions,
    ) {
        always!(
            cx,
            owned.is_empty() || cx.is_cooperative(),
            "joins with eager rebalancing and still owns partitions"
        );
        always!(cx, self.pending.is_none(), "joins before it has applied its last assignment");
        membership.joining(cx);
        let version = cx.version_of(Api::JoinGroup);
        let rebalance_timeout = match version {
            0 => -1,
            _ => to_millis_i32(cx.config.max_poll_interval),
        };
        let identity = cx.identity().clone();
        let request = JoinGroupRequest::default()
            .with_group_id(cx.config.group.clone())
            .with_session_timeout_ms(to_millis_i32(cx.config.session_timeout))
            .with_rebalance_timeout_ms(rebalance_timeout)
            .with_member_id(identity.member.0.clone())
            .with_group_instance_id(cx.config.instance_id.clone())
            .with_protocol_type(str_bytes(CONSUMER_PROTOCOL_TYPE))
            .with_protocols(self.memories.offered_protocols(cx, owned));
        // The response may take as long as the slowest member is allowed to take (rule R13.1.5). A
        // version 0 member cannot send a rebalance timeout; the coordinator allows it its session
        // timeout (rule R6.1.16).
        let allowed = match version {
            0 => cx.config.session_timeout,
            _ => cx.config.max_poll_interval,
        };
        let longest = allowed + std::time::Duration::from_secs(5);
        let timeout = cx.config.request_timeout.max(longest);
        cx.send_with_timeout(coordinator, Sent::Join(identity), request, timeout);
    }

    pub(in crate::client) fn on_join(
        &mut self,
        cx: &mut Context,
        coordinator: Option<BrokerId>,
        (membership, metadata): (&mut Membership, &Metadata),
        sent_as: &Identity,
        response: &JoinGroupResponse,
    ) -> Outcome {
        use ResponseError as E;
        always!(cx, !membership.heartbeats(), "is {} and has joined again", membership.state());
        match E::try_from_code(response.error_code) {
            None => return self.joined(cx, coordinator, (membership, metadata), response),
            Some(E::MemberIdRequired) => {
                membership.named(cx, MemberId(response.member_id.clone()));
            }
            Some(E::UnknownMemberId) => {
                let why = TransitionReason::UnknownMemberId;
                membership.reset_if_current(cx, sent_as, false, why);
                membership.rejoin_at_once(cx.now);
            }
            Some(E::RebalanceInProgress) => membership.rejoin_at_once(cx.now),
            Some(E::NotCoordinator | E::CoordinatorNotAvailable) => {
                return Outcome::NotCoordinator;
            }
            Some(E::CoordinatorLoadInProgress) => return Outcome::Retry,
            Some(_) => return Outcome::Fatal(response.error_code),
        }
        Outcome::Done
    }

    fn joined(
        &mut self,
        cx: &mut Context,
        coordinator: Option<BrokerId>,
        (membership, metadata): (&mut Membership, &Metadata),
        response: &JoinGroupResponse,
    ) -> Outcome {
        // The heartbeat thread may have left the group while the join was in flight. Then this
        // response belongs to a membership that no longer exists.
        if membership.state() != MemberState::PreparingRebalance {
            sometimes(Mark::JoinedTooLate);
            return Outcome::Retry;
        }
        if is_foreign(response.protocol_type.as_ref()) {
            return Outcome::Fatal(ResponseError::InconsistentGroupProtocol.code());
        }
        self.protocol = response.protocol_name.clone();
        let identity = Identity {
            generation: Generation(response.generation_id),
            member: MemberId(response.member_id.clone()),
        };
        let same_generation = *cx.identity() == identity;
        membership.joined(cx, identity);
        self.heartbeats.reset(cx);
        let earlier = self.subscribed_topics.take().filter(|_| same_generation);
        let leads = response.leader == response.member_id;
        let assignments =
            if leads { self.lead(cx, metadata, response, earlier) } else { Vec::new() };
        self.sync(cx, coordinator, membership, assignments);
        Outcome::Done
    }
}

/// Whether a JoinGroup or SyncGroup is in flight.
fn in_flight(cx: &Context) -> bool {
    cx.links.awaits(Purpose::Coordinator, |sent| matches!(sent, Sent::Join(_) | Sent::Sync(_)))
}
