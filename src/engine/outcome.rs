//! The outcome of a run on any engine, computed from its events alone.
//!
//! Engines are compared by outcomes, not by traces: latencies and the order of events differ
//! between engines, but the protocol must reach the same state on all of them. Events of zombie
//! leaders are ignored, since the current leader does not share their state. Transactional commits
//! are left out too: scripts with transactions check them themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::client;
use crate::coordinator::{ClassicObservation, GroupState, LoadedGroup, Observation};
use crate::protocol::{
    BrokerId, GroupId, MemberId, Request, RequestFrame, Response, ResponseFrame, TopicPartition,
    offsets_partition,
};
use crate::trace::{ConsumerRef, Event, EventKind, FaultKind, Message, Place};

/// The outcome of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The groups that exist.
    pub groups: BTreeMap<GroupId, GroupOutcome>,
    /// The consumers that run, by name, and the partitions that each owns.
    pub owners: BTreeMap<String, BTreeSet<TopicPartition>>,
    /// The number of distinct records of a partition that a group processed.
    pub processed: BTreeMap<(GroupId, TopicPartition), usize>,
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

/// Computes an [`Outcome`] from the events of a run.
#[derive(Debug, Default)]
pub struct OutcomeCollector {
    outcome: Outcome,
    names: BTreeMap<ConsumerRef, (String, GroupId)>,
    members: BTreeMap<GroupId, BTreeSet<MemberId>>,
    processed: BTreeMap<(GroupId, TopicPartition), BTreeSet<i64>>,
    partitions: i32,
    leaders: BTreeMap<i32, Option<BrokerId>>,
}

impl OutcomeCollector {
    /// Takes the next event.
    pub fn observe(&mut self, event: &Event) {
        match (&event.kind, event.place) {
            (EventKind::CoordinatorStarted { offsets_partitions, .. }, _) => {
                self.partitions = *offsets_partitions;
            }
            (EventKind::LeaderElected { term: of_term, leader, .. }, _) => {
                self.leaders.insert(of_term.partition, *leader);
            }
            (EventKind::Coordinator(observation), Place::Broker(at)) => {
                self.coordinator(at, observation)
            }
            (
                EventKind::Sent { message: Message::Response { request, response }, .. },
                Place::Broker(at),
            ) => self.on_response(at, request, response),
            (EventKind::ConsumerStarted { name, config }, Place::Consumer(who)) => {
                self.names.insert(who, (name.to_string(), config.group.clone()));
                self.outcome.owners.insert(name.to_string(), BTreeSet::new());
            }
            (
                EventKind::ConsumerClosed | EventKind::FaultBegan { fault: FaultKind::Crash, .. },
                Place::Consumer(who),
            ) => {
                if let Some((name, _)) = self.names.get(&who) {
                    self.outcome.owners.remove(name);
                }
            }
            (EventKind::Consumer(observation), Place::Consumer(who)) => {
                self.consumer(who, observation)
            }
            _ => {}
        }
    }

    /// The outcome of all events.
    pub fn into_outcome(mut self) -> Outcome {
        let counts = self.processed.into_iter().map(|(of, records)| (of, records.len()));
        self.outcome.processed = counts.collect();
        self.outcome
    }

    /// Whether a broker is the elected leader of a group's partition. True if none has been elected
    /// yet.
    fn leads(&self, at: BrokerId, group: &GroupId) -> bool {
        let partition = offsets_partition(group, self.partitions.max(1));
        self.leaders.get(&partition).is_none_or(|leader| *leader == Some(at))
    }

    fn coordinator(&mut self, at: BrokerId, observation: &Observation) {
        match observation {
            Observation::Classic(ClassicObservation::State { group, to, .. })
                if self.leads(at, group) =>
            {
                self.group(group).state = *to;
            }
            Observation::Classic(ClassicObservation::GenerationBegan {
                group,
                generation,
                members,
                ..
            }) if self.leads(at, group) => {
                self.group(group).generation = generation.0;
                self.set_members(group, members.iter().cloned());
            }
            Observation::Classic(ClassicObservation::MemberAdded { group, member, .. })
                if self.leads(at, group) =>
            {
                self.change_members(group, |members| members.insert(member.clone()));
            }
            Observation::Classic(ClassicObservation::MemberRemoved { group, member, .. })
                if self.leads(at, group) =>
            {
                self.change_members(group, |members| members.remove(member));
            }
            Observation::Classic(ClassicObservation::MemberReplaced {
                group, old, new, ..
            })
            | Observation::Classic(ClassicObservation::ReplacementUndone {
                group,
                old: new,
                new: old,
                ..
            }) if self.leads(at, group) => {
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
        self.set_members(id, loaded.metadata.members.iter().map(|member| member.id.clone()));
    }

    fn on_response(&mut self, at: BrokerId, request: &RequestFrame, response: &ResponseFrame) {
        let (Request::OffsetCommit(request), Response::OffsetCommit(response)) =
            (&request.body, &response.body)
        else {
            return;
        };
        if !self.leads(at, &request.group_id) {
            return;
        }
        for (topic, result) in request.topics.iter().zip(&response.topics) {
            for (entry, result) in topic.partitions.iter().zip(&result.partitions) {
                if result.error_code == 0 {
                    let partition = TopicPartition::new(topic.name.clone(), entry.partition_index);
                    let committed = &mut self.group(&request.group_id).committed;
                    committed.insert(partition, entry.committed_offset);
                }
            }
        }
    }

    fn consumer(&mut self, who: ConsumerRef, observation: &client::ClientObservation) {
        let Some((name, group)) = self.names.get(&who) else { return };
        let owned = self.outcome.owners.entry(name.clone()).or_default();
        match observation {
            client::ClientObservation::Assigned { partitions, .. } => {
                *owned = partitions.iter().cloned().collect();
            }
            client::ClientObservation::Revoked { partitions }
            | client::ClientObservation::Lost { partitions } => {
                owned.retain(|owned| !partitions.contains(owned));
            }
            client::ClientObservation::Processed { partition, first, next } => {
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

    fn set_members(&mut self, id: &GroupId, new: impl IntoIterator<Item = MemberId>) {
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
