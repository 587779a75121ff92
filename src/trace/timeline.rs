//! The timeline: one line per generation.
//!
//! A line is written when a generation has its assignment (the group is Stable). It has the time,
//! the members (`*` marks the leader) with their numbers of partitions, the number of partitions
//! that another member owned last, the time since the first PreparingRebalance, the reason for the
//! rebalance, and the members that joined or were removed. A generation without an assignment gets
//! a line that says so. A broker that has loaded a group from the log gets a line with what it
//! found.
//!
//! Each broker's view of a group is separate, so that a leader which does not know that it was
//! replaced confuses nothing. If a group's protocol type is not `consumer`, its line has the
//! members only: the format of its assignments is unknown here. The timeline is built from events
//! alone, like everything in this ring.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;

use super::event::{Event, EventKind, FaultKind, Message, Place};
use super::names::Names;
use super::text::{brief_duration, shorten};
use crate::coordinator::{
    ClassicObservation, GroupState, LoadedGroup, Observation, Removal, TransitionReason,
};
use crate::protocol::{
    CONSUMER_PROTOCOL_TYPE, Generation, GroupId, MemberId, Request, StrBytes, TopicPartition,
    subscription,
};
use crate::time::Time;

/// Collects events into lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    groups: BTreeMap<(Place, GroupId), Group>,
    last_script: Option<Time>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    /// When and why the current rebalance began.
    cause: Option<(Time, TransitionReason)>,
    /// The members that joined or were removed since the last generation began.
    changes: Vec<(&'static str, MemberId)>,
    /// The generation that has no line yet.
    current: Option<Current>,
    /// The last owner of each partition, according to the assignments that took effect.
    owners: BTreeMap<TopicPartition, MemberId>,
    /// The protocol type of its members, and the type in the JoinGroup that is being handled.
    protocol_type: StrBytes,
    offered_type: StrBytes,
}

#[derive(Clone, Debug)]
struct Current {
    generation: Generation,
    leader: Option<MemberId>,
    members: Vec<MemberId>,
    cause: (Time, Option<TransitionReason>),
    changes: Vec<(&'static str, MemberId)>,
    /// The partitions in the leader's assignment.
    assigned: BTreeMap<TopicPartition, MemberId>,
}

impl Timeline {
    /// Takes one event and writes the lines that it completes. Returns whether the event should
    /// have a line of its own, too: a fault that the script line just before has not announced.
    pub(super) fn observe(&mut self, event: &Event, names: &mut Names, out: &mut String) -> bool {
        match &event.kind {
            EventKind::Script { .. } => self.last_script = Some(event.at),
            EventKind::FaultBegan { fault, .. } => {
                if *fault == FaultKind::Crash {
                    self.forget(event, names, out);
                }
                return self.last_script != Some(event.at);
            }
            EventKind::FaultEnded { .. } => return self.last_script != Some(event.at),
            EventKind::Received { message: Message::Request(frame), .. } => {
                self.received(event.place, &frame.body);
            }
            EventKind::Coordinator(seen) => self.coordinator(event, seen, names, out),
            EventKind::Finished => {
                for ((_, name), group) in &mut self.groups {
                    group.end_unassigned(event.at, name, names, out);
                }
            }
            _ => {}
        }
        false
    }

    fn received(&mut self, broker: Place, request: &Request) {
        match request {
            Request::JoinGroup(join) => {
                self.group(broker, &join.group_id).offered_type.clone_from(&join.protocol_type);
            }
            Request::SyncGroup(sync) => {
                if let Some(group) = self.groups.get_mut(&(broker, sync.group_id.clone())) {
                    group.synced(&sync.member_id, sync.generation_id, &sync.assignments);
                }
            }
            _ => {}
        }
    }

    fn group(&mut self, broker: Place, name: &GroupId) -> &mut Group {
        self.groups.entry((broker, name.clone())).or_default()
    }

    /// A broker has crashed, and its view of every group is gone.
    fn forget(&mut self, event: &Event, names: &mut Names, out: &mut String) {
        for ((place, name), group) in &mut self.groups {
            if *place == event.place {
                group.end_unassigned(event.at, name, names, out);
            }
        }
        self.groups.retain(|(place, _), _| *place != event.place);
    }

