//! The sticky algorithm for members with different subscriptions: the most even assignment
//! possible, with as few moves as possible.
//!
//! Java's moves one partition at a time and stops where no single move helps. Here chains of moves
//! are found too ([`super::chains`]): an assignment that no chain improves is as even as possible.
//! So the second rebalance of the cooperative protocol, which starts from a part of the assignment,
//! reaches an equally even one without taking a partition from any member. With single moves it
//! might not, and would need more rounds.

use std::collections::BTreeSet;

use super::NumberedGroup;
use super::chains;

/// Keeps owned partitions, assigns the rest, evens out, and then reverts needless moves (rule
/// R14.7).
pub(super) fn assign_evenly(group: &NumberedGroup<'_>, owners: &[Option<usize>]) -> Vec<usize> {
    let mut plan = Plan::new(group, owners);
    plan.assign_rest();
    plan.even_out(Movable::NotWithOwner);
    plan.even_out(Movable::All);
    while plan.return_to_owners() {}
    plan.holder.into_iter().map(|holder| holder.expect("every partition has a reader")).collect()
}

/// The partitions that may be moved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Movable {
    /// Only partitions that are not with their owner.
    NotWithOwner,
    All,
}

/// An assignment in progress.
pub(super) struct Plan<'a> {
    pub(super) group: &'a NumberedGroup<'a>,
    /// The owner of each partition before the rebalance, which keeps it if possible.
    owners: &'a [Option<usize>],
    holder: Vec<Option<usize>>,
    assigned: Vec<BTreeSet<usize>>,
}

impl<'a> Plan<'a> {
    fn new(group: &'a NumberedGroup<'a>, owners: &'a [Option<usize>]) -> Self {
        let mut assigned = vec![BTreeSet::new(); group.members()];
        for (partition, owner) in owners.iter().enumerate() {
            if let Some(owner) = *owner {
                assigned[owner].insert(partition);
            }
        }
        Plan { group, owners, holder: owners.to_vec(), assigned }
    }

    pub(super) fn load(&self, member: usize) -> usize {
        self.assigned[member].len()
    }

    /// The partitions of `member` that may be moved.
    pub(super) fn movable(&self, member: usize, what: Movable) -> impl Iterator<Item = usize> {
        self.assigned[member].iter().copied().filter(move |&partition| {
            what == Movable::All || !self.is_with_owner(partition, member)
        })
    }

    /// The partition of that topic whose move between the two members breaks the least ownership.
    pub(super) fn cheapest(&self, topic: usize, from: usize, to: usize) -> Option<usize> {
        let of_topic = self.assigned[from].iter().copied();
        of_topic.filter(|&partition| self.group.topic(partition) == topic).min_by_key(
            |&partition| {
                (self.is_with_owner(partition, from), !self.is_with_owner(partition, to), partition)
            },
        )
    }

    /// Partitions with few readers go first, because they leave the least choice.
    fn assign_rest(&mut self) {
        let free = |partition: &usize| self.holder[*partition].is_none();
        let mut free: Vec<usize> = (0..self.holder.len()).filter(free).collect();
        free.sort_by_key(|&partition| self.group.readers(partition).len());
        for partition in free {
            let readers = self.group.readers(partition).iter().copied();
            let poorest = readers.min_by_key(|&reader| self.load(reader));
            self.give(partition, poorest.expect("every topic here has a reader"));
        }
    }

    fn even_out(&mut self, what: Movable) {
        while let Some(chain) = chains::improving_chain(self, what) {
            for (partition, member) in chain {
                self.give(partition, member);
            }
        }
    }

    /// Returns partitions to their owners in exchange for partitions that those do not own. Every
    /// load stays as it is, and each exchange increases the number of partitions with their owner,
    /// so repeating it terminates.
    fn return_to_owners(&mut self) -> bool {
        let mut returned = false;
        for partition in 0..self.holder.len() {
            let (Some(owner), Some(holder)) = (self.owners[partition], self.holder[partition])
            else {
                continue;
            };
            if let Some(other) = self.exchangeable(owner, holder).filter(|_| owner != holder) {
                self.give(partition, owner);
                self.give(other, holder);
                returned = true;
            }
        }
        returned
    }

    /// A partition that `from` has without owning it and that `to` may read; preferably one that
    /// `to` owns.
    fn exchangeable(&self, from: usize, to: usize) -> Option<usize> {
        let candidates = self.movable(from, Movable::NotWithOwner);
        candidates
            .filter(|&candidate| self.group.may_read(to, candidate))
            .min_by_key(|&candidate| (!self.is_with_owner(candidate, to), candidate))
    }

    fn is_with_owner(&self, partition: usize, member: usize) -> bool {
        self.owners[partition] == Some(member)
    }

    fn give(&mut self, partition: usize, member: usize) {
        if let Some(holder) = self.holder[partition] {
            self.assigned[holder].remove(&partition);
        }
        self.assigned[member].insert(partition);
        self.holder[partition] = Some(member);
    }
}
