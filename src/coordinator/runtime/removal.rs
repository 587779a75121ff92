//! Removes groups: by DeleteGroups, or when the last offset has expired.
//!
//! The group leaves memory at once, so that the next request creates another one. It is kept aside
//! until its tombstone is durable, and comes back if the tombstone could not be stored (R9.8). Its
//! offsets are separate: they have tombstones of their own, and readers of durable state see them
//! until those are durable.

use crate::coordinator::api::{AppendId, Ticket};
use crate::coordinator::group::{Group, Groups};
use crate::coordinator::observation::Observation;
use crate::coordinator::reason::{GroupRemoval, OffsetRemoval};
use crate::coordinator::record::Record;
use crate::protocol::{GroupId, TopicPartition};

use super::appends::Consequence;
use super::turn::Turn;

/// The removed groups whose tombstones are not durable yet; oldest first.
#[derive(Debug, Default)]
pub(crate) struct RemovedGroups(Vec<Removed>);

#[derive(Debug)]
struct Removed {
    tombstone: AppendId,
    group: Group,
}

impl RemovedGroups {
    /// The removed group that the append was to create.
    pub(super) fn created_by(&mut self, append: AppendId) -> Option<&mut Group> {
        let mut groups = self.0.iter_mut().map(|removed| &mut removed.group);
        groups.find(|group| group.in_log().creation == Some(append))
    }

    /// Whether a removed group of that name waits for its tombstone.
    pub(crate) fn has(&self, id: &GroupId) -> bool {
        self.0.iter().any(|removed| removed.group.id() == id)
    }

    /// The first group of that name that was removed after that append.
    fn removed_after(&mut self, append: AppendId, id: &GroupId) -> Option<&mut Group> {
        let newer = |one: &&mut Removed| one.tombstone > append && one.group.id() == id;
        self.0.iter_mut().find(newer).map(|removed| &mut removed.group)
    }

    fn push(&mut self, removed: Removed) {
        let last = self.0.last().map(|last| last.tombstone);
        assert!(last < Some(removed.tombstone), "{last:?} was appended before {removed:?}");
        self.0.push(removed);
    }

    fn take(&mut self, tombstone: AppendId) -> Group {
        match self.0.iter().position(|removed| removed.tombstone == tombstone) {
            Some(index) => self.0.remove(index).group,
            None => panic!("{tombstone:?} is not the tombstone of a group"),
        }
    }
}

/// Removes an Empty group with all its offsets; returns the number of records. `ticket` is the
/// deferred response that waits for them.
pub(crate) fn remove(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    id: &GroupId,
    why: GroupRemoval,
    ticket: Option<Ticket>,
) -> usize {
    let Some(mut group) = groups.swap_remove(id) else {
        panic!("group {} cannot be removed: it does not exist", id.0);
    };
    assert!(group.is_empty(), "group {} is {} and is removed", id.0, group.state_name());
    let offsets = turn.offsets.of(id).partitions_with_offset();
    for partition in &offsets {
        remove_offset(id, turn, partition, None, ticket);
    }
    group.forget_pending(turn);
    turn.appends.forget_membership(id);
    turn.observe(Observation::GroupRemoved { group: id.clone(), why });
    let record = Record::GroupTombstone { group: id.clone() };
    let tombstone = turn.append(record, Consequence::GroupTombstone { ticket });
    turn.appends.removed.push(Removed { tombstone, group });
    assert!(!turn.offsets.of(id).has_offset(), "group {} is removed without its offsets", id.0);
    offsets.len() + 1
}

/// Removes one offset. `why` is observed when that is durable; none for an offset that goes with
/// its group.
pub(crate) fn remove_offset(
    group: &GroupId,
    turn: &mut Turn<'_>,
    partition: &TopicPartition,
    why: Option<OffsetRemoval>,
    ticket: Option<Ticket>,
) {
    let (group, partition) = (group.clone(), partition.clone());
    let observe = why.map(|why| Observation::OffsetRemoved {
        group: group.clone(),
        partition: partition.clone(),
        why,
    });
    let record = Record::OffsetTombstone { group, partition };
    turn.append(record, Consequence::Offset { ticket, observe });
}

