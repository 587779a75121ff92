//! Who coordinates what: the terms of the brokers, and what the controller has decided.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{Shard, ShardState};
use crate::protocol::{BrokerId, GroupId, offsets_partition};

/// Whose an incarnation of a group is.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    /// The broker.
    pub broker: BrokerId,
    /// The partition of the offsets log, with the epoch of the term; −1 while the trace has not named
    /// one.
    pub shard: Shard,
    /// How far the term is, as far as the trace has said: Active while it has said nothing.
    pub state: ShardState,
    /// The term has found something in the log that is not committed, as far as the trace has said.
    pub unsettled: bool,
}

/// The terms that the trace has told of.
#[derive(Debug)]
pub(super) struct Terms {
    /// How many partitions the offsets log has.
    partitions: i32,
    /// The latest term of each broker in each partition.
    latest: BTreeMap<(BrokerId, i32), (i32, ShardState)>,
    /// The terms that act on records which are not committed yet.
    unsettled: BTreeSet<(BrokerId, Shard)>,
    /// The latest epoch that the controller has named.
    elected: BTreeMap<i32, i32>,
}

impl Terms {
    pub(super) fn new(partitions: i32) -> Terms {
        let (latest, elected, unsettled) = Default::default();
        Terms { partitions, latest, elected, unsettled }
    }

    /// Where a group is at home that a broker begins to speak of.
    pub(super) fn home(&self, broker: BrokerId, group: &GroupId) -> Home {
        let partition = self.partition_of(group);
        let latest = self.latest.get(&(broker, partition));
        let (epoch, state) = latest.copied().unwrap_or((-1, ShardState::Active));
        let shard = Shard { partition, epoch };
        Home { broker, shard, state, unsettled: self.unsettled.contains(&(broker, shard)) }
    }

    pub(super) fn elected(&mut self, shard: Shard) {
        let epoch = self.elected.entry(shard.partition).or_insert(shard.epoch);
        *epoch = (*epoch).max(shard.epoch);
    }

    pub(super) fn moved(&mut self, broker: BrokerId, shard: Shard, state: ShardState) {
        self.latest.insert((broker, shard.partition), (shard.epoch, state));
    }

    /// A term has so many records in its log that are not committed.
    pub(super) fn uncommitted(&mut self, broker: BrokerId, shard: Shard, records: u64) {
        match records {
            0 => self.unsettled.remove(&(broker, shard)),
            _ => self.unsettled.insert((broker, shard)),
        };
    }

    /// The partition of the offsets log that a group is in.
    pub(super) fn partition_of(&self, group: &GroupId) -> i32 {
        offsets_partition(group, self.partitions)
    }

    /// Whether nobody has been named to succeed the term.
    pub(super) fn reigns(&self, shard: Shard) -> bool {
        self.elected.get(&shard.partition).is_none_or(|elected| shard.epoch >= *elected)
    }

    /// The terms that are not over though another leader has been named.
    pub(super) fn overstayed(&self) -> impl Iterator<Item = (BrokerId, Shard)> {
        let all = self.latest.iter().filter(|(_, (_, state))| *state != ShardState::Unloaded);
        let terms =
            all.map(|(&(broker, partition), &(epoch, _))| (broker, Shard { partition, epoch }));
        terms.filter(|(_, shard)| !self.reigns(*shard))
    }

    /// A broker has crashed: what it led it leads no longer.
    pub(super) fn crashed(&mut self, broker: BrokerId) {
        for ((at, _), (_, state)) in &mut self.latest {
            if *at == broker {
                *state = ShardState::Unloaded;
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
