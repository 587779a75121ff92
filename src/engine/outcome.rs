//! What a run comes to on any engine, computed from its events alone.
//!
//! Engines are compared by outcomes, not by traces: each has its own latencies and its own order of things,
//! and the protocol must come to the same end in all of them. What a zombie does to a group is left out, since
//! nobody who matters believes it. What transactions commit is left out too: scripts about them ask for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::consumer;
use crate::coordinator::{GroupState, LoadedGroup, Observation};
use crate::protocol::{
    BrokerId, GroupId, MemberId, Request, RequestFrame, Response, ResponseFrame, TopicPartition,
    offsets_partition,
};
use crate::trace::{ConsumerRef, Event, FaultKind, Kind, Message, Place};

/// What a run has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The groups that exist.
    pub groups: BTreeMap<GroupId, GroupOutcome>,
    /// The consumers that run, by name, and what each acts on.
    pub owners: BTreeMap<String, BTreeSet<TopicPartition>>,
    /// How many records of a partition were processed by a group, each counted once.
    pub processed: BTreeMap<(GroupId, TopicPartition), usize>,
}

/// What has become of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOutcome {
    /// Its state.
    pub state: GroupState,
    /// Its generation.
    pub generation: i32,
    /// How many members it has.
    pub members: usize,
    /// The last offsets that were committed and answered so.
    pub committed: BTreeMap<TopicPartition, i64>,
}

impl Outcome {
    /// The outcome one fact at a time, each with its name: `g generation` is `3`, `c1 owns` is
    /// `orders-0,orders-1`.
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

/// Computes an [`Outcome`] from the events of a run.
#[derive(Debug, Default)]
pub struct Onlooker {
    outcome: Outcome,
    names: BTreeMap<ConsumerRef, (String, GroupId)>,
    members: BTreeMap<GroupId, BTreeSet<MemberId>>,
    processed: BTreeMap<(GroupId, TopicPartition), BTreeSet<i64>>,
    partitions: i32,
    leaders: BTreeMap<i32, Option<BrokerId>>,
}

impl Onlooker {
    /// Takes the next event.
    pub fn observe(&mut self, event: &Event) {
        match (&event.kind, event.place) {
            (Kind::CoordinatorStarted { offsets_partitions, .. }, _) => {
                self.partitions = *offsets_partitions;
            }
            (Kind::LeaderElected { shard, leader, .. }, _) => {
                self.leaders.insert(shard.partition, *leader);
            }
            (Kind::Coordinator(what), Place::Broker(at)) => self.coordinator(at, what),
            (
                Kind::Sent { message: Message::Response { request, response }, .. },
                Place::Broker(at),
            ) => self.answered(at, request, response),
            (Kind::ConsumerStarted { name, config }, Place::Consumer(who)) => {
                self.names.insert(who, (name.to_string(), config.group.clone()));
                self.outcome.owners.insert(name.to_string(), BTreeSet::new());
            }
            (
                Kind::ConsumerClosed | Kind::FaultBegan { fault: FaultKind::Crash, .. },
                Place::Consumer(who),
            ) => {
                if let Some((name, _)) = self.names.get(&who) {
                    self.outcome.owners.remove(name);
                }
            }
            (Kind::Consumer(what), Place::Consumer(who)) => self.consumer(who, what),
            _ => {}
        }
    }

    /// What it has all come to.
    pub fn into_outcome(mut self) -> Outcome {
        let counts = self.processed.into_iter().map(|(of, records)| (of, records.len()));
        self.outcome.processed = counts.collect();
        self.outcome
    }

    /// Whether a broker is the one that the controller named for a group, as far as it has named any.
    fn leads(&self, at: BrokerId, group: &GroupId) -> bool {
        let partition = offsets_partition(group, self.partitions.max(1));
        self.leaders.get(&partition).is_none_or(|leader| *leader == Some(at))
    }

