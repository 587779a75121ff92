//! The timeline: one line a generation.
//!
//! A line is written when a generation has its assignment (the group is Stable), and says when that was,
//! who is in the generation (`*` marks the leader) with how many partitions, how many partitions
//! changed hands since the last assignment, how long the group took from the first
//! PreparingRebalance on, why it began and who joined or went. A generation that never got that far gets
//! a line that says so. Built from events alone, like everything in this ring.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::event::{Event, Kind, Message};
use super::names::Names;
use super::text::{brief_duration, shorten};
use crate::coordinator::{GroupState, Observation, Removal};
use crate::protocol::{
    Generation, GroupId, MemberId, Request, StrBytes, TopicPartition, subscription,
};
use crate::time::Time;

/// Collects events into lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    groups: BTreeMap<GroupId, Group>,
    last_script: Option<Time>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    /// When and why the rebalance under way began.
    cause: Option<(Time, &'static str)>,
    /// Who joined and went since the last generation began.
    changes: Vec<(&'static str, MemberId)>,
    /// The generation that has no line yet.
    current: Option<Current>,
    /// Who owned what by the last assignment that took effect.
    owners: BTreeMap<TopicPartition, MemberId>,
}

#[derive(Clone, Debug)]
struct Current {
    generation: Generation,
    leader: Option<MemberId>,
    members: Vec<MemberId>,
    cause: (Time, &'static str),
    changes: Vec<(&'static str, MemberId)>,
    /// What the leader handed in.
    assigned: BTreeMap<TopicPartition, MemberId>,
}

impl Timeline {
    /// Takes one event and writes the lines it completes. True when the event should have its own
    /// line, too: a fault that no line of the script has just announced.
    pub(super) fn observe(&mut self, event: &Event, names: &mut Names, out: &mut String) -> bool {
        match &event.kind {
            Kind::Script { .. } => self.last_script = Some(event.at),
            Kind::FaultBegan { .. } | Kind::FaultEnded { .. } => {
                return self.last_script != Some(event.at);
            }
            Kind::Received { message: Message::Request(frame), .. } => {
                if let Request::SyncGroup(sync) = &frame.body
                    && let Some(group) = self.groups.get_mut(&sync.group_id)
                {
                    group.synced(&sync.member_id, sync.generation_id, &sync.assignments);
                }
            }
            Kind::Coordinator(seen) => self.coordinator(event.at, seen, names, out),
            Kind::Finished => {
                for (name, group) in &mut self.groups {
                    group.give_up(event.at, name, names, out);
                }
            }
            _ => {}
        }
        false
    }

    fn coordinator(&mut self, at: Time, seen: &Observation, names: &mut Names, out: &mut String) {
        match seen {
            Observation::State { group: name, to, why, .. } => {
                let group = self.groups.entry(name.clone()).or_default();
                group.moved_to(*to, at, why, name, names, out);
            }
            Observation::MemberAdded { group, member, .. } => {
                let group = self.groups.entry(group.clone()).or_default();
                group.changes.push(("joined", member.clone()));
            }
            Observation::MemberRemoved { group, member, why } => {
                let how = match why {
                    Removal::Left => "left",
                    Removal::SessionExpired => "expired",
                    Removal::NotRejoined => "not-rejoined",
                    Removal::NotSynced => "not-synced",
                };
                self.groups.entry(group.clone()).or_default().changes.push((how, member.clone()));
            }
            Observation::GenerationBegan {
                group: name, generation, leader, members, took, ..
            } => {
                let group = self.groups.entry(name.clone()).or_default();
                group.give_up(at, name, names, out);
                group.current = Some(Current {
                    generation: *generation,
                    leader: leader.clone(),
                    members: members.clone(),
                    cause: group.cause.take().unwrap_or((at - *took, "unknown")),
                    changes: std::mem::take(&mut group.changes),
                    assigned: BTreeMap::new(),
                });
                if members.is_empty() {
                    group.complete(at, name, names, out);
                }
            }
            Observation::TimerFired { .. } => {}
        }
    }
}

impl Group {
    fn moved_to(
        &mut self,
        state: GroupState,
        at: Time,
        why: &'static str,
        name: &GroupId,
        names: &mut Names,
        out: &mut String,
    ) {
        match state {
            GroupState::PreparingRebalance => {
                self.give_up(at, name, names, out);
                self.cause.get_or_insert((at, why));
            }
            GroupState::Stable => self.complete(at, name, names, out),
            // Both are told by the generation that began with them.
            GroupState::Empty | GroupState::CompletingRebalance => {}
            GroupState::Dead => {
                self.give_up(at, name, names, out);
                writeln!(out, "{} dead", head(at, name)).expect("a string takes all text");
            }
        }
    }

    /// The leader's SyncGroup arrived. What a follower sends along means nothing.
    fn synced(
        &mut self,
        member: &StrBytes,
        generation: i32,
        assignments: &[kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment],
    ) {
        let Some(current) = &mut self.current else { return };
        let leads = current.leader.as_ref().is_some_and(|leader| leader.0 == *member);
        if !leads || current.generation.0 != generation {
            return;
        }
        current.assigned.clear();
        for given in assignments {
            let partitions = subscription::decode_assignment(&given.assignment).unwrap_or_default();
            let owner = MemberId(given.member_id.clone());
            current.assigned.extend(partitions.into_iter().map(|p| (p, owner.clone())));
        }
    }

    /// The line of a generation that took effect.
    fn complete(&mut self, at: Time, name: &GroupId, names: &mut Names, out: &mut String) {
        let Some(current) = self.current.take() else { return };
        let mut line = format!("{} generation {}", head(at, name), current.generation);
        if current.members.is_empty() {
            line.push_str("  empty");
        } else {
            write!(line, "  {}", current.members_with_counts(names))
                .expect("a string takes all text");
            let moved = current.assigned.iter().filter(|(partition, owner)| {
                self.owners.get(partition).is_some_and(|before| before != *owner)
            });
            write!(line, "  moved={}", moved.count()).expect("a string takes all text");
        }
        let took = at.since(current.cause.0);
        write!(line, "  took={}", brief_duration(took)).expect("a string takes all text");
        current.write_why(names, &mut line);
        out.push_str(&line);
        out.push('\n');
        self.owners = current.assigned;
    }

    /// The line of a generation that another one, or the end of the run, came before the assignment of.
    fn give_up(&mut self, at: Time, name: &GroupId, names: &mut Names, out: &mut String) {
        let Some(current) = self.current.take() else { return };
        let mut line = format!("{} generation {}", head(at, name), current.generation);
        let members: Vec<String> =
            current.members.iter().map(|member| current.marked(member, names)).collect();
        write!(line, "  {}  never assigned", shorten(&members, " "))
            .expect("a string takes all text");
        current.write_why(names, &mut line);
        out.push_str(&line);
        out.push('\n');
    }
}

impl Current {
    fn marked(&self, member: &MemberId, names: &mut Names) -> String {
        let star = if self.leader.as_ref() == Some(member) { "*" } else { "" };
        format!("{}{star}", names.brief_member(member.as_str()))
    }

    fn members_with_counts(&self, names: &mut Names) -> String {
        let mut counts: BTreeMap<&MemberId, usize> = BTreeMap::new();
        for owner in self.assigned.values() {
            *counts.entry(owner).or_default() += 1;
        }
        let members: Vec<String> = self
            .members
            .iter()
            .map(|member| {
                let count = counts.get(member).copied().unwrap_or(0);
                format!("{}={count}", self.marked(member, names))
            })
            .collect();
        shorten(&members, " ")
    }

    fn write_why(&self, names: &mut Names, line: &mut String) {
        write!(line, "  why={:?}", self.cause.1).expect("a string takes all text");
        for how in ["joined", "left", "expired", "not-rejoined", "not-synced"] {
            let who: Vec<String> = self
                .changes
                .iter()
                .filter(|(change, _)| *change == how)
                .map(|(_, member)| names.brief_member(member.as_str()))
                .collect();
            if !who.is_empty() {
                write!(line, " {how}={}", shorten(&who, ",")).expect("a string takes all text");
            }
        }
    }
}

fn head(at: Time, group: &GroupId) -> String {
    format!("{:>11}  {:<8}", at.to_string(), group.0.as_str())
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
