//! A group that has never been, because the record that was to found it is refused (rule R9.3).
//!
//! Kafka takes back everything since the last batch that was stored, and with it the group. What came to the group
//! meanwhile came in the same batch, so nothing of it is stored either. If a group of its name had been removed in
//! that batch, that one is back.

use crate::protocol::{GroupId, ResponseError, StrBytes};
use crate::sometimes::{Mark, sometimes};

use super::api::AppendId;
use super::group::{Group, Groups};
use super::removal;
use super::turn::Turn;
use super::unload;

/// The record of `append` is refused: the group that it was to found goes, with or after what is under way for
/// its offsets, or will not come back if it is gone already.
pub(super) fn refused(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    append: AppendId,
    error: ResponseError,
) {
    if let Some(gone) = turn.appends.removed.founded_by(append) {
        gone.never_was = true;
    }
    if let Some(group) = groups.values_mut().find(|group| group.founding == Some(append)) {
        sometimes(Mark::FoundingRefused);
        group.never_was = true;
        turn.appends.forget_membership(&group.id);
        // Whose group has never been is nobody (R6.1.1).
        unload::refuse_parked(group, turn, error, |_| StrBytes::new());
        if let Some(before) = group.before.take() {
            removal::instead(groups, turn, *before);
        }
    }
    // What else was under way for its offsets is refused after the record that was to found it.
    let over = |group: &&Group| group.never_was && !turn.offsets.of(&group.id).is_kept();
    let over: Vec<GroupId> = groups.values().filter(over).map(|group| group.id.clone()).collect();
    over.iter().for_each(|id| removal::forget(groups, turn, id));
}
