//! The sticky algorithm for members with equal subscriptions: quotas decide, and no search is
//! needed.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::NumberedGroup;

/// Every member gets the floor or the ceiling of the fair share and keeps what it owned up to that
/// (rule R14.6).
pub(super) fn assign_evenly(group: &NumberedGroup<'_>, owners: &[Option<usize>]) -> Vec<usize> {
    if group.partitions() == 0 {
        return Vec::new();
    }
    let quotas = Quotas::new(group, owners);
    let given = quotas.kept(group, owners);
    quotas.filled(given)
}

/// The number of partitions that each member gets.
struct Quotas {
    floor: usize,
    of: Vec<usize>,
    /// The order in which members get a ceiling, while there are any left.
    order: Vec<usize>,
}

impl Quotas {
    /// The ceilings go first to members that own that many, because they lose the least by it.
    fn new(group: &NumberedGroup<'_>, owners: &[Option<usize>]) -> Self {
        let owned = loads(group.members(), owners);
        let floor = group.partitions() / group.members();
        let ceilings = group.partitions() % group.members();
        let mut order: Vec<usize> = (0..group.members()).collect();
        order.sort_by_key(|&member| match owned[member].cmp(&floor) {
            Ordering::Greater => 0,
            Ordering::Equal => 1,
            Ordering::Less => 2,
        });
        let mut of = vec![floor; group.members()];
        order.iter().take(ceilings).for_each(|&member| of[member] += 1);
        Quotas { floor, of, order }
    }

    /// The partitions that stay with their owner. A member over its quota keeps low partition
    /// numbers rather than whole topics, so that equal numbers of several topics tend to stay
    /// together.
    fn kept(&self, group: &NumberedGroup<'_>, owners: &[Option<usize>]) -> Vec<Option<usize>> {
        let mut order: Vec<usize> = (0..group.partitions()).collect();
        order.sort_by_key(|&partition| (group.within_topic(partition), partition));
        let mut room = self.of.clone();
        let mut given = vec![None; group.partitions()];
        for partition in order {
            let Some(owner) = owners[partition].filter(|&owner| room[owner] > 0) else { continue };
            room[owner] -= 1;
            given[partition] = Some(owner);
        }
        given
    }

    /// Assigns the remaining partitions round-robin to the members below the floor, and then one
    /// each to those due a ceiling.
    fn filled(&self, given: Vec<Option<usize>>) -> Vec<usize> {
        let mut load = loads(self.of.len(), &given);
        let below = (0..self.of.len()).filter(|&member| load[member] < self.floor);
        let mut below: VecDeque<usize> = below.collect();
        let topped = |&member: &usize| load[member] >= self.floor && load[member] < self.of[member];
        let mut level: VecDeque<usize> = self.order.iter().copied().filter(topped).collect();
        let mut next = || {
            let member = below.pop_front().or_else(|| level.pop_front());
            let member = member.expect("the quotas add up to all partitions");
            load[member] += 1;
            match load[member].cmp(&self.floor) {
                Ordering::Less => below.push_back(member),
                Ordering::Equal if self.of[member] > self.floor => level.push_back(member),
                Ordering::Equal | Ordering::Greater => {}
            }
            member
        };
        given.into_iter().map(|holder| holder.unwrap_or_else(&mut next)).collect()
    }
}

/// The number of partitions that each member has.
fn loads(members: usize, holders: &[Option<usize>]) -> Vec<usize> {
    let mut loads = vec![0; members];
    holders.iter().flatten().for_each(|&holder| loads[holder] += 1);
    loads
}