    fn coordinator(&mut self, at: BrokerId, what: &Observation) {
        match what {
            Observation::State { group, to, .. } if self.leads(at, group) => {
                self.group(group).state = *to;
            }
            Observation::GenerationBegan { group, generation, members, .. }
                if self.leads(at, group) =>
            {
                self.group(group).generation = generation.0;
                self.become_members(group, members.iter().cloned());
            }
            Observation::MemberAdded { group, member, .. } if self.leads(at, group) => {
                self.change_members(group, |members| members.insert(member.clone()));
            }
            Observation::MemberRemoved { group, member, .. } if self.leads(at, group) => {
                self.change_members(group, |members| members.remove(member));
            }
            Observation::MemberReplaced { group, old, new, .. }
            | Observation::ReplacementUndone { group, old: new, new: old, .. }
                if self.leads(at, group) =>
            {
                self.change_members(group, |members| {
                    members.remove(old) && members.insert(new.clone())
                });
            }
            Observation::GroupLoaded(loaded) => self.loaded(at, loaded),
            Observation::GroupRemoved { group, .. } if self.leads(at, group) => {
                self.outcome.groups.remove(group);
                self.members.remove(group);
            }
            Observation::OffsetRemoved { group, partition, .. } if self.leads(at, group) => {
                self.group(group).committed.remove(partition);
            }
            _ => {}
        }
    }

    fn loaded(&mut self, at: BrokerId, loaded: &LoadedGroup) {
        let id = &loaded.metadata.group;
        if !self.leads(at, id) {
            return;
        }
        let group = self.group(id);
        group.state = loaded.state;
        group.generation = loaded.metadata.generation.0;
        group.committed = loaded.offsets.iter().cloned().collect();
        self.become_members(id, loaded.metadata.members.iter().map(|member| member.id.clone()));
    }

    fn answered(&mut self, at: BrokerId, request: &RequestFrame, response: &ResponseFrame) {
        let (Request::OffsetCommit(asked), Response::OffsetCommit(answer)) =
            (&request.body, &response.body)
        else {
            return;
        };
        if !self.leads(at, &asked.group_id) {
            return;
        }
        for (topic, told) in asked.topics.iter().zip(&answer.topics) {
            for (entry, told) in topic.partitions.iter().zip(&told.partitions) {
                if told.error_code == 0 {
                    let partition = TopicPartition::new(topic.name.clone(), entry.partition_index);
                    let committed = &mut self.group(&asked.group_id).committed;
                    committed.insert(partition, entry.committed_offset);
                }
            }
        }
    }

    fn consumer(&mut self, who: ConsumerRef, what: &consumer::Observation) {
        let Some((name, group)) = self.names.get(&who) else { return };
        let owned = self.outcome.owners.entry(name.clone()).or_default();
        match what {
            consumer::Observation::Assigned { partitions, .. } => {
                *owned = partitions.iter().cloned().collect();
            }
            consumer::Observation::Revoked { partitions }
            | consumer::Observation::Lost { partitions } => {
                owned.retain(|owned| !partitions.contains(owned));
            }
            consumer::Observation::Processed { partition, first, next } => {
                let of = (group.clone(), partition.clone());
                self.processed.entry(of).or_default().extend(*first..*next);
            }
            _ => {}
        }
    }

    fn group(&mut self, id: &GroupId) -> &mut GroupOutcome {
        self.outcome.groups.entry(id.clone()).or_insert_with(|| GroupOutcome {
            state: GroupState::Empty,
            generation: 0,
            members: 0,
            committed: BTreeMap::new(),
        })
    }

    fn become_members(&mut self, id: &GroupId, new: impl IntoIterator<Item = MemberId>) {
        self.members.insert(id.clone(), new.into_iter().collect());
        self.group(id).members = self.members[id].len();
    }

    fn change_members(
        &mut self,
        id: &GroupId,
        change: impl FnOnce(&mut BTreeSet<MemberId>) -> bool,
    ) {
        let members = self.members.entry(id.clone()).or_default();
        change(members);
        let count = members.len();
        self.group(id).members = count;
    }
}
