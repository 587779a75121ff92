//! The offsets of all groups, committed and pending, in a durable and a newest view.
//!
//! [`OffsetStore`] applies the offset records of the log in order; replayed records and the
//! coordinator's own appends take the same path. So its contents always equal a replay of the log:
//! the durable view that of the committed part, the newest view that of the whole (R9.11). It does
//! not know when groups are created and removed, except for the tombstones of their offsets.
//!
//! Every change is an append. A reader that waits for durability sees it as soon as it is appended;
//! one that does not wait sees it only when it is durable (R6.6.3). A change whose append fails is
//! undone as if it had never been made (R9.7).
//!
//! It sends no responses and appends nothing, see [`super::appends`].

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::{GroupId, TopicPartition};

use crate::coordinator::api::AppendId;
use crate::coordinator::record::{ProducerId, Record};

use super::group::Offsets;
use super::partition::{Change, Position};

/// The view that a reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Everything appended, durable or not.
    Newest,
    /// What is durable.
    Committed,
}

/// The offsets of all groups. A group without offsets has no entry.
#[derive(Debug, Default)]
pub(crate) struct OffsetStore {
    groups: BTreeMap<GroupId, Offsets>,
    /// The partitions that each append in flight has changed.
    in_flight: BTreeMap<AppendId, Vec<Place>>,
}

/// A partition of a group.
type Place = (GroupId, TopicPartition);

impl OffsetStore {
    /// The offsets of one group.
    pub(crate) fn of(&self, group: &GroupId) -> &Offsets {
        static NONE: Offsets = Offsets::none();
        self.groups.get(group).unwrap_or(&NONE)
    }

    /// Replays a record of the log. Durable records come first.
    pub(crate) fn replay(&mut self, position: u64, record: &Record, durable: bool) {
        self.apply_record(Position::Replayed(position), record, durable);
    }

    /// Applies a record that the coordinator appended.
    pub(crate) fn append(&mut self, append: AppendId, record: &Record) {
        let last = self.in_flight.last_key_value().map(|(last, _)| *last);
        assert!(last < Some(append), "{append:?} follows {last:?}");
        let changed = self.apply_record(Position::Appended(append), record, false);
        if !changed.is_empty() {
            self.in_flight.insert(append, changed);
        }
    }

    /// The record of that append is durable, and every earlier one too.
    pub(crate) fn committed(&mut self, append: AppendId) {
        let first = self.in_flight.first_key_value().map(|(first, _)| *first);
        assert!(
            first.is_none_or(|first| append <= first),
            "{append:?} is durable before {first:?}"
        );
        for (group, at) in self.in_flight.remove(&append).unwrap_or_default() {
            self.change(&group, |offsets| offsets.committed(&at, append));
        }
    }

    /// The record of that append will not become durable. Returns the groups that it had changed.
    pub(crate) fn failed(&mut self, append: AppendId) -> BTreeSet<GroupId> {
        let changed = self.in_flight.remove(&append).unwrap_or_default();
        for (group, at) in &changed {
            self.change(group, |offsets| offsets.failed(at, append));
        }
        changed.into_iter().map(|(group, _)| group).collect()
    }

    /// All replayed records are durable.
    pub(crate) fn replayed_committed(&mut self) {
        self.groups.retain(|_, offsets| {
            offsets.replayed_committed();
            !offsets.is_empty()
        });
    }

    /// Applies a record; the only path from records to offsets. Returns the partitions it changed.
    fn apply_record(&mut self, position: Position, record: &Record, durable: bool) -> Vec<Place> {
        let (group, at, change) = match record {
            Record::OffsetCommit { group, partition, offset } => {
                (group, partition, Change::Commit(offset.clone()))
            }
            Record::OffsetTombstone { group, partition } => (group, partition, Change::Remove),
            Record::TxnOffsetCommit { producer, group, partition, offset } => {
                (group, partition, Change::Pending(*producer, offset.clone()))
            }
            Record::TxnMarker { producer, committed } => {
                return self.end_transaction(position, *producer, *committed, durable);
            }
            Record::GroupMetadata(_) | Record::GroupTombstone { .. } => return Vec::new(),
        };
        self.change(group, |offsets| offsets.apply_record(at, position, change, durable));
        vec![(group.clone(), at.clone())]
    }

    /// Ends a transaction: the producer's pending offsets are committed or dropped, in all groups.
    fn end_transaction(
        &mut self,
        position: Position,
        producer: ProducerId,
        committed: bool,
        durable: bool,
    ) -> Vec<Place> {
        let pending = self.groups.iter().flat_map(|(group, offsets)| {
            offsets.partitions_pending_of(producer).into_iter().map(|at| (group.clone(), at))
        });
        let pending: Vec<Place> = pending.collect();
        for (group, at) in &pending {
            let end = Change::EndTransaction { producer, committed };
            self.change(group, |offsets| offsets.apply_record(at, position, end, durable));
        }
        pending
    }

    /// Changes the offsets of one group, and drops its entry if it has become empty.
    fn change(&mut self, group: &GroupId, change: impl FnOnce(&mut Offsets)) {
        // The id is cloned only for a new group.
        let offsets = match self.groups.get_mut(group) {
            Some(offsets) => offsets,
            None => self.groups.entry(group.clone()).or_default(),
        };
        change(offsets);
        if offsets.is_empty() {
            self.groups.remove(group);
        }
    }
}
