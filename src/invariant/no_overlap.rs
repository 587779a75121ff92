//! No two consumers act on one partition, as far as anybody can prevent it.
//!
//! Scope, for consumers of one group:
//! - A consumer polls and processes only what it owns: assigned to it, and not revoked, lost, crashed or
//!   closed since. Once it has closed it is assigned nothing either.
//! - In a generation that is the newest of an incarnation, a consumer is assigned only what the
//!   coordinator told its member id to own in that generation, or found in the log that it had.
//! - When a consumer with a current membership (its last assignment is of the newest generation, under an
//!   id that is a member, as the broker has it that the controller named last) is assigned or polls a
//!   partition, no other consumer with a current membership owns it.
//!   (Unless the leader of that generation handed in two plans, and one of them was told, the other loaded;
//!   or the generation has two histories, because some broker told of it before its record was committed.)
//! - An accepted OffsetCommit with a generation comes from a member that had been told, in that
//!   generation and by some broker or its log, to own the partition; also from one that claimed, in the owned
//!   partitions of its subscription, to have it still when it joined the generation, as it commits what it is about
//!   to revoke. (That is what makes a rebalance cooperative, whatever the assignor is called.)
//!
//! Not said: anything of commits by clients from outside of partitions that nobody was told to own, which their
//! applications may make (`commitSync` of any partition); anything of commits in a group of another protocol type, or in a generation of which some member was told
//! what cannot be read here; and that a consumer stops at once when it is removed, or when its group has another coordinator. It
//! cannot know before it hears of it, and until then may poll and process what somebody else owns by now;
//! only its commits are refused. While no broker has loaded the group nobody's membership is current.

use std::collections::{BTreeMap, BTreeSet};

use crate::consumer::Observation;
use crate::invariant::{Breach, breach};
use crate::protocol::{
    Api, Generation, GroupId, IndexMap, MemberId, Request, Response, StrBytes, TopicPartition,
};
use crate::trace::{ConsumerRef, Event, FaultKind, Kind, Place};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use super::Invariant;
use super::interest::Interest;
use super::ledger::{Asked, Group, Key, Ledger};

#[derive(Default)]
pub(super) struct NoOverlap {
    consumers: IndexMap<ConsumerRef, Holder>,
    /// Who owns a partition, of any group.
    owners: IndexMap<TopicPartition, Vec<ConsumerRef>>,
    /// Requests under way that commit a partition which their member was not told to own.
    foreign: BTreeMap<Key, Vec<TopicPartition>>,
}

