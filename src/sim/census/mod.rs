//! What the cluster agrees on, kept from the events as they happen: whether it has settled, whether the
//! logs are drained, and if not, what is waited for.
//!
//! A group is what its newest coordinator says. What a broker says that leads no longer and does not know
//! it is not listened to. Third-party brokers show nothing of their groups, so they are asked: `foreign`.

mod foreign;
mod progress;
mod waiting;

pub use foreign::{Described, Inquiry, Standing};

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{Shard, ShardState};
use crate::consumer::{self, MemberState};
use crate::coordinator::{self, GroupState};
use crate::protocol::{BrokerId, Generation, GroupId, MemberId, TopicPartition};
use crate::trace::{ConsumerRef, Event, FaultKind, Kind, Place};

use super::Sim;
use foreign::Foreign;
use progress::Progress;

#[derive(Default)]
pub(super) struct Census {
    groups: BTreeMap<GroupId, Group>,
    /// The newest term of each partition of the offsets log that was ever used.
    terms: BTreeMap<i32, Term>,
    /// By consumer index: its group and what it believes, while its process lives.
    consumers: BTreeMap<u16, Belief>,
    pub(super) progress: Progress,
    foreign: Foreign,
    /// Something that decides about settling has happened since it was last looked at.
    changed: bool,
    /// Counts what decides about settling, so that an answer to an earlier question is known as one.
    changes: u64,
}

/// The newest term of a partition of the offsets log.
struct Term {
    /// The newest epoch that a broker has begun.
    epoch: i32,
    /// In which broker that was.
    at: BrokerId,
    active: bool,
    /// The newest epoch that the controller has decided on …
    announced: i32,
    /// … and who leads in it.
    leader: Option<BrokerId>,
}

impl Term {
    /// Whether the leader that the controller has named coordinates by now.
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

struct Belief {
    who: ConsumerRef,
    group: GroupId,
    /// The group's partition of the offsets log.
    partition: i32,
    state: MemberState,
    member: MemberId,
    generation: Generation,
    /// It has given up partitions and has not joined since: whoever gives any up joins again, so that they
    /// can be assigned to another member.
    will_rejoin: bool,
}

impl Census {
    /// Takes in what has happened; `partition_of` says in which partition of the offsets log a group lives.
    #[inline]
    pub(super) fn observe(&mut self, event: &Event, partition_of: impl Fn(&GroupId) -> i32) {
        // Most of what happens is messages, and of those it needs none.
        if !matches!(event.kind, Kind::Sent { .. } | Kind::Received { .. } | Kind::Lost { .. }) {
            self.take(event, partition_of);
        }
    }

    fn take(&mut self, event: &Event, partition_of: impl Fn(&GroupId) -> i32) {
        match (&event.kind, event.place) {
            (Kind::ConsumerStarted { config, .. }, Place::Consumer(who)) => {
                let belief = Belief {
                    who,
                    group: config.group.clone(),
                    partition: partition_of(&config.group),
                    state: MemberState::Unjoined,
                    member: MemberId::default(),
                    generation: Generation::NONE,
                    will_rejoin: false,
                };
                self.progress.subscribe(&config.group, &config.topics);
                self.foreign.meet(&config.group);
                self.consumers.insert(who.index, belief);
                self.change();
            }
            (Kind::ConsumerClosed, Place::Consumer(who))
            | (Kind::FaultBegan { fault: FaultKind::Crash, .. }, Place::Consumer(who)) => {
                self.consumers.remove(&who.index);
                self.change();
            }
            (Kind::Consumer(what), Place::Consumer(who)) => self.observe_consumer(who, what),
            (Kind::Coordinator(what), Place::Broker(at)) => {
                let partition = partition_of(what.group());
                if self.terms.get(&partition).is_none_or(|term| term.at == at) {
                    self.observe_coordinator(partition, what);
                }
            }
            (Kind::Shard { shard, state }, Place::Broker(at)) => {
                self.observe_term(*shard, at, *state);
            }
            (Kind::LeaderElected { shard, leader, .. }, _) => {
                self.observe_election(*shard, *leader)
            }
            (Kind::TopicDeleted { topic }, _) => self.progress.deleted(topic),
            (Kind::Appended { partition, first, next }, _) => {
                self.progress.appended(partition, next - first);
            }
            (Kind::FaultBegan { .. } | Kind::FaultEnded { .. } | Kind::Script { .. }, _) => {
                self.change();
            }
            _ => {}
        }
    }

    fn change(&mut self) {
        self.changed = true;
        self.changes += 1;
    }

