//! What the cluster agrees on, kept from the events as they happen: whether it has settled, whether the
//! logs are drained, and if not, what is waited for.

use std::collections::{BTreeMap, BTreeSet};

use crate::consumer::{self, MemberState};
use crate::coordinator::{self, GroupState};
use crate::protocol::{Generation, GroupId, MemberId, TopicName, TopicPartition};
use crate::trace::{ConsumerRef, Event, FaultKind, Kind, Place};

use super::Sim;

#[derive(Default)]
pub(super) struct Census {
    groups: BTreeMap<GroupId, Group>,
    /// By consumer index: its group and what it believes, while its process lives.
    consumers: BTreeMap<u16, Belief>,
    pub(super) progress: Progress,
    /// Something that decides about settling has happened since it was last looked at.
    changed: bool,
}

struct Group {
    state: GroupState,
    generation: Generation,
    members: BTreeSet<MemberId>,
}

struct Belief {
    who: ConsumerRef,
    group: GroupId,
    state: MemberState,
    member: MemberId,
    generation: Generation,
}

impl Census {
    pub(super) fn observe(&mut self, event: &Event) {
        match (&event.kind, event.place) {
            (Kind::ConsumerStarted { config, .. }, Place::Consumer(who)) => {
                let belief = Belief {
                    who,
                    group: config.group.clone(),
                    state: MemberState::Unjoined,
                    member: MemberId::default(),
                    generation: Generation::NONE,
                };
                self.progress.subscribe(&config.group, &config.topics);
                self.consumers.insert(who.index, belief);
                self.changed = true;
            }
            (Kind::ConsumerClosed, Place::Consumer(who))
            | (Kind::FaultBegan { fault: FaultKind::Crash, .. }, Place::Consumer(who)) => {
                self.consumers.remove(&who.index);
                self.changed = true;
            }
            (Kind::Consumer(what), Place::Consumer(who)) => self.observe_consumer(who, what),
            (Kind::Coordinator(what), _) => self.observe_coordinator(what),
            (Kind::Appended { partition, first, next }, _) => {
                self.progress.appended(partition, next - first);
            }
            (Kind::FaultBegan { .. } | Kind::FaultEnded { .. } | Kind::Script { .. }, _) => {
                self.changed = true;
            }
            _ => {}
        }
    }

    fn observe_consumer(&mut self, who: ConsumerRef, what: &consumer::Observation) {
        use consumer::Observation as O;
        let Some(belief) = self.consumers.get_mut(&who.index) else { return };
        match what {
            O::State { to, .. } => {
                belief.state = *to;
                self.changed = true;
            }
            O::Assigned { member, generation, .. } => {
                belief.member = member.clone();
                belief.generation = *generation;
                self.changed = true;
            }
            O::Processed { partition, first, next } => {
                self.progress.processed(&belief.group, partition, (*first, *next));
            }
            O::CoordinatorLost { .. }
            | O::Revoked { .. }
            | O::Lost { .. }
            | O::Positioned { .. }
            | O::Polled { .. }
            | O::PollTimeout
            | O::Fatal { .. } => {}
        }
    }

    fn observe_coordinator(&mut self, what: &coordinator::Observation) {
        use coordinator::Observation as O;
        self.changed = true;
        match what {
            O::State { group, to, .. } => self.group(group).state = *to,
            O::MemberAdded { group, member, .. } => {
                self.group(group).members.insert(member.clone());
            }
            O::MemberRemoved { group, member, .. } => {
                self.group(group).members.remove(member);
            }
            O::GenerationBegan { group, generation, .. } => {
                self.group(group).generation = *generation;
            }
            O::TimerFired { .. } => {}
        }
    }

    fn group(&mut self, id: &GroupId) -> &mut Group {
        self.groups.entry(id.clone()).or_insert_with(|| Group {
            state: GroupState::Empty,
            generation: Generation(0),
            members: BTreeSet::new(),
        })
    }
}

