//! The outcome of a run on any engine, read from its model.
//!
//! Engines are compared by outcomes, not by traces: latencies and the order of events differ
//! between engines, but the protocol must reach the same state on all of them. What zombie leaders
//! report is ignored, since the current leader does not share their state. Transactional commits
//! are left out too: scripts with transactions check them themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::coordinator::GroupState;
use crate::model::{Group, Model};
use crate::protocol::{GroupId, TopicPartition};

/// The outcome of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The groups that exist.
    pub groups: BTreeMap<GroupId, GroupOutcome>,
    /// The consumers that run, by name, and the partitions that each owns.
    pub owners: BTreeMap<String, BTreeSet<TopicPartition>>,
    /// The number of distinct records of a partition that a group processed.
    pub processed: BTreeMap<(GroupId, TopicPartition), i64>,
}

/// The outcome for one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOutcome {
    /// Its state.
    pub state: GroupState,
    /// Its generation.
    pub generation: i32,
    /// The number of its members.
    pub members: usize,
    /// The last committed offsets whose commit was acknowledged.
    pub committed: BTreeMap<TopicPartition, i64>,
}

impl Outcome {
    /// The outcome of a run that ends in this state.
    pub fn of(model: &Model) -> Outcome {
        let groups = model.reported_groups().filter(|group| group.exists());
        let clients = model.clients();
        Outcome {
            groups: groups.map(|group| (group.id.clone(), GroupOutcome::of(group))).collect(),
            owners: clients.map(|one| (one.name.to_string(), one.owned.clone())).collect(),
            processed: model.progress().counts().map(|(of, count)| (of.clone(), count)).collect(),
        }
    }

    /// The outcome as a map of facts: `g generation` is `3`, `c1 owns` is `orders-0,orders-1`.
    pub fn facts(&self) -> BTreeMap<String, String> {
        let mut facts = BTreeMap::new();
        for (GroupId(id), group) in &self.groups {
            facts.insert(format!("{id} state"), group.state.to_string());
            facts.insert(format!("{id} generation"), group.generation.to_string());
            facts.insert(format!("{id} members"), group.members.to_string());
            for (partition, offset) in &group.committed {
                facts.insert(format!("{id} committed {partition}"), offset.to_string());
            }
        }
        for (name, owned) in &self.owners {
            let owned: Vec<String> = owned.iter().map(ToString::to_string).collect();
            facts.insert(format!("{name} owns"), owned.join(","));
        }
        for ((GroupId(id), partition), count) in &self.processed {
            facts.insert(format!("{id} processed {partition}"), count.to_string());
        }
        facts
    }
}

impl GroupOutcome {
    fn of(group: &Group) -> GroupOutcome {
        GroupOutcome {
            state: group.state,
            generation: group.generation.0,
            members: group.members.len(),
            committed: group.committed.clone(),
        }
    }
}