struct Holder {
    group: GroupId,
    /// It has closed or crashed.
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
            .and(Interest::LIVES)
            .and(Interest::FAULTS)
            .asked(&[Api::OffsetCommit])
            .answered(&[Api::OffsetCommit])
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        match (&event.kind, event.place) {
            (Kind::Received { .. }, _) => self.asked(ledger, event),
            (Kind::Sent { .. }, _) => return self.answered(ledger, event),
            (Kind::Consumer(observation), Place::Consumer(consumer)) => {
                return self.observe(ledger, consumer, observation);
            }
            (Kind::ConsumerStarted { config, .. }, Place::Consumer(consumer)) => {
                let group = config.group.clone();
                let owned = BTreeSet::new();
                let holder = Holder { group, over: false, membership: None, owned };
                self.consumers.insert(consumer, holder);
            }
            (
                Kind::ConsumerClosed | Kind::FaultBegan { fault: FaultKind::Crash, .. },
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
        ledger: &Ledger,
        consumer: ConsumerRef,
        observation: &Observation,
    ) -> Result<(), Breach> {
        let Some(holder) = self.consumers.get_mut(&consumer) else { return Ok(()) };
        match observation {
            Observation::Assigned { member, generation, .. } if holder.over => breach!(
                "closed",
                "group {}: {member} was assigned generation {generation} after it had closed",
                holder.group.as_str()
            ),
            Observation::Assigned { member, generation, partitions, .. } => {
                holder.membership = Some((member.clone(), *generation));
                self.replace(consumer, partitions.iter().cloned().collect());
                as_told(ledger, &self.consumers[&consumer])?;
                partitions.iter().try_for_each(|owned| self.alone(ledger, consumer, owned))
            }
            Observation::Revoked { partitions } | Observation::Lost { partitions } => {
                let mut owned = holder.owned.clone();
                for partition in partitions {
                    owned.remove(partition);
                }
                self.replace(consumer, owned);
                Ok(())
            }
            Observation::Polled { partition, .. } => {
                owns(holder, "polled", partition)?;
                self.alone(ledger, consumer, partition)
            }
            Observation::Processed { partition, .. } => owns(holder, "processed", partition),
            Observation::State { .. }
            | Observation::CoordinatorLost { .. }
            | Observation::Positioned { .. }
            | Observation::CommitFailed { .. }
            | Observation::PollTimeout
            | Observation::Fatal { .. } => Ok(()),
        }
    }

    /// No other consumer with a current membership owns the partition that this one acts on.
    fn alone(
        &self,
        ledger: &Ledger,
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
        let Some(rival) = rivals.find(|rival| rival.is_current(ledger)) else { return Ok(()) };
        if !holder.is_current(ledger) {
            return Ok(());
        }
        if let Some((_, generation)) = &holder.membership
            && (planned_twice(ledger, &holder.group, *generation)
                || ledger.may_come_twice(&holder.group, *generation))
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

    /// The consumer owns just this from now on.
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

    fn asked(&mut self, ledger: &Ledger, event: &Event) {
        if let Some((asked, request)) = ledger.question(event)
            && let Request::OffsetCommit(body) = &request.body
            && body.generation_id_or_member_epoch >= 0
        {
            let foreign = foreign(ledger, asked, body);
            if !foreign.is_empty() {
                self.foreign.insert(asked.key, foreign);
            }
        }
    }

    fn answered(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        if self.foreign.is_empty() {
            return Ok(());
        }
        if let Some((asked, request, Response::OffsetCommit(answer))) = ledger.answer(event)
            && let Request::OffsetCommit(body) = &request.body
            && let Some(foreign) = self.foreign.remove(&asked.key)
            && let Some(partition) = foreign.iter().find(|foreign| accepted(answer, foreign))
        {
            return breach!(
                "commit",
                "group {}: a commit of {partition} by {} in generation {} was accepted, who was not \
                 told to own it",
                ledger.group(asked.group).id.as_str(),
                body.member_id,
                body.generation_id_or_member_epoch
            );
        }
        Ok(())
    }
}

impl Holder {
    fn is_current(&self, ledger: &Ledger) -> bool {
        let Some((member, generation)) = &self.membership else { return false };
        ledger.find(&self.group).is_some_and(|(_, group)| {
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

fn owns(holder: &Holder, what: &str, partition: &TopicPartition) -> Result<(), Breach> {
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

fn as_told(ledger: &Ledger, holder: &Holder) -> Result<(), Breach> {
    let Some((member, generation)) = &holder.membership else { return Ok(()) };
    let mut stray = None;
    for (_, group) in ledger.incarnations(&holder.group) {
        // A coordinator that has moved on since may have told it, and that is forgotten.
        if group.generation > *generation {
            return Ok(());
        }
        if group.generation < *generation {
            continue;
        }
        if group.told_unread {
            return Ok(());
        }
        let own = Some(group.resolve(member));
        let told = |owned: &&TopicPartition| group.owner(&owned.topic, owned.partition) == own;
        match holder.owned.iter().find(|owned| !told(owned)) {
            None => return Ok(()),
            Some(owned) => stray = Some(owned),
        }
    }
    match stray {
        None => Ok(()),
        Some(owned) => breach!(
            "told",
            "group {}: {member} took {owned} in generation {generation} without being told to own it",
            holder.group.as_str()
        ),
    }
}

/// The partitions of a commit that its member was not told to own in the newest generation.
fn foreign(ledger: &Ledger, asked: &Asked, body: &OffsetCommitRequest) -> Vec<TopicPartition> {
    let group = ledger.group(asked.group);
    let mut foreign = Vec::new();
    if group.told_unread {
        return foreign;
    }
    for topic in &body.topics {
        for partition in &topic.partitions {
            let owner = group.owner(&topic.name, partition.partition_index);
            if owner.map(|owner| &owner.0) == Some(&body.member_id) {
                continue;
            }
            // The application of a client from outside may commit what it likes of what nobody owns.
            if owner.is_none() && matches!(asked.from, Place::Client(_)) {
                continue;
            }
            let id = TopicPartition::new(topic.name.clone(), partition.partition_index);
            if told_elsewhere(ledger, group, &body.member_id, &id) {
                continue;
            }
            if !group.may_have_kept(&body.member_id, &id) {
                foreign.push(id);
            }
        }
    }
    foreign
}

/// Whether another coordinator told the member, in the same generation, to own the partition.
fn told_elsewhere(
    ledger: &Ledger,
    group: &Group,
    member: &StrBytes,
    partition: &TopicPartition,
) -> bool {
    let TopicPartition { topic, partition } = partition;
    let mut same =
        ledger.incarnations(&group.id).filter(|(_, other)| other.generation == group.generation);
    same.any(|(_, other)| {
        let owner = other.owner(topic, *partition);
        other.told_unread || owner.is_some_and(|owner| owner.0 == *member)
    })
}

/// Whether the leader of that generation handed in more than one plan: the one that members were told and
/// the one that is in the log may then differ (rule R11.12).
fn planned_twice(ledger: &Ledger, id: &GroupId, generation: Generation) -> bool {
    let mut same = ledger.incarnations(id).filter(|(_, group)| group.generation == generation);
    same.any(|(_, group)| group.plans.len() > 1)
}

fn accepted(answer: &OffsetCommitResponse, partition: &TopicPartition) -> bool {
    answer.topics.iter().filter(|topic| topic.name == partition.topic).any(|topic| {
        topic
            .partitions
            .iter()
            .any(|entry| entry.partition_index == partition.partition && entry.error_code == 0)
    })
}

#[cfg(test)]
mod tests {
    use crate::consumer::Observation;
    use crate::invariant::story::{Story, partition};
    use crate::trace::{FaultKind, Kind};

    fn story() -> Story {
        let mut story = Story::new("no-overlap");
        story.started(0).started(1).generation(1, &["a", "b"]);
        let a = story.ask_sync("a", 1, &[]);
        let b = story.ask_sync("b", 1, &[]);
        story.stable().told(a, &["t-0"]).told(b, &["t-1"]);
        story.assigned(0, "a", 1, &["t-0"]).assigned(1, "b", 1, &["t-1"]);
        story
    }

    fn polled(name: &str) -> Observation {
        Observation::Polled { partition: partition(name), first: 0, values: vec![] }
    }

    #[test]
    fn owners_poll_and_commit_their_own() {
        let mut story = story();
        story.consumer(0, polled("t-0")).consumer(1, polled("t-1"));
        let key = story.ask_commit("a", 1, &[("t-0", 1)]);
        story.committed(key, 0).holds();
    }

    #[test]
    fn polling_what_was_revoked_breaks() {
        let mut story = story();
        story.consumer(0, Observation::Revoked { partitions: vec![partition("t-0")] });
        story.consumer(0, polled("t-0")).breaks("polled t-0, which it does not own");
    }

    #[test]
    fn taking_what_was_not_told_breaks() {
        story().assigned(0, "a", 1, &["t-0", "t-1"]).breaks("took t-1 in generation 1");
    }

    #[test]
    fn a_member_of_an_old_generation_may_go_on() {
        let mut story = story();
        story.generation(2, &["b"]);
        let b = story.ask_sync("b", 2, &[]);
        story.told(b, &["t-0", "t-1"]).assigned(1, "b", 2, &["t-0", "t-1"]);
        story.consumer(0, polled("t-0")).consumer(1, polled("t-0")).holds();
    }

    #[test]
    fn two_lives_under_one_current_membership_break() {
        let mut story = story();
        story.started(2).assigned(2, "a", 1, &["t-0"]).breaks("both own t-0");
    }

    #[test]
    fn a_crash_ends_ownership() {
        let mut story = story();
        story.at_consumer(
            0,
            Kind::FaultBegan { fault: FaultKind::Crash, peer: None, direction: None },
        );
        story.started(2).assigned(2, "a", 1, &["t-0"]).holds();
    }

    #[test]
    fn who_has_closed_acts_on_nothing() {
        let closed = || {
            let mut story = story();
            story.at_consumer(0, Kind::ConsumerClosed);
            story
        };
        closed().consumer(0, polled("t-0")).breaks("polled t-0, which it does not own");
        closed().assigned(0, "a", 2, &[]).breaks("after it had closed");
    }

    #[test]
    fn an_accepted_commit_of_a_foreign_partition_breaks() {
        let mut refused = story();
        let key = refused.ask_commit("a", 1, &[("t-1", 1)]);
        refused.committed(key, 25).holds();
        let mut accepted = story();
        let key = accepted.ask_commit("a", 1, &[("t-1", 1)]);
        accepted.committed(key, 0).breaks("a commit of t-1 by a in generation 1 was accepted");
    }

    #[test]
    fn who_the_next_coordinator_does_not_know_may_go_on_until_it_commits() {
        let mut story = story();
        story.elected(1).on(1).shard_active(1).load(1, &[("a", "", &["t-0"])]);
        story.generation(2, &["a"]);
        let key = story.ask_sync("a", 2, &[]);
        story.told(key, &["t-0", "t-1"]).assigned(0, "a", 2, &["t-0", "t-1"]);
        story.consumer(0, polled("t-1")).consumer(1, polled("t-1")).holds();
        let key = story.ask_commit("b", 2, &[("t-1", 1)]);
        story.committed(key, 0).breaks("a commit of t-1 by b in generation 2 was accepted");
    }

    #[test]
    fn a_cooperative_member_may_commit_what_it_revokes_whatever_its_assignor_is_called() {
        let commits = |protocol: &str, name: &str| {
            let mut story = Story::new("no-overlap");
            story.protocol(protocol).generation(2, &["a", "b"]);
            story.joined_with("a", 2, &[("a", &["t-0", "t-1"], 1), ("b", &[], -1)]);
            let key = story.ask_sync("a", 2, &[("a", &["t-0"])]);
            story.stable().told(key, &["t-0"]);
            let key = story.ask_commit("a", 2, &[(name, 3)]);
            story.committed(key, 0);
            story
        };
        for protocol in ["cooperative-sticky", "stream"] {
            commits(protocol, "t-1").holds();
            commits(protocol, "t-2").breaks("a commit of t-2");
        }
    }

    #[test]
    fn what_was_told_and_cannot_be_read_may_be_anything() {
        for protocol_type in ["connect", "consumer"] {
            let mut story = Story::new("no-overlap");
            story.of_type(protocol_type).ask_join("");
            story.generation(1, &["a", "b"]);
            let a = story.ask_sync("a", 1, &[]);
            let b = story.ask_sync("b", 1, &[]);
            story.stable().told_raw(a, b"{").told(b, &["t-1"]);
            let key = story.ask_commit("a", 1, &[("t-1", 1)]);
            story.committed(key, 0).holds();
            story.elected(1).on(1).shard_active(1).load(1, &[("a", "", &["t-0"])]);
            let key = story.ask_commit("a", 1, &[("t-1", 1)]);
            story.committed(key, 0).holds();
        }
        // Of the next generation everything is known.
        let mut story = Story::new("no-overlap");
        story.generation(1, &["a", "b"]);
        let a = story.ask_sync("a", 1, &[]);
        story.told_raw(a, b"{").generation(2, &["a", "b"]);
        let a = story.ask_sync("a", 2, &[]);
        story.stable().told(a, &["t-0"]);
        let key = story.ask_commit("a", 2, &[("t-1", 1)]);
        story.committed(key, 0).breaks("a commit of t-1");
    }
}