impl Sim<'_> {
    /// Whether no rebalance is under way, every consumer that can be reached agrees with the coordinator
    /// about its membership, and no member belongs to a process that is gone.
    pub fn settled(&mut self) -> bool {
        std::mem::take(&mut self.census.changed) && self.agreed()
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
        if consumer.node.paused || self.network.is_cut(belief.who.index) {
            return true;
        }
        let group = self.census.groups.get(&belief.group);
        belief.state == MemberState::Stable
            && !consumer.closing
            && group.is_some_and(|group| {
                group.generation == belief.generation && group.members.contains(&belief.member)
            })
    }

    fn disagrees(&self, belief: &Belief) -> Option<String> {
        if self.agrees(belief) {
            return None;
        }
        let consumer = &self.consumers[usize::from(belief.who.index)];
        let closing = if consumer.closing { ", closing" } else { "" };
        let waiting = consumer.process.as_ref().map(|process| process.describe().waiting_for);
        Some(format!(
            "{} is {} in generation {}{closing}, waiting for {}",
            consumer.name,
            belief.state,
            belief.generation,
            waiting.as_deref().unwrap_or("nothing")
        ))
    }

    /// Everything that keeps the cluster from being settled, a reason a line.
    pub fn waiting_for(&self) -> Vec<String> {
        let mut reasons: Vec<String> =
            self.census.groups.keys().filter_map(|id| self.group_waits_for(id)).collect();
        reasons.extend(self.census.consumers.values().filter_map(|belief| self.disagrees(belief)));
        reasons
    }

    fn group_waits_for(&self, id: &GroupId) -> Option<String> {
        let group = self.broker.broker.coordinator().describe(id)?;
        let missing = |wanted: &dyn Fn(&coordinator::MemberDescription) -> bool| {
            let names: Vec<String> = group
                .members
                .iter()
                .filter(|member| wanted(member))
                .map(|member| member.id.to_string())
                .collect();
            if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
        };
        let timers: Vec<String> =
            group.timers.iter().map(|(kind, at)| format!("{kind} timer due {at}")).collect();
        let timers =
            if timers.is_empty() { "no timer is armed".to_owned() } else { timers.join(", ") };
        let what = match group.state {
            GroupState::PreparingRebalance => {
                format!("not rejoined: {}; {timers}", missing(&|member| !member.joined))
            }
            GroupState::CompletingRebalance => {
                format!("sync missing from: {}; {timers}", missing(&|member| member.sync_awaited))
            }
            GroupState::Stable => {
                let ghosts = missing(&|member| !self.is_alive(id, &member.id));
                if ghosts == "nobody" {
                    return None;
                }
                format!("members without a process: {ghosts}")
            }
            GroupState::Empty | GroupState::Dead => return None,
        };
        let pending = group.pending.len();
        Some(format!(
            "group {} is {} in generation {}: {what}; {pending} member ids pending",
            id.0.as_str(),
            group.state,
            group.generation
        ))
    }

    /// What keeps the logs from being drained, a reason a line.
    pub fn unprocessed(&self) -> Vec<String> {
        let mut reasons = self.census.progress.unprocessed();
        if self.workload.in_flight() {
            reasons.push("records are on their way to the broker".to_owned());
        }
        reasons.extend(self.waiting_for());
        reasons
    }

    /// One past the last record of the unbroken run from 0 that some group has processed, the smallest of
    /// all groups that read the topic.
    pub fn processed(&self, partition: &TopicPartition) -> i64 {
        self.census.progress.prefix(partition)
    }
}

/// How far each group has processed each partition.
#[derive(Default)]
pub(super) struct Progress {
    ends: BTreeMap<TopicPartition, i64>,
    readers: BTreeMap<TopicName, BTreeSet<GroupId>>,
    done: BTreeMap<(GroupId, TopicPartition), Covered>,
    /// Records that are in a log and not yet processed, summed over the groups that read it.
    remaining: i64,
}

/// The offsets that have been processed: an unbroken run from 0, and islands ahead of it.
#[derive(Default)]
struct Covered {
    next: i64,
    ahead: BTreeMap<i64, i64>,
}

impl Covered {
    /// Adds `first..next` and says how many of them are new.
    fn add(&mut self, (first, next): (i64, i64)) -> i64 {
        let mut first = first.max(self.next);
        let mut new = 0;
        while first < next {
            // The first island that ends after `first` is where the next gap ends.
            let island = self.ahead.range(..=first).next_back().filter(|(_, end)| **end > first);
            if let Some((_, &end)) = island {
                first = end;
                continue;
            }
            let gap_end =
                self.ahead.range(first..).next().map_or(next, |(start, _)| next.min(*start));
            new += gap_end - first;
            self.ahead.insert(first, gap_end);
            first = gap_end;
        }
        while let Some((&start, &end)) = self.ahead.first_key_value()
            && start <= self.next
        {
            self.ahead.pop_first();
            self.next = self.next.max(end);
        }
        new
    }
}

impl Progress {
    fn subscribe(&mut self, group: &GroupId, topics: &[TopicName]) {
        for topic in topics {
            if self.readers.entry(topic.clone()).or_default().insert(group.clone()) {
                let ends = self.ends.iter().filter(|(partition, _)| partition.topic == *topic);
                self.remaining += ends.map(|(_, end)| end).sum::<i64>();
            }
        }
    }

    fn appended(&mut self, partition: &TopicPartition, count: i64) {
        *self.ends.entry(partition.clone()).or_default() += count;
        let readers = self.readers.get(&partition.topic).map_or(0, BTreeSet::len);
        self.remaining += count * readers as i64;
    }

    fn processed(&mut self, group: &GroupId, partition: &TopicPartition, range: (i64, i64)) {
        let covered = self.done.entry((group.clone(), partition.clone())).or_default();
        self.remaining -= covered.add(range);
    }

    fn prefix(&self, partition: &TopicPartition) -> i64 {
        let readers = self.readers.get(&partition.topic);
        let prefixes = readers.into_iter().flatten().map(|group| self.of(group, partition));
        prefixes.min().unwrap_or(0)
    }

    fn of(&self, group: &GroupId, partition: &TopicPartition) -> i64 {
        self.done.get(&(group.clone(), partition.clone())).map_or(0, |covered| covered.next)
    }

    fn unprocessed(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for (partition, &end) in &self.ends {
            for group in self.readers.get(&partition.topic).into_iter().flatten() {
                let next = self.of(group, partition);
                if next < end {
                    let group = group.0.as_str();
                    reasons.push(format!(
                        "group {group} has processed {partition} to {next} of {end}"
                    ));
                }
            }
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::Covered;

    #[test]
    fn covered_counts_each_offset_once() {
        let mut covered = Covered::default();
        assert_eq!(covered.add((5, 8)), 3);
        assert_eq!(covered.add((4, 9)), 2);
        assert_eq!(covered.next, 0);
        assert_eq!(covered.add((0, 4)), 4);
        assert_eq!((covered.next, covered.ahead.len()), (9, 0));
        assert_eq!(covered.add((3, 9)), 0);
    }
}
