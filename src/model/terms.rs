//! The terms of the brokers as coordinators, and the elections of the controller.

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

/// The terms that the trace has named.
#[derive(Debug)]
pub(super) struct Terms {
    /// The number of partitions of the offsets log.
    partitions: i32,
    /// The latest term of each broker in each partition.
    latest: BTreeMap<(BrokerId, i32), (i32, TermState)>,
    /// The terms that have loaded records which are not committed yet.
    unsettled: BTreeSet<(BrokerId, Term)>,
    /// The latest epoch that the controller has elected, per partition.
    elected: BTreeMap<i32, i32>,
}

impl Terms {
    pub(super) fn new(partitions: i32) -> Terms {
        let (latest, elected, unsettled) = Default::default();
        Terms { partitions, latest, elected, unsettled }
    }

    /// The term under which a broker coordinates a group that it reports for the first time.
    pub(super) fn group_term(&self, broker: BrokerId, group: &GroupId) -> GroupTerm {
        let partition = self.partition_of(group);
        let latest = self.latest.get(&(broker, partition));
        let (epoch, state) = latest.copied().unwrap_or((-1, TermState::Active));
        let term = Term { partition, epoch };
        GroupTerm { broker, term, state, unsettled: self.unsettled.contains(&(broker, term)) }
    }

    pub(super) fn elected(&mut self, term: Term) {
        let epoch = self.elected.entry(term.partition).or_insert(term.epoch);
        *epoch = (*epoch).max(term.epoch);
    }

    pub(super) fn moved(&mut self, broker: BrokerId, term: Term, state: TermState) {
        self.latest.insert((broker, term.partition), (term.epoch, state));
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

    /// Whether no successor has been elected for the term.
    pub(super) fn is_current_leader(&self, term: Term) -> bool {
        self.elected.get(&term.partition).is_none_or(|elected| term.epoch >= *elected)
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
        self.unsettled.retain(|(at, _)| *at != broker);
    }
}

impl Default for Terms {
    fn default() -> Terms {
        Terms::new(1)
    }
}
