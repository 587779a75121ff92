//! The terms of the brokers as coordinators, and the elections of the controller.
//!
//! A broker that was replaced and does not know it, a zombie, goes on with its term. So two
//! questions differ: which broker the controller has elected for a partition of the offsets log,
//! and which broker has begun the newest term in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::broker::{Term, TermState};
use crate::protocol::{BrokerId, GroupId, offsets_partition};

/// The broker and the term that an incarnation of a group belongs to.
#[derive(Clone, Copy, Debug)]
pub struct GroupTerm {
    /// The broker.
    pub broker: BrokerId,
    /// The partition of the offsets log, with the epoch of the term; −1 while the trace has not
    /// named one.
    pub term: Term,
    /// The state of the term; Active while the trace has not named one.
    pub state: TermState,
    /// Whether the term has loaded records that are not committed.
    pub unsettled: bool,
}

/// The newest term that a broker has begun in a partition of the offsets log.
#[derive(Clone, Copy, Debug)]
pub struct NewestTerm {
    /// The partition, with the epoch of the term.
    pub term: Term,
    /// The broker that has begun it.
    pub broker: BrokerId,
    /// Its state.
    pub state: TermState,
}

/// A decision of the controller.
#[derive(Clone, Copy, Debug)]
pub struct Election {
    /// The newest epoch of the partition.
    pub epoch: i32,
    /// The leader; `None` if the controller found none.
    pub leader: Option<BrokerId>,
}

/// The terms that the trace has named.
#[derive(Debug)]
pub(super) struct Terms {
    /// The number of partitions of the offsets log.
    partitions: i32,
    /// The latest term of each broker in each partition.
    latest: BTreeMap<(BrokerId, i32), (i32, TermState)>,
    /// The terms that have loaded records which are not committed yet.
    unsettled: BTreeSet<(BrokerId, Term)>,
    /// The newest term of each partition that a broker has begun.
    newest: BTreeMap<i32, NewestTerm>,
    /// The last election in each partition.
    elections: BTreeMap<i32, Election>,
}

impl Terms {
    pub(super) fn new(partitions: i32) -> Terms {
        let (latest, unsettled, newest, elections) = Default::default();
        Terms { partitions, latest, unsettled, newest, elections }
    }

    /// The term under which a broker coordinates a group that it reports for the first time.
    pub(super) fn group_term(&self, broker: BrokerId, group: &GroupId) -> GroupTerm {
        let partition = self.partition_of(group);
        let latest = self.latest.get(&(broker, partition));
        let (epoch, state) = latest.copied().unwrap_or((-1, TermState::Active));
        let term = Term { partition, epoch };
        GroupTerm { broker, term, state, unsettled: self.unsettled.contains(&(broker, term)) }
    }

    pub(super) fn elected(&mut self, term: Term, leader: Option<BrokerId>) {
        let first = Election { epoch: term.epoch, leader };
        let election = self.elections.entry(term.partition).or_insert(first);
        *election = Election { epoch: election.epoch.max(term.epoch), leader };
    }

    pub(super) fn moved(&mut self, broker: BrokerId, term: Term, state: TermState) {
        self.latest.insert((broker, term.partition), (term.epoch, state));
        let moved = NewestTerm { term, broker, state };
        let newest = self.newest.entry(term.partition).or_insert(moved);
        if term.epoch > newest.term.epoch {
            *newest = moved;
        } else if term.epoch == newest.term.epoch {
            newest.state = state;
        }
    }

    /// The number of records in a term's log that are not committed.
    pub(super) fn uncommitted(&mut self, broker: BrokerId, term: Term, records: u64) {
        match records {
            0 => self.unsettled.remove(&(broker, term)),
            _ => self.unsettled.insert((broker, term)),
        };
    }

    /// The partition of the offsets log that a group is in.
    pub(super) fn partition_of(&self, group: &GroupId) -> i32 {
        offsets_partition(group, self.partitions)
    }

    /// The newest term of each partition in which a broker has begun one, by partition.
    pub(super) fn newest(&self) -> impl Iterator<Item = &NewestTerm> {
        self.newest.values()
    }

    /// The newest term of a partition, if a broker has begun one.
    pub(super) fn newest_in(&self, partition: i32) -> Option<&NewestTerm> {
        self.newest.get(&partition)
    }

    /// Whether the broker has begun the newest term of its partition. True in a trace that names no
    /// terms.
    pub(super) fn is_at_newest(&self, coordinator: &GroupTerm) -> bool {
        let newest = self.newest_in(coordinator.term.partition);
        newest.is_none_or(|newest| newest.broker == coordinator.broker)
    }

    /// Whether this is the newest term of its partition.
    pub(super) fn is_of_newest(&self, coordinator: &GroupTerm) -> bool {
        let newest = self.newest_in(coordinator.term.partition);
        newest.is_none_or(|newest| {
            (newest.broker, newest.term) == (coordinator.broker, coordinator.term)
        })
    }

    pub(super) fn election(&self, partition: i32) -> Option<Election> {
        self.elections.get(&partition).copied()
    }

    /// Whether no successor has been elected for the term.
    pub(super) fn is_current_leader(&self, term: Term) -> bool {
        self.election(term.partition).is_none_or(|elected| term.epoch >= elected.epoch)
    }

    /// The terms that have not ended though another leader has been elected.
    pub(super) fn zombie_terms(&self) -> impl Iterator<Item = (BrokerId, Term)> {
        let all = self.latest.iter().filter(|(_, (_, state))| *state != TermState::Unloaded);
        let terms =
            all.map(|(&(broker, partition), &(epoch, _))| (broker, Term { partition, epoch }));
        terms.filter(|(_, term)| !self.is_current_leader(*term))
    }

    /// A broker crashes: its terms end.
    pub(super) fn crashed(&mut self, broker: BrokerId) {
        for ((at, _), (_, state)) in &mut self.latest {
            if *at == broker {
                *state = TermState::Unloaded;
            }
        }
        let newest = self.newest.values_mut().filter(|newest| newest.broker == broker);
        newest.for_each(|newest| newest.state = TermState::Unloaded);
        self.unsettled.retain(|(at, _)| *at != broker);
    }
}

impl Default for Terms {
    fn default() -> Terms {
        Terms::new(1)
    }
}
