//! What it means when the log has made a record durable, or could not (rules R9).

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::OffsetCommitResponse;

use crate::protocol::{Generation, GroupId, ResponseError, TopicName};

use super::answers;
use super::api::{AppendId, Release, RequestId};
use super::group::{Group, Groups};
use super::rebalance;
use super::state::GroupState;
use super::turn::Turn;

/// What the fate of one append will mean.
#[derive(Debug)]
pub(super) enum Consequence {
    /// Nothing: the record that a group is empty. If it is lost, a fail-over brings the last generation
    /// back, whose members then time out (R9.4).
    None,
    /// A group exists that did not before, because of the JoinGroup `join` (R9.3).
    Group { group: GroupId, join: RequestId },
    /// The leader's assignment; in the order of the members (R9.1).
    Assignment { group: GroupId, generation: Generation, assignments: Vec<Bytes> },
    /// One partition of an OffsetCommit, which is answered when all of them are done (R9.2).
    Offset { group: GroupId, topic: TopicName, partition: i32, commit: RequestId, entry: Entry },
}

/// The place of a partition in an OffsetCommit and in its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) topic: usize,
    pub(super) partition: usize,
}

/// The appends under way, and the OffsetCommits that wait for theirs.
#[derive(Debug, Default)]
pub(super) struct Appends {
    appended_so_far: u64,
    under_way: BTreeMap<AppendId, Consequence>,
    held: BTreeMap<RequestId, HeldCommit>,
}

#[derive(Debug)]
struct HeldCommit {
    appends_left: usize,
    response: OffsetCommitResponse,
}

impl Appends {
    /// Names a new append.
    pub(super) fn expect(&mut self, consequence: Consequence) -> AppendId {
        let id = AppendId(self.appended_so_far);
        self.appended_so_far += 1;
        self.under_way.insert(id, consequence);
        id
    }

    /// Keeps the answer to an OffsetCommit until its appends are done.
    pub(super) fn hold(
        &mut self,
        commit: RequestId,
        appends: usize,
        response: OffsetCommitResponse,
    ) {
        assert!(appends > 0, "an OffsetCommit that appended nothing has nothing to wait for");
        self.held.insert(commit, HeldCommit { appends_left: appends, response });
    }

    fn next_until(&mut self, last: AppendId) -> Option<(AppendId, Consequence)> {
        let first = self.under_way.first_entry()?;
        (*first.key() <= last).then(|| first.remove_entry())
    }

    /// One append of an OffsetCommit is done, well or with an error; gives the answer after the last.
    fn done(
        &mut self,
        commit: RequestId,
        entry: Entry,
        error: Option<ResponseError>,
    ) -> Option<OffsetCommitResponse> {
        let Some(held) = self.held.get_mut(&commit) else {
            panic!("{commit:?} is not an OffsetCommit that waits for an append");
        };
        if let Some(error) = error {
            let partitions = &mut held.response.topics[entry.topic].partitions;
            partitions[entry.partition].error_code = error.code();
        }
        held.appends_left -= 1;
        match held.appends_left {
            0 => self.held.remove(&commit).map(|held| held.response),
            _ => None,
        }
    }
}

/// Everything up to `last` is durable.
pub(super) fn committed(groups: &mut Groups, turn: &mut Turn<'_>, last: AppendId) {
    while let Some((append, consequence)) = turn.appends.next_until(last) {
        match consequence {
            Consequence::None | Consequence::Group { .. } => {}
            Consequence::Assignment { group, generation, assignments } => {
                let group = of(groups, &group);
                if awaits_assignment(group, generation) {
                    rebalance::assign(group, turn, assignments);
                }
            }
            Consequence::Offset { group, topic, partition, commit, entry } => {
                of(groups, &group).offsets.committed(&topic, partition, append);
                offset_done(turn, commit, entry, None);
            }
        }
    }
}

/// The record of `append` will not be durable.
pub(super) fn failed(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    append: AppendId,
    error: ResponseError,
) {
    let error = as_told_to_clients(error);
    match turn.appends.under_way.remove(&append) {
        Some(Consequence::None) | None => {}
        Some(Consequence::Group { group, join }) => {
            refuse_join(of(groups, &group), turn, join, error);
        }
        Some(Consequence::Assignment { group, generation, .. }) => {
            let group = of(groups, &group);
            if awaits_assignment(group, generation) {
                rebalance::assignment_failed(group, turn, error);
            }
        }
        Some(Consequence::Offset { group, topic, partition, commit, entry }) => {
            of(groups, &group).offsets.failed(&topic, partition, append);
            offset_done(turn, commit, entry, Some(error));
        }
    }
}

fn of<'a>(groups: &'a mut Groups, id: &GroupId) -> &'a mut Group {
    match groups.get_mut(id) {
        Some(group) => group,
        None => panic!("an append of group {} is done, which does not exist", id.0),
    }
}

/// Whether the group still waits for the assignment of that generation: a rebalance may have begun since
/// the leader's SyncGroup, and then the record means nothing any more.
fn awaits_assignment(group: &Group, generation: Generation) -> bool {
    group.state() == GroupState::CompletingRebalance && group.generation == generation
}

fn offset_done(turn: &mut Turn<'_>, commit: RequestId, entry: Entry, error: Option<ResponseError>) {
    if let Some(response) = turn.appends.done(commit, entry, error) {
        turn.respond(commit, response, Release::Now);
    }
}

/// The JoinGroup that created the group is answered with the error, if it is still parked. Its member has
/// then not joined, and the join phase ends without it unless it comes back.
fn refuse_join(group: &mut Group, turn: &mut Turn<'_>, join: RequestId, error: ResponseError) {
    let of_join = |m: &super::member::Member| m.join.is_some_and(|parked| parked.request == join);
    let Some(id) = group.members.iter().find(|m| of_join(m)).map(|m| m.id.clone()) else { return };
    if let Some(parked) = group.members.take_join(&id.0) {
        let answer = answers::join_error(parked.version, &id.0, error);
        turn.respond(parked.request, answer, Release::Now);
    }
}

/// What a client is told when the log refused a record (R9.5).
fn as_told_to_clients(error: ResponseError) -> ResponseError {
    use ResponseError as E;
    match error {
        E::UnknownTopicOrPartition | E::NotEnoughReplicas | E::RequestTimedOut => {
            E::CoordinatorNotAvailable
        }
        E::NotLeaderOrFollower | E::KafkaStorageError => E::NotCoordinator,
        E::MessageTooLarge | E::RecordListTooLarge | E::InvalidFetchSize => E::UnknownServerError,
        other => other,
    }
}