    fn coordinator(
        &mut self,
        event: &Event,
        seen: &Observation,
        names: &mut Names,
        out: &mut String,
    ) {
        let at = event.at;
        match seen {
            Observation::Classic(ClassicObservation::State { group: name, to, why, .. }) => {
                self.group(event.place, name).moved_to(*to, at, *why, name, names, out);
            }
            Observation::Classic(ClassicObservation::MemberAdded { group, member, .. }) => {
                let group = self.group(event.place, group);
                group.protocol_type.clone_from(&group.offered_type);
                group.changes.push(("joined", member.clone()));
            }
            Observation::Classic(ClassicObservation::MemberReplaced {
                group, old, new, ..
            }) => {
                let group = self.group(event.place, group);
                group.rename(old, new);
                group.changes.push(("replaced", new.clone()));
            }
            Observation::Classic(ClassicObservation::ReplacementUndone {
                group, old, new, ..
            }) => {
                let group = self.group(event.place, group);
                group.rename(new, old);
                group.changes.retain(|(how, member)| (*how, member) != ("replaced", new));
            }
            Observation::GroupLoaded(loaded) => {
                let group = self.group(event.place, &loaded.metadata.group);
                *group = Group::default();
                group.loaded(loaded, &head(at, &loaded.metadata.group), names, out);
            }
            Observation::Classic(ClassicObservation::MemberRemoved { group, member, why }) => {
                let how = match why {
                    Removal::Left => "left",
                    Removal::SessionExpired => "expired",
                    Removal::NotRejoined => "not-rejoined",
                    Removal::NotSynced => "not-synced",
                    Removal::GroupFull => "group-full",
                };
                self.group(event.place, group).changes.push((how, member.clone()));
            }
            Observation::Classic(ClassicObservation::GenerationBegan {
                group: name,
                generation,
                leader,
                members,
                took,
                ..
            }) => {
                let group = self.group(event.place, name);
                group.end_unassigned(at, name, names, out);
                group.current = Some(Current {
                    generation: *generation,
                    leader: leader.clone(),
                    members: members.clone(),
                    cause: match group.cause.take() {
                        Some((since, why)) => (since, Some(why)),
                        None => (at - *took, None),
                    },
                    changes: std::mem::take(&mut group.changes),
                    assigned: BTreeMap::new(),
                });
                if members.is_empty() {
                    group.complete(at, name, names, out);
                }
            }
            Observation::GroupRemoved { .. }
            | Observation::OffsetRemoved { .. }
            | Observation::Classic(ClassicObservation::TimerFired { .. }) => {}
        }
    }
}

impl Group {
    /// The partitions in an assignment; none if the group's protocol type is not `consumer`.
    fn read(&self, assignment: &Bytes) -> Vec<TopicPartition> {
        match self.is_opaque() {
            true => Vec::new(),
            false => subscription::decode_assignment(assignment).unwrap_or_default(),
        }
    }

    fn is_opaque(&self) -> bool {
        !self.protocol_type.is_empty() && self.protocol_type.as_str() != CONSUMER_PROTOCOL_TYPE
    }

    /// The members, each with its number of partitions.
    fn with_counts(
        &self,
        members: &[MemberId],
        leader: Option<&MemberId>,
        assigned: &BTreeMap<TopicPartition, MemberId>,
        names: &mut Names,
    ) -> String {
        match self.is_opaque() {
            true => {
                let members: Vec<String> =
                    members.iter().map(|id| marked(id, leader, names)).collect();
                shorten(&members, " ")
            }
            false => members_with_counts(members, leader, assigned, names),
        }
    }

    fn moved_to(
        &mut self,
        state: GroupState,
        at: Time,
        why: TransitionReason,
        name: &GroupId,
        names: &mut Names,
        out: &mut String,
    ) {
        match state {
            GroupState::PreparingRebalance => {
                self.end_unassigned(at, name, names, out);
                self.cause.get_or_insert((at, why));
            }
            GroupState::Stable => self.complete(at, name, names, out),
            // The line of the generation that began at this transition covers both.
            GroupState::Empty | GroupState::CompletingRebalance => {}
            GroupState::Dead => {
                self.end_unassigned(at, name, names, out);
                writeln!(out, "{} dead  why={:?}", head(at, name), why.name())
                    .expect("a string takes all text");
            }
        }
    }

    /// Replaces a static member's old id by its new id: no partition changes its owner.
    fn rename(&mut self, old: &MemberId, new: &MemberId) {
        let rename = |member: &mut MemberId| {
            if member == old {
                *member = new.clone();
            }
        };
        self.owners.values_mut().for_each(rename);
        if let Some(current) = &mut self.current {
            current.members.iter_mut().for_each(rename);
            current.leader.iter_mut().for_each(rename);
            current.assigned.values_mut().for_each(rename);
        }
    }

