//! The committed offsets of all groups, as two views at once, and the offsets that wait for the end of a
//! transaction.
//!
//! [`OffsetStore`] takes in the log's records of offsets, one after the other: those that a coordinator finds
//! and those that it appends, by one and the same function. So what it holds is what a replay of the log
//! gives: the durable view that of the committed part, the newest view that of all of it (R9.11). Groups come and
//! go beside it; it knows nothing of that but the tombstones of their offsets.
//!
//! Every change is an append. It is visible to a reader who waits for durability as soon as it is
//! appended, and to one who does not wait only when it is durable (R6.6.3). A change whose append fails
//! is taken back as if it had never been (R9.7).
//!
//! What this does not do: it answers nothing and appends nothing, see [`super::appends`].

mod cell;
mod group;

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::{GroupId, TopicPartition};

use super::api::AppendId;
use super::record::{ProducerId, Record};

use cell::{Change, Position};
pub(super) use group::Offsets;

/// Which of the two a reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// With what is appended and not yet durable.
    Newest,
    /// What is durable.
    Committed,
}

/// The offsets of all groups. A group of whose offsets nothing is known any more has no entry.
#[derive(Debug, Default)]
pub(super) struct OffsetStore {
    groups: BTreeMap<GroupId, Offsets>,
    /// What each append of this coordinator has changed whose fate is not known.
    under_way: BTreeMap<AppendId, Vec<Place>>,
}

/// A partition of a group.
type Place = (GroupId, TopicPartition);

impl OffsetStore {
    /// The offsets of one group.
    pub(super) fn of(&self, group: &GroupId) -> &Offsets {
        static NONE: Offsets = Offsets::none();
        self.groups.get(group).unwrap_or(&NONE)
    }

    /// Takes in a record of the log. Those that are durable come first.
    pub(super) fn replay(&mut self, position: u64, record: &Record, durable: bool) {
        self.take_in(Position::Replayed(position), record, durable);
    }

    /// A record was appended.
    pub(super) fn append(&mut self, append: AppendId, record: &Record) {
        let changed = self.take_in(Position::Appended(append), record, false);
        if !changed.is_empty() {
            self.under_way.insert(append, changed);
        }
    }

    /// The record of that append is durable, and so is all that lies before it.
    pub(super) fn committed(&mut self, append: AppendId) {
        for (group, at) in self.under_way.remove(&append).unwrap_or_default() {
            self.change(&group, |offsets| offsets.committed(&at, append));
        }
    }

    /// The record of that append will not be durable. Gives the groups that it had changed.
    pub(super) fn failed(&mut self, append: AppendId) -> BTreeSet<GroupId> {
        let changed = self.under_way.remove(&append).unwrap_or_default();
        for (group, at) in &changed {
            self.change(group, |offsets| offsets.failed(at, append));
        }
        changed.into_iter().map(|(group, _)| group).collect()
    }

    /// What was found in the log is durable, all of it.
    pub(super) fn replayed_committed(&mut self) {
        self.groups.retain(|_, offsets| {
            offsets.replayed_committed();
            !offsets.is_blank()
        });
    }

    /// The one way from a record to what it changes; gives where that was.
    fn take_in(&mut self, position: Position, record: &Record, durable: bool) -> Vec<Place> {
        let (group, at, change) = match record {
            Record::OffsetCommit { group, partition, offset } => {
                (group, partition, Change::Commit(offset.clone()))
            }
            Record::OffsetTombstone { group, partition } => (group, partition, Change::Remove),
            Record::TxnOffsetCommit { producer, group, partition, offset } => {
                (group, partition, Change::Wait(*producer, offset.clone()))
            }
            Record::TxnMarker { producer, committed } => {
                return self.end_transaction(position, *producer, *committed, durable);
            }
            Record::GroupMetadata(_) | Record::GroupTombstone { .. } => return Vec::new(),
        };
        self.change(group, |offsets| offsets.take_in(at, position, change, durable));
        vec![(group.clone(), at.clone())]
    }

    /// A transaction is over: what its producer committed counts, or does not, whichever groups it was for.
    fn end_transaction(
        &mut self,
        position: Position,
        producer: ProducerId,
        committed: bool,
        durable: bool,
    ) -> Vec<Place> {
        let waiting = self.groups.iter().flat_map(|(group, offsets)| {
            offsets.waiting_for(producer).into_iter().map(|at| (group.clone(), at))
        });
        let waiting: Vec<Place> = waiting.collect();
        for (group, at) in &waiting {
            let end = Change::End { producer, committed };
            self.change(group, |offsets| offsets.take_in(at, position, end, durable));
        }
        waiting
    }

    /// Changes the offsets of one group, and forgets the group if nothing is known any more.
    fn change(&mut self, group: &GroupId, how: impl FnOnce(&mut Offsets)) {
        // The id is copied only for a group that is not there yet.
        let offsets = match self.groups.get_mut(group) {
            Some(offsets) => offsets,
            None => self.groups.entry(group.clone()).or_default(),
        };
        how(offsets);
        if offsets.is_blank() {
            self.groups.remove(group);
        }
    }
}
