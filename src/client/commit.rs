//! OffsetCommit on the client's side: on a timer, before a rebalance, before closing (rules R13.4).
//!
//! A commit contains the position after the last record that the application has *finished
//! processing*: only the polling application thread sends commits, and it has no batch in progress
//! then.

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use crate::protocol::{BrokerId, ResponseError, StrBytes};
use crate::time::Time;

use super::context::{Context, always};
use super::links::Sent;
use super::membership::{Identity, Membership};
use super::partitions::Partitions;
use super::reason::{CommitFailure, TransitionReason};
use super::responses::Outcome;
use super::{ClientObservation, MemberState, Purpose};

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
    pub(super) kind: CommitKind,
}

#[derive(Default)]
pub(super) struct Commits {
    /// When the next auto-commit is due.
    due: Time,
}

impl Commits {
    /// Makes the next auto-commit due after the interval.
    pub(super) fn reset(&mut self, cx: &Context) {
        self.due = cx.now + cx.config.auto_commit_interval;
    }

    /// Makes an auto-commit that failed with a retriable error due again.
    pub(super) fn retry(&mut self, at: Time) {
        self.due = at;
    }

    /// When the next auto-commit is due; at once if that time is over.
    pub(super) fn auto_due(
        &self,
        cx: &Context,
        membership: &Membership,
        knows_coordinator: bool,
        partitions: &Partitions,
    ) -> Time {
        let may = is_possible(membership, partitions)
            && !membership.rejoin_needed()
            && knows_coordinator
            && !in_flight(cx);
        if may { self.due } else { Time::NEVER }
    }

    /// Commits all positions if this member may commit: only a Stable member may, because the
    /// coordinator would refuse a commit during a rebalance (rule R13.4.7). Returns whether it sent
    /// a request.
    pub(super) fn send(
        &self,
        cx: &mut Context,
        kind: CommitKind,
        membership: &Membership,
        coordinator: Option<BrokerId>,
        partitions: &Partitions,
    ) -> bool {
        let topics = topics(partitions);
        if topics.is_empty() {
            return false;
        }
        let stable = membership.is_stable();
        if !stable {
            fail(cx, membership.state(), partitions);
            return false;
        }
        let Some(coordinator) = coordinator else { return false };
        always!(
            cx,
            kind != CommitKind::Auto || !membership.rejoin_needed(),
            "commits on its timer though a rebalance is due"
        );
        let sent_as = cx.identity().clone();
        let request = OffsetCommitRequest::default()
            .with_group_id(cx.config.group.clone())
            .with_generation_id_or_member_epoch(sent_as.generation.0)
            .with_member_id(sent_as.member.0.clone())
            .with_group_instance_id(cx.config.instance_id.clone())
            .with_topics(topics);
        cx.send(coordinator, Sent::Commit(Commit { sent_as, kind }), request);
        true
    }

    pub(super) fn on_response(
        &mut self,
        cx: &mut Context,
        membership: &mut Membership,
        commit: &Commit,
        response: &OffsetCommitResponse,
    ) -> Outcome {
        use ResponseError as E;
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        let code = partitions.map(|one| one.error_code).find(|&code| code != 0).unwrap_or(0);
        match E::try_from_code(code) {
            None => {}
            Some(E::CoordinatorLoadInProgress | E::UnknownTopicOrPartition) => {
                return Outcome::Retry;
            }
            Some(E::NotCoordinator | E::CoordinatorNotAvailable | E::RequestTimedOut) => {
                return Outcome::NotCoordinator;
            }
            // The group is between join and sync: this member missed the rebalance and must rejoin.
            Some(E::RebalanceInProgress) => membership.rejoin_at_once(cx.now),
            Some(E::UnknownMemberId) => {
                let why = TransitionReason::UnknownMemberId;
                membership.reset_if_current(cx, &commit.sent_as, false, why);
            }
            Some(E::IllegalGeneration) => {
                let why = TransitionReason::IllegalGeneration;
                membership.reset_if_current(cx, &commit.sent_as, true, why);
            }
            Some(E::FencedInstanceId) if *cx.identity() == commit.sent_as => {
                return Outcome::Fatal(code);
            }
            Some(E::GroupAuthorizationFailed) => return Outcome::Fatal(code),
            // This includes GROUP_ID_NOT_FOUND and STALE_MEMBER_EPOCH of version 9: the commit has
            // failed, and the next heartbeat shows what became of the membership (rule R13.2.8).
            Some(_) => {}
        }
        Outcome::Done
    }
}

/// Whether this member has positions and may commit them.
pub(super) fn is_possible(membership: &Membership, partitions: &Partitions) -> bool {
    membership.is_stable() && partitions.has_positions()
}

fn in_flight(cx: &Context) -> bool {
    cx.links.awaits(Purpose::Coordinator, |sent| matches!(sent, Sent::Commit(_)))
}

/// Fails the commit without a request. The records processed since the last commit stay
/// uncommitted, so the next owner of the partitions reads them again.
fn fail(cx: &mut Context, state: MemberState, partitions: &Partitions) {
    let offsets = partitions.positions().map(|(name, position)| (name.clone(), position)).collect();
    let why = match state {
        MemberState::Unjoined => CommitFailure::NotAMember,
        MemberState::PreparingRebalance | MemberState::CompletingRebalance => {
            CommitFailure::RebalanceInProgress
        }
        MemberState::Stable => unreachable!("a Stable member commits"),
    };
    cx.observe(ClientObservation::CommitFailed { offsets, why });
}

fn topics(partitions: &Partitions) -> Vec<OffsetCommitRequestTopic> {
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for (name, position) in partitions.positions() {
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
