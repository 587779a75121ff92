//! The timeline: one line per generation.
//!
//! A line is written when a generation has its assignment (the group is Stable). It has the time,
//! the members (`*` marks the leader) with their numbers of partitions, the number of partitions
//! that another member owned last, the time since the first PreparingRebalance, the reason for the
//! rebalance, and the members that joined or were removed. A generation without an assignment gets
//! a line that says so. A broker that has loaded a group from the log gets a line with what it
//! found.
//!
//! Each broker's incarnation of a group is separate, so that a leader which does not know that it
//! was replaced confuses nothing. If a group's protocol type is not `consumer`, its line has the
//! members only: the format of its assignments is unknown here.
//!
//! What a group is, the [`Model`] knows. Kept here is what a line needs besides: the cause of the
//! rebalance, who came and went, and who owned a partition before.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;

use super::{brief_duration, shorten};
use crate::coordinator::{
    ClassicObservation, GroupState, LoadedGroup, Observation, Removal, TransitionReason,
};
use crate::model::{Group, Model};
use crate::protocol::{BrokerId, Generation, GroupId, MemberId, TopicPartition, subscription};
use crate::time::Time;
use crate::trace::{Event, EventKind, FaultKind, Names, Place};

/// Collects events into lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    groups: BTreeMap<(BrokerId, GroupId), Changes>,
    last_script: Option<Time>,
}

/// What has happened in a group at a broker, since it was loaded there.
#[derive(Clone, Debug)]
struct Changes {
    /// The last incarnation, an argument of [`Model::group`].
    incarnation: usize,
    /// When and why the current rebalance began.
    cause: Option<(Time, TransitionReason)>,
    /// The members that joined or were removed since the last generation began.
    members: Vec<(&'static str, MemberId)>,
    /// The generation that has no line yet.
    current: Option<Current>,
    /// The last owner of each partition, according to the assignments that took effect.
    owners: Owners,
}

/// A generation as it began.
#[derive(Clone, Debug)]
struct Current {
    generation: Generation,
    leader: Option<MemberId>,
    members: Vec<MemberId>,
    cause: (Time, Option<TransitionReason>),
    changes: Vec<(&'static str, MemberId)>,
}

type Owners = BTreeMap<TopicPartition, MemberId>;

/// Where lines are written to.
struct Lines<'a> {
    at: Time,
    names: &'a mut Names,
    out: &'a mut String,
}

impl Timeline {
    /// Takes one event and writes the lines that it completes. Returns whether the event should
    /// have a line of its own, too: a fault that the script line just before has not announced.
    pub(super) fn observe(
        &mut self,
        event: &Event,
        model: &Model,
        names: &mut Names,
        out: &mut String,
    ) -> bool {
        let mut lines = Lines { at: event.at, names, out };
        match &event.kind {
            EventKind::Script { .. } => self.last_script = Some(event.at),
            EventKind::FaultBegan { fault, .. } => {
                if let (FaultKind::Crash, Place::Broker(broker)) = (fault, event.place) {
                    self.forget(broker, model, &mut lines);
                }
                return self.last_script != Some(event.at);
            }
            EventKind::FaultEnded { .. } => return self.last_script != Some(event.at),
            EventKind::Coordinator(seen) => self.coordinator(seen, model, &mut lines),
            EventKind::Finished => {
                let all = self.groups.values_mut();
                all.for_each(|changes| changes.end_unassigned(model, &mut lines));
            }
            _ => {}
        }
        false
    }

    /// A broker has crashed, and its view of every group is gone.
    fn forget(&mut self, broker: BrokerId, model: &Model, lines: &mut Lines<'_>) {
        let here = self.groups.extract_if(.., |(at, _), _| *at == broker);
        here.for_each(|(_, mut changes)| changes.end_unassigned(model, lines));
    }

    fn coordinator(&mut self, seen: &Observation, model: &Model, lines: &mut Lines<'_>) {
        let Some((index, group)) = model.observed() else { return };
        let key = (group.coordinator.broker, group.id.clone());
        let changes = self.groups.entry(key).or_insert_with(|| Changes::of(index));
        // A group that could not be stored was removed, and its members join again at once: the
        // line of their first generation covers both.
        changes.incarnation = index;
        match seen {
            Observation::Classic(seen) => changes.observe(seen, group, model, lines),
            Observation::GroupLoaded(loaded) => {
                *changes = Changes::of(index);
                changes.loaded(loaded, group, lines);
            }
            Observation::GroupRemoved { .. } | Observation::OffsetRemoved { .. } => {}
        }
    }
}

impl Changes {
    fn of(incarnation: usize) -> Changes {
        let (cause, members, current, owners) = Default::default();
        Changes { incarnation, cause, members, current, owners }
    }

