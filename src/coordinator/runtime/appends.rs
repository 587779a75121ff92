//! What the outcome of an append means: its record is durable, or the log refused it (rules R9).

use std::collections::BTreeMap;

use crate::coordinator::api::{AppendId, Output, RequestId, Ticket};
use crate::coordinator::classic::awaited::{self, Awaited};
use crate::coordinator::group::{Group, Groups};
use crate::coordinator::observation::Observation;
use crate::protocol::{GroupId, ResponseError};

use super::creation;
use super::removal::{self, RemovedGroups};
use super::turn::Turn;

/// The effect of one append when its outcome is known.
#[derive(Debug)]
pub(crate) enum Consequence {
    /// None: the record that a group is empty, without which a failover restores the last
    /// generation, whose members then time out (R9.4); or the record that creates a group (R9.3),
    /// see [`super::creation`].
    None,
    /// A classic group waits for it.
    Classic { group: GroupId, awaited: Awaited },
    /// A change of one partition's offset (R9.2, R9.7), which the offset store tracks. `observe` is
    /// emitted when the change is durable.
    Offset { ticket: Option<Ticket>, observe: Option<Observation> },
    /// The removal of a group (R9.8).
    GroupTombstone { ticket: Option<Ticket> },
    /// The end of a transaction (R6.8.7); the offset store tracks the pending offsets that it ends.
    TxnMarker { ticket: Ticket },
}

/// The appends in flight, and what waits for them.
#[derive(Debug, Default)]
pub(crate) struct Appends {
    appended_so_far: u64,
    in_flight: BTreeMap<AppendId, Consequence>,
    pub(crate) removed: RemovedGroups,
}

impl Appends {
    /// The id of the next append.
    pub(crate) fn next_id(&self) -> AppendId {
        AppendId(self.appended_so_far)
    }

    /// Registers a new append.
    pub(crate) fn expect(&mut self, consequence: Consequence) -> AppendId {
        let id = self.next_id();
        self.appended_so_far += 1;
        let earlier = self.in_flight.insert(id, consequence);
        assert!(earlier.is_none(), "{id:?} is in flight twice: {earlier:?}");
        id
    }

    /// The group was removed: appends in flight for its membership no longer have an effect, least
    /// of all on another group with the same id, whose generations start from 0 again.
    pub(super) fn forget_membership(&mut self, id: &GroupId) {
        for consequence in self.in_flight.values_mut() {
            match consequence {
                Consequence::Classic { group, .. } if group == id => {
                    *consequence = Consequence::None;
                }
                Consequence::Classic { .. }
                | Consequence::None
                | Consequence::Offset { .. }
                | Consequence::GroupTombstone { .. }
                | Consequence::TxnMarker { .. } => {}
            }
        }
    }

    /// The coordinator's term is over: no outcome matters any longer.
    pub(super) fn forget_all(&mut self) {
        self.in_flight.clear();
        self.removed = RemovedGroups::default();
    }

    /// The append of a request on which the group itself waits, not only the response.
    fn of_request(&self, request: RequestId) -> Option<AppendId> {
        let is_of_request = |consequence: &Consequence| match consequence {
            Consequence::Classic { awaited, .. } => awaited.request() == request,
            Consequence::None
            | Consequence::Offset { .. }
            | Consequence::GroupTombstone { .. }
            | Consequence::TxnMarker { .. } => false,
        };
        self.in_flight.iter().find(|(_, consequence)| is_of_request(consequence)).map(|(id, _)| *id)
    }

    /// Whether a group waits for an append of that request.
    pub(crate) fn awaits(&self, request: RequestId) -> bool {
        self.of_request(request).is_some()
    }

    fn next_until(&mut self, last: AppendId) -> Option<(AppendId, Consequence)> {
        let first = self.in_flight.first_entry()?;
        (*first.key() <= last).then(|| first.remove_entry())
    }
}

/// Every append up to `last` is durable.
pub(crate) fn committed(groups: &mut Groups, turn: &mut Turn<'_>, last: AppendId) {
    assert!(last < turn.appends.next_id(), "{last:?} is durable and was never appended");
    while let Some((append, consequence)) = turn.appends.next_until(last) {
        turn.offsets.committed(append);
        match consequence {
            Consequence::None => {}
            Consequence::Classic { group, awaited } => {
                let Group::Classic(group) = expect_group(groups, &group);
                awaited::committed(group, turn, awaited);
            }
            Consequence::Offset { ticket, observe } => {
                observe.into_iter().for_each(|observation| turn.observe(observation));
                complete(turn, ticket, None);
            }
            Consequence::GroupTombstone { ticket } => {
                removal::committed(groups, turn, append);
                complete(turn, ticket, None);
            }
            Consequence::TxnMarker { ticket } => complete(turn, Some(ticket), None),
        }
    }
}

/// The record of `append` will not become durable.
pub(crate) fn failed(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    append: AppendId,
    error: ResponseError,
) {
    assert!(append < turn.appends.next_id(), "{append:?} failed and was never appended");
    let raw = error;
    let error = client_facing_error(raw);
    let for_operation = operation_error(raw);
    let changed = turn.offsets.failed(append);
    match turn.appends.in_flight.remove(&append) {
        Some(Consequence::None) | None => {}
        Some(Consequence::Classic { group, awaited }) => {
            let Group::Classic(group) = expect_group(groups, &group);
            awaited::failed(group, turn, awaited, error);
        }
        Some(Consequence::Offset { ticket, observe: _ }) => {
            complete(turn, ticket, Some(for_operation));
        }
        Some(Consequence::GroupTombstone { ticket }) => {
            removal::failed(groups, turn, append);
            complete(turn, ticket, Some(for_operation));
        }
        // The transaction coordinator decides by the log's own error whether to retry (R9.5).
        Some(Consequence::TxnMarker { ticket }) => complete(turn, Some(ticket), Some(raw)),
    }
    changed.into_iter().for_each(|group| removal::ensure_group(groups, turn, group));
    creation::refused(groups, turn, append, error);
}

/// The append of the request was not durable in time. The group no longer waits for it; if the
/// record becomes durable later, it has no effect (R3.9).
pub(crate) fn timed_out(groups: &mut Groups, turn: &mut Turn<'_>, request: RequestId) {
    if let Some(append) = turn.appends.of_request(request) {
        failed(groups, turn, append, ResponseError::RequestTimedOut);
    }
}

fn expect_group<'a>(groups: &'a mut Groups, id: &GroupId) -> &'a mut Group {
    match groups.get_mut(id) {
        Some(group) => group,
        None => panic!("an append of group {} completed, but the group does not exist", id.0),
    }
}

/// Reports the outcome of a record to the response that waits for it, if one does.
fn complete(turn: &mut Turn<'_>, ticket: Option<Ticket>, error: Option<ResponseError>) {
    if let Some(of) = ticket {
        turn.out.push(Output::Outcome { of, error });
    }
}

/// The error for the client when the log refused a record of an operation such as OffsetCommit. In
/// Kafka, JoinGroup and SyncGroup take another path, which does not map NETWORK_EXCEPTION (R9.5).
pub fn operation_error(error: ResponseError) -> ResponseError {
    match error {
        ResponseError::NetworkException => ResponseError::CoordinatorLoadInProgress,
        other => client_facing_error(other),
    }
}

/// The error for the client when the log refused a record (R9.5).
pub fn client_facing_error(error: ResponseError) -> ResponseError {
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
