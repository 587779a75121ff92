//! The way of a group out of the coordinator: by DeleteGroups, or when its last offset has expired.
//!
//! The group is gone from memory at once, so that whoever comes next founds another one. It is kept aside
//! until its tombstone is durable: readers who want what is durable still see its offsets, and it comes
//! back if the tombstone could not be stored (R9.8).

use crate::protocol::{GroupId, TopicPartition};

use super::api::{AppendId, LoadedGroup, Observation};
use super::appends::{Appends, Consequence};
use super::group::{Group, Groups};
use super::held::Ticket;
use super::offsets::{Change, Offsets};
use super::record::Record;
use super::state::GroupState;
use super::turn::Turn;

/// The groups that are gone and whose tombstones are not durable yet; oldest first.
#[derive(Debug, Default)]
pub(super) struct RemovedGroups(Vec<Removed>);

#[derive(Debug)]
struct Removed {
    /// None if it was found in the log.
    tombstone: Option<AppendId>,
    group: Group,
}

impl RemovedGroups {
    /// What is durable of a group that is gone, if there is one: its offsets, as the log still has them.
    pub(super) fn durable(&self, group: &GroupId) -> Option<&Offsets> {
        self.0
            .iter()
            .find(|removed| removed.group.id == *group)
            .map(|removed| &removed.group.offsets)
    }

    /// The offsets of every group of that name that is gone.
    pub(super) fn offsets<'a>(
        &'a mut self,
        group: &'a GroupId,
    ) -> impl Iterator<Item = &'a mut Offsets> {
        let same = self.0.iter_mut().filter(|removed| removed.group.id == *group);
        same.map(|removed| &mut removed.group.offsets)
    }

    /// The groups that are gone, for what must reach them all the same.
    pub(super) fn groups(&mut self) -> impl Iterator<Item = &mut Group> {
        self.0.iter_mut().map(|removed| &mut removed.group)
    }

    /// The offsets of the oldest group of that name that this coordinator has removed.
    fn removed_here(&mut self, group: &GroupId) -> Option<&mut Offsets> {
        let here = |removed: &&mut Removed| removed.tombstone.is_some();
        let mut same = self.0.iter_mut().filter(|removed| removed.group.id == *group).filter(here);
        same.next().map(|removed| &mut removed.group.offsets)
    }

    fn take(&mut self, tombstone: AppendId) -> Group {
        match self.0.iter().position(|removed| removed.tombstone == Some(tombstone)) {
            Some(index) => self.0.remove(index).group,
            None => panic!("{tombstone:?} is not the tombstone of a group"),
        }
    }
}

/// Removes an Empty group with everything it has committed; gives how many records that took. `ticket` is
/// whose answer waits for them.
pub(super) fn remove(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    id: &GroupId,
    why: &'static str,
    ticket: Option<Ticket>,
) -> usize {
    let Some(mut group) = groups.swap_remove(id) else {
        panic!("group {} is to be removed and does not exist", id.0);
    };
    assert_eq!(
        group.state(),
        GroupState::Empty,
        "group {} in generation {} is to be removed",
        id.0,
        group.generation
    );
    let offsets = group.offsets.kept();
    for partition in &offsets {
        remove_offset(&mut group, turn, partition, None, ticket);
    }
    // An id that was handed out is void with its group: it never was a member, so nobody is told.
    for pending in &group.pending_join {
        turn.timers.cancel(&group.pending_join_key(pending));
    }
    turn.appends.forget_membership(id);
    turn.observe(Observation::GroupRemoved { group: id.clone(), why });
    let record = Record::GroupTombstone { group: id.clone() };
    let tombstone = turn.append(record, Consequence::GroupTombstone { ticket });
    turn.appends.removed.0.push(Removed { tombstone: Some(tombstone), group });
    offsets.len() + 1
}

/// Removes one offset. `why` is observed when that is durable; none for an offset that goes with its group.
pub(super) fn remove_offset(
    group: &mut Group,
    turn: &mut Turn<'_>,
    partition: &TopicPartition,
    why: Option<&'static str>,
    ticket: Option<Ticket>,
) {
    let record = Record::OffsetTombstone { group: group.id.clone(), partition: partition.clone() };
    let consequence = Consequence::Offset {
        group: group.id.clone(),
        partition: partition.clone(),
        ticket,
        removed: why,
    };
    let append = turn.append(record, consequence);
    group.offsets.append(&partition.topic, partition.partition, append, Change::Remove);
}

/// Groups of which the end of the log, not durable yet, says that they are gone.
pub(super) fn set_aside(groups: &mut Groups, appends: &mut Appends) {
    let gone = |group: &Group| !group.is_recorded && group.offsets.kept().is_empty();
    let ids: Vec<GroupId> =
        groups.values().filter(|group| gone(group)).map(|group| group.id.clone()).collect();
    for id in ids {
        let group = groups.shift_remove(&id).expect("the group was just seen");
        appends.removed.0.push(Removed { tombstone: None, group });
    }
}

/// The group's tombstone is durable.
pub(super) fn committed(groups: &mut Groups, turn: &mut Turn<'_>, tombstone: AppendId) {
    let group = turn.appends.removed.take(tombstone);
    leave_the_rest(groups, turn, group);
}

/// So are the tombstones that were found in the log.
pub(super) fn replayed_committed(groups: &mut Groups, turn: &mut Turn<'_>) {
    let removed = &mut turn.appends.removed.0;
    let found: Vec<Removed> = removed.extract_if(.., |one| one.tombstone.is_none()).collect();
    for Removed { mut group, .. } in found {
        group.offsets.replayed_committed();
        leave_the_rest(groups, turn, group);
    }
}

/// Nothing is left of a group that is gone but offsets whose own tombstones have failed: they have a group
/// for themselves, as the log would have it.
fn leave_the_rest(groups: &mut Groups, turn: &mut Turn<'_>, Group { id, offsets, .. }: Group) {
    if !offsets.is_empty() {
        let mut group = Group::new(id, turn.now);
        group.offsets = offsets;
        put_back(groups, turn, group);
    }
}

/// The group's tombstone will not be durable: the group is back, Empty as it was.
pub(super) fn failed(groups: &mut Groups, turn: &mut Turn<'_>, tombstone: AppendId) {
    let mut group = turn.appends.removed.take(tombstone);
    group.pending_join.clear();
    put_back(groups, turn, group);
}

/// If another group of its name was founded meanwhile, that one stays, and what was committed before it
/// is again what it has; also if that one is gone as well by now.
fn put_back(groups: &mut Groups, turn: &mut Turn<'_>, group: Group) {
    let id = group.id.clone();
    let later = turn.appends.removed.removed_here(&id);
    if let Some(offsets) = later.or(groups.get_mut(&id).map(|group| &mut group.offsets)) {
        return offsets.inherit(group.offsets);
    }
    turn.observe(Observation::GroupLoaded(Box::new(as_loaded(&group))));
    groups.insert(id, group);
}

fn as_loaded(group: &Group) -> LoadedGroup {
    LoadedGroup {
        metadata: group.metadata(&[]),
        state: group.state(),
        offsets: group.offsets.committed_list(),
    }
}