    fn observe(
        &mut self,
        seen: &ClassicObservation,
        group: &Group,
        model: &Model,
        lines: &mut Lines<'_>,
    ) {
        match seen {
            ClassicObservation::State { to, why, .. } => self.moved_to(*to, *why, model, lines),
            ClassicObservation::MemberAdded { member, .. } => {
                self.members.push(("joined", member.clone()));
            }
            ClassicObservation::MemberReplaced { new, .. } => {
                self.members.push(("replaced", new.clone()));
            }
            ClassicObservation::ReplacementUndone { new, .. } => {
                self.members.retain(|(how, member)| (*how, member) != ("replaced", new));
            }
            ClassicObservation::MemberRemoved { member, why, .. } => {
                self.members.push((removal(*why), member.clone()));
            }
            ClassicObservation::GenerationBegan { generation, leader, members, took, .. } => {
                self.end_unassigned(model, lines);
                self.current = Some(Current {
                    generation: *generation,
                    leader: leader.clone(),
                    members: members.clone(),
                    cause: match self.cause.take() {
                        Some((since, why)) => (since, Some(why)),
                        None => (lines.at - *took, None),
                    },
                    changes: std::mem::take(&mut self.members),
                });
                if members.is_empty() {
                    self.complete(group, lines);
                }
            }
            ClassicObservation::TimerFired { .. } => {}
        }
    }

    fn moved_to(
        &mut self,
        state: GroupState,
        why: TransitionReason,
        model: &Model,
        lines: &mut Lines<'_>,
    ) {
        let group = model.group(self.incarnation);
        match state {
            GroupState::PreparingRebalance => {
                self.end_unassigned(model, lines);
                self.cause.get_or_insert((lines.at, why));
            }
            GroupState::Stable => self.complete(group, lines),
            // The line of the generation that began at this transition covers both.
            GroupState::Empty | GroupState::CompletingRebalance => {}
            GroupState::Dead => {
                self.end_unassigned(model, lines);
                lines.write(group, &format!("dead  why={:?}", why.name()));
            }
        }
    }

    /// Writes the line of a group that a new leader has loaded.
    fn loaded(&mut self, loaded: &LoadedGroup, group: &Group, lines: &mut Lines<'_>) {
        let metadata = &loaded.metadata;
        let mut owners = Owners::new();
        for member in &metadata.members {
            let partitions = read(group, &member.assignment);
            owners.extend(partitions.into_iter().map(|p| (p, member.id.clone())));
        }
        let members: Vec<MemberId> =
            metadata.members.iter().map(|member| member.id.clone()).collect();
        let members = match metadata.members.is_empty() {
            true => "empty".to_owned(),
            false => {
                let leader = metadata.leader.as_ref();
                with_counts(group, (&members, leader), &owners, lines.names)
            }
        };
        lines.write(group, &format!("loaded generation {}  {members}", metadata.generation));
        self.owners = owners;
    }

    /// Writes the line of a generation that took effect.
    fn complete(&mut self, group: &Group, lines: &mut Lines<'_>) {
        let Some(current) = self.current.take() else { return };
        let mut line = format!("generation {}", current.generation);
        let assigned = planned(group);
        let (members, leader) = current.resolved(group);
        if members.is_empty() {
            line.push_str("  empty");
        } else {
            let members = with_counts(group, (&members, leader.as_ref()), &assigned, lines.names);
            write!(line, "  {members}").expect("a string takes all text");
            if group.is_of_consumers() {
                let moved = assigned.iter().filter(|(partition, owner)| {
                    let before = self.owners.get(partition);
                    before.is_some_and(|before| group.resolve(before) != *owner)
                });
                write!(line, "  moved={}", moved.count()).expect("a string takes all text");
            }
        }
        let took = lines.at.since(current.cause.0);
        write!(line, "  took={}", brief_duration(took)).expect("a string takes all text");
        current.write_cause(lines.names, &mut line);
        lines.write(group, &line);
        match members.is_empty() {
            true => self.owners.clear(),
            // A partition that a cooperative member gave up has no owner for one generation; when
            // the next one assigns it, it has moved.
            false => self.owners.extend(assigned),
        }
    }

