//! Load: rebuilds groups from the log at the start of a term (rules R11).
//!
//! Records are replayed in order and the last of each key wins; the groups are observed only at the
//! end.

use crate::coordinator::group::{Group, Groups};
use crate::coordinator::record::Record;
use crate::time::Time;

use super::turn::Turn;

/// Replays the records of one batch, which is durable or not yet committed.
pub(crate) fn replay(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    records: &[(u64, Record)],
    durable: bool,
) {
    for (position, record) in records {
        turn.offsets.replay(*position, record, durable);
        replay_group(groups, turn.now, record);
    }
}

fn replay_group(groups: &mut Groups, now: Time, record: &Record) {
    match record {
        Record::OffsetCommit { group, .. }
        | Record::OffsetTombstone { group, .. }
        | Record::TxnOffsetCommit { group, .. } => {
            groups
                .entry(group.clone())
                .or_insert_with(|| Group::with_offsets_only(group.clone(), now));
        }
        Record::TxnMarker { .. } => {}
        Record::GroupMetadata(metadata) => {
            groups.insert(metadata.group.clone(), Group::restored(metadata));
        }
        Record::GroupTombstone { group: id } => {
            if let Some(group) = groups.get_mut(id) {
                *group = Group::with_offsets_only(id.clone(), now);
            }
        }
    }
}

/// The whole log has been replayed: sessions start, and a group that exceeds `group.max.size`
/// rebalances (R11.2 to R11.5). A group that the last records of the log remove, durable or not,
/// does not exist.
pub(crate) fn loaded(groups: &mut Groups, turn: &mut Turn<'_>) {
    groups.retain(|id, group| group.in_log().is_recorded || turn.offsets.of(id).has_offset());
    for group in groups.values() {
        turn.observe(group.as_loaded(turn.offsets));
        group.start_sessions(turn);
    }
    groups.values_mut().for_each(|group| group.enforce_size(turn));
    groups.values().for_each(|group| group.assert_consistent(turn));
}
