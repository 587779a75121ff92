//! No two consumers act on one partition, as far as a coordinator and clients can prevent it.
//!
//! Scope, for consumers of one group:
//! - A consumer polls and processes only partitions that it owns: assigned to it, and not revoked,
//!   lost, or gone with a crash or close since. Once it has closed, it takes over no assignment
//!   either.
//! - In a generation that is the newest of an incarnation, a consumer takes over only partitions
//!   that the coordinator assigned to its member id in that generation, or that the log assigned to
//!   it.
//! - A consumer has a current membership if its last assignment is of the newest generation, under
//!   an id that is a member, at the broker that the controller elected last. When such a consumer
//!   takes over or polls a partition, no other consumer with a current membership owns it. (Unless
//!   the leader of that generation submitted two plans, and a member received one of them while the
//!   other was loaded; or the generation has two histories, because some broker sent assignments of
//!   it before its record was committed.)
//! - An accepted OffsetCommit with a generation comes from a member to which, in that generation,
//!   some broker or its log had assigned the partition, even if an election has since taken that
//!   away and the generation has another history (rule R11.13). Or it comes from one that claimed,
//!   in the owned partitions of its subscription, to own it still when it joined the generation: it
//!   commits what it is about to revoke. (This is what makes a rebalance cooperative, under any
//!   assignor name.)
//!
//! | rule | violated when |
//! |---|---|
//! | `acts` | a consumer polls or processes a partition that it does not own |
//! | `closed` | a consumer takes over an assignment after it has closed |
//! | `assigned` | a consumer takes over a partition that was not assigned to it |
//! | `both-own` | two consumers with a current membership own one partition |
//! | `commit` | a commit is accepted of a partition that was not assigned to its member |
//!
//! Not said: anything about commits by external clients of partitions that no member was assigned,
//! which their applications may make (`commitSync` of any partition); anything about commits in a
//! group of another protocol type, or in a generation in which some member's assignment cannot be
//! decoded here; and that a consumer stops at once when it is removed, or when its group has
//! another coordinator. It cannot know before it receives an error, and until then it may poll and
//! process partitions that another consumer already owns; only its commits are refused. While no
//! broker has loaded the group, no membership is current.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::ClientObservation;
use crate::invariant::{Breach, breach};
use crate::protocol::{
    Api, Generation, GroupId, IndexMap, MemberId, Request, Response, StrBytes, TopicPartition,
};
use crate::trace::{ConsumerRef, Event, EventKind, FaultKind, Place};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use crate::invariant::Invariant;
use crate::invariant::interest::Interest;
use crate::model::{Key, Model, RequestContext};

#[derive(Default)]
pub(in crate::invariant) struct NoOverlap {
    consumers: IndexMap<ConsumerRef, Holder>,
    /// The consumers that own a partition, of any group.
    owners: IndexMap<TopicPartition, Vec<ConsumerRef>>,
    /// Commits in flight, with the partitions that were not assigned to their member.
    foreign: BTreeMap<Key, Vec<TopicPartition>>,
}

struct Holder {
    group: GroupId,
    /// Whether it has closed or crashed.
    over: bool,
    membership: Option<(MemberId, Generation)>,
    owned: BTreeSet<TopicPartition>,
}

