//! The application's rebalance callbacks: partitions are assigned, revoked or lost (rules R13.4,
//! R13.7).
//!
//! Only a polling application applies an assignment. While it processes a batch, which is only
//! possible with cooperative rebalancing, a received assignment waits, and the heartbeat thread may
//! invalidate it meanwhile.

use crate::marks::{Mark, sometimes};
use crate::protocol::{ResponseError, TopicPartition, subscription};

use super::classic::PendingAssignment;
use super::context::always;
use super::membership::Identity;
use super::reason::TransitionReason;
use super::{ClientObservation, Consumer};

impl Consumer {
    /// Applies the pending assignment, if there is one: `onJoinComplete` of the Java client.
    pub(super) fn complete_rebalance(&mut self) {
        let Some(PendingAssignment { sent_as, assignment }) = self.classic.take_assignment() else {
            return;
        };
        if !self.membership.is_stable() || *self.cx.identity() != sent_as {
            // Meanwhile the heartbeat thread has learned that the generation is over (KAFKA-8104).
            sometimes(Mark::AssignmentUndone);
            let why = TransitionReason::AssignmentUndone;
            return self.membership.reset(&mut self.cx, false, why);
        }
        self.membership.prepare.reset();
        // Every leader sends an assignment to every member, even if the list is empty. An empty
        // payload points to a broken component, which rejoining would hide (rule R13.4.4).
        let assigned = match subscription::decode_assignment(&assignment) {
            Ok(partitions) if !assignment.is_empty() => partitions,
            Ok(_) | Err(_) => return self.fatal(ResponseError::UnknownServerError.code()),
        };
        match assigned.iter().all(|one| self.cx.config.topics.contains(&one.topic)) {
            true => self.apply_assignment(sent_as, assigned),
            false => self.membership.rejoin_at_once(self.cx.now),
        }
    }

    fn apply_assignment(&mut self, sent_as: Identity, partitions: Vec<TopicPartition>) {
        let now = self.cx.now;
        always!(self.cx, self.app.is_polling(), "calls back an application that does not poll");
        always!(
            self.cx,
            self.membership.is_stable() && self.membership.prepare.is_due(),
            "is {} and applies an assignment",
            self.membership.state()
        );
        self.revoke_all_but(&partitions);
        let Identity { generation, member } = sent_as;
        self.classic.remember_assignment(&partitions, generation);
        let added = self.partitions.assign(&self.cx, &partitions);
        self.positions.restart(now);
        self.fetcher.restart(now);
        self.commits.reset(&self.cx);
        self.metadata.refresh_if_leaderless(&mut self.cx, &self.partitions);
        self.cx.observe(ClientObservation::Assigned { member, generation, partitions, added });
    }

    /// Gives up the owned partitions that are no longer assigned, and rejoins so that the leader
    /// can assign them to others (rule R13.7.3). An eager member owns nothing at this point.
    fn revoke_all_but(&mut self, kept: &[TopicPartition]) {
        always!(
            self.cx,
            self.partitions.is_empty() || self.cx.is_cooperative(),
            "is eager and still owns partitions at the end of the rebalance"
        );
        let partitions = self.partitions.take_all_but(kept);
        if partitions.is_empty() {
            return;
        }
        sometimes(Mark::JoinsAgainToGiveUp);
        self.cx.observe(ClientObservation::Revoked { partitions });
        self.membership.rejoin_at_once(self.cx.now);
    }

    /// Gives up the partitions that this member must not keep through the rebalance.
    pub(super) fn give_up_partitions(&mut self) {
        self.membership.prepare.done(&self.cx);
        let lost = self.cx.identity().is_void();
        if lost || !self.cx.is_cooperative() {
            self.drop_partitions(lost);
        }
    }

    /// Gives up all owned partitions; `lost` says whether another member may own them already.
    pub(super) fn drop_partitions(&mut self, lost: bool) {
        let partitions = self.partitions.take_all();
        if partitions.is_empty() {
            return;
        }
        self.cx.observe(match lost {
            true => ClientObservation::Lost { partitions },
            false => ClientObservation::Revoked { partitions },
        });
    }
}
