//! The committed offsets of one group, as two views at once.
//!
//! A commit is visible to a reader who waits for durability as soon as it is appended, and to one who
//! does not wait only when it is durable (R6.6.3).

use std::collections::BTreeMap;

use crate::protocol::TopicName;

use super::api::AppendId;
use super::record::CommittedOffset;

/// Which of the two a reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// With what is appended and not yet durable.
    Newest,
    /// What is durable.
    Committed,
}

/// The committed offsets of one group.
#[derive(Debug, Default)]
pub(super) struct Offsets(BTreeMap<TopicName, BTreeMap<i32, Cell>>);

#[derive(Debug, Default)]
struct Cell {
    committed: Option<CommittedOffset>,
    /// Appended, not yet durable; oldest first.
    under_way: Vec<(AppendId, CommittedOffset)>,
}

impl Offsets {
    /// A commit was appended.
    pub(super) fn append(
        &mut self,
        topic: &TopicName,
        partition: i32,
        append: AppendId,
        offset: CommittedOffset,
    ) {
        let partitions = match self.0.get_mut(topic) {
            Some(partitions) => partitions,
            None => self.0.entry(topic.clone()).or_default(),
        };
        partitions.entry(partition).or_default().under_way.push((append, offset));
    }

    /// The commit of that append is durable.
    pub(super) fn committed(&mut self, topic: &TopicName, partition: i32, append: AppendId) {
        let cell = self.cell(topic, partition);
        if let Some(index) = cell.under_way.iter().position(|(id, _)| *id == append) {
            cell.committed = Some(cell.under_way.remove(index).1);
        }
    }

    /// The commit of that append will not be durable.
    pub(super) fn failed(&mut self, topic: &TopicName, partition: i32, append: AppendId) {
        self.cell(topic, partition).under_way.retain(|(id, _)| *id != append);
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

    /// Everything committed, topics and partitions in order. A topic may come without partitions.
    pub(super) fn all(
        &self,
        view: View,
    ) -> impl Iterator<Item = (&TopicName, impl Iterator<Item = (i32, &CommittedOffset)>)> {
        self.0.iter().map(move |(topic, partitions)| {
            (topic, partitions.iter().filter_map(move |(p, cell)| Some((*p, cell.seen(view)?))))
        })
    }

    fn cell(&mut self, topic: &TopicName, partition: i32) -> &mut Cell {
        match self.0.get_mut(topic).and_then(|partitions| partitions.get_mut(&partition)) {
            Some(cell) => cell,
            None => panic!("nothing was ever committed to {}-{partition}", topic.0),
        }
    }
}

impl Cell {
    fn seen(&self, view: View) -> Option<&CommittedOffset> {
        match view {
            View::Newest => self.under_way.last().map(|(_, offset)| offset).or(self.seen_durable()),
            View::Committed => self.seen_durable(),
        }
    }

    fn seen_durable(&self) -> Option<&CommittedOffset> {
        self.committed.as_ref()
    }
}
