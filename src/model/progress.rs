//! How far the records in the logs have been processed.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::{GroupId, TopicName, TopicPartition};

/// How far each group has processed each partition.
#[derive(Debug, Default)]
pub struct Progress {
    /// The number of records in each partition of a topic that has not been deleted.
    ends: BTreeMap<TopicPartition, i64>,
    reading_groups: BTreeMap<TopicName, BTreeSet<GroupId>>,
    done: BTreeMap<(GroupId, TopicPartition), Covered>,
    /// Deleted topics. A broker that has not learned of the deletion may still append to them.
    deleted: BTreeSet<TopicName>,
    /// See [`Self::remaining`].
    remaining: i64,
}

/// Records of a partition that a group has not processed yet.
#[derive(Clone, Copy, Debug)]
pub struct Lag<'a> {
    /// The group.
    pub group: &'a GroupId,
    /// The partition.
    pub partition: &'a TopicPartition,
    /// The first offset that is not processed.
    pub next: i64,
    /// One past the last record of the log.
    pub end: i64,
}

/// The processed offsets: a contiguous range from 0, and separate ranges ahead of it.
#[derive(Debug, Default)]
struct Covered {
    next: i64,
    ahead: BTreeMap<i64, i64>,
}

impl Covered {
    /// The number of processed offsets.
    fn count(&self) -> i64 {
        self.next + self.ahead.iter().map(|(start, end)| end - start).sum::<i64>()
    }

    /// Adds `first..next` and returns how many of its offsets are new.
    fn add(&mut self, (first, next): (i64, i64)) -> i64 {
        let mut first = first.max(self.next);
        let mut new = 0;
        while first < next {
            // If a range covers `first`, the next gap starts at its end.
            let covering = self.ahead.range(..=first).next_back().filter(|(_, end)| **end > first);
            if let Some((_, &end)) = covering {
                first = end;
                continue;
            }
            let gap_end =
                self.ahead.range(first..).next().map_or(next, |(start, _)| next.min(*start));
            new += gap_end - first;
            self.ahead.insert(first, gap_end);
            first = gap_end;
        }
        while let Some((&start, &end)) = self.ahead.first_key_value()
            && start <= self.next
        {
            self.ahead.pop_first();
            self.next = self.next.max(end);
        }
        new
    }
}

impl Progress {
    /// The number of records in the logs that are not yet processed, summed over the groups that
    /// read them.
    pub fn remaining(&self) -> i64 {
        self.remaining
    }

    /// One past the last record of the contiguous range from 0 that has been processed: the minimum
    /// over all groups that read the topic.
    pub fn prefix(&self, partition: &TopicPartition) -> i64 {
        let reading_groups = self.reading_groups.get(&partition.topic);
        let prefixes =
            reading_groups.into_iter().flatten().map(|group| self.processed_by(group, partition));
        prefixes.min().unwrap_or(0)
    }

    fn processed_by(&self, group: &GroupId, partition: &TopicPartition) -> i64 {
        self.done.get(&(group.clone(), partition.clone())).map_or(0, |covered| covered.next)
    }

    /// What is not processed yet.
    pub fn lags(&self) -> impl Iterator<Item = Lag<'_>> {
        self.ends.iter().flat_map(move |(partition, &end)| {
            let groups = self.reading_groups.get(&partition.topic).into_iter().flatten();
            let lags = groups.map(move |group| {
                let next = self.processed_by(group, partition);
                Lag { group, partition, next, end }
            });
            lags.filter(|lag| lag.next < lag.end)
        })
    }

    /// The number of distinct records of each partition that each group has processed, also of
    /// topics that were deleted since.
    pub fn counts(&self) -> impl Iterator<Item = (&(GroupId, TopicPartition), i64)> {
        self.done.iter().map(|(of, covered)| (of, covered.count()))
    }

    pub(super) fn subscribe(&mut self, group: &GroupId, topics: &[TopicName]) {
        for topic in topics.iter().filter(|topic| !self.deleted.contains(*topic)) {
            if self.reading_groups.entry(topic.clone()).or_default().insert(group.clone()) {
                let ends = self.ends.iter().filter(|(partition, _)| partition.topic == *topic);
                self.remaining += ends.map(|(_, end)| end).sum::<i64>();
            }
        }
    }

    pub(super) fn appended(&mut self, partition: &TopicPartition, count: i64) {
        if self.deleted.contains(&partition.topic) {
            return;
        }
        *self.ends.entry(partition.clone()).or_default() += count;
        let reading_groups = self.reading_groups.get(&partition.topic).map_or(0, BTreeSet::len);
        self.remaining += count * reading_groups as i64;
    }

    pub(super) fn processed(
        &mut self,
        group: &GroupId,
        partition: &TopicPartition,
        range: (i64, i64),
    ) {
        let covered = self.done.entry((group.clone(), partition.clone())).or_default();
        let new = covered.add(range);
        // The records of a deleted topic are not waited for.
        if self.ends.contains_key(partition) {
            self.remaining -= new;
        }
    }

    /// A topic was deleted: its records need no processing any more.
    pub(super) fn deleted(&mut self, topic: &TopicName) {
        self.deleted.insert(topic.clone());
        let reading_groups = self.reading_groups.remove(topic).unwrap_or_default();
        let deleted = self.ends.iter().filter(|(partition, _)| partition.topic == *topic);
        for (partition, end) in deleted {
            for group in &reading_groups {
                let done = self.done.get(&(group.clone(), partition.clone()));
                self.remaining -= end - done.map_or(0, Covered::count);
            }
        }
        self.ends.retain(|partition, _| partition.topic != *topic);
    }
}

#[cfg(test)]
mod tests {
    use super::{Covered, Progress};
    use crate::protocol::{GroupId, TopicName, TopicPartition, str_bytes};

    #[test]
    fn covered_counts_each_offset_once() {
        let mut covered = Covered::default();
        assert_eq!(covered.add((5, 8)), 3);
        assert_eq!(covered.add((4, 9)), 2);
        assert_eq!(covered.next, 0);
        assert_eq!(covered.add((0, 4)), 4);
        assert_eq!((covered.next, covered.ahead.len()), (9, 0));
        assert_eq!(covered.add((3, 9)), 0);
    }

    #[test]
    fn records_of_a_deleted_topic_need_no_processing() {
        let topic = |name: &str| TopicName(str_bytes(name));
        let partition = |name: &str| TopicPartition::new(topic(name), 0);
        let group = GroupId(str_bytes("g"));
        let mut progress = Progress::default();
        progress.subscribe(&group, &[topic("gone"), topic("kept")]);
        progress.appended(&partition("gone"), 10);
        progress.appended(&partition("kept"), 3);
        progress.processed(&group, &partition("gone"), (0, 2));
        progress.processed(&group, &partition("gone"), (5, 6));
        assert_eq!(progress.remaining, 10);
        progress.deleted(&topic("gone"));
        assert_eq!(progress.remaining, 3);
        progress.processed(&group, &partition("gone"), (2, 5));
        assert_eq!(progress.remaining, 3);
        let counts: Vec<i64> = progress.counts().map(|(_, count)| count).collect();
        assert_eq!(counts, [6]);
        let lags: Vec<_> = progress.lags().map(|lag| (lag.partition.clone(), lag.end)).collect();
        assert_eq!(lags, [(partition("kept"), 3)]);
    }
}
