//! The sticky core for members who want different things: the most even plan there is, reached by moving
//! as little as it can be made to.
//!
//! Java's moves one partition at a time and stops where no single move helps. Here chains of moves are
//! looked for as well ([`super::chains`]): a plan that none of them improves is the best there is, so the
//! follow-up rebalance of the cooperative protocol, which begins from a part of the plan, comes to one
//! just as even without taking anything from anybody. With single moves it may not, and would need more
//! rounds.

use std::collections::BTreeSet;

use super::Ground;
use super::chains;

/// Keeps what is owned, gives out the rest, evens out, and then undoes what was moved in vain (rule R14.7).
pub(super) fn deal(ground: &Ground<'_>, owners: &[Option<usize>]) -> Vec<usize> {
    let mut plan = Plan::new(ground, owners);
    plan.give_out_the_rest();
    plan.even_out(Movable::Strays);
    plan.even_out(Movable::All);
    while plan.bring_home() {}
    plan.holder.into_iter().map(|holder| holder.expect("every partition has a reader")).collect()
}

/// What may be moved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Movable {
    /// Only partitions that are not with their owner anyway.
    Strays,
    All,
}

/// Who is to get what, while that is being made up.
pub(super) struct Plan<'a> {
    pub(super) ground: &'a Ground<'a>,
    /// The owner of each partition, which it is to stay with.
    home: &'a [Option<usize>],
    holder: Vec<Option<usize>>,
    hands: Vec<BTreeSet<usize>>,
}

impl<'a> Plan<'a> {
    fn new(ground: &'a Ground<'a>, home: &'a [Option<usize>]) -> Self {
        let mut hands = vec![BTreeSet::new(); ground.members()];
        for (partition, owner) in home.iter().enumerate() {
            if let Some(owner) = *owner {
                hands[owner].insert(partition);
            }
        }
        Plan { ground, home, holder: home.to_vec(), hands }
    }

    pub(super) fn load(&self, member: usize) -> usize {
        self.hands[member].len()
    }

    /// What `member` has that may be moved.
    pub(super) fn movable(&self, member: usize, what: Movable) -> impl Iterator<Item = usize> {
        self.hands[member]
            .iter()
            .copied()
            .filter(move |&held| what == Movable::All || !self.is_home(held, member))
    }

    /// The partition of that topic whose move between the two costs the owners least.
    pub(super) fn cheapest(&self, topic: usize, from: usize, to: usize) -> Option<usize> {
        let of_topic = self.hands[from].iter().copied();
        of_topic
            .filter(|&held| self.ground.topic(held) == topic)
            .min_by_key(|&held| (self.is_home(held, from), !self.is_home(held, to), held))
    }

    /// Partitions that few can read go first, for they leave the least choice.
    fn give_out_the_rest(&mut self) {
        let free = |partition: &usize| self.holder[*partition].is_none();
        let mut free: Vec<usize> = (0..self.holder.len()).filter(free).collect();
        free.sort_by_key(|&partition| self.ground.readers(partition).len());
        for partition in free {
            let readers = self.ground.readers(partition).iter().copied();
            let poorest = readers.min_by_key(|&reader| self.load(reader));
            self.give(partition, poorest.expect("a topic on the ground has a reader"));
        }
    }

    fn even_out(&mut self, what: Movable) {
        while let Some(chain) = chains::helpful(self, what) {
            for (partition, member) in chain {
                self.give(partition, member);
            }
        }
    }

    /// Sends partitions home in exchange for such as are not at home there. Every load stays as it is, and
    /// each exchange leaves more at home, so repeating it comes to an end.
    fn bring_home(&mut self) -> bool {
        let mut returned = false;
        for partition in 0..self.holder.len() {
            let (Some(home), Some(host)) = (self.home[partition], self.holder[partition]) else {
                continue;
            };
            if let Some(other) = self.exchangeable(home, host).filter(|_| home != host) {
                self.give(partition, home);
                self.give(other, host);
                returned = true;
            }
        }
        returned
    }

    /// A partition that `from` holds without owning it, and that `to` may have; one that `to` owns, if
    /// there is one.
    fn exchangeable(&self, from: usize, to: usize) -> Option<usize> {
        let strays = self.movable(from, Movable::Strays);
        strays
            .filter(|&stray| self.ground.may_read(to, stray))
            .min_by_key(|&stray| (!self.is_home(stray, to), stray))
    }

    fn is_home(&self, partition: usize, member: usize) -> bool {
        self.home[partition] == Some(member)
    }

    fn give(&mut self, partition: usize, member: usize) {
        if let Some(holder) = self.holder[partition] {
            self.hands[holder].remove(&partition);
        }
        self.hands[member].insert(partition);
        self.holder[partition] = Some(member);
    }
}
