//! Finds chains of moves that make a plan more even: from a rich member over any number of others, whose
//! loads stay as they are, to one that has at least two less.
//!
//! A plan without such a chain is as even as a plan can be (an optimal semi-matching). Each chain lowers
//! the sum of the squared loads, so following them comes to an end.

use std::cmp::Reverse;

use super::general::{Movable, Plan};

/// A shortest chain from the richest member that has one: each partition with its next holder.
pub(super) fn helpful(plan: &Plan<'_>, what: Movable) -> Option<Vec<(usize, usize)>> {
    let members = plan.ground.members();
    let mut richest_first: Vec<usize> = (0..members).collect();
    richest_first.sort_by_key(|&member| Reverse(plan.load(member)));
    let mut search = Search {
        plan,
        what,
        reached: vec![false; members],
        from: vec![None; members],
        spent: vec![false; plan.ground.topics()],
    };
    richest_first.into_iter().find_map(|source| search.begin_at(source))
}

/// What earlier, richer sources have reached is not looked at again: it was too rich for them, and so it
/// is for those who have less.
struct Search<'a> {
    plan: &'a Plan<'a>,
    what: Movable,
    reached: Vec<bool>,
    /// From whom a member would get a partition, and of which topic.
    from: Vec<Option<(usize, usize)>>,
    /// Topics all of whose readers are reached.
    spent: Vec<bool>,
}

impl Search<'_> {
    fn begin_at(&mut self, source: usize) -> Option<Vec<(usize, usize)>> {
        if std::mem::replace(&mut self.reached[source], true) {
            return None;
        }
        let mut level = vec![source];
        while !level.is_empty() {
            level = level.into_iter().flat_map(|member| self.step(member)).collect();
            let poorest = level.iter().copied().min_by_key(|&member| self.plan.load(member))?;
            if self.plan.load(poorest) + 2 <= self.plan.load(source) {
                return Some(self.chain_to(poorest));
            }
        }
        None
    }

    /// The members, not reached before, who can read something that `member` can be made to give.
    fn step(&mut self, member: usize) -> Vec<usize> {
        let mut fresh = Vec::new();
        for partition in self.plan.movable(member, self.what) {
            let topic = self.plan.ground.topic(partition);
            if std::mem::replace(&mut self.spent[topic], true) {
                continue;
            }
            for &reader in self.plan.ground.readers(partition) {
                if !std::mem::replace(&mut self.reached[reader], true) {
                    self.from[reader] = Some((member, topic));
                    fresh.push(reader);
                }
            }
        }
        fresh
    }

    fn chain_to(&self, last: usize) -> Vec<(usize, usize)> {
        let mut chain = Vec::new();
        let mut to = last;
        while let Some((from, topic)) = self.from[to] {
            let partition = self.plan.cheapest(topic, from, to);
            chain.push((partition.expect("what led the search here"), to));
            to = from;
        }
        chain
    }
}
