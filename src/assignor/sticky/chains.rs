//! Finds chains of moves that make an assignment more even: from a member with many partitions,
//! over any number of others whose loads stay as they are, to one that has at least two fewer.
//!
//! An assignment without such a chain is as even as possible (an optimal semi-matching). Each chain
//! lowers the sum of the squared loads, so following them terminates.

use std::cmp::Reverse;

use super::general::{Movable, Plan};

/// A shortest chain from the most loaded member that has one: each partition with its next reader.
pub(super) fn improving_chain(plan: &Plan<'_>, what: Movable) -> Option<Vec<(usize, usize)>> {
    let members = plan.group.members();
    let mut richest_first: Vec<usize> = (0..members).collect();
    richest_first.sort_by_key(|&member| Reverse(plan.load(member)));
    let mut search = Search {
        plan,
        what,
        reached: vec![false; members],
        from: vec![None; members],
        exhausted: vec![false; plan.group.topics()],
    };
    richest_first.into_iter().find_map(|source| search.begin_at(source))
}

/// Members that an earlier, more loaded source has reached are not visited again: their load was
/// too high for that source, and so it is for sources with less.
struct Search<'a> {
    plan: &'a Plan<'a>,
    what: Movable,
    reached: Vec<bool>,
    /// The member that a member would get a partition from, and the topic of that partition.
    from: Vec<Option<(usize, usize)>>,
    /// Topics all of whose readers have been reached.
    exhausted: Vec<bool>,
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

    /// The members, not reached before, that can read a partition that `member` can give away.
    fn step(&mut self, member: usize) -> Vec<usize> {
        let mut fresh = Vec::new();
        for partition in self.plan.movable(member, self.what) {
            let topic = self.plan.group.topic(partition);
            if std::mem::replace(&mut self.exhausted[topic], true) {
                continue;
            }
            for &reader in self.plan.group.readers(partition) {
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
            chain.push((partition.expect("the search came through a movable partition"), to));
            to = from;
        }
        chain
    }
}
