//! The way of a group out of the coordinator: by DeleteGroups, or when its last offset has expired.
//!
//! The group is gone from memory at once, so that whoever comes next founds another one. It is kept aside
//! until its tombstone is durable, and comes back if the tombstone could not be stored (R9.8). Its offsets are
//! not part of it: they have tombstones of their own, and readers who want what is durable see them until those are.

use crate::protocol::{GroupId, TopicPartition};

use super::api::{AppendId, Observation};
use super::appends::Consequence;
use super::group::{Group, Groups};
use super::held::Ticket;
use super::load;
use super::record::Record;
use super::state::GroupState;
use super::turn::Turn;

/// The groups that are gone and whose tombstones are not durable yet; oldest first.
#[derive(Debug, Default)]
pub(super) struct RemovedGroups(Vec<Removed>);

#[derive(Debug)]
struct Removed {
    tombstone: AppendId,
    group: Group,
}

impl RemovedGroups {
    /// A group of those that the append was to found.
    pub(super) fn founded_by(&mut self, append: AppendId) -> Option<&mut Group> {
        let mut groups = self.0.iter_mut().map(|removed| &mut removed.group);
        groups.find(|group| group.founding == Some(append))
    }

    /// Whether a group of that name is on its way out.
    pub(super) fn has(&self, id: &GroupId) -> bool {
        self.0.iter().any(|removed| removed.group.id == *id)
    }

    /// The first group of that name that was removed after that append.
    fn after(&mut self, append: AppendId, id: &GroupId) -> Option<&mut Group> {
        let later = |one: &&mut Removed| one.tombstone > append && one.group.id == *id;
        self.0.iter_mut().find(later).map(|removed| &mut removed.group)
    }

    fn take(&mut self, tombstone: AppendId) -> Group {
        match self.0.iter().position(|removed| removed.tombstone == tombstone) {
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
    let Some(group) = groups.swap_remove(id) else {
        panic!("group {} is to be removed and does not exist", id.0);
    };
    assert_eq!(
        group.state(),
        GroupState::Empty,
        "group {} in generation {} is to be removed",
        id.0,
        group.generation
    );
    let offsets = turn.offsets.of(id).kept();
    for partition in &offsets {
        remove_offset(id, turn, partition, None, ticket);
    }
    // An id that was handed out is void with its group: it never was a member, so nobody is told.
    for pending in &group.pending_join {
        turn.timers.cancel(&group.pending_join_key(pending));
    }
    turn.appends.forget_membership(id);
    turn.observe(Observation::GroupRemoved { group: id.clone(), why });
    let record = Record::GroupTombstone { group: id.clone() };
    let tombstone = turn.append(record, Consequence::GroupTombstone { ticket });
    turn.appends.removed.0.push(Removed { tombstone, group });
    offsets.len() + 1
}

/// Removes one offset. `why` is observed when that is durable; none for an offset that goes with its group.
pub(super) fn remove_offset(
    group: &GroupId,
    turn: &mut Turn<'_>,
    partition: &TopicPartition,
    why: Option<&'static str>,
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
pub(super) fn committed(groups: &mut Groups, turn: &mut Turn<'_>, tombstone: AppendId) {
    let group = turn.appends.removed.take(tombstone);
    ensure_group(groups, turn, group.id);
}

/// Offsets without a group, because their own tombstones have failed or the end of their transaction has: they
/// have a group for themselves, as the log would have it. While their group is on its way out, that can wait.
pub(super) fn ensure_group(groups: &mut Groups, turn: &mut Turn<'_>, id: GroupId) {
    if groups.contains_key(&id) || turn.appends.removed.has(&id) || !turn.offsets.of(&id).is_kept()
    {
        return;
    }
    put_back(groups, turn, Group::new(id, turn.now));
}

/// The group's tombstone will not be durable: the group is back, Empty as it was. If another group of its name
/// was founded meanwhile, that one stays, as what has become of it.
pub(super) fn failed(groups: &mut Groups, turn: &mut Turn<'_>, tombstone: AppendId) {
    let mut group = turn.appends.removed.take(tombstone);
    group.pending_join.clear();
    let id = group.id.clone();
    let Some(group) = or_before(group) else { return ensure_group(groups, turn, id) };
    if let Some(later) = turn.appends.removed.after(tombstone, &id) {
        return follow(later, group);
    }
    let Some(present) = groups.get_mut(&id) else { return put_back(groups, turn, group) };
    if present.never_was {
        return instead(groups, turn, group);
    }
    let newer = present.is_recorded;
    follow(present, group);
    if !newer && present.is_recorded {
        turn.observe(load::as_loaded(present, turn.offsets));
    }
}

/// The group, or the one before it if it has never been.
fn or_before(group: Group) -> Option<Group> {
    match group.never_was {
        true => group.before.map(|before| *before),
        false => Some(group),
    }
}

/// The log has the group `before` again, and then what founded `group`. Without a record of its own this is
/// the same group. With one it stays, for as long as that record does.
fn follow(group: &mut Group, before: Group) {
    let is_the_same = !group.is_recorded && group.state() == GroupState::Empty;
    if is_the_same && before.is_recorded {
        let pending_join = std::mem::take(&mut group.pending_join);
        *group = before;
        group.pending_join = pending_join;
    } else {
        group.before = Some(Box::new(before));
    }
}

/// A group that has never been makes room for the one before it.
pub(super) fn instead(groups: &mut Groups, turn: &mut Turn<'_>, before: Group) {
    forget(groups, turn, &before.id);
    put_back(groups, turn, before);
}

/// A group that has never been is gone.
pub(super) fn forget(groups: &mut Groups, turn: &mut Turn<'_>, id: &GroupId) {
    let group = groups.swap_remove(id).expect("a group that has never been is there until now");
    group.cancel_timers(turn);
    turn.observe(Observation::GroupRemoved { group: id.clone(), why: "not stored" });
}

fn put_back(groups: &mut Groups, turn: &mut Turn<'_>, group: Group) {
    turn.observe(load::as_loaded(&group, turn.offsets));
    groups.insert(group.id.clone(), group);
}
