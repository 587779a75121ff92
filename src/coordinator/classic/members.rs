//! The members of one group, with counters that avoid scanning all of them.
//!
//! The iteration order depends only on the sequence of joins and leaves: the same in every process,
//! but not sorted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use crate::protocol::{IndexMap, MemberId, StrBytes};

use super::group::ClassicGroup;
use super::member::{JoinParams, Member, Parked};

/// The members of one group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    by_id: IndexMap<MemberId, Member>,
    /// The member that holds each instance id (KIP-345).
    by_instance: BTreeMap<StrBytes, MemberId>,
    joined: usize,
    parked_syncs: usize,
    sync_awaited: usize,
    /// Member ids that were replaced while their SyncGroup was awaited (R8.7).
    awaited_of_replaced: BTreeSet<MemberId>,
    supporters: Tally<StrBytes>,
    rebalance_timeouts: Tally<Duration>,
}

impl Members {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn get(&self, id: &StrBytes) -> Option<&Member> {
        self.by_id.get(id)
    }

    /// The member that holds an instance id.
    pub(crate) fn holder(&self, instance: &StrBytes) -> Option<&MemberId> {
        self.by_instance.get(instance)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values()
    }

    /// The ids of the members that match `wanted`.
    pub(super) fn ids_where(&self, wanted: impl Fn(&Member) -> bool) -> Vec<MemberId> {
        self.iter().filter(|m| wanted(m)).map(|m| m.id.clone()).collect()
    }

    /// Whether every member's JoinGroup is parked.
    pub(super) fn all_joined(&self) -> bool {
        self.joined == self.by_id.len()
    }

    /// The number of members whose JoinGroup is parked.
    pub(crate) fn joined(&self) -> usize {
        self.joined
    }

    /// The number of parked SyncGroups.
    pub(super) fn parked_syncs(&self) -> usize {
        self.parked_syncs
    }

    /// The number of parked requests.
    pub(crate) fn parked(&self) -> usize {
        self.joined + self.parked_syncs
    }

    /// Whether every member's SyncGroup of this generation has arrived.
    pub(super) fn all_synced(&self) -> bool {
        self.sync_awaited == 0 && self.awaited_of_replaced.is_empty()
    }

    /// Whether every member supports the assignor; always true without members.
    pub(super) fn all_support(&self, protocol: &StrBytes) -> bool {
        self.supporters.count(protocol) == self.by_id.len()
    }

    /// The longest rebalance timeout; zero without members (R7.7).
    pub(crate) fn rebalance_timeout(&self) -> Duration {
        self.rebalance_timeouts.greatest().copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, member: Member) {
        self.tally(&member.params);
        if let Some(instance) = &member.instance_id {
            let holder = self.by_instance.insert(instance.clone(), member.id.clone());
            assert!(holder.is_none(), "{holder:?} and {} are the same instance", member.id);
        }
        let previous = self.by_id.insert(member.id.clone(), member);
        assert!(previous.is_none(), "member {previous:?} was added twice");
    }

    pub(crate) fn remove(&mut self, id: &StrBytes) -> Option<Member> {
        let member = self.by_id.swap_remove(id)?;
        self.untally(&member.params);
        if let Some(instance) = &member.instance_id {
            self.by_instance.remove(instance);
        }
        self.joined -= usize::from(member.join.is_some());
        self.parked_syncs -= usize::from(member.sync.is_some());
        self.sync_awaited -= usize::from(member.sync_awaited);
        Some(member)
    }

    /// Takes over the parameters of a member's next JoinGroup; returns the previous ones.
    pub(super) fn update(&mut self, id: &StrBytes, params: JoinParams) -> JoinParams {
        self.tally(&params);
        let before = std::mem::replace(&mut self.expect_member(id).params, params);
        self.untally(&before);
        before
    }

    /// Whether all members would still share an assignor if `id` had these parameters.
    pub(super) fn could_agree(&self, id: &StrBytes, params: &JoinParams) -> bool {
        let own = |name: &StrBytes| {
            self.by_id.get(id).is_some_and(|m| m.params.protocols.iter().any(|p| p.name == *name))
        };
        let others = self.by_id.len() - 1;
        let mut names = params.protocols.iter().map(|p| &p.name);
        names.any(|name| self.supporters.count(name) - usize::from(own(name)) == others)
    }

