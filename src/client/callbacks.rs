//! The end of a rebalance: apply the assignment from SyncGroup and call the application's callbacks
//! (rules R13.4, R13.7).
//!
//! Only a polling application does this. While it processes a batch, which is only possible with
//! cooperative rebalancing, a received assignment waits, and the heartbeat thread may invalidate it
//! meanwhile.

use bytes::Bytes;

use crate::assignor::{RebalanceProtocol, common_protocol};
use crate::marks::{Mark, sometimes};
use crate::protocol::{Generation, ResponseError, TopicPartition, subscription};
use crate::time::Time;

use super::fetch::Partition;
use super::membership::Identity;
use super::reason::TransitionReason;
use super::{ClientObservation, ClientOutput, Consumer, MemberState};

/// An assignment that has arrived and that the application has not applied yet.
pub(super) struct PendingAssignment {
    pub(super) sent_as: Identity,
    pub(super) assignment: Bytes,
}

impl Consumer {
    /// Whether members keep partitions through a rebalance (KIP-429).
    pub(super) fn is_cooperative(&self) -> bool {
        common_protocol(&self.config.assignors) == RebalanceProtocol::Cooperative
    }

    /// Applies the pending assignment, if there is one: `onJoinComplete` of the Java client.
    pub(super) fn complete_rebalance(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        let Some(PendingAssignment { sent_as, assignment }) = self.pending_assignment.take() else {
            return;
        };
        let stable = self.membership.state == MemberState::Stable;
        if !stable || self.membership.identity != sent_as {
            // Meanwhile the heartbeat thread has learned that the generation is over (KAFKA-8104).
            sometimes(Mark::AssignmentUndone);
            return self.reset_membership(false, TransitionReason::AssignmentUndone, out);
        }
        self.prepare.reset();
        // Every leader sends an assignment to every member, even if the list is empty. An empty
        // payload points to a broken component, which rejoining would hide (rule R13.4.4).
        let assigned = match subscription::decode_assignment(&assignment) {
            Ok(partitions) if !assignment.is_empty() => partitions,
            Ok(_) | Err(_) => return self.fatal(ResponseError::UnknownServerError.code(), out),
        };
        match assigned.iter().all(|one| self.config.topics.contains(&one.topic)) {
            true => self.apply_assignment(now, sent_as, assigned, out),
            false => self.rejoin_at_once(now),
        }
    }

    fn apply_assignment(
        &mut self,
        now: Time,
        sent_as: Identity,
        partitions: Vec<TopicPartition>,
        out: &mut Vec<ClientOutput>,
    ) {
        self.revoke_all_but(now, &partitions, out);
        let Identity { generation, member } = sent_as;
        self.remember_assignment(&partitions, generation);
        let added: Vec<TopicPartition> =
            partitions.iter().filter(|one| !self.partitions.contains_key(one)).cloned().collect();
        let since = self.fetcher.begin_assignment(now);
        self.partitions.extend(added.iter().map(|one| (one.clone(), Partition::since(since))));
        self.fetcher.unpositioned =
            self.partitions.values().filter(|one| one.position.is_none()).count();
        self.commits.reset(now, &self.config);
        self.refresh_if_leaderless(now);
        out.push(ClientOutput::Observe(ClientObservation::Assigned {
            member,
            generation,
            partitions,
            added,
        }));
    }

    /// Gives up the owned partitions that are no longer assigned, and rejoins so that the leader
    /// can assign them to others (rule R13.7.3). An eager member owns nothing at this point.
    fn revoke_all_but(&mut self, now: Time, kept: &[TopicPartition], out: &mut Vec<ClientOutput>) {
        let partitions: Vec<TopicPartition> = self
            .partitions
            .keys()
            .filter(|owned| kept.binary_search(owned).is_err())
            .cloned()
            .collect();
        if partitions.is_empty() {
            return;
        }
        assert!(
            self.is_cooperative(),
            "consumer {}: eager member {} of group {} still owns {partitions:?} at the end of the \
             rebalance to generation {}",
            self.config.client_id.as_str(),
            self.membership.identity.member,
            self.config.group.0.as_str(),
            self.membership.identity.generation,
        );
        for partition in &partitions {
            self.partitions.remove(partition);
        }
        sometimes(Mark::JoinsAgainToGiveUp);
        out.push(ClientOutput::Observe(ClientObservation::Revoked { partitions }));
        self.rejoin_at_once(now);
    }

    /// Gives up all owned partitions; `lost` says whether another member may own them already.
    pub(super) fn drop_partitions(&mut self, lost: bool, out: &mut Vec<ClientOutput>) {
        let partitions: Vec<TopicPartition> =
            std::mem::take(&mut self.partitions).into_keys().collect();
        self.fetcher.end_assignment();
        if partitions.is_empty() {
            return;
        }
        out.push(ClientOutput::Observe(if lost {
            ClientObservation::Lost { partitions }
        } else {
            ClientObservation::Revoked { partitions }
        }));
    }

    /// Whether another member may already own this member's partitions: its membership is gone, or
    /// it takes part in a rebalance (rule R13.3.4).
    pub(super) fn may_be_lost(&self) -> bool {
        self.membership.identity.generation == Generation::NONE
            || self.membership.identity.member.is_empty()
            || self.membership.state != MemberState::Stable
    }
}
