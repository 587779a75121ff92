//! From the log to groups: what a coordinator takes over from the one before it (rules R11).
//!
//! Records are taken in as they come, the last of each key wins, and only then it is told what was found.

use crate::sometimes::{Mark, sometimes};
use crate::time::Time;

use super::api::{LoadedGroup, Observation};
use super::group::{Group, Groups};
use super::rebalance;
use super::record::Record;
use super::removal;
use super::turn::Turn;

/// Takes in one record, which is durable or only in the log.
pub(super) fn replay(
    groups: &mut Groups,
    now: Time,
    position: u64,
    record: &Record,
    durable: bool,
) {
    match record {
        Record::OffsetCommit { group, .. }
        | Record::OffsetTombstone { group, .. }
        | Record::TxnOffsetCommit { group, .. } => {
            let group =
                groups.entry(group.clone()).or_insert_with(|| Group::new(group.clone(), now));
            group.offsets.replay(position, record, durable);
        }
        Record::TxnMarker { producer, committed } => {
            for group in groups.values_mut() {
                group.offsets.end_transaction(position, *producer, *committed, durable);
            }
        }
        Record::GroupMetadata(metadata) => {
            let id = &metadata.group;
            let group = groups.entry(id.clone()).or_insert_with(|| Group::new(id.clone(), now));
            *group = Group::restored(metadata, std::mem::take(&mut group.offsets));
        }
        Record::GroupTombstone { group: id } => {
            if let Some(group) = groups.get_mut(id) {
                let offsets = std::mem::take(&mut group.offsets);
                *group = Group::new(id.clone(), now);
                group.offsets = offsets;
            }
        }
    }
}

/// The whole log has been replayed: sessions start anew, and a group that has become too large begins to
/// shrink (R11.2 to R11.5).
pub(super) fn loaded(groups: &mut Groups, turn: &mut Turn<'_>) {
    groups.retain(|_, group| group.is_recorded || !group.offsets.is_empty());
    removal::set_aside(groups, turn.appends);
    for group in groups.values() {
        turn.observe(Observation::GroupLoaded(Box::new(as_loaded(group))));
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

/// What was replayed is durable, all of it: readers who want that may see it.
pub(super) fn replayed_committed(groups: &mut Groups, turn: &mut Turn<'_>) {
    groups.values_mut().for_each(|group| group.offsets.replayed_committed());
    removal::replayed_committed(groups, turn);
}

fn as_loaded(group: &Group) -> LoadedGroup {
    let assignments: Vec<_> = group.members.iter().map(|m| m.assignment.clone()).collect();
    LoadedGroup {
        metadata: group.metadata(&assignments),
        state: group.state(),
        offsets: group.offsets.committed_list(),
    }
}