    /// Gives a member's place to another member id, without its parked requests, which are
    /// returned. If the old id's SyncGroup was awaited it stays awaited, although no process has
    /// that id any more (R8.7).
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
        self.parked_syncs -= usize::from(sync.is_some());
        let was_awaited = self.awaited_of_replaced.remove(&to);
        if member.sync_awaited {
            self.awaited_of_replaced.insert(member.id.clone());
        }
        self.sync_awaited -= usize::from(member.sync_awaited);
        self.sync_awaited += usize::from(was_awaited);
        (member.sync_awaited, member.is_new) = (was_awaited, false);
        let from_id = std::mem::replace(&mut member.id, to.clone());
        if let Some(instance) = &member.instance_id {
            let holder = self.by_instance.insert(instance.clone(), to.clone());
            assert_eq!(holder.as_ref(), Some(&from_id), "{to} takes over {instance:?}");
        }
        let (last, _) = self.by_id.insert_full(to, member);
        self.by_id.swap_indices(index, last);
        (join, sync)
    }

    /// Parks a JoinGroup; returns the parked one that it supersedes.
    pub(super) fn park_join(&mut self, id: &StrBytes, join: Parked) -> Option<Parked> {
        let before = self.expect_member(id).join.replace(join);
        self.joined += usize::from(before.is_none());
        before
    }

    /// Removes and returns a parked JoinGroup; the member then counts as not joined.
    pub(super) fn take_join(&mut self, id: &StrBytes) -> Option<Parked> {
        let join = self.expect_member(id).join.take();
        self.joined -= usize::from(join.is_some());
        join
    }

    /// Parks a SyncGroup; returns the parked one that it supersedes.
    pub(super) fn park_sync(&mut self, id: &StrBytes, sync: Parked) -> Option<Parked> {
        let before = self.expect_member(id).sync.replace(sync);
        self.parked_syncs += usize::from(before.is_none());
        before
    }

    /// Removes and returns a parked SyncGroup.
    pub(super) fn take_sync(&mut self, id: &StrBytes) -> Option<Parked> {
        let sync = self.expect_member(id).sync.take();
        self.parked_syncs -= usize::from(sync.is_some());
        sync
    }

    /// The member's SyncGroup has arrived.
    pub(crate) fn synced(&mut self, id: &StrBytes) {
        let awaited = std::mem::take(&mut self.expect_member(id).sync_awaited);
        self.sync_awaited -= usize::from(awaited);
    }

    /// No SyncGroup is awaited any longer.
    pub(super) fn forget_syncs(&mut self) {
        if self.sync_awaited > 0 {
            self.by_id.values_mut().for_each(|m| m.sync_awaited = false);
            self.sync_awaited = 0;
        }
        self.awaited_of_replaced.clear();
    }

    /// Moves the member at `index` from the join phase to the sync phase; returns its parked
    /// JoinGroup.
    pub(super) fn begin_sync(&mut self, index: usize) -> (Option<Parked>, &Member) {
        let member = &mut self.by_id[index];
        let join = member.join.take();
        self.joined -= usize::from(join.is_some());
        self.sync_awaited += usize::from(!member.sync_awaited);
        member.sync_awaited = true;
        member.is_new = false;
        (join, member)
    }

    /// Stores the assignment of the member at `index`; returns its parked SyncGroup.
    pub(super) fn assign(&mut self, index: usize, assignment: Bytes) -> (Option<Parked>, &Member) {
        let member = &mut self.by_id[index];
        member.assignment = assignment;
        let sync = member.sync.take();
        self.parked_syncs -= usize::from(sync.is_some());
        (sync, member)
    }

    /// The member at `index`. Indexes are stable while no member is removed.
    pub(crate) fn at(&self, index: usize) -> &Member {
        &self.by_id[index]
    }

    /// The assignor with the most votes: each member votes for the first in its list that all
    /// members support (R7.4). Kafka breaks ties arbitrarily; here the first by name wins.
    pub(super) fn vote(&self) -> StrBytes {
        let mut votes: BTreeMap<&StrBytes, usize> = BTreeMap::new();
        for member in self.iter() {
            let mut names = member.params.protocols.iter().map(|p| &p.name);
            let choice = names.find(|name| self.all_support(name));
            *votes.entry(choice.expect("members share an assignor (R6.1.6)")).or_default() += 1;
        }
        let most = votes.values().copied().max().expect("a group that votes has members");
        let winner = votes.iter().find(|(_, count)| **count == most);
        (*winner.expect("some assignor has the most votes").0).clone()
    }

    fn expect_member(&mut self, id: &StrBytes) -> &mut Member {
        match self.by_id.get_mut(id) {
            Some(member) => member,
            None => panic!("{id} is not a member"),
        }
    }

    fn tally(&mut self, params: &JoinParams) {
        self.rebalance_timeouts.add(&params.rebalance);
        distinct_names(params).for_each(|name| self.supporters.add(name));
    }

    fn untally(&mut self, params: &JoinParams) {
        self.rebalance_timeouts.remove(&params.rebalance);
        distinct_names(params).for_each(|name| self.supporters.remove(name));
    }

    /// Asserts that every counter matches what it counts.
    pub(crate) fn assert_consistent(&self, group: &ClassicGroup) {
        let count = |f: fn(&Member) -> bool| self.iter().filter(|m| f(m)).count();
        assert_eq!(self.joined, count(|m| m.join.is_some()), "parked JoinGroups of {group}");
        assert_eq!(self.parked_syncs, count(|m| m.sync.is_some()), "parked SyncGroups of {group}");
        assert_eq!(self.sync_awaited, count(|m| m.sync_awaited), "awaited SyncGroups of {group}");
        let instances = self.iter().filter_map(|m| Some((m.instance_id.as_ref()?, &m.id)));
        let mut statics = 0;
        for (instance, id) in instances {
            assert_eq!(self.by_instance.get(instance), Some(id), "{instance:?} in {group}");
            statics += 1;
        }
        assert_eq!(self.by_instance.len(), statics, "instances of {group} without a member");
        let longest = self.iter().map(|m| m.params.rebalance).max().unwrap_or_default();
        assert_eq!(self.rebalance_timeout(), longest, "the longest rebalance timeout of {group}");
        let mut supporters = Tally::default();
        for member in self.iter() {
            distinct_names(&member.params).for_each(|name| supporters.add(name));
        }
        assert_eq!(self.supporters, supporters, "the supporters of each assignor of {group}");
    }
}

/// A client may list an assignor twice; it still counts as one supporter.
fn distinct_names(params: &JoinParams) -> impl Iterator<Item = &StrBytes> {
    let names = params.protocols.iter().map(|p| &p.name);
    let is_first = |index: usize, name: &StrBytes| {
        params.protocols[..index].iter().all(|earlier| earlier.name != *name)
    };
    names.enumerate().filter(move |(index, name)| is_first(*index, name)).map(|(_, name)| name)
}

/// Counts how often each value occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
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