    /// Writes the line of a group that a new leader has loaded.
    fn loaded(&mut self, loaded: &LoadedGroup, head: &str, names: &mut Names, out: &mut String) {
        let metadata = &loaded.metadata;
        self.protocol_type = metadata.protocol_type.clone().unwrap_or_default();
        let mut assigned = BTreeMap::new();
        for member in &metadata.members {
            let partitions = self.read(&member.assignment);
            assigned.extend(partitions.into_iter().map(|p| (p, member.id.clone())));
        }
        let members: Vec<MemberId> =
            metadata.members.iter().map(|member| member.id.clone()).collect();
        let leader = metadata.leader.as_ref();
        let members = match metadata.members.is_empty() {
            true => "empty".to_owned(),
            false => self.with_counts(&members, leader, &assigned, names),
        };
        writeln!(out, "{head} loaded generation {}  {members}", metadata.generation)
            .expect("a string takes all text");
        self.owners = assigned;
    }

    /// Handles a SyncGroup. Only the leader's assignments count; a follower's are ignored.
    fn synced(
        &mut self,
        member: &StrBytes,
        generation: i32,
        assignments: &[kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment],
    ) {
        let Some(current) = &self.current else { return };
        let leads = current.leader.as_ref().is_some_and(|leader| leader.0 == *member);
        if !leads || current.generation.0 != generation {
            return;
        }
        let mut assigned = BTreeMap::new();
        for given in assignments {
            let owner = MemberId(given.member_id.clone());
            let partitions = self.read(&given.assignment);
            assigned.extend(partitions.into_iter().map(|p| (p, owner.clone())));
        }
        self.current.as_mut().expect("it was there just now").assigned = assigned;
    }

    /// Writes the line of a generation that took effect.
    fn complete(&mut self, at: Time, name: &GroupId, names: &mut Names, out: &mut String) {
        let Some(current) = self.current.take() else { return };
        let mut line = format!("{} generation {}", head(at, name), current.generation);
        if current.members.is_empty() {
            line.push_str("  empty");
        } else {
            let Current { leader, assigned, .. } = &current;
            let members = self.with_counts(&current.members, leader.as_ref(), assigned, names);
            write!(line, "  {members}").expect("a string takes all text");
            if !self.is_opaque() {
                let moved = current.assigned.iter().filter(|(partition, owner)| {
                    self.owners.get(partition).is_some_and(|before| before != *owner)
                });
                write!(line, "  moved={}", moved.count()).expect("a string takes all text");
            }
        }
        let took = at.since(current.cause.0);
        write!(line, "  took={}", brief_duration(took)).expect("a string takes all text");
        current.write_cause(names, &mut line);
        out.push_str(&line);
        out.push('\n');
        match current.members.is_empty() {
            true => self.owners.clear(),
            // A partition that a cooperative member gave up has no owner for one generation; when
            // the next one assigns it, it has moved.
            false => self.owners.extend(current.assigned),
        }
    }

    /// Writes the line of a generation without an assignment, when another generation begins, the
    /// run ends or the broker crashes.
    fn end_unassigned(&mut self, at: Time, name: &GroupId, names: &mut Names, out: &mut String) {
        let Some(current) = self.current.take() else { return };
        let mut line = format!("{} generation {}", head(at, name), current.generation);
        let members: Vec<String> =
            current.members.iter().map(|id| marked(id, current.leader.as_ref(), names)).collect();
        write!(line, "  {}  never assigned", shorten(&members, " "))
            .expect("a string takes all text");
        current.write_cause(names, &mut line);
        out.push_str(&line);
        out.push('\n');
    }
}

impl Current {
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

fn members_with_counts(
    members: &[MemberId],
    leader: Option<&MemberId>,
    assigned: &BTreeMap<TopicPartition, MemberId>,
    names: &mut Names,
) -> String {
    let mut counts: BTreeMap<&MemberId, usize> = BTreeMap::new();
    for owner in assigned.values() {
        *counts.entry(owner).or_default() += 1;
    }
    let members: Vec<String> = members
        .iter()
        .map(|member| {
            let count = counts.get(member).copied().unwrap_or(0);
            format!("{}={count}", marked(member, leader, names))
        })
        .collect();
    shorten(&members, " ")
}

fn marked(member: &MemberId, leader: Option<&MemberId>, names: &mut Names) -> String {
    let star = if leader == Some(member) { "*" } else { "" };
    format!("{}{star}", names.brief_member(member.as_str()))
}

fn head(at: Time, group: &GroupId) -> String {
    format!("{:>11}  {:<8}", at.to_string(), group.0.as_str())
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