/// The group's tombstone is durable.
pub(crate) fn committed(groups: &mut Groups, turn: &mut Turn<'_>, tombstone: AppendId) {
    let group = turn.appends.removed.take(tombstone);
    ensure_group(groups, turn, group.id().clone());
}

/// Gives offsets without a group a group of their own, as a replay of the log would. Offsets can be
/// without one because their own tombstones failed, or the end of their transaction did. While the
/// removal of their group is in flight, there is nothing to do yet.
pub(super) fn ensure_group(groups: &mut Groups, turn: &mut Turn<'_>, id: GroupId) {
    if groups.contains_key(&id)
        || turn.appends.removed.has(&id)
        || !turn.offsets.of(&id).has_offset()
    {
        return;
    }
    restore(groups, turn, Group::with_offsets_only(id, turn.now));
}

/// The group's tombstone will not become durable: the group is back, Empty as it was. If another
/// group of its name was created meanwhile, the two are merged or the newer one stays.
pub(crate) fn failed(groups: &mut Groups, turn: &mut Turn<'_>, tombstone: AppendId) {
    let group = turn.appends.removed.take(tombstone);
    let id = group.id().clone();
    let Some(group) = surviving(group) else { return ensure_group(groups, turn, id) };
    if let Some(newer) = turn.appends.removed.removed_after(tombstone, &id) {
        return merge_or_stack(newer, group);
    }
    let Some(present) = groups.get_mut(&id) else { return restore(groups, turn, group) };
    if present.in_log().creation_failed {
        return restore_previous(groups, turn, group);
    }
    let newer = present.in_log().is_recorded;
    merge_or_stack(present, group);
    if !newer && present.in_log().is_recorded {
        turn.observe(present.as_loaded(turn.offsets));
    }
}

/// The group, or the one before it if this one was never created.
fn surviving(mut group: Group) -> Option<Group> {
    match group.in_log().creation_failed {
        true => group.in_log_mut().previous.take().map(|before| *before),
        false => Some(group),
    }
}

/// The log again has the group `previous`, followed by the records that created `group`. If the
/// newer group has no record of its own, both are the same group. If it has one, the newer group
/// stays for as long as that record does.
fn merge_or_stack(group: &mut Group, before: Group) {
    assert_eq!(group.id(), before.id(), "a group follows another");
    assert!(before.is_empty(), "group {} was removed as {}", before.id().0, before.state_name());
    let is_the_same = !group.in_log().is_recorded && group.is_empty();
    if is_the_same && before.in_log().is_recorded {
        group.become_earlier(before);
    } else {
        group.in_log_mut().previous = Some(Box::new(before));
    }
}

/// A group that was never created makes room for the one before it.
pub(super) fn restore_previous(groups: &mut Groups, turn: &mut Turn<'_>, before: Group) {
    discard(groups, turn, before.id());
    restore(groups, turn, before);
}

/// Drops a group that was never created.
pub(super) fn discard(groups: &mut Groups, turn: &mut Turn<'_>, id: &GroupId) {
    let group = groups.swap_remove(id).expect("a group that has never been is there until now");
    group.cancel_timers(turn);
    turn.observe(Observation::GroupRemoved { group: id.clone(), why: GroupRemoval::NotStored });
}

fn restore(groups: &mut Groups, turn: &mut Turn<'_>, group: Group) {
    assert!(group.is_empty(), "group {} is restored as {}", group.id().0, group.state_name());
    turn.observe(group.as_loaded(turn.offsets));
    let id = group.id().clone();
    let replaced = groups.insert(id, group);
    assert!(replaced.is_none(), "{replaced:?} was there, and another group was restored");
}