impl Invariant for NoOverlap {
    fn name(&self) -> &'static str {
        "no-overlap"
    }

    fn statement(&self) -> &'static str {
        "no two current members act on one partition, and only its owner commits it"
    }

    fn reads(&self) -> Interest {
        Interest::CONSUMER
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .requests(&[Api::OffsetCommit])
            .responses(&[Api::OffsetCommit])
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        match (&event.kind, event.place) {
            (EventKind::Received { .. }, _) => self.on_request(model, event),
            (EventKind::Sent { .. }, _) => return self.on_response(model, event),
            (EventKind::Consumer(observation), Place::Consumer(consumer)) => {
                return self.observe(model, consumer, observation);
            }
            (EventKind::ConsumerStarted { config, .. }, Place::Consumer(consumer)) => {
                let group = config.group.clone();
                let owned = BTreeSet::new();
                let holder = Holder { group, over: false, membership: None, owned };
                self.consumers.insert(consumer, holder);
            }
            (
                EventKind::ConsumerClosed | EventKind::FaultBegan { fault: FaultKind::Crash, .. },
                Place::Consumer(consumer),
            ) => {
                self.replace(consumer, BTreeSet::new());
                if let Some(holder) = self.consumers.get_mut(&consumer) {
                    holder.over = true;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl NoOverlap {
    fn observe(
        &mut self,
        model: &Model,
        consumer: ConsumerRef,
        observation: &ClientObservation,
    ) -> Result<(), Breach> {
        let Some(holder) = self.consumers.get_mut(&consumer) else { return Ok(()) };
        match observation {
            ClientObservation::Assigned { member, generation, .. } if holder.over => breach!(
                "closed",
                "group {}: {member} took over an assignment of generation {generation} after it had \
                 closed",
                holder.group.as_str()
            ),
            ClientObservation::Assigned { member, generation, partitions, .. } => {
                holder.membership = Some((member.clone(), *generation));
                self.replace(consumer, partitions.iter().cloned().collect());
                check_assigned(model, &self.consumers[&consumer])?;
                partitions
                    .iter()
                    .try_for_each(|owned| self.check_sole_owner(model, consumer, owned))
            }
            ClientObservation::Revoked { partitions } | ClientObservation::Lost { partitions } => {
                let mut owned = holder.owned.clone();
                for partition in partitions {
                    owned.remove(partition);
                }
                self.replace(consumer, owned);
                Ok(())
            }
            ClientObservation::Polled { partition, .. } => {
                check_owns(holder, "polled", partition)?;
                self.check_sole_owner(model, consumer, partition)
            }
            ClientObservation::Processed { partition, .. } => {
                check_owns(holder, "processed", partition)
            }
            ClientObservation::State { .. }
            | ClientObservation::CoordinatorLost { .. }
            | ClientObservation::Positioned { .. }
            | ClientObservation::CommitFailed { .. }
            | ClientObservation::PollTimeout
            | ClientObservation::Fatal { .. } => Ok(()),
        }
    }

    /// Checks that no other consumer with a current membership owns the partition that this one
    /// acts on.
    fn check_sole_owner(
        &self,
        model: &Model,
        consumer: ConsumerRef,
        partition: &TopicPartition,
    ) -> Result<(), Breach> {
        let owners = self.owners.get(partition).map(Vec::as_slice).unwrap_or_default();
        if owners.iter().all(|owner| *owner == consumer) {
            return Ok(());
        }
        let holder = &self.consumers[&consumer];
        let mut rivals = owners
            .iter()
            .filter(|owner| **owner != consumer)
            .map(|owner| &self.consumers[owner])
            .filter(|rival| rival.group == holder.group);
        let Some(rival) = rivals.find(|rival| rival.is_current(model)) else { return Ok(()) };
        if !holder.is_current(model) {
            return Ok(());
        }
        if let Some((_, generation)) = &holder.membership
            && (has_two_plans(model, &holder.group, *generation)
                || model.may_be_reissued(&holder.group, *generation))
        {
            return Ok(());
        }
        breach!(
            "both-own",
            "group {}: {} and {} both own {partition}",
            holder.group.as_str(),
            holder.describe(),
            rival.describe()
        )
    }

    /// Sets the partitions that the consumer owns.
    fn replace(&mut self, consumer: ConsumerRef, owned: BTreeSet<TopicPartition>) {
        let Some(holder) = self.consumers.get_mut(&consumer) else { return };
        for partition in holder.owned.difference(&owned) {
            if let Some(owners) = self.owners.get_mut(partition) {
                owners.retain(|owner| *owner != consumer);
            }
        }
        for partition in owned.difference(&holder.owned) {
            self.owners.entry(partition.clone()).or_default().push(consumer);
        }
        holder.owned = owned;
    }

    fn on_request(&mut self, model: &Model, event: &Event) {
        if let Some((context, request)) = model.request(event)
            && let Request::OffsetCommit(body) = &request.body
            && body.generation_id_or_member_epoch >= 0
        {
            let foreign = foreign(model, context, body);
            if !foreign.is_empty() {
                self.foreign.insert(context.key, foreign);
            }
        }
    }

    fn on_response(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        if self.foreign.is_empty() {
            return Ok(());
        }
        if let Some((context, request, Response::OffsetCommit(response))) = model.response(event)
            && let Request::OffsetCommit(body) = &request.body
            && let Some(foreign) = self.foreign.remove(&context.key)
            && let Some(partition) = foreign.iter().find(|foreign| accepted(response, foreign))
        {
            return breach!(
                "commit",
                "group {}: the coordinator accepted a commit of {partition} by {} in generation {}, but \
                 had not assigned it the partition",
                model.group(context.group).id.as_str(),
                body.member_id,
                body.generation_id_or_member_epoch
            );
        }
        Ok(())
    }
}

impl Holder {
    fn is_current(&self, model: &Model) -> bool {
        let Some((member, generation)) = &self.membership else { return false };
        model.find(&self.group).is_some_and(|(_, group)| {
            group.generation == *generation && group.members.contains_key(member)
        })
    }

    fn describe(&self) -> String {
        match &self.membership {
            Some((member, generation)) => format!("{member} (generation {generation})"),
            None => "a consumer without a membership".to_owned(),
        }
    }
}

fn check_owns(holder: &Holder, what: &str, partition: &TopicPartition) -> Result<(), Breach> {
    if holder.owned.contains(partition) {
        return Ok(());
    }
    let group = holder.group.as_str();
    breach!(
        "acts",
        "group {group}: {} {what} {partition}, which it does not own",
        holder.describe()
    )
}

fn check_assigned(model: &Model, holder: &Holder) -> Result<(), Breach> {
    let Some((member, generation)) = &holder.membership else { return Ok(()) };
    let mut unassigned = None;
    for (_, group) in model.incarnations(&holder.group) {
        // A coordinator that has moved on since may have assigned it, and that is forgotten.
        if group.generation > *generation {
            return Ok(());
        }
        if group.generation < *generation {
            continue;
        }
        if group.assigned_unread {
            return Ok(());
        }
        let own = Some(group.resolve(member));
        let is_assigned =
            |owned: &&TopicPartition| group.owner(&owned.topic, owned.partition) == own;
        match holder.owned.iter().find(|owned| !is_assigned(owned)) {
            None => return Ok(()),
            Some(owned) => unassigned = Some(owned),
        }
    }
    match unassigned {
        None => Ok(()),
        Some(owned) => breach!(
            "assigned",
            "group {}: {member} took over {owned} in generation {generation}, which the coordinator \
             had not assigned to it",
            holder.group.as_str()
        ),
    }
}

/// The partitions of a commit that were not assigned to its member in the newest generation.
fn foreign(
    model: &Model,
    context: &RequestContext,
    body: &OffsetCommitRequest,
) -> Vec<TopicPartition> {
    let group = model.group(context.group);
    let mut foreign = Vec::new();
    if group.assigned_unread {
        return foreign;
    }
    for topic in &body.topics {
        for partition in &topic.partitions {
            let owner = group.owner(&topic.name, partition.partition_index);
            if owner.map(|owner| &owner.0) == Some(&body.member_id) {
                continue;
            }
            // The application of an external client may commit any partition that has no owner.
            if owner.is_none() && matches!(context.from, Place::Client(_)) {
                continue;
            }
            let id = TopicPartition::new(topic.name.clone(), partition.partition_index);
            if assigned_elsewhere(model, context, &body.member_id, &id) {
                continue;
            }
            if !group.may_have_kept(&body.member_id, &id) {
                foreign.push(id);
            }
        }
    }
    foreign
}

/// Whether another coordinator assigned the partition to the member in the same generation, even if
/// that coordinator has gone on to a later one.
fn assigned_elsewhere(
    model: &Model,
    context: &RequestContext,
    member: &StrBytes,
    partition: &TopicPartition,
) -> bool {
    let (group, member) = (model.group(context.group), MemberId(member.clone()));
    let mut others = model.incarnations(&group.id).filter(|(index, _)| *index != context.group);
    others.any(|(_, other)| other.may_have_assigned(group.generation, &member, partition))
}

/// Whether the leader of that generation submitted more than one plan: the one that members
/// received and the one in the log may then differ (rule R11.12).
fn has_two_plans(model: &Model, id: &GroupId, generation: Generation) -> bool {
    model.incarnations(id).any(|(_, group)| group.has_two_plans(generation))
}

fn accepted(response: &OffsetCommitResponse, partition: &TopicPartition) -> bool {
    response.topics.iter().filter(|topic| topic.name == partition.topic).any(|topic| {
        topic
            .partitions
            .iter()
            .any(|entry| entry.partition_index == partition.partition && entry.error_code == 0)
    })
}

#[cfg(test)]
mod tests;