    fn observe_consumer(&mut self, who: ConsumerRef, what: &consumer::Observation) {
        use consumer::Observation as O;
        let Some(belief) = self.consumers.get_mut(&who.index) else { return };
        match what {
            O::State { to, .. } => {
                belief.state = *to;
                belief.will_rejoin = false;
                self.change();
            }
            O::Assigned { member, generation, .. } => {
                belief.member = member.clone();
                belief.generation = *generation;
                self.foreign.assigned(&belief.group, *generation);
                self.change();
            }
            O::Processed { partition, first, next } => {
                self.progress.processed(&belief.group, partition, (*first, *next));
            }
            // A cooperative member does that at the end of the first phase of a rebalance; it may be some time
            // until it has committed and joins the second (KIP-429).
            O::Revoked { partitions } if !partitions.is_empty() => {
                belief.will_rejoin = true;
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

    fn observe_election(&mut self, shard: Shard, leader: Option<BrokerId>) {
        // Nothing is to be heard of a partition that was never used, so nothing is waited for.
        if let Some(term) = self.terms.get_mut(&shard.partition) {
            term.announced = term.announced.max(shard.epoch);
            term.leader = leader;
        }
        self.change();
    }

    fn observe_term(&mut self, shard: Shard, at: BrokerId, state: ShardState) {
        self.change();
        let first = Term {
            epoch: shard.epoch,
            at,
            active: false,
            announced: shard.epoch,
            leader: Some(at),
        };
        let term = self.terms.entry(shard.partition).or_insert(first);
        if shard.epoch < term.epoch {
            return;
        }
        term.active = state == ShardState::Active;
        if shard.epoch > term.epoch {
            (term.epoch, term.at) = (shard.epoch, at);
            self.groups.retain(|_, group| group.partition != shard.partition);
        }
    }

    fn observe_coordinator(&mut self, partition: i32, what: &coordinator::Observation) {
        use coordinator::Observation as O;
        self.change();
        match what {
            O::State { group, to, .. } => self.group(group, partition).state = *to,
            O::MemberAdded { group, member, .. } => {
                self.group(group, partition).members.insert(member.clone());
            }
            O::MemberRemoved { group, member, .. } => {
                self.group(group, partition).members.remove(member);
            }
            O::MemberReplaced { group, old, new, .. } => {
                self.group(group, partition).replace(old, new);
            }
            O::ReplacementUndone { group, old, new, .. } => {
                self.group(group, partition).replace(new, old);
            }
            O::GenerationBegan { group, generation, .. } => {
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
            O::OffsetRemoved { .. } | O::TimerFired { .. } => {}
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
    fn replace(&mut self, old: &MemberId, new: &MemberId) {
        self.members.remove(old);
        self.members.insert(new.clone());
    }
}

impl Sim {
    /// Whether no rebalance is under way, every consumer that can be reached agrees with the coordinator
    /// about its membership, and no member belongs to a process that is gone.
    pub fn settled(&mut self) -> bool {
        std::mem::take(&mut self.census.changed) && self.agreed() && self.foreign_brokers_agree()
    }

    /// Looks again, whether or not anything has changed.
    pub fn look_again(&mut self) {
        self.census.changed = true;
    }

    /// Whether every record of every subscribed topic has been processed by every group.
    pub fn drained(&self) -> bool {
        self.census.progress.remaining == 0 && !self.workload.in_flight()
    }

    /// How many records are in the logs and not yet processed, summed over the groups that read them.
    pub(super) fn backlog(&self) -> u64 {
        self.census.progress.remaining.max(0) as u64
    }

    /// Whether nothing keeps the cluster from being settled. Asked after every change while it settles, so
    /// what fails most often is looked at first.
    fn agreed(&self) -> bool {
        let at_rest = |group: &Group| {
            matches!(group.state, GroupState::Stable | GroupState::Empty | GroupState::Dead)
        };
        self.census.groups.values().all(at_rest)
            && self.census.terms.values().all(Term::is_active)
            && self.census.consumers.values().all(|belief| self.agrees(belief))
            && self.no_ghosts()
    }

    /// Whether every member belongs to a process that is there.
    fn no_ghosts(&self) -> bool {
        let beliefs = self.census.consumers.values();
        let alive: BTreeSet<(&GroupId, &MemberId)> =
            beliefs.map(|belief| (&belief.group, &belief.member)).collect();
        let groups = self.census.groups.iter();
        let mut members =
            groups.flat_map(|(id, group)| group.members.iter().map(move |member| (id, member)));
        members.all(|member| alive.contains(&member))
    }

    fn is_alive(&self, group: &GroupId, member: &MemberId) -> bool {
        let mut beliefs = self.census.consumers.values();
        beliefs.any(|belief| belief.member == *member && belief.group == *group)
    }

    /// Whether a consumer that can be reached agrees with the coordinator about its membership.
    fn agrees(&self, belief: &Belief) -> bool {
        let consumer = &self.consumers[usize::from(belief.who.index)];
        if self.brokers_are_foreign() {
            return consumer.node.paused || self.is_newest(belief);
        }
        let leader = self.cluster.leader(belief.partition);
        let cut = leader.is_some_and(|leader| self.network.is_cut(belief.who.index, leader));
        if consumer.node.paused || cut {
            return true;
        }
        let group = self.census.groups.get(&belief.group);
        belief.state == MemberState::Stable
            && !belief.will_rejoin
            && !consumer.closing
            && group.is_some_and(|group| {
                group.generation == belief.generation && group.members.contains(&belief.member)
            })
    }

    /// Whether a consumer is a member of the newest generation that any consumer knows of: all that can be
    /// said when the brokers are somebody else's and have not been asked.
    fn is_newest(&self, belief: &Belief) -> bool {
        let closing = self.consumers[usize::from(belief.who.index)].closing;
        let mut others = self.census.consumers.values().filter(|other| other.group == belief.group);
        belief.state == MemberState::Stable
            && !belief.will_rejoin
            && !closing
            && others.all(|other| other.generation <= belief.generation)
    }

    /// One past the last record of the unbroken run from 0 that some group has processed, the smallest of
    /// all groups that read the topic.
    pub fn processed(&self, partition: &TopicPartition) -> i64 {
        self.census.progress.prefix(partition)
    }
}
