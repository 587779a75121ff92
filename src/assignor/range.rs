//! The range assignor: each topic on its own, cut into contiguous ranges, near to its readers where the
//! racks of both are known.
//!
//! Without racks this is plain arithmetic (rule R14.1). With them (KIP-881, rule R14.5) a first pass gives
//! out, within the very same quotas, only what matches, and a second pass the rest; a range may then
//! have holes. Topics that the same members read and that have as many partitions are handled together in
//! the first pass, so that equal numbers of such topics meet in one consumer, which joins rely on.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::{MemberId, StrBytes, TopicName, TopicPartition};

use super::members::{MemberSubscription, in_order, nothing, subscribers};
use super::{Assignments, Subscriptions, TopicShape, Topics};

pub(super) fn assign(members: &Subscriptions, topics: &Topics) -> Assignments {
    let order = in_order(members);
    let mut cuts: Vec<Cut> = subscribers(&order, topics)
        .into_iter()
        .filter(|(topic, _)| topics[*topic].partitions() > 0)
        .map(|(topic, readers)| Cut::new(topic, &topics[topic], &readers, &order))
        .collect();
    if cuts.iter().any(Cut::gains_from_racks) {
        match_racks(&mut cuts);
    }
    let mut assignments = nothing(members);
    for mut cut in cuts {
        cut.serve_all(Near::OrFar);
        cut.deliver(&mut assignments);
    }
    assignments
}

/// Which partitions a reader is served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Near {
    Only,
    OrFar,
}

/// The first pass: what matches, topics that are partitioned alike together.
fn match_racks(cuts: &mut [Cut<'_>]) {
    let mut alike: BTreeMap<(Vec<&MemberId>, usize), Vec<&mut Cut>> = BTreeMap::new();
    for cut in cuts {
        let readers = cut.readers.iter().map(|reader| reader.member).collect();
        alike.entry((readers, cut.holder.len())).or_default().push(cut);
    }
    for mut together in alike.into_values() {
        match together.as_mut_slice() {
            [alone] if alone.gains_from_racks() => alone.serve_all(Near::Only),
            [_] => {}
            several => serve_together(several),
        }
    }
}

/// Gives each number, of all topics at once, to the first reader that is near all of them and has room in
/// all.
fn serve_together(cuts: &mut [&mut Cut<'_>]) {
    let (partitions, readers) = (0..cuts[0].holder.len(), 0..cuts[0].readers.len());
    for partition in partitions {
        let suits = |&reader: &usize| {
            cuts.iter().all(|cut| cut.is_near(reader, partition) && cut.room(reader) > 0)
        };
        if let Some(reader) = readers.clone().find(suits) {
            cuts.iter_mut().for_each(|cut| cut.give(partition, reader));
        }
    }
}

/// One topic while it is being cut.
struct Cut<'a> {
    topic: &'a TopicName,
    shape: &'a TopicShape,
    /// In the order in which they are served; never empty.
    readers: Vec<Reader<'a>>,
    /// Who has each partition, as an index of `readers`.
    holder: Vec<Option<usize>>,
    /// How many readers may still take one more than the rounded-down share.
    extras: usize,
}

struct Reader<'a> {
    member: &'a MemberId,
    rack: Option<&'a StrBytes>,
    taken: usize,
}

impl<'a> Cut<'a> {
    fn new(
        topic: &'a TopicName,
        shape: &'a TopicShape,
        readers: &[usize],
        order: &[(&'a MemberId, &'a MemberSubscription)],
    ) -> Self {
        let readers: Vec<Reader> = readers
            .iter()
            .map(|&place| {
                let (member, said) = order[place];
                let rack = said.subscription.rack.as_ref().filter(|rack| !rack.is_empty());
                Reader { member, rack, taken: 0 }
            })
            .collect();
        let partitions = shape.partitions();
        let extras = partitions % readers.len();
        Cut { topic, shape, readers, holder: vec![None; partitions], extras }
    }

    /// Whether racks make a difference: some reader is in some replica's rack, and not all partitions
    /// have replicas in all racks.
    fn gains_from_racks(&self) -> bool {
        let all: BTreeSet<&StrBytes> = self.shape.racks.iter().flatten().collect();
        let somewhere_near =
            self.readers.iter().any(|reader| reader.rack.is_some_and(|rack| all.contains(rack)));
        somewhere_near && self.shape.racks.iter().any(|racks| racks.len() < all.len())
    }

    /// A reader without a rack is near everything.
    fn is_near(&self, reader: usize, partition: usize) -> bool {
        self.readers[reader].rack.is_none_or(|rack| self.shape.racks[partition].contains(rack))
    }

    /// How many more partitions a reader may take.
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

    /// Gives each reader in turn the first of what is left, as much as it has room for.
    fn serve_all(&mut self, near: Near) {
        let untaken = |&partition: &usize| self.holder[partition].is_none();
        let mut left: Vec<usize> = (0..self.holder.len()).filter(untaken).collect();
        for reader in 0..self.readers.len() {
            let mut room = self.room(reader);
            left.retain(|&partition| {
                let suits = near == Near::OrFar || self.is_near(reader, partition);
                let given = room > 0 && suits;
                if given {
                    self.give(partition, reader);
                    room -= 1;
                }
                !given
            });
        }
    }

    fn deliver(self, assignments: &mut Assignments) {
        for (partition, holder) in self.holder.into_iter().enumerate() {
            let reader = &self.readers[holder.expect("the quotas add up to all partitions")];
            let hand = assignments.get_mut(reader.member).expect("every member has an entry");
            hand.push(TopicPartition::new(self.topic.clone(), partition as i32));
        }
    }
}
