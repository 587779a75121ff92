//! The offsets of one group, by partition.

use std::collections::BTreeMap;

use crate::coordinator::api::AppendId;
use crate::coordinator::record::{CommittedOffset, ProducerId};
use crate::protocol::{TopicName, TopicPartition};

use super::partition::{Change, PartitionOffsets, Position};
use super::store::View;

/// The offsets of one group. A partition without an offset has no entry.
#[derive(Debug, Default)]
pub(crate) struct Offsets(BTreeMap<TopicName, BTreeMap<i32, PartitionOffsets>>);

impl Offsets {
    /// No offsets.
    pub(super) const fn none() -> Offsets {
        Offsets(BTreeMap::new())
    }

    /// The committed offset of one partition.
    pub(crate) fn get(
        &self,
        topic: &TopicName,
        partition: i32,
        view: View,
    ) -> Option<&CommittedOffset> {
        self.0.get(topic)?.get(&partition)?.get(view)
    }

    /// Whether an open transaction has a pending offset for the partition.
    pub(crate) fn is_unstable(&self, topic: &TopicName, partition: i32) -> bool {
        let entry = self.0.get(topic).and_then(|partitions| partitions.get(&partition));
        entry.is_some_and(PartitionOffsets::is_unstable)
    }

    /// The pending offsets of a partition.
    #[cfg(test)]
    pub(crate) fn pending(
        &self,
        at: &TopicPartition,
        view: View,
    ) -> impl Iterator<Item = (ProducerId, &CommittedOffset)> {
        let entry = self.0.get(&at.topic).and_then(|partitions| partitions.get(&at.partition));
        entry.into_iter().flat_map(move |entry| entry.pending(view))
    }

    /// Everything committed, ordered by topic and partition. A topic may have no partitions.
    pub(crate) fn all(
        &self,
        view: View,
    ) -> impl Iterator<Item = (&TopicName, impl Iterator<Item = (i32, &CommittedOffset)>)> {
        self.0.iter().map(move |(topic, partitions)| {
            (topic, partitions.iter().filter_map(move |(p, entry)| Some((*p, entry.get(view)?))))
        })
    }

    /// All durable committed offsets, ordered by topic and partition.
    pub(crate) fn committed_list(&self) -> Vec<(TopicPartition, i64)> {
        let topics = self.all(View::Committed);
        let list = topics.flat_map(|(topic, partitions)| {
            partitions
                .map(|(p, committed)| (TopicPartition::new(topic.clone(), p), committed.offset))
        });
        list.collect()
    }

    /// Every partition with an offset, committed or pending, in order: each needs a tombstone when
    /// the group is removed.
    pub(crate) fn partitions_with_offset(&self) -> Vec<TopicPartition> {
        self.partitions_where(PartitionOffsets::has_offset)
    }

    /// Whether any partition has an offset.
    pub(crate) fn has_offset(&self) -> bool {
        self.0.values().flat_map(BTreeMap::values).any(PartitionOffsets::has_offset)
    }

    /// Whether no partition has an entry.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The partitions with a pending offset of the producer, or that will have one again if an
    /// append in flight fails; in order.
    pub(super) fn partitions_pending_of(&self, producer: ProducerId) -> Vec<TopicPartition> {
        self.partitions_where(|entry| entry.may_have_pending_of(producer))
    }

    /// Applies a record that changes a partition.
    pub(super) fn apply_record(
        &mut self,
        at: &TopicPartition,
        position: Position,
        change: Change,
        durable: bool,
    ) {
        self.with(at, |entry| entry.apply_record(position, change, durable));
    }

    /// The change of that append is durable.
    pub(super) fn committed(&mut self, at: &TopicPartition, append: AppendId) {
        self.with(at, |entry| entry.committed(append));
    }

    /// The change of that append will not become durable.
    pub(super) fn failed(&mut self, at: &TopicPartition, append: AppendId) {
        self.with(at, |entry| entry.failed(append));
    }

    /// All replayed records are durable.
    pub(super) fn replayed_committed(&mut self) {
        self.0.retain(|_, partitions| {
            partitions.values_mut().for_each(PartitionOffsets::replayed_committed);
            partitions.retain(|_, entry| !entry.is_empty());
            !partitions.is_empty()
        });
    }

    fn partitions_where(&self, wanted: impl Fn(&PartitionOffsets) -> bool) -> Vec<TopicPartition> {
        let entries = self.0.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(partition, entry)| (topic, *partition, entry))
        });
        entries
            .filter(|(.., entry)| wanted(entry))
            .map(|(topic, partition, _)| TopicPartition::new(topic.clone(), partition))
            .collect()
    }

    /// Changes one partition, and drops its entry if it has become empty.
    fn with(&mut self, at: &TopicPartition, change: impl FnOnce(&mut PartitionOffsets)) {
        // The name is cloned only for a new topic.
        let partitions = match self.0.get_mut(&at.topic) {
            Some(partitions) => partitions,
            None => self.0.entry(at.topic.clone()).or_default(),
        };
        let entry = partitions.entry(at.partition).or_default();
        change(entry);
        if entry.is_empty() {
            partitions.remove(&at.partition);
        }
        if partitions.is_empty() {
            self.0.remove(&at.topic);
        }
    }
}
