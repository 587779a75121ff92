//! What the observations of a coordinator change in a group: loaded, replaced, undone, removed.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::coordinator::{ClassicObservation, GroupState, LoadedGroup, Observation};
use crate::protocol::subscription::decode_assignment;
use crate::protocol::{MemberId, TopicPartition};

use super::group::{FormerGeneration, Group, Member, REMEMBERED};
use super::plan::{Assigned, Plan};

impl Group {
    pub(in crate::model) fn observe(&mut self, observation: &Observation) {
        match observation {
            Observation::Classic(ClassicObservation::State { to, .. }) => {
                self.state = *to;
                self.state_is_known = true;
                self.over |= *to == GroupState::Dead;
            }
            Observation::Classic(ClassicObservation::MemberAdded {
                member,
                instance,
                session,
                rebalance,
                ..
            }) => {
                self.pending.remove(member);
                // The first member decides the protocol type of the group.
                if self.members.is_empty() && !self.joining_type.is_empty() {
                    self.protocol_type = Some(self.joining_type.clone());
                }
                let (session, rebalance, instance) = (*session, *rebalance, instance.clone());
                let fresh = true;
                self.members.insert(member.clone(), Member { session, rebalance, fresh, instance });
            }
            Observation::Classic(ClassicObservation::MemberRemoved { member, .. }) => {
                self.members.swap_remove(member);
            }
            Observation::Classic(ClassicObservation::MemberReplaced {
                old,
                new,
                session,
                rebalance,
                ..
            }) => {
                self.replace(old, new, Some((*session, *rebalance)));
            }
            Observation::Classic(ClassicObservation::ReplacementUndone { old, new, .. }) => {
                self.displaced.remove(old);
                self.undone.insert(new.clone());
                self.replace(new, old, None);
                if let Some(roster) = &mut self.roster {
                    roster.rename(new, old);
                }
            }
            Observation::Classic(ClassicObservation::GenerationBegan {
                generation,
                protocol,
                leader,
                members,
                ..
            }) => {
                self.remember();
                self.generation = *generation;
                self.protocol.clone_from(protocol);
                self.leader.clone_from(leader);
                self.begin(members);
            }
            Observation::GroupLoaded(loaded) => self.load(loaded),
            Observation::GroupRemoved { .. } => (self.over, self.removed) = (true, true),
            Observation::OffsetRemoved { partition, .. } => {
                self.committed.remove(partition);
                self.had_offsets = true;
            }
            Observation::Classic(ClassicObservation::TimerFired { member, .. }) => {
                if let Some(member) = member {
                    self.pending.remove(member);
                }
            }
        }
    }

    /// `new` replaces `old`, takes over its assignment and leads if `old` led.
    fn replace(&mut self, old: &MemberId, new: &MemberId, timeouts: Option<(Duration, Duration)>) {
        if let Some(mut member) = self.members.swap_remove(old) {
            let own = (member.session, member.rebalance);
            (member.session, member.rebalance) = timeouts.unwrap_or(own);
            self.members.insert(new.clone(), member);
        }
        // An id that comes back is no longer displaced; a broken coordinator may hand one out
        // twice.
        self.displaced.remove(new);
        if old != new {
            self.displaced.insert(old.clone(), new.clone());
        }
        if self.leader.as_ref() == Some(old) {
            self.leader = Some(new.clone());
        }
        let former = self.former.iter_mut().map(|one| &mut one.owners);
        let owners = former.chain([&mut self.owners]).flat_map(BTreeMap::values_mut);
        let owners = owners.flat_map(BTreeMap::values_mut);
        owners.filter(|owner| *owner == old).for_each(|owner| *owner = new.clone());
        for plan in &mut self.plans {
            if let Some(payload) = plan.recorded.remove(old) {
                plan.recorded.insert(new.clone(), payload);
            }
        }
    }

    fn load(&mut self, loaded: &LoadedGroup) {
        let metadata = &loaded.metadata;
        self.loaded = true;
        self.loaded_in = Some(metadata.generation);
        self.state = loaded.state;
        self.state_is_known = true;
        self.committed = loaded.offsets.iter().cloned().collect();
        self.generation = metadata.generation;
        self.protocol_type.clone_from(&metadata.protocol_type);
        self.protocol.clone_from(&metadata.protocol);
        self.leader.clone_from(&metadata.leader);
        let mut payloads = BTreeMap::new();
        for entry in &metadata.members {
            let member = Member {
                session: entry.session_timeout,
                rebalance: entry.rebalance_timeout,
                fresh: false,
                instance: entry.instance_id.clone(),
            };
            self.members.insert(entry.id.clone(), member);
            self.record_assignment(&entry.id, &entry.assignment);
            payloads.insert(entry.id.clone(), entry.assignment.clone());
        }
        let recorded = payloads.clone();
        self.plans.push(Plan { payloads, recorded, assignments: Assigned::Unread });
    }

    /// Remembers the generation that ends. What it assigned is in the log for good, unless the term
    /// has loaded records that are not committed. Which of two plans is in the log the trace does
    /// not show.
    fn remember(&mut self) {
        let unsettled = self.coordinator.unsettled;
        self.former.retain(|one| unsettled || one.has_two_plans);
        let has_two_plans = self.plans.len() > 1;
        if unsettled || has_two_plans {
            self.former.push(FormerGeneration {
                generation: self.generation,
                owners: std::mem::take(&mut self.owners),
                assigned_unread: self.assigned_unread,
                has_two_plans,
            });
            if self.former.len() > REMEMBERED {
                self.former.remove(0);
            }
        }
    }

    fn begin(&mut self, members: &[MemberId]) {
        for member in members {
            if let Some(member) = self.members.get_mut(member) {
                member.fresh = false;
            }
        }
        self.roster = None;
        self.plans.clear();
        self.owners.clear();
        self.assigned_unread = false;
    }

    /// Records that the coordinator sends the member this assignment; returns its partitions, if it
    /// decodes.
    pub(super) fn record_assignment(
        &mut self,
        member: &MemberId,
        assignment: &Bytes,
    ) -> Option<Vec<TopicPartition>> {
        let read = self.is_of_consumers().then(|| decode_assignment(assignment).ok()).flatten();
        let Some(partitions) = read else {
            self.assigned_unread = true;
            return None;
        };
        for TopicPartition { topic, partition } in &partitions {
            let owners = self.owners.entry(topic.clone()).or_default();
            owners.entry(*partition).or_insert_with(|| member.clone());
        }
        Some(partitions)
    }
}
