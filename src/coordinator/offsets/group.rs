//! The offsets of one group, partition by partition.

use std::collections::BTreeMap;

use crate::coordinator::api::AppendId;
use crate::coordinator::record::{CommittedOffset, ProducerId};
use crate::protocol::{TopicName, TopicPartition};

use super::View;
use super::cell::{Cell, Change, Position};

/// The offsets of one group. A partition of which nothing is known any more has no cell.
#[derive(Debug, Default)]
pub(in crate::coordinator) struct Offsets(BTreeMap<TopicName, BTreeMap<i32, Cell>>);

impl Offsets {
    /// Those of a group of which nothing is known.
    pub(super) const fn none() -> Offsets {
        Offsets(BTreeMap::new())
    }

    /// What is committed for one partition.
    pub(in crate::coordinator) fn get(
        &self,
        topic: &TopicName,
        partition: i32,
        view: View,
    ) -> Option<&CommittedOffset> {
        self.0.get(topic)?.get(&partition)?.seen(view)
    }

    /// Whether a transaction that is not over has an offset for the partition.
    pub(in crate::coordinator) fn is_unstable(&self, topic: &TopicName, partition: i32) -> bool {
        let cell = self.0.get(topic).and_then(|partitions| partitions.get(&partition));
        cell.is_some_and(Cell::is_unstable)
    }

    /// What waits for the end of a transaction.
    #[cfg(test)]
    pub(in crate::coordinator) fn waiting(
        &self,
        at: &TopicPartition,
        view: View,
    ) -> impl Iterator<Item = (ProducerId, &CommittedOffset)> {
        let cell = self.0.get(&at.topic).and_then(|partitions| partitions.get(&at.partition));
        cell.into_iter().flat_map(move |cell| cell.waiting(view))
    }

    /// Everything committed, topics and partitions in order. A topic may come without partitions.
    pub(in crate::coordinator) fn all(
        &self,
        view: View,
    ) -> impl Iterator<Item = (&TopicName, impl Iterator<Item = (i32, &CommittedOffset)>)> {
        self.0.iter().map(move |(topic, partitions)| {
            (topic, partitions.iter().filter_map(move |(p, cell)| Some((*p, cell.seen(view)?))))
        })
    }

    /// Everything that is durable, in order, for a look from outside.
    pub(in crate::coordinator) fn committed_list(&self) -> Vec<(TopicPartition, i64)> {
        let topics = self.all(View::Committed);
        let list = topics.flat_map(|(topic, partitions)| {
            partitions
                .map(|(p, committed)| (TopicPartition::new(topic.clone(), p), committed.offset))
        });
        list.collect()
    }

    /// Every partition that has an offset, committed or waiting for the end of a transaction, in order:
    /// what a tombstone would be for.
    pub(in crate::coordinator) fn kept(&self) -> Vec<TopicPartition> {
        self.where_cell(Cell::is_kept)
    }

    /// Whether there is one.
    pub(in crate::coordinator) fn is_kept(&self) -> bool {
        self.0.values().flat_map(BTreeMap::values).any(Cell::is_kept)
    }

    /// Whether nothing is known of any partition.
    pub(super) fn is_blank(&self) -> bool {
        self.0.is_empty()
    }

    /// The partitions with an offset that waits for the end of the producer's transaction, or will again if
    /// something under way fails; in order.
    pub(super) fn waiting_for(&self, producer: ProducerId) -> Vec<TopicPartition> {
        self.where_cell(|cell| cell.may_wait_for(producer))
    }

    /// A record that changes a partition is in the log.
    pub(super) fn take_in(
        &mut self,
        at: &TopicPartition,
        position: Position,
        change: Change,
        durable: bool,
    ) {
        self.with(at, |cell| cell.take_in(position, change, durable));
    }

    /// The change of that append is durable.
    pub(super) fn committed(&mut self, at: &TopicPartition, append: AppendId) {
        self.with(at, |cell| cell.committed(append));
    }

    /// The change of that append will not be durable.
    pub(super) fn failed(&mut self, at: &TopicPartition, append: AppendId) {
        self.with(at, |cell| cell.failed(append));
    }

    /// What was found in the log is durable, all of it.
    pub(super) fn replayed_committed(&mut self) {
        self.0.retain(|_, partitions| {
            partitions.values_mut().for_each(Cell::replayed_committed);
            partitions.retain(|_, cell| !cell.is_blank());
            !partitions.is_empty()
        });
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

    /// Changes one partition, and forgets it if nothing is known of it any more.
    fn with(&mut self, at: &TopicPartition, how: impl FnOnce(&mut Cell)) {
        // The name is copied only for a topic that is not there yet.
        let partitions = match self.0.get_mut(&at.topic) {
            Some(partitions) => partitions,
            None => self.0.entry(at.topic.clone()).or_default(),
        };
        let cell = partitions.entry(at.partition).or_default();
        how(cell);
        if cell.is_blank() {
            partitions.remove(&at.partition);
        }
        if partitions.is_empty() {
            self.0.remove(&at.topic);
        }
    }
}
