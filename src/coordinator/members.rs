//! The members of one group, with the counts that spare us to look at each of them.
//!
//! Members come out in an order that depends on the sequence of joins and leaves only: the same in every
//! process, but not sorted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use crate::protocol::{IndexMap, MemberId, StrBytes};

use super::member::{Member, Parked, Terms};

/// The members of one group.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    by_id: IndexMap<MemberId, Member>,
    /// Which member a static instance id stands for (KIP-345).
    by_instance: BTreeMap<StrBytes, MemberId>,
    joined: usize,
    sync_awaited: usize,
    /// Ids that were replaced before their SyncGroup came (R8.7).
    awaited_of_nobody: BTreeSet<MemberId>,
    supporters: Tally<StrBytes>,
    rebalance_timeouts: Tally<Duration>,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn get(&self, id: &StrBytes) -> Option<&Member> {
        self.by_id.get(id)
    }

    /// The member that holds a static instance id.
    pub(super) fn holder(&self, instance: &StrBytes) -> Option<&MemberId> {
        self.by_instance.get(instance)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values()
    }

    /// The ids of the members that `wanted` picks.
    pub(super) fn ids_where(&self, wanted: impl Fn(&Member) -> bool) -> Vec<MemberId> {
        self.iter().filter(|m| wanted(m)).map(|m| m.id.clone()).collect()
    }

    /// Whether every member's JoinGroup is parked.
    pub(super) fn all_joined(&self) -> bool {
        self.joined == self.by_id.len()
    }

    /// How many members' JoinGroups are parked.
    pub(super) fn joined(&self) -> usize {
        self.joined
    }

    /// Whether every member's SyncGroup of this generation has come.
    pub(super) fn all_synced(&self) -> bool {
        self.sync_awaited == 0 && self.awaited_of_nobody.is_empty()
    }

    /// Whether every member knows the assignor; true for any when there is no member.
    pub(super) fn all_support(&self, protocol: &StrBytes) -> bool {
        self.supporters.count(protocol) == self.by_id.len()
    }

    /// The longest rebalance timeout; zero when there is no member (R7.7).
    pub(super) fn rebalance_timeout(&self) -> Duration {
        self.rebalance_timeouts.greatest().copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, member: Member) {
        self.tally(&member.terms);
        if let Some(instance) = &member.instance_id {
            let holder = self.by_instance.insert(instance.clone(), member.id.clone());
            assert!(holder.is_none(), "{holder:?} and {} are the same instance", member.id);
        }
        let previous = self.by_id.insert(member.id.clone(), member);
        assert!(previous.is_none(), "member {previous:?} was added twice");
    }

    pub(super) fn remove(&mut self, id: &StrBytes) -> Option<Member> {
        let member = self.by_id.swap_remove(id)?;
        self.untally(&member.terms);
        if let Some(instance) = &member.instance_id {
            self.by_instance.remove(instance);
        }
        self.joined -= usize::from(member.join.is_some());
        self.sync_awaited -= usize::from(member.sync_awaited);
        Some(member)
    }

    /// Takes over what a member says about itself in a further JoinGroup,
    /// and gives what it said before.
    pub(super) fn update(&mut self, id: &StrBytes, terms: Terms) -> Terms {
        self.tally(&terms);
        let before = std::mem::replace(&mut self.known(id).terms, terms);
        self.untally(&before);
        before
    }

    /// Whether there would still be an assignor that all know if `id` had these terms.
    pub(super) fn could_agree(&self, id: &StrBytes, terms: &Terms) -> bool {
        let own = |name: &StrBytes| {
            self.by_id.get(id).is_some_and(|m| m.terms.protocols.iter().any(|p| p.name == *name))
        };
        let others = self.by_id.len() - 1;
        let mut names = terms.protocols.iter().map(|p| &p.name);
        names.any(|name| self.supporters.count(name) - usize::from(own(name)) == others)
    }

    /// Gives a member's place to another id, with everything but what it has parked, which is given
    /// back. A SyncGroup that was awaited of the old id stays awaited of it, though nobody has that id any
    /// more (R8.7).
    pub(super) fn rename(
        &mut self,
        from: &StrBytes,
        to: MemberId,
    ) -> (Option<Parked>, Option<Parked>) {
        let Some((index, _, mut member)) = self.by_id.swap_remove_full(from) else {
            panic!("{from:?} is not a member");
        };
        let (join, sync) = (member.join.take(), member.sync.take());
        self.joined -= usize::from(join.is_some());
        let was_awaited = self.awaited_of_nobody.remove(&to);
        if member.sync_awaited {
            self.awaited_of_nobody.insert(member.id.clone());
        }
        self.sync_awaited -= usize::from(member.sync_awaited);
        self.sync_awaited += usize::from(was_awaited);
        (member.sync_awaited, member.is_new, member.id) = (was_awaited, false, to.clone());
        if let Some(instance) = &member.instance_id {
            self.by_instance.insert(instance.clone(), to.clone());
        }
        let (last, _) = self.by_id.insert_full(to, member);
        self.by_id.swap_indices(index, last);
        (join, sync)
    }

    /// Parks a JoinGroup; gives the one it takes the place of.
    pub(super) fn park_join(&mut self, id: &StrBytes, join: Parked) -> Option<Parked> {
        let before = self.known(id).join.replace(join);
        self.joined += usize::from(before.is_none());
        before
    }

    /// Gives back a parked JoinGroup; the member has then not joined.
    pub(super) fn take_join(&mut self, id: &StrBytes) -> Option<Parked> {
        let join = self.known(id).join.take();
        self.joined -= usize::from(join.is_some());
        join
    }

    /// Parks a SyncGroup; gives the one it takes the place of.
    pub(super) fn park_sync(&mut self, id: &StrBytes, sync: Parked) -> Option<Parked> {
        self.known(id).sync.replace(sync)
    }

    /// Gives back a parked SyncGroup.
    pub(super) fn take_sync(&mut self, id: &StrBytes) -> Option<Parked> {
        self.known(id).sync.take()
    }

    /// A member's SyncGroup is no longer awaited.
    pub(super) fn synced(&mut self, id: &StrBytes) {
        let awaited = std::mem::take(&mut self.known(id).sync_awaited);
        self.sync_awaited -= usize::from(awaited);
    }

    /// Nobody's SyncGroup is awaited any longer.
    pub(super) fn forget_syncs(&mut self) {
        if self.sync_awaited > 0 {
            self.by_id.values_mut().for_each(|m| m.sync_awaited = false);
            self.sync_awaited = 0;
        }
        self.awaited_of_nobody.clear();
    }

    /// The member at `index` leaves the join phase for the sync phase; gives its parked JoinGroup.
    pub(super) fn begin_sync(&mut self, index: usize) -> (Option<Parked>, &Member) {
        let member = &mut self.by_id[index];
        let join = member.join.take();
        self.joined -= usize::from(join.is_some());
        self.sync_awaited += usize::from(!member.sync_awaited);
        member.sync_awaited = true;
        member.is_new = false;
        (join, member)
    }

    /// Stores what the leader assigned to the member at `index`; gives its parked SyncGroup.
    pub(super) fn assign(&mut self, index: usize, assignment: Bytes) -> (Option<Parked>, &Member) {
        let member = &mut self.by_id[index];
        member.assignment = assignment;
        (member.sync.take(), member)
    }

    /// The member at `index`; members keep their places while none is removed.
    pub(super) fn at(&self, index: usize) -> &Member {
        &self.by_id[index]
    }

    /// The assignor most members want: each votes for the first of its list that all members know
    /// (R7.4). Where votes are equal Kafka leaves the choice to chance; here the first by name wins.
    pub(super) fn vote(&self) -> StrBytes {
        let mut votes: BTreeMap<&StrBytes, usize> = BTreeMap::new();
        for member in self.iter() {
            let mut names = member.terms.protocols.iter().map(|p| &p.name);
            let choice = names.find(|name| self.all_support(name));
            *votes.entry(choice.expect("members share an assignor (R6.1.6)")).or_default() += 1;
        }
        let most = votes.values().copied().max().expect("a group that votes has members");
        let winner = votes.iter().find(|(_, count)| **count == most);
        (*winner.expect("somebody has the most votes").0).clone()
    }

    fn known(&mut self, id: &StrBytes) -> &mut Member {
        match self.by_id.get_mut(id) {
            Some(member) => member,
            None => panic!("{id} is not a member"),
        }
    }

    fn tally(&mut self, terms: &Terms) {
        self.rebalance_timeouts.add(&terms.rebalance);
        distinct_names(terms).into_iter().for_each(|name| self.supporters.add(name));
    }

    fn untally(&mut self, terms: &Terms) {
        self.rebalance_timeouts.remove(&terms.rebalance);
        distinct_names(terms).into_iter().for_each(|name| self.supporters.remove(name));
    }

    /// Compares every count with what it counts.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let count = |f: fn(&Member) -> bool| self.iter().filter(|m| f(m)).count();
        assert_eq!(self.joined, count(|m| m.join.is_some()));
        assert_eq!(self.sync_awaited, count(|m| m.sync_awaited));
        let instances: BTreeMap<_, _> =
            self.iter().filter_map(|m| Some((m.instance_id.clone()?, m.id.clone()))).collect();
        assert_eq!(self.by_instance, instances);
        let longest = self.iter().map(|m| m.terms.rebalance).max().unwrap_or_default();
        assert_eq!(self.rebalance_timeout(), longest);
        for name in self.iter().flat_map(|m| &m.terms.protocols).map(|p| &p.name) {
            let known = |m: &&Member| m.terms.protocols.iter().any(|p| p.name == *name);
            assert_eq!(self.supporters.count(name), self.iter().filter(known).count());
        }
    }
}

/// A careless client may list an assignor twice; it still counts as one supporter.
fn distinct_names(terms: &Terms) -> BTreeSet<&StrBytes> {
    terms.protocols.iter().map(|p| &p.name).collect()
}

/// How often each value occurs.
#[derive(Clone, Debug)]
struct Tally<T>(BTreeMap<T, usize>);

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Tally(BTreeMap::new())
    }
}

impl<T: Ord + Clone + std::fmt::Debug> Tally<T> {
    fn count(&self, value: &T) -> usize {
        self.0.get(value).copied().unwrap_or(0)
    }

    fn greatest(&self) -> Option<&T> {
        self.0.last_key_value().map(|(value, _)| value)
    }

    fn add(&mut self, value: &T) {
        match self.0.get_mut(value) {
            Some(count) => *count += 1,
            None => {
                self.0.insert(value.clone(), 1);
            }
        }
    }

    fn remove(&mut self, value: &T) {
        match self.0.get_mut(value) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => {
                self.0.remove(value);
            }
            None => panic!("{value:?} was removed from a tally it is not in"),
        }
    }
}
