//! A group whose creating record is refused: it was never created (rule R9.3).
//!
//! Kafka reverts everything since the last stored batch, and the group with it. All requests to the
//! group since were part of the same batch, so none of their records is stored either. If that
//! batch also removed an earlier group of the same name, the earlier group is back.

use crate::coordinator::api::AppendId;
use crate::coordinator::classic::group::{Group, Groups};
use crate::marks::{Mark, sometimes};
use crate::protocol::{GroupId, ResponseError, StrBytes};

use super::removal;
use super::turn::Turn;
use super::unload;

/// The record of `append` is refused. The group that it was to create is discarded, now or when the
/// last append in flight for its offsets is refused; if it has been removed already, it will not
/// come back.
pub(crate) fn refused(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    append: AppendId,
    error: ResponseError,
) {
    if let Some(gone) = turn.appends.removed.created_by(append) {
        gone.creation_failed = true;
    }
    if let Some(group) = groups.values_mut().find(|group| group.creation == Some(append)) {
        sometimes(Mark::CreationRefused);
        group.creation_failed = true;
        turn.appends.forget_membership(&group.id);
        // A member of a group that was never created has no id (R6.1.1).
        unload::refuse_parked(group, turn, error, |_| StrBytes::new());
        if let Some(before) = group.previous.take() {
            removal::restore_previous(groups, turn, *before);
        }
    }
    // The other appends in flight for its offsets are refused after the record that was to create
    // it.
    let over = |group: &&Group| group.creation_failed && !turn.offsets.of(&group.id).has_offset();
    let over: Vec<GroupId> = groups.values().filter(over).map(|group| group.id.clone()).collect();
    over.iter().for_each(|id| removal::discard(groups, turn, id));
}
