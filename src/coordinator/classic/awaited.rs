//! What a classic group does when a record is durable that it waits for, or refused (rules R9.1,
//! R9.4).

use bytes::Bytes;

use crate::coordinator::api::RequestId;
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{Generation, ResponseError};

use super::group::ClassicGroup;
use super::rebalance;
use super::state::GroupState;
use super::static_member::{self, Replacement};

/// What a group waits for an append to do.
#[derive(Debug)]
pub(crate) enum Awaited {
    /// The leader's assignment from its SyncGroup `sync`, in the order of the members (R9.1).
    Assignment { generation: Generation, assignments: Vec<Bytes>, sync: RequestId },
    /// A static member came back to a Stable group with a new member id (R8.3).
    Replacement(Box<Replacement>),
}

impl Awaited {
    /// The request on which the group waits.
    pub(crate) fn request(&self) -> RequestId {
        match self {
            Awaited::Assignment { sync, .. } => *sync,
            Awaited::Replacement(replacement) => replacement.join(),
        }
    }
}

/// The append is durable.
pub(crate) fn committed(group: &mut ClassicGroup, turn: &mut Turn<'_>, awaited: Awaited) {
    match awaited {
        Awaited::Assignment { generation, assignments, sync: _ } => {
            if awaits_assignment(group, generation) {
                rebalance::assign(group, turn, assignments);
            }
        }
        Awaited::Replacement(replacement) => static_member::committed(group, turn, &replacement),
    }
    group.assert_ready(turn);
}

/// The append will not become durable.
pub(crate) fn failed(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    awaited: Awaited,
    error: ResponseError,
) {
    match awaited {
        Awaited::Assignment { generation, .. } => {
            if awaits_assignment(group, generation) {
                rebalance::assignment_failed(group, turn, error);
            }
        }
        Awaited::Replacement(replacement) => {
            static_member::undo(group, turn, *replacement, error);
        }
    }
    group.assert_ready(turn);
}

/// Whether the group still waits for the assignment of that generation. A rebalance may have begun
/// since the leader's SyncGroup, and then the record has no effect.
fn awaits_assignment(group: &ClassicGroup, generation: Generation) -> bool {
    assert!(generation <= group.generation, "{group} never had {generation}");
    group.state() == GroupState::CompletingRebalance && group.generation == generation
}