    /// Writes the line of a generation without an assignment, when another generation begins, the
    /// run ends or the broker crashes.
    fn end_unassigned(&mut self, model: &Model, lines: &mut Lines<'_>) {
        let Some(current) = self.current.take() else { return };
        let group = model.group(self.incarnation);
        let (members, leader) = current.resolved(group);
        let members: Vec<String> =
            members.iter().map(|id| marked(id, leader.as_ref(), lines.names)).collect();
        let mut line = format!(
            "generation {}  {}  never assigned",
            current.generation,
            shorten(&members, " ")
        );
        current.write_cause(lines.names, &mut line);
        lines.write(group, &line);
    }
}

impl Lines<'_> {
    fn write(&mut self, group: &Group, text: &str) {
        writeln!(self.out, "{:>11}  {:<8} {text}", self.at.to_string(), group.id.as_str())
            .expect("a string takes all text");
    }
}

/// The partitions in the plan of the newest generation. The last plan counts, as it is the one that
/// a coordinator takes that has not stored the one before.
fn planned(group: &Group) -> Owners {
    let mut owners = Owners::new();
    for (member, assignment) in group.plans.last().iter().flat_map(|plan| &plan.payloads) {
        // The coordinator sends what is planned for an id whose replacement was undone to no
        // member.
        let owner = match group.undone.contains(member) {
            true => member,
            false => group.resolve(member),
        };
        let partitions = read(group, assignment);
        owners.extend(partitions.into_iter().map(|p| (p, owner.clone())));
    }
    owners
}

/// The partitions in an assignment; none if the group's protocol type is not `consumer`.
fn read(group: &Group, assignment: &Bytes) -> Vec<TopicPartition> {
    match group.is_of_consumers() {
        true => subscription::decode_assignment(assignment).unwrap_or_default(),
        false => Vec::new(),
    }
}

fn removal(why: Removal) -> &'static str {
    match why {
        Removal::Left => "left",
        Removal::SessionExpired => "expired",
        Removal::NotRejoined => "not-rejoined",
        Removal::NotSynced => "not-synced",
        Removal::GroupFull => "group-full",
    }
}

impl Current {
    /// The members and the leader under the ids that now stand for them.
    fn resolved(&self, group: &Group) -> (Vec<MemberId>, Option<MemberId>) {
        let members = self.members.iter().map(|id| group.resolve(id).clone()).collect();
        (members, self.leader.as_ref().map(|id| group.resolve(id).clone()))
    }

    fn write_cause(&self, names: &mut Names, line: &mut String) {
        let why = self.cause.1.map_or("unknown", TransitionReason::name);
        write!(line, "  why={why:?}").expect("a string takes all text");
        for how in
            ["joined", "left", "expired", "not-rejoined", "not-synced", "group-full", "replaced"]
        {
            let members: Vec<String> = self
                .changes
                .iter()
                .filter(|(change, _)| *change == how)
                .map(|(_, member)| names.brief_member(member.as_str()))
                .collect();
            if !members.is_empty() {
                write!(line, " {how}={}", shorten(&members, ",")).expect("a string takes all text");
            }
        }
    }
}

/// The members, each with its number of partitions.
fn with_counts(
    group: &Group,
    (members, leader): (&[MemberId], Option<&MemberId>),
    owners: &Owners,
    names: &mut Names,
) -> String {
    let mut counts: BTreeMap<&MemberId, usize> = BTreeMap::new();
    for owner in owners.values() {
        *counts.entry(owner).or_default() += 1;
    }
    let count = |member: &MemberId| counts.get(member).copied().unwrap_or(0);
    let members: Vec<String> = members
        .iter()
        .map(|member| match group.is_of_consumers() {
            true => format!("{}={}", marked(member, leader, names), count(member)),
            false => marked(member, leader, names),
        })
        .collect();
    shorten(&members, " ")
}

fn marked(member: &MemberId, leader: Option<&MemberId>, names: &mut Names) -> String {
    let star = if leader == Some(member) { "*" } else { "" };
    format!("{}{star}", names.brief_member(member.as_str()))
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
