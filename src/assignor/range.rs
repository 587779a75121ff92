//! The range assignor: cuts each topic into contiguous ranges, and prefers partitions in the
//! reader's rack where racks are known.
//!
//! Without racks this is plain arithmetic (rule R14.1). With racks (KIP-881, rule R14.5) a first
//! pass assigns, within the same quotas, only partitions with a replica in the reader's rack, and a
//! second pass the rest; ranges may then have holes. Topics with the same readers and the same
//! number of partitions are handled together in the first pass, so that equal partition numbers of
//! such topics go to one consumer, which joins rely on.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::{MemberId, StrBytes, TopicName, TopicPartition};

use super::members::{MemberSubscription, empty_assignments, in_service_order, subscribers};
use super::{Assignments, Subscriptions, TopicShape, Topics};

pub(super) fn assign(members: &Subscriptions, topics: &Topics) -> Assignments {
    let order = in_service_order(members);
    let mut ranges: Vec<TopicRanges> = subscribers(&order, topics)
        .into_iter()
        .filter(|(topic, _)| topics[*topic].partitions() > 0)
        .map(|(topic, readers)| TopicRanges::new(topic, &topics[topic], &readers, &order))
        .collect();
    if ranges.iter().any(TopicRanges::gains_from_racks) {
        match_racks(&mut ranges);
    }
    let mut assignments = empty_assignments(members);
    for mut range in ranges {
        range.serve_all(RackMatch::Optional);
        range.collect_into(&mut assignments);
    }
    assignments
}

/// The partitions that a reader may get in a pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RackMatch {
    Required,
    Optional,
}

/// The first pass: partitions in the readers' racks; topics that are partitioned alike are matched
/// together.
fn match_racks(ranges: &mut [TopicRanges<'_>]) {
    let mut alike: BTreeMap<(Vec<&MemberId>, usize), Vec<&mut TopicRanges>> = BTreeMap::new();
    for range in ranges {
        let readers = range.readers.iter().map(|reader| reader.member).collect();
        alike.entry((readers, range.holder.len())).or_default().push(range);
    }
    for mut together in alike.into_values() {
        match together.as_mut_slice() {
            [alone] if alone.gains_from_racks() => alone.serve_all(RackMatch::Required),
            [_] => {}
            several => serve_together(several),
        }
    }
}

/// Gives each partition number, in all topics at once, to the first reader that has a local replica
/// and room in all of them.
fn serve_together(ranges: &mut [&mut TopicRanges<'_>]) {
    let (partitions, readers) = (0..ranges[0].holder.len(), 0..ranges[0].readers.len());
    for partition in partitions {
        let fits = |&reader: &usize| {
            ranges.iter().all(|range| range.is_local(reader, partition) && range.room(reader) > 0)
        };
        if let Some(reader) = readers.clone().find(fits) {
            ranges.iter_mut().for_each(|range| range.give(partition, reader));
        }
    }
}

/// One topic while it is being assigned.
struct TopicRanges<'a> {
    topic: &'a TopicName,
    shape: &'a TopicShape,
    /// In the order in which they are served; never empty.
    readers: Vec<RackReader<'a>>,
    /// The reader of each partition, as an index of `readers`.
    holder: Vec<Option<usize>>,
    /// The number of readers that may still take one more than the rounded-down share.
    extras: usize,
}

struct RackReader<'a> {
    member: &'a MemberId,
    rack: Option<&'a StrBytes>,
    taken: usize,
}

impl<'a> TopicRanges<'a> {
    fn new(
        topic: &'a TopicName,
        shape: &'a TopicShape,
        readers: &[usize],
        order: &[(&'a MemberId, &'a MemberSubscription)],
    ) -> Self {
        let readers: Vec<RackReader> = readers
            .iter()
            .map(|&place| {
                let (member, known) = order[place];
                let rack = known.subscription.rack.as_ref().filter(|rack| !rack.is_empty());
                RackReader { member, rack, taken: 0 }
            })
            .collect();
        let partitions = shape.partitions();
        let extras = partitions % readers.len();
        TopicRanges { topic, shape, readers, holder: vec![None; partitions], extras }
    }

    /// Whether racks make a difference: some reader is in the rack of some replica, and not all
    /// partitions have replicas in all racks.
    fn gains_from_racks(&self) -> bool {
        let all: BTreeSet<&StrBytes> = self.shape.racks.iter().flatten().collect();
        let some_local =
            self.readers.iter().any(|reader| reader.rack.is_some_and(|rack| all.contains(rack)));
        some_local && self.shape.racks.iter().any(|racks| racks.len() < all.len())
    }

    /// Whether the partition has a replica in the reader's rack; always true for a reader without a
    /// rack.
    fn is_local(&self, reader: usize, partition: usize) -> bool {
        self.readers[reader].rack.is_none_or(|rack| self.shape.racks[partition].contains(rack))
    }

    /// The number of partitions that a reader may still take.
    fn room(&self, reader: usize) -> usize {
        let share = self.holder.len() / self.readers.len() + usize::from(self.extras > 0);
        share.saturating_sub(self.readers[reader].taken)
    }

    fn give(&mut self, partition: usize, reader: usize) {
        self.holder[partition] = Some(reader);
        self.readers[reader].taken += 1;
        if self.readers[reader].taken > self.holder.len() / self.readers.len() {
            self.extras -= 1;
        }
    }

    /// Gives each reader in turn the first of the remaining partitions, up to its quota.
    fn serve_all(&mut self, racks: RackMatch) {
        let untaken = |&partition: &usize| self.holder[partition].is_none();
        let mut left: Vec<usize> = (0..self.holder.len()).filter(untaken).collect();
        for reader in 0..self.readers.len() {
            let mut room = self.room(reader);
            left.retain(|&partition| {
                let fits = racks == RackMatch::Optional || self.is_local(reader, partition);
                let given = room > 0 && fits;
                if given {
                    self.give(partition, reader);
                    room -= 1;
                }
                !given
            });
        }
    }

    fn collect_into(self, assignments: &mut Assignments) {
        for (partition, holder) in self.holder.into_iter().enumerate() {
            let reader = &self.readers[holder.expect("the quotas add up to all partitions")];
            let entry = assignments.get_mut(reader.member).expect("every member has an entry");
            entry.push(TopicPartition::new(self.topic.clone(), partition as i32));
        }
    }
}
