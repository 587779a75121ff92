//! Tracks from the events whether the cluster has settled, whether the logs are drained, and what
//! it still waits for.
//!
//! A group is what its newest coordinator says it is; events of a zombie leader are ignored.
//! Third-party brokers emit no events, so their coordinators are asked: see `third_party`.

mod progress;
mod third_party;
mod waiting;

pub use third_party::{Described, DescriptionRequest, GroupStatus};

use std::collections::{BTreeMap, BTreeSet};

use crate::broker::{Term, TermState};
use crate::client::{self, MemberState};
use crate::coordinator::{self, GroupState};
use crate::protocol::{BrokerId, Generation, GroupId, MemberId, TopicPartition};
use crate::trace::{ConsumerRef, Event, EventKind, FaultKind, Place};

use super::Sim;
use progress::Progress;
use third_party::ThirdPartyGroups;

#[derive(Default)]
pub(super) struct SettleTracker {
    groups: BTreeMap<GroupId, Group>,
    /// The newest term of each partition of the offsets log that has been used.
    terms: BTreeMap<i32, NewestTerm>,
    /// Each running consumer's view of its membership, by consumer index.
    consumers: BTreeMap<u16, MemberView>,
    pub(super) progress: Progress,
    third_party: ThirdPartyGroups,
    /// Whether something relevant has changed since the last check.
    changed: bool,
    /// The number of relevant changes, so that a description of an earlier state can be recognized.
    changes: u64,
}

/// The newest term of a partition of the offsets log.
struct NewestTerm {
    /// The newest epoch that a broker has started.
    epoch: i32,
    /// The broker that started it.
    at: BrokerId,
    active: bool,
    /// The newest epoch that the controller has decided on …
    announced: i32,
    /// … and its leader.
    leader: Option<BrokerId>,
}

impl NewestTerm {
    /// Whether the leader that the controller elected is active as coordinator.
    fn is_active(&self) -> bool {
        self.active && self.epoch >= self.announced
    }
}

struct Group {
    /// Its partition of the offsets log.
    partition: i32,
    state: GroupState,
    generation: Generation,
    members: BTreeSet<MemberId>,
}

struct MemberView {
    consumer: ConsumerRef,
    group: GroupId,
    /// The group's partition of the offsets log.
    partition: i32,
    state: MemberState,
    member: MemberId,
    generation: Generation,
    /// The member has revoked partitions and has not rejoined since. A member that revokes
    /// partitions rejoins so that they can be assigned to another member.
    will_rejoin: bool,
}

impl SettleTracker {
    /// Takes in an event. `partition_of` returns a group's partition of the offsets log.
    #[inline]
    pub(super) fn observe(&mut self, event: &Event, partition_of: impl Fn(&GroupId) -> i32) {
        // Most events are messages, which do not matter here.
        if !matches!(
            event.kind,
            EventKind::Sent { .. } | EventKind::Received { .. } | EventKind::Lost { .. }
        ) {
            self.take(event, partition_of);
        }
    }

    fn take(&mut self, event: &Event, partition_of: impl Fn(&GroupId) -> i32) {
        match (&event.kind, event.place) {
            (EventKind::ConsumerStarted { config, .. }, Place::Consumer(who)) => {
                let view = MemberView {
                    consumer: who,
                    group: config.group.clone(),
                    partition: partition_of(&config.group),
                    state: MemberState::Unjoined,
                    member: MemberId::default(),
                    generation: Generation::NONE,
                    will_rejoin: false,
                };
                self.progress.subscribe(&config.group, &config.topics);
                self.third_party.track(&config.group);
                self.consumers.insert(who.index, view);
                self.change();
            }
            (EventKind::ConsumerClosed, Place::Consumer(who))
            | (EventKind::FaultBegan { fault: FaultKind::Crash, .. }, Place::Consumer(who)) => {
                self.consumers.remove(&who.index);
                self.change();
            }
            (EventKind::Consumer(observation), Place::Consumer(who)) => {
                self.observe_consumer(who, observation)
            }
            (EventKind::Coordinator(observation), Place::Broker(at)) => {
                let partition = partition_of(observation.group());
                if self.terms.get(&partition).is_none_or(|term| term.at == at) {
                    self.observe_coordinator(partition, observation);
                }
            }
            (EventKind::TermChanged { term: of_term, state }, Place::Broker(at)) => {
                self.observe_term(*of_term, at, *state);
            }
            (EventKind::LeaderElected { term: shard, leader, .. }, _) => {
                self.observe_election(*shard, *leader)
            }
            (EventKind::TopicDeleted { topic }, _) => self.progress.deleted(topic),
            (EventKind::Appended { partition, first, next }, _) => {
                self.progress.appended(partition, next - first);
            }
            (
                EventKind::FaultBegan { .. }
                | EventKind::FaultEnded { .. }
                | EventKind::Script { .. },
                _,
            ) => {
                self.change();
            }
            _ => {}
        }
    }

