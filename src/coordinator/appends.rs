//! What it means when the log has made a record durable, or could not (rules R9).

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::protocol::{Generation, GroupId, Response, ResponseError};

use super::api::{AppendId, Observation, Release, RequestId};
use super::founding;
use super::group::{Group, Groups};
use super::held::{HeldAnswers, Ticket};
use super::rebalance;
use super::removal::{self, RemovedGroups};
use super::state::GroupState;
use super::static_member::{self, Replacement};
use super::turn::Turn;

/// What the fate of one append will mean.
#[derive(Debug)]
pub(super) enum Consequence {
    /// Nothing: the record that a group is empty, without which a fail-over brings the last generation back,
    /// whose members then time out (R9.4); or that a group is new (R9.3), see [`super::founding`].
    None,
    /// The leader's assignment, which its SyncGroup `sync` handed in; in the order of the members (R9.1).
    Assignment { group: GroupId, generation: Generation, assignments: Vec<Bytes>, sync: RequestId },
    /// A static member came back to a Stable group under another id (R8.3).
    Replacement { group: GroupId, replacement: Box<Replacement> },
    /// What one record did to one partition's offset (R9.2, R9.7); the offsets know. `observe` is what is to
    /// be observed when that is durable.
    Offset { ticket: Option<Ticket>, observe: Option<Observation> },
    /// A group is gone (R9.8).
    GroupTombstone { ticket: Option<Ticket> },
    /// A transaction is over (R6.8.7); the offsets know what waited for its end.
    TxnMarker { ticket: Ticket },
}

/// The appends under way, and what waits for them.
#[derive(Debug, Default)]
pub(super) struct Appends {
    appended_so_far: u64,
    under_way: BTreeMap<AppendId, Consequence>,
    pub(super) held: HeldAnswers,
    pub(super) removed: RemovedGroups,
}

impl Appends {
    /// The name that the next append will have.
    pub(super) fn next_id(&self) -> AppendId {
        AppendId(self.appended_so_far)
    }

    /// Names a new append.
    pub(super) fn expect(&mut self, consequence: Consequence) -> AppendId {
        let id = self.next_id();
        self.appended_so_far += 1;
        self.under_way.insert(id, consequence);
        id
    }

    /// The group is gone: what is under way for its membership means nothing any more, least of all to
    /// another group of the same name, whose generations are counted from 0 again.
    pub(super) fn forget_membership(&mut self, id: &GroupId) {
        for consequence in self.under_way.values_mut() {
            match consequence {
                Consequence::Assignment { group, .. } | Consequence::Replacement { group, .. } => {
                    if group == id {
                        *consequence = Consequence::None;
                    }
                }
                Consequence::None
                | Consequence::Offset { .. }
                | Consequence::GroupTombstone { .. }
                | Consequence::TxnMarker { .. } => {}
            }
        }
    }

    /// The coordinator's term is over: gives the answers that wait for records, refused as a whole.
    pub(super) fn abandon(&mut self, error: ResponseError) -> Vec<(RequestId, Response)> {
        self.under_way.clear();
        self.removed = RemovedGroups::default();
        self.held.abandon(error)
    }

    /// What the request appended and waits for in the group, not only with its answer.
    fn of_request(&self, request: RequestId) -> Option<AppendId> {
        let by_it = |consequence: &Consequence| match consequence {
            Consequence::Assignment { sync, .. } => *sync == request,
            Consequence::Replacement { replacement, .. } => replacement.join() == request,
            _ => false,
        };
        self.under_way.iter().find(|(_, consequence)| by_it(consequence)).map(|(id, _)| *id)
    }

    fn next_until(&mut self, last: AppendId) -> Option<(AppendId, Consequence)> {
        let first = self.under_way.first_entry()?;
        (*first.key() <= last).then(|| first.remove_entry())
    }
}

/// Everything up to `last` is durable.
pub(super) fn committed(groups: &mut Groups, turn: &mut Turn<'_>, last: AppendId) {
    while let Some((append, consequence)) = turn.appends.next_until(last) {
        turn.offsets.committed(append);
        match consequence {
            Consequence::None => {}
            Consequence::Assignment { group, generation, assignments, sync: _ } => {
                let group = of(groups, &group);
                if awaits_assignment(group, generation) {
                    rebalance::assign(group, turn, assignments);
                }
            }
            Consequence::Replacement { group, replacement } => {
                if let Some(group) = groups.get_mut(&group) {
                    static_member::committed(group, turn, &replacement);
                }
            }
            Consequence::Offset { ticket, observe } => {
                observe.into_iter().for_each(|observation| turn.observe(observation));
                done(turn, ticket, None);
            }
            Consequence::GroupTombstone { ticket } => {
                removal::committed(groups, turn, append);
                done(turn, ticket, None);
            }
            Consequence::TxnMarker { ticket } => done(turn, Some(ticket), None),
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
    let raw = error;
    let error = as_told_to_clients(raw);
    let of_operation = as_told_of_an_operation(raw);
    let changed = turn.offsets.failed(append);
    match turn.appends.under_way.remove(&append) {
        Some(Consequence::None) | None => {}
        Some(Consequence::Assignment { group, generation, .. }) => {
            let group = of(groups, &group);
            if awaits_assignment(group, generation) {
                rebalance::assignment_failed(group, turn, error);
            }
        }
        Some(Consequence::Replacement { group, replacement }) => {
            if let Some(group) = groups.get_mut(&group) {
                static_member::undo(group, turn, *replacement, error);
            }
        }
        Some(Consequence::Offset { ticket, observe: _ }) => done(turn, ticket, Some(of_operation)),
        Some(Consequence::GroupTombstone { ticket }) => {
            removal::failed(groups, turn, append);
            done(turn, ticket, Some(of_operation));
        }
        // The transaction coordinator tries again by the log's own errors (R9.5).
        Some(Consequence::TxnMarker { ticket }) => done(turn, Some(ticket), Some(raw)),
    }
    changed.into_iter().for_each(|group| removal::ensure_group(groups, turn, group));
    founding::refused(groups, turn, append, error);
}

/// The log has taken too long over what the request appended. The group waits for it no longer; if the
/// record is durable in the end, that means nothing any more (R3.9).
pub(super) fn timed_out(groups: &mut Groups, turn: &mut Turn<'_>, request: RequestId) {
    if let Some(append) = turn.appends.of_request(request) {
        failed(groups, turn, append, ResponseError::RequestTimedOut);
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

/// One append that an answer waits for is done; the answer leaves after the last.
fn done(turn: &mut Turn<'_>, ticket: Option<Ticket>, error: Option<ResponseError>) {
    let Some(ticket) = ticket else { return };
    if let Some(response) = turn.appends.held.done(ticket, error) {
        turn.respond(ticket.request, response, Release::Now);
    }
}

/// What a client is told when the log refused what its request was to write: the answers to JoinGroup and
/// SyncGroup are made elsewhere in Kafka, and know nothing of broken connections (R9.5).
pub fn as_told_of_an_operation(error: ResponseError) -> ResponseError {
    match error {
        ResponseError::NetworkException => ResponseError::CoordinatorLoadInProgress,
        other => as_told_to_clients(other),
    }
}

/// What a client is told when the log refused a record (R9.5).
pub fn as_told_to_clients(error: ResponseError) -> ResponseError {
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
