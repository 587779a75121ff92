//! Load: rebuilds groups from the log at the start of a term (rules R11).
//!
//! Records are replayed in order and the last of each key wins; the groups are observed only at the
//! end.

use crate::coordinator::classic::group::{Group, Groups};
use crate::coordinator::classic::rebalance;
use crate::coordinator::observation::{LoadedGroup, Observation};
use crate::coordinator::offsets::OffsetStore;
use crate::coordinator::reason::TransitionReason;
use crate::coordinator::record::Record;
use crate::marks::{Mark, sometimes};
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

/// The whole log has been replayed: sessions start, and a group that exceeds `group.max.size`
/// rebalances (R11.2 to R11.5). A group that the last records of the log remove, durable or not,
/// does not exist.
pub(crate) fn loaded(groups: &mut Groups, turn: &mut Turn<'_>) {
    groups.retain(|id, group| group.is_recorded || turn.offsets.of(id).has_offset());
    for group in groups.values() {
        turn.observe(as_loaded(group, turn.offsets));
        group.members.iter().for_each(|member| group.restart_session(member, turn));
    }
    for group in groups.values_mut() {
        if !group.members.is_empty() {
            sometimes(Mark::LoadedWithMembers);
        }
        if group.members.len() > turn.config.max_size {
            rebalance::prepare(group, turn, TransitionReason::TooManyMembers);
        }
    }
}

/// The observation of a group that was found in the log, or that is back as it was there.
pub(crate) fn as_loaded(group: &Group, offsets: &OffsetStore) -> Observation {
    let assignments: Vec<_> = group.members.iter().map(|m| m.assignment.clone()).collect();
    Observation::GroupLoaded(Box::new(LoadedGroup {
        metadata: group.metadata(&assignments),
        state: group.state(),
        offsets: offsets.of(&group.id).committed_list(),
    }))
}