    fn change(&mut self) {
        self.changed = true;
        self.changes += 1;
    }

    fn observe_consumer(&mut self, who: ConsumerRef, observation: &client::ClientObservation) {
        use client::ClientObservation as O;
        let Some(view) = self.consumers.get_mut(&who.index) else { return };
        match observation {
            O::State { to, .. } => {
                view.state = *to;
                view.will_rejoin = false;
                self.change();
            }
            O::Assigned { member, generation, .. } => {
                view.member = member.clone();
                view.generation = *generation;
                self.third_party.assigned(&view.group, *generation);
                self.change();
            }
            O::Processed { partition, first, next } => {
                self.progress.processed(&view.group, partition, (*first, *next));
            }
            // A cooperative member revokes partitions at the end of the first phase of a rebalance.
            // It may take a while until it has committed and joins the second phase (KIP-429).
            O::Revoked { partitions } if !partitions.is_empty() => {
                view.will_rejoin = true;
                self.change();
            }
            O::CoordinatorLost { .. }
            | O::Revoked { .. }
            | O::Lost { .. }
            | O::Positioned { .. }
            | O::Polled { .. }
            | O::CommitFailed { .. }
            | O::PollTimeout
            | O::Fatal { .. } => {}
        }
    }

    fn observe_election(&mut self, of_term: Term, leader: Option<BrokerId>) {
        // A partition that was never used emits no term events, so there is nothing to wait for.
        if let Some(term) = self.terms.get_mut(&of_term.partition) {
            term.announced = term.announced.max(of_term.epoch);
            term.leader = leader;
        }
        self.change();
    }

    fn observe_term(&mut self, of_term: Term, at: BrokerId, state: TermState) {
        self.change();
        let first = NewestTerm {
            epoch: of_term.epoch,
            at,
            active: false,
            announced: of_term.epoch,
            leader: Some(at),
        };
        let term = self.terms.entry(of_term.partition).or_insert(first);
        if of_term.epoch < term.epoch {
            return;
        }
        term.active = state == TermState::Active;
        if of_term.epoch > term.epoch {
            (term.epoch, term.at) = (of_term.epoch, at);
            self.groups.retain(|_, group| group.partition != of_term.partition);
        }
    }

    fn observe_coordinator(&mut self, partition: i32, observation: &coordinator::Observation) {
        use coordinator::ClassicObservation as C;
        use coordinator::Observation as O;
        self.change();
        match observation {
            O::Classic(C::State { group, to, .. }) => self.group(group, partition).state = *to,
            O::Classic(C::MemberAdded { group, member, .. }) => {
                self.group(group, partition).members.insert(member.clone());
            }
            O::Classic(C::MemberRemoved { group, member, .. }) => {
                self.group(group, partition).members.remove(member);
            }
            O::Classic(C::MemberReplaced { group, old, new, .. }) => {
                self.group(group, partition).replace(old, new);
            }
            O::Classic(C::ReplacementUndone { group, old, new, .. }) => {
                self.group(group, partition).replace(new, old);
            }
            O::Classic(C::GenerationBegan { group, generation, .. }) => {
                self.group(group, partition).generation = *generation;
            }
            O::GroupLoaded(loaded) => {
                let group = self.group(&loaded.metadata.group, partition);
                group.state = loaded.state;
                group.generation = loaded.metadata.generation;
                let members = loaded.metadata.members.iter();
                group.members = members.map(|member| member.id.clone()).collect();
            }
            O::GroupRemoved { group, .. } => {
                self.groups.remove(group);
            }
            O::OffsetRemoved { .. } | O::Classic(C::TimerFired { .. }) => {}
        }
    }

