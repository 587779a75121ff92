//! A group whose creating record is refused: it was never created (rule R9.3).
//!
//! Kafka reverts everything since the last stored batch, and the group with it. All requests to the
//! group since were part of the same batch, so none of their records is stored either. If that
//! batch also removed an earlier group of the same name, the earlier group is back.

use crate::coordinator::api::AppendId;
use crate::coordinator::group::{Group, Groups};
use crate::marks::{Mark, sometimes};
use crate::protocol::{GroupId, ResponseError};

use super::removal;
use super::turn::Turn;

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
        gone.in_log_mut().creation_failed = true;
    }
    if let Some(group) = groups.values_mut().find(|group| group.in_log().creation == Some(append)) {
        sometimes(Mark::CreationRefused);
        group.in_log_mut().creation_failed = true;
        turn.appends.forget_membership(group.id());
        group.refuse_as_never_created(turn, error);
        if let Some(before) = group.in_log_mut().previous.take() {
            removal::restore_previous(groups, turn, *before);
        }
    }
    // The other appends in flight for its offsets are refused after the record that was to create
    // it.
    let over = |group: &&Group| {
        group.in_log().creation_failed && !turn.offsets.of(group.id()).has_offset()
    };
    let over: Vec<GroupId> = groups.values().filter(over).map(|group| group.id().clone()).collect();
    over.iter().for_each(|id| removal::discard(groups, turn, id));
}
