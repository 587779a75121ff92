//! OffsetCommit on the client's side: on a timer, before a rebalance, before closing (rules R13.4).
//!
//! A commit contains the position after the last record that the application has *finished
//! processing*: only the polling application thread sends commits, and it has no batch in progress
//! then.

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use crate::protocol::{ResponseError, StrBytes};
use crate::time::Time;

use super::links::Sent;
use super::membership::Identity;
use super::reason::{CommitFailure, CoordinatorLoss, TransitionReason};
use super::{ClientObservation, ClientOutput, Consumer, ConsumerConfig, MemberState, Purpose};

/// The reason for a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommitKind {
    /// The auto-commit interval has elapsed.
    Auto,
    /// A rebalance is due and waits for the commit.
    Prepare,
    /// The consumer is closing and waits for the commit.
    Close,
}

/// A commit in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    sent_as: Identity,
    kind: CommitKind,
}

#[derive(Default)]
pub(super) struct Commits {
    /// When the next auto-commit is due.
    due: Time,
}

impl Commits {
    pub(super) fn reset(&mut self, now: Time, config: &ConsumerConfig) {
        self.due = now + config.auto_commit_interval;
    }
}

impl Consumer {
    pub(super) fn auto_commit_if_due(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        if self.may_auto_commit() && self.commits.due <= now {
            self.commits.reset(now, &self.config);
            self.send_commit(now, CommitKind::Auto, out);
        }
    }

    pub(super) fn auto_commit_deadline(&self) -> Time {
        if self.may_auto_commit() { self.commits.due } else { Time::NEVER }
    }

    fn may_auto_commit(&self) -> bool {
        self.has_something_to_commit()
            && !self.membership.rejoin_needed
            && self.discovery.coordinator.is_some()
            && !self.links.awaits(Purpose::Coordinator, |sent| matches!(sent, Sent::Commit(_)))
    }

    /// Commits all positions if this member may commit: only a Stable member may, because the
    /// coordinator would refuse a commit during a rebalance (rule R13.4.7). Returns whether it sent
    /// a request.
    pub(super) fn send_commit(
        &mut self,
        now: Time,
        kind: CommitKind,
        out: &mut Vec<ClientOutput>,
    ) -> bool {
        let topics = self.positions();
        if topics.is_empty() {
            return false;
        }
        let stable = self.membership.state == MemberState::Stable;
        if !stable {
            self.fail_commit(out);
            return false;
        }
        if self.discovery.coordinator.is_none() {
            return false;
        }
        let sent_as = self.membership.identity.clone();
        let request = OffsetCommitRequest::default()
            .with_group_id(self.config.group.clone())
            .with_generation_id_or_member_epoch(sent_as.generation.0)
            .with_member_id(sent_as.member.0.clone())
            .with_group_instance_id(self.config.instance_id.clone())
            .with_topics(topics);
        let sent = Sent::Commit(Commit { sent_as, kind });
        self.send(now, Purpose::Coordinator, sent, request, out);
        true
    }

    /// Fails the commit without a request. The records processed since the last commit stay
    /// uncommitted, so the next owner of the partitions reads them again.
    fn fail_commit(&self, out: &mut Vec<ClientOutput>) {
        let positions = self.partitions.iter();
        let offsets = positions.filter_map(|(name, one)| Some((name.clone(), one.position?)));
        let why = match self.membership.state {
            MemberState::Unjoined => CommitFailure::NotAMember,
            MemberState::PreparingRebalance | MemberState::CompletingRebalance => {
                CommitFailure::RebalanceInProgress
            }
            MemberState::Stable => unreachable!("a Stable member commits"),
        };
        out.push(ClientOutput::Observe(ClientObservation::CommitFailed {
            offsets: offsets.collect(),
            why,
        }));
    }

    fn positions(&self) -> Vec<OffsetCommitRequestTopic> {
        let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
        for (name, partition) in &self.partitions {
            let Some(position) = partition.position else { continue };
            let committed = OffsetCommitRequestPartition::default()
                .with_partition_index(name.partition)
                .with_committed_offset(position)
                .with_committed_metadata(Some(StrBytes::new()));
            match topics.last_mut() {
                Some(last) if last.name == name.topic => last.partitions.push(committed),
                _ => topics.push(
                    OffsetCommitRequestTopic::default()
                        .with_name(name.topic.clone())
                        .with_partitions(vec![committed]),
                ),
            }
        }
        topics
    }

    pub(super) fn on_commit(
        &mut self,
        now: Time,
        commit: &Commit,
        response: &OffsetCommitResponse,
        out: &mut Vec<ClientOutput>,
    ) {
        use ResponseError as E;
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        let code = partitions.map(|one| one.error_code).find(|&code| code != 0).unwrap_or(0);
        match E::try_from_code(code) {
            None => self.commit_over(commit),
            Some(E::CoordinatorLoadInProgress | E::UnknownTopicOrPartition) => {
                self.commit_failed_retriably(now, commit);
            }
            Some(E::NotCoordinator | E::CoordinatorNotAvailable | E::RequestTimedOut) => {
                self.abandon_coordinator(now, CoordinatorLoss::NotCoordinator, out);
                self.commit_failed_retriably(now, commit);
            }
            // The group is between join and sync: this member missed the rebalance and must rejoin.
            Some(E::RebalanceInProgress) => {
                self.rejoin_at_once(now);
                self.commit_over(commit);
            }
            Some(E::UnknownMemberId) => {
                self.reset_if_current(
                    &commit.sent_as,
                    false,
                    TransitionReason::UnknownMemberId,
                    out,
                );
                self.commit_over(commit);
            }
            Some(E::IllegalGeneration) => {
                self.reset_if_current(
                    &commit.sent_as,
                    true,
                    TransitionReason::IllegalGeneration,
                    out,
                );
                self.commit_over(commit);
            }
            Some(E::FencedInstanceId) if self.membership.identity == commit.sent_as => {
                self.fatal(code, out);
            }
            Some(E::GroupAuthorizationFailed) => self.fatal(code, out),
            // This includes GROUP_ID_NOT_FOUND and STALE_MEMBER_EPOCH of version 9: the commit has
            // failed, and the next heartbeat shows what became of the membership (rule R13.2.8).
            Some(_) => self.commit_over(commit),
        }
    }

    fn commit_over(&mut self, commit: &Commit) {
        match commit.kind {
            CommitKind::Auto => {}
            CommitKind::Prepare => self.prepare.committed(),
            CommitKind::Close => self.close_committed(),
        }
    }

    pub(super) fn commit_failed_retriably(&mut self, now: Time, commit: &Commit) {
        let retry_at = now + self.config.retry_backoff;
        match commit.kind {
            CommitKind::Auto => self.commits.due = retry_at,
            CommitKind::Prepare => self.prepare.commit_failed(retry_at),
            CommitKind::Close => self.close_commit_failed(retry_at),
        }
    }

    /// Whether this member has positions and may commit them.
    pub(super) fn has_something_to_commit(&self) -> bool {
        self.membership.state == MemberState::Stable && self.has_positions()
    }

    pub(super) fn has_positions(&self) -> bool {
        self.partitions.values().any(|partition| partition.position.is_some())
    }
}
