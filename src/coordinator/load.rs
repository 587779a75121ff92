//! From the log to groups: what a coordinator takes over from the one before it (rules R11).
//!
//! Records are taken in as they come, the last of each key wins, and only then it is told what was found.

use crate::sometimes::{Mark, sometimes};
use crate::time::Time;

use super::api::{LoadedGroup, Observation};
use super::group::{Group, Groups};
use super::offsets::OffsetStore;
use super::rebalance;
use super::record::Record;
use super::turn::Turn;

/// Takes in one record, which is durable or only in the log.
pub(super) fn replay(
    groups: &mut Groups,
    offsets: &mut OffsetStore,
    now: Time,
    position: u64,
    record: &Record,
    durable: bool,
) {
    offsets.replay(position, record, durable);
    match record {
        Record::OffsetCommit { group, .. }
        | Record::OffsetTombstone { group, .. }
        | Record::TxnOffsetCommit { group, .. } => {
            groups.entry(group.clone()).or_insert_with(|| Group::new(group.clone(), now));
        }
        Record::TxnMarker { .. } => {}
        Record::GroupMetadata(metadata) => {
            groups.insert(metadata.group.clone(), Group::restored(metadata));
        }
        Record::GroupTombstone { group: id } => {
            if let Some(group) = groups.get_mut(id) {
                *group = Group::new(id.clone(), now);
            }
        }
    }
}

/// The whole log has been replayed: sessions start anew, and a group that has become too large begins to
/// shrink (R11.2 to R11.5). A group of which the end of the log, durable or not, says that it is gone, is not there.
pub(super) fn loaded(groups: &mut Groups, turn: &mut Turn<'_>) {
    groups.retain(|id, group| group.is_recorded || turn.offsets.of(id).is_kept());
    for group in groups.values() {
        turn.observe(as_loaded(group, turn.offsets));
        group.members.iter().for_each(|member| group.restart_session(member, turn));
    }
    for group in groups.values_mut() {
        if !group.members.is_empty() {
            sometimes(Mark::LoadedWithMembers);
        }
        if group.members.len() > turn.config.max_size {
            rebalance::prepare(group, turn, "too many members");
        }
    }
}

/// What is observed of a group that was found in the log, or is back as it was there.
pub(super) fn as_loaded(group: &Group, offsets: &OffsetStore) -> Observation {
    let assignments: Vec<_> = group.members.iter().map(|m| m.assignment.clone()).collect();
    Observation::GroupLoaded(Box::new(LoadedGroup {
        metadata: group.metadata(&assignments),
        state: group.state(),
        offsets: offsets.of(&group.id).committed_list(),
    }))
}
