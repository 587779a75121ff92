//! The sticky core for members who all want the same: quotas decide, and reaching them takes no search.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::Ground;

/// Every member gets floor or ceiling of the fair share and keeps what it owned up to that (rule R14.6).
pub(super) fn deal(ground: &Ground<'_>, owners: &[Option<usize>]) -> Vec<usize> {
    if ground.partitions() == 0 {
        return Vec::new();
    }
    let quotas = Quotas::new(ground, owners);
    let given = quotas.kept(ground, owners);
    quotas.filled(given)
}

/// How many partitions each member gets.
struct Quotas {
    floor: usize,
    of: Vec<usize>,
    /// The members in the order in which they get a ceiling, until there are no more of those.
    order: Vec<usize>,
}

impl Quotas {
    /// The ceilings go first to members who own so much, for they lose the least by it.
    fn new(ground: &Ground<'_>, owners: &[Option<usize>]) -> Self {
        let owned = loads(ground.members(), owners);
        let floor = ground.partitions() / ground.members();
        let ceilings = ground.partitions() % ground.members();
        let mut order: Vec<usize> = (0..ground.members()).collect();
        order.sort_by_key(|&member| match owned[member].cmp(&floor) {
            Ordering::Greater => 0,
            Ordering::Equal => 1,
            Ordering::Less => 2,
        });
        let mut of = vec![floor; ground.members()];
        order.iter().take(ceilings).for_each(|&member| of[member] += 1);
        Quotas { floor, of, order }
    }

    /// What stays where it is. A member over its quota keeps low numbers rather than topics, so that equal
    /// numbers of several topics tend to stay together.
    fn kept(&self, ground: &Ground<'_>, owners: &[Option<usize>]) -> Vec<Option<usize>> {
        let mut order: Vec<usize> = (0..ground.partitions()).collect();
        order.sort_by_key(|&partition| (ground.within_topic(partition), partition));
        let mut room = self.of.clone();
        let mut given = vec![None; ground.partitions()];
        for partition in order {
            let Some(owner) = owners[partition].filter(|&owner| room[owner] > 0) else { continue };
            room[owner] -= 1;
            given[partition] = Some(owner);
        }
        given
    }

    /// Deals what nobody keeps in a circle to those below the floor, and then one each to those who are to
    /// have a ceiling.
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

/// How many partitions each member has.
fn loads(members: usize, holders: &[Option<usize>]) -> Vec<usize> {
    let mut loads = vec![0; members];
    holders.iter().flatten().for_each(|&holder| loads[holder] += 1);
    loads
}
