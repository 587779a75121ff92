//! The committed offsets of one group, as two views at once, and the offsets that wait for the end of a
//! transaction.
//!
//! Every change is an append. It is visible to a reader who waits for durability as soon as it is
//! appended, and to one who does not wait only when it is durable (R6.6.3). A change whose append fails
//! is taken back as if it had never been (R9.7).
//!
//! What this does not do: it answers nothing and appends nothing, see [`super::appends`].

mod cell;

use std::collections::BTreeMap;

use crate::protocol::{TopicName, TopicPartition};

use super::api::AppendId;
use super::record::{CommittedOffset, ProducerId, Record};

use cell::Cell;
pub(super) use cell::{Change, Position};

/// Which of the two a reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// With what is appended and not yet durable.
    Newest,
    /// What is durable.
    Committed,
}

/// The offsets of one group. A partition of which nothing is known any more has no cell.
#[derive(Debug, Default)]
pub(super) struct Offsets(BTreeMap<TopicName, BTreeMap<i32, Cell>>);

impl Offsets {
    /// A change was appended.
    pub(super) fn append(
        &mut self,
        topic: &TopicName,
        partition: i32,
        append: AppendId,
        change: Change,
    ) {
        self.cell(topic, partition).append(append, change);
    }

    /// The change of that append is durable. False if this group knows nothing of it.
    pub(super) fn committed(
        &mut self,
        topic: &TopicName,
        partition: i32,
        append: AppendId,
    ) -> bool {
        self.settle(topic, partition, |cell| cell.committed(append))
    }

    /// The change of that append will not be durable. False if this group knows nothing of it.
    pub(super) fn failed(&mut self, topic: &TopicName, partition: i32, append: AppendId) -> bool {
        self.settle(topic, partition, |cell| cell.failed(append))
    }

    /// What is committed for one partition.
    pub(super) fn get(
        &self,
        topic: &TopicName,
        partition: i32,
        view: View,
    ) -> Option<&CommittedOffset> {
        self.0.get(topic)?.get(&partition)?.seen(view)
    }

    /// Whether a transaction that is not over has an offset for the partition.
    pub(super) fn is_unstable(&self, topic: &TopicName, partition: i32) -> bool {
        let cell = self.0.get(topic).and_then(|partitions| partitions.get(&partition));
        cell.is_some_and(Cell::is_unstable)
    }

    /// Everything committed, topics and partitions in order. A topic may come without partitions.
    pub(super) fn all(
        &self,
        view: View,
    ) -> impl Iterator<Item = (&TopicName, impl Iterator<Item = (i32, &CommittedOffset)>)> {
        self.0.iter().map(move |(topic, partitions)| {
            (topic, partitions.iter().filter_map(move |(p, cell)| Some((*p, cell.seen(view)?))))
        })
    }

    /// Everything that is durable, in order, for a look from outside.
    pub(super) fn committed_list(&self) -> Vec<(TopicPartition, i64)> {
        let topics = self.all(View::Committed);
        let list = topics.flat_map(|(topic, partitions)| {
            partitions
                .map(|(p, committed)| (TopicPartition::new(topic.clone(), p), committed.offset))
        });
        list.collect()
    }

    /// Whether nothing is known of any partition.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every partition that has an offset, committed or waiting for the end of a transaction, in order:
    /// what a tombstone would be for.
    pub(super) fn kept(&self) -> Vec<TopicPartition> {
        self.where_cell(Cell::is_kept)
    }

    /// The partitions with an offset that waits for the end of the producer's transaction, or will again if
    /// something under way fails; in order.
    pub(super) fn waiting_for(&self, producer: ProducerId) -> Vec<TopicPartition> {
        self.where_cell(|cell| cell.may_wait_for(producer))
    }

    /// Takes in an offset record of the log: OffsetCommit, OffsetTombstone or TxnOffsetCommit.
    pub(super) fn replay(&mut self, position: u64, record: &Record, durable: bool) {
        let (partition, change) = match record {
            Record::OffsetCommit { partition, offset, .. } => {
                (partition, Change::Commit(offset.clone()))
            }
            Record::OffsetTombstone { partition, .. } => (partition, Change::Remove),
            Record::TxnOffsetCommit { producer, partition, offset, .. } => {
                (partition, Change::Wait(*producer, offset.clone()))
            }
            Record::GroupMetadata(_) | Record::GroupTombstone { .. } | Record::TxnMarker { .. } => {
                panic!("{record:?} is no record of one group's offset")
            }
        };
        let cell = self.cell(&partition.topic, partition.partition);
        cell.replay(Position::Replayed(position), change, durable);
        self.tidy(&partition.topic, partition.partition);
    }

    /// A transaction is over, as the log tells: what its producer committed counts, or does not.
    pub(super) fn end_transaction(
        &mut self,
        position: u64,
        producer: ProducerId,
        committed: bool,
        durable: bool,
    ) {
        for TopicPartition { topic, partition } in self.waiting_for(producer) {
            let end = Change::End { producer, committed };
            self.cell(&topic, partition).replay(Position::Replayed(position), end, durable);
            self.tidy(&topic, partition);
        }
    }

    /// What was found in the log is durable, all of it.
    pub(super) fn replayed_committed(&mut self) {
        self.0.retain(|_, partitions| {
            partitions.values_mut().for_each(Cell::replayed_committed);
            partitions.retain(|_, cell| !cell.is_blank());
            !partitions.is_empty()
        });
    }

    /// Takes over what came before: the offsets of a group of the same name whose removal has failed.
    pub(super) fn inherit(&mut self, before: Offsets) {
        for (topic, partitions) in before.0 {
            for (partition, mut cell) in partitions {
                let after = std::mem::take(self.cell(&topic, partition));
                cell.follow_with(after);
                *self.cell(&topic, partition) = cell;
            }
        }
    }

    fn where_cell(&self, wanted: impl Fn(&Cell) -> bool) -> Vec<TopicPartition> {
        let cells = self.0.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(partition, cell)| (topic, *partition, cell))
        });
        cells
            .filter(|(.., cell)| wanted(cell))
            .map(|(topic, partition, _)| TopicPartition::new(topic.clone(), partition))
            .collect()
    }

    fn cell(&mut self, topic: &TopicName, partition: i32) -> &mut Cell {
        // The name is copied only for a topic that is not there yet.
        if !self.0.contains_key(topic) {
            self.0.insert(topic.clone(), BTreeMap::new());
        }
        let partitions = self.0.get_mut(topic).expect("the topic is there or was just added");
        partitions.entry(partition).or_default()
    }

    fn settle(
        &mut self,
        topic: &TopicName,
        partition: i32,
        how: impl FnOnce(&mut Cell) -> bool,
    ) -> bool {
        let cell = self.0.get_mut(topic).and_then(|partitions| partitions.get_mut(&partition));
        let known = cell.is_some_and(how);
        self.tidy(topic, partition);
        known
    }

    /// Forgets a partition of which nothing is known any more.
    fn tidy(&mut self, topic: &TopicName, partition: i32) {
        let Some(partitions) = self.0.get_mut(topic) else { return };
        if partitions.get(&partition).is_some_and(Cell::is_blank) {
            partitions.remove(&partition);
        }
        if partitions.is_empty() {
            self.0.remove(topic);
        }
    }
}
