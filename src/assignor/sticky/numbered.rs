//! Members, topics and partitions as numbers, in the order of their names, for algorithms that
//! visit each of them many times.

use crate::assignor::members::{empty_assignments, subscribers};
use crate::assignor::{Assignments, Subscriptions, Topics};
use crate::protocol::{TopicName, TopicPartition};

/// The subscriptions of a group. It has only topics that exist and have a subscriber.
pub(in crate::assignor) struct NumberedGroup<'a> {
    members: &'a Subscriptions,
    topics: Vec<Topic<'a>>,
    /// The topic of each partition.
    topic_of: Vec<usize>,
    /// For each member the topics it reads, sorted.
    reads: Vec<Vec<usize>>,
}

struct Topic<'a> {
    name: &'a TopicName,
    /// The number of its first partition; the others follow.
    first: usize,
    partitions: usize,
    /// Sorted, never empty.
    readers: Vec<usize>,
}

impl<'a> NumberedGroup<'a> {
    pub(in crate::assignor) fn new(members: &'a Subscriptions, known: &'a Topics) -> Self {
        let order: Vec<_> = members.iter().collect();
        let mut group = NumberedGroup {
            members,
            topics: Vec::new(),
            topic_of: Vec::new(),
            reads: vec![Vec::new(); members.len()],
        };
        for (name, readers) in subscribers(&order, known) {
            let (topic, first) = (group.topics.len(), group.topic_of.len());
            readers.iter().for_each(|&reader| group.reads[reader].push(topic));
            let partitions = known[name].partitions();
            group.topic_of.extend(std::iter::repeat_n(topic, partitions));
            group.topics.push(Topic { name, first, partitions, readers });
        }
        group
    }

    pub(super) fn members(&self) -> usize {
        self.reads.len()
    }

    pub(super) fn partitions(&self) -> usize {
        self.topic_of.len()
    }

    pub(super) fn topics(&self) -> usize {
        self.topics.len()
    }

    pub(super) fn topic(&self, partition: usize) -> usize {
        self.topic_of[partition]
    }

    /// The number of a partition by name; `None` if it is not a partition of one of the topics.
    pub(super) fn number(&self, name: &TopicPartition) -> Option<usize> {
        let found = self.topics.binary_search_by_key(&&name.topic, |topic| topic.name).ok()?;
        let within = usize::try_from(name.partition).ok()?;
        let topic = &self.topics[found];
        (within < topic.partitions).then_some(topic.first + within)
    }

    /// The partition's number within its topic.
    pub(super) fn within_topic(&self, partition: usize) -> usize {
        partition - self.topics[self.topic_of[partition]].first
    }

    /// The members that read the partition's topic.
    pub(super) fn readers(&self, partition: usize) -> &[usize] {
        &self.topics[self.topic_of[partition]].readers
    }

    pub(super) fn may_read(&self, member: usize, partition: usize) -> bool {
        self.reads[member].binary_search(&self.topic_of[partition]).is_ok()
    }

    /// Whether all members subscribe to the same topics, including those that do not exist, as Java
    /// compares them.
    pub(super) fn have_equal_subscriptions(&self) -> bool {
        let mut wanted = self.members.values().map(|member| &member.subscription.topics);
        let first = wanted.next();
        wanted.all(|other| Some(other) == first)
    }

    /// The assignments by name, from the member of each partition's number.
    pub(in crate::assignor) fn named(
        &self,
        given: impl Iterator<Item = Option<usize>>,
    ) -> Assignments {
        let mut assigned = vec![Vec::new(); self.members()];
        for (partition, member) in given.enumerate() {
            let Some(member) = member else { continue };
            let topic = self.topics[self.topic_of[partition]].name.clone();
            assigned[member].push(TopicPartition::new(topic, self.within_topic(partition) as i32));
        }
        let mut assignments = empty_assignments(self.members);
        assignments.values_mut().zip(assigned).for_each(|(entry, partitions)| *entry = partitions);
        assignments
    }
}