    fn group(&mut self, id: &GroupId, partition: i32) -> &mut Group {
        self.groups.entry(id.clone()).or_insert_with(|| Group {
            partition,
            state: GroupState::Empty,
            generation: Generation(0),
            members: BTreeSet::new(),
        })
    }
}

impl Group {
    /// Whether no rebalance is in progress.
    fn is_at_rest(&self) -> bool {
        matches!(self.state, GroupState::Stable | GroupState::Empty | GroupState::Dead)
    }

    fn replace(&mut self, old: &MemberId, new: &MemberId) {
        self.members.remove(old);
        self.members.insert(new.clone());
    }
}

impl Sim {
    /// Whether the cluster has settled: no rebalance is in progress, every reachable consumer
    /// agrees with the coordinator about its membership, and every member has a running process.
    pub fn settled(&mut self) -> bool {
        std::mem::take(&mut self.tracker.changed)
            && self.agreed()
            && self.third_party_brokers_agree()
    }

    /// Makes the next [`settled`](Self::settled) check again even if nothing has changed.
    pub fn recheck_settled(&mut self) {
        self.tracker.changed = true;
    }

    /// Whether every record of every subscribed topic has been processed by every group.
    pub fn drained(&self) -> bool {
        self.tracker.progress.remaining == 0 && !self.workload.in_flight()
    }

    /// The number of records in the logs that are not yet processed, summed over the groups that
    /// read them.
    pub(super) fn backlog(&self) -> u64 {
        self.tracker.progress.remaining.max(0) as u64
    }

    /// Whether nothing keeps the cluster from being settled. This runs after every change while the
    /// cluster settles, so the checks that fail most often come first.
    fn agreed(&self) -> bool {
        self.tracker.groups.values().all(Group::is_at_rest)
            && self.tracker.terms.values().all(NewestTerm::is_active)
            && self.tracker.consumers.values().all(|view| self.agrees(view))
            && self.no_stale_members()
    }

    /// Whether every member has a running process.
    fn no_stale_members(&self) -> bool {
        let views = self.tracker.consumers.values();
        let alive: BTreeSet<(&GroupId, &MemberId)> =
            views.map(|view| (&view.group, &view.member)).collect();
        let groups = self.tracker.groups.iter();
        let mut members =
            groups.flat_map(|(id, group)| group.members.iter().map(move |member| (id, member)));
        members.all(|member| alive.contains(&member))
    }

    fn has_process(&self, group: &GroupId, member: &MemberId) -> bool {
        let mut views = self.tracker.consumers.values();
        views.any(|view| view.member == *member && view.group == *group)
    }

    /// Whether a consumer agrees with the coordinator about its membership. Paused and partitioned
    /// consumers count as agreeing.
    fn agrees(&self, view: &MemberView) -> bool {
        let consumer = &self.consumers[usize::from(view.consumer.index)];
        if self.brokers_are_third_party() {
            return consumer.node.paused || self.is_newest(view);
        }
        let leader = self.cluster.leader(view.partition);
        let cut = leader.is_some_and(|leader| self.network.is_cut(view.consumer.index, leader));
        if consumer.node.paused || cut {
            return true;
        }
        let group = self.tracker.groups.get(&view.group);
        view.state == MemberState::Stable
            && !view.will_rejoin
            && !consumer.closing
            && group.is_some_and(|group| {
                group.generation == view.generation && group.members.contains(&view.member)
            })
    }

    /// Whether a consumer is a member of the newest generation that any consumer knows. Without a
    /// description from third-party brokers, nothing more is known.
    fn is_newest(&self, view: &MemberView) -> bool {
        let closing = self.consumers[usize::from(view.consumer.index)].closing;
        let mut others = self.tracker.consumers.values().filter(|other| other.group == view.group);
        view.state == MemberState::Stable
            && !view.will_rejoin
            && !closing
            && others.all(|other| other.generation <= view.generation)
    }

    /// One past the last record of the contiguous range from 0 that has been processed: the minimum
    /// over all groups that read the topic.
    pub fn processed(&self, partition: &TopicPartition) -> i64 {
        self.tracker.progress.prefix(partition)
    }
}
