//! A group that has never been, because the record that was to found it is refused (rule R9.3).
//!
//! Kafka takes back everything since the last batch that was stored, and with it the group. What came to the group
//! meanwhile came in the same batch, so nothing of it is stored either.

use crate::protocol::{GroupId, ResponseError};
use crate::sometimes::{Mark, sometimes};

use super::api::{AppendId, Observation};
use super::group::{Group, Groups};
use super::turn::Turn;
use super::unload;

/// The record of `append` is refused: the group that it was to found goes, with or after what is under way for
/// its offsets.
pub(super) fn refused(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    append: AppendId,
    error: ResponseError,
) {
    if let Some(group) = groups.values_mut().find(|group| group.founding == Some(append)) {
        sometimes(Mark::FoundingRefused);
        // Offsets that are durable are those of an older group of its name, whose removal was refused (R9.8).
        group.never_was = group.offsets.committed_list().is_empty();
        turn.appends.forget_membership(&group.id);
        unload::refuse_parked(group, turn, error);
    }
    let over = |group: &&Group| group.never_was && group.offsets.is_empty();
    let over: Vec<GroupId> = groups.values().filter(over).map(|group| group.id.clone()).collect();
    for id in over {
        let group = groups.swap_remove(&id).expect("the group was just seen");
        group.cancel_timers(turn);
        turn.observe(Observation::GroupRemoved { group: id, why: "not stored" });
    }
}
