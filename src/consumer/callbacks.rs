//! The end of a rebalance: what SyncGroup brought is taken over, and the application's callbacks are called
//! (rules R13.4, R13.7).
//!
//! Only the polling application does that. While it is busy with a batch, which can only be when rebalancing
//! is cooperative, an assignment that has arrived waits, and the heartbeat thread may undo it meanwhile.

use bytes::Bytes;

use crate::assignor::{RebalanceProtocol, common_protocol};
use crate::protocol::{Generation, ResponseError, TopicPartition, subscription};
use crate::sometimes::{Mark, sometimes};
use crate::time::Time;

use super::fetch::Partition;
use super::membership::Identity;
use super::{Consumer, MemberState, Observation, Output};

/// An assignment that the application has not been told of.
pub(super) struct Arrived {
    pub(super) sent_as: Identity,
    pub(super) assignment: Bytes,
}

impl Consumer {
    /// Whether partitions are kept through a rebalance (KIP-429).
    pub(super) fn is_cooperative(&self) -> bool {
        common_protocol(&self.config.assignors) == RebalanceProtocol::Cooperative
    }

    /// Takes over the assignment that has arrived, if one has: `onJoinComplete` of the Java client.
    pub(super) fn complete_rebalance(&mut self, now: Time, out: &mut Vec<Output>) {
        let Some(Arrived { sent_as, assignment }) = self.arrived.take() else { return };
        let stable = self.membership.state == MemberState::Stable;
        if !stable || self.membership.identity != sent_as {
            // The heartbeat thread has learned meanwhile that the generation is over (KAFKA-8104).
            sometimes(Mark::AssignmentUndone);
            return self.reset_membership(false, "assignment undone", out);
        }
        self.prepare.reset();
        // Every leader has something for everybody, if only a list of nothing. Without it, something is broken
        // that joining again would hide (rule R13.4.4).
        let assigned = match subscription::decode_assignment(&assignment) {
            Ok(partitions) if !assignment.is_empty() => partitions,
            Ok(_) | Err(_) => return self.fatal(ResponseError::UnknownServerError.code(), out),
        };
        match assigned.iter().all(|one| self.config.topics.contains(&one.topic)) {
            true => self.take_over(now, sent_as, assigned, out),
            false => self.rejoin_at_once(now),
        }
    }

    fn take_over(
        &mut self,
        now: Time,
        sent_as: Identity,
        partitions: Vec<TopicPartition>,
        out: &mut Vec<Output>,
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
        out.push(Output::Observe(Observation::Assigned { member, generation, partitions, added }));
    }

    /// Gives up what is owned and no longer assigned, and joins again so that others can be given it
    /// (rule R13.7.3). An eager member owns nothing at this point.
    fn revoke_all_but(&mut self, now: Time, kept: &[TopicPartition], out: &mut Vec<Output>) {
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
            "consumer {}: eager member {} of group {} still owns {partitions:?} at the end of the rebalance to \
             generation {}",
            self.config.client_id.as_str(),
            self.membership.identity.member,
            self.config.group.0.as_str(),
            self.membership.identity.generation,
        );
        for partition in &partitions {
            self.partitions.remove(partition);
        }
        sometimes(Mark::JoinsAgainToGiveUp);
        out.push(Output::Observe(Observation::Revoked { partitions }));
        self.rejoin_at_once(now);
    }

    /// Stops acting on everything owned; `lost` says whether somebody else may have it already.
    pub(super) fn drop_partitions(&mut self, lost: bool, out: &mut Vec<Output>) {
        let partitions: Vec<TopicPartition> =
            std::mem::take(&mut self.partitions).into_keys().collect();
        self.fetcher.end_assignment();
        if partitions.is_empty() {
            return;
        }
        out.push(Output::Observe(if lost {
            Observation::Lost { partitions }
        } else {
            Observation::Revoked { partitions }
        }));
    }

    /// Whether somebody else may already have what this member owns: its membership is gone, or a
    /// rebalance is under way that it takes part in (rule R13.3.4).
    pub(super) fn may_be_lost(&self) -> bool {
        self.membership.identity.generation == Generation::NONE
            || self.membership.identity.member.is_empty()
            || self.membership.state != MemberState::Stable
    }
}
