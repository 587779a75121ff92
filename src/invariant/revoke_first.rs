//! With cooperative rebalancing a partition is given up before it is taken over (KIP-429): nobody needs to
//! stop for a rebalance, and yet no two members act on one partition.
//!
//! Scope: consumers that need not give everything up before they join: all their assignors are cooperative, whatever
//! the one of the generation is called. When a consumer is assigned a partition that it did not own, in the newest
//! generation of the incarnation that counts, no such consumer of the group that is alive still owns it from
//! whenever, under an id that is a member and that joined for that very generation, with a
//! JoinGroup that it sent when it owned the partition already. So
//! the old owner has revoked or lost it, closed or crashed, or its id is no member any more: fenced,
//! expired, replaced.
//!
//! Of any consumer: when it sends a JoinGroup it owns nothing, if one of its assignors is eager, or if it joins without
//! an id. (What it had may be given to others in the rebalance that it asks for.)
//!
//! Not said: anything of a static member that was away when the group rebalanced. Its subscription stays as
//! it was when it last joined, so a leader may not know what it owns by now, and it may own that until
//! it hears that it is fenced. So what a static member takes over from the one before it is not judged again, in whichever
//! way that one came by it. Anything of a member whose JoinGroup was held up on its way: it tells of what was
//! owned when it was sent (KIP-792 is against that, in later versions). Anything while no broker has loaded the group.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::JoinGroupRequest;

use crate::assignor::{RebalanceProtocol, common_protocol};
use crate::consumer::Observation;
use crate::invariant::{Breach, breach};
use crate::protocol::{
    Api, Generation, GroupId, IndexMap, MemberId, Request, Response, TopicPartition,
};
use crate::trace::{ConsumerRef, Event, FaultKind, Kind, Message, Place};

use super::Invariant;
use super::interest::Interest;
use super::ledger::{Group, Key, Ledger};

#[derive(Default)]
pub(super) struct RevokeFirst {
    consumers: IndexMap<ConsumerRef, Holder>,
    /// For which generation each member joined last, and when it sent that, by the number of the incarnation.
    joined: BTreeMap<usize, IndexMap<MemberId, (Generation, u64)>>,
    /// What each id of a static member was assigned last, without what it revoked.
    had: IndexMap<MemberId, BTreeSet<TopicPartition>>,
    /// JoinGroup requests on their way, and when they were sent.
    sent: IndexMap<Key, u64>,
    /// Counts what consumers send and are assigned.
    order: u64,
}

struct Holder {
    group: GroupId,
    /// It offers an assignor that is not cooperative.
    eager: bool,
    member: Option<MemberId>,
    /// What it owns, and when it was assigned that.
    owned: BTreeMap<TopicPartition, u64>,
}

impl Invariant for RevokeFirst {
    fn name(&self) -> &'static str {
        "revoke-first"
    }

    fn statement(&self) -> &'static str {
        "a partition changes hands only after its owner gave it up"
    }

    fn reads(&self) -> Interest {
        Interest::CONSUMER
            .and(Interest::LIVES)
            .and(Interest::FAULTS)
            .says(&[Api::JoinGroup])
            .asked(&[Api::JoinGroup])
            .answered(&[Api::JoinGroup])
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        match (&event.kind, event.place) {
            (Kind::Consumer(observation), Place::Consumer(consumer)) => {
                return self.observe(ledger, consumer, observation);
            }
            (Kind::Sent { conn, message: Message::Request(frame), .. }, Place::Consumer(who)) => {
                if let Request::JoinGroup(body) = &frame.body {
                    self.order += 1;
                    self.sent.insert((*conn, frame.correlation), self.order);
                    return self.gave_up(who, body);
                }
            }
            (Kind::Received { .. }, Place::Broker(_)) => {
                if let Some((asked, request)) = ledger.question(event)
                    && let Request::JoinGroup(body) = &request.body
                    && asked.standing.is_member()
                {
                    let member = MemberId(body.member_id.clone());
                    let next = Generation(asked.generation.0 + 1);
                    let sent = self.sent.swap_remove(&asked.key).unwrap_or(self.order);
                    self.joined.entry(asked.group).or_default().insert(member, (next, sent));
                }
            }
            (Kind::Sent { .. }, Place::Broker(_)) => {
                if let Some((asked, _, Response::JoinGroup(answer))) = ledger.answer(event)
                    && Generation(answer.generation_id) <= asked.generation
                    && let Some(joined) = self.joined.get_mut(&asked.group)
                {
                    // It was answered at once, or not at all, and joined for nothing to come.
                    joined.swap_remove(&MemberId(answer.member_id.clone()));
                }
            }
            (Kind::ConsumerStarted { config, .. }, Place::Consumer(consumer)) => {
                let (group, owned) = (config.group.clone(), BTreeMap::new());
                let eager = common_protocol(&config.assignors) == RebalanceProtocol::Eager;
                let holder = Holder { group, eager, member: None, owned };
                self.consumers.insert(consumer, holder);
            }
            (
                Kind::ConsumerClosed | Kind::FaultBegan { fault: FaultKind::Crash, .. },
                Place::Consumer(consumer),
            ) => {
                self.consumers.swap_remove(&consumer);
            }
            _ => {}
        }
        Ok(())
    }
}

impl RevokeFirst {
    fn observe(
        &mut self,
        ledger: &Ledger,
        consumer: ConsumerRef,
        observation: &Observation,
    ) -> Result<(), Breach> {
        let Some(holder) = self.consumers.get_mut(&consumer) else { return Ok(()) };
        match observation {
            Observation::Assigned { member, generation, partitions, .. } => {
                holder.member = Some(member.clone());
                let Some((index, group)) = ledger.find(&holder.group) else { return Ok(()) };
                if group.members.get(member).is_some_and(|member| member.instance.is_some()) {
                    self.had.insert(member.clone(), partitions.iter().cloned().collect());
                }
                let inherited =
                    |p: &TopicPartition| before(group, member).any(|old| owns(&self.had, old, p));
                let taken: Vec<_> = partitions
                    .iter()
                    .filter(|p| !holder.owned.contains_key(*p) && !inherited(p))
                    .collect();
                let mut found = Ok(());
                if group.generation == *generation {
                    found = self.alone(index, group, consumer, &taken);
                }
                self.order += 1;
                let owned = &mut self.consumers[&consumer].owned;
                owned.retain(|owned, _| partitions.contains(owned));
                for partition in partitions {
                    owned.entry(partition.clone()).or_insert(self.order);
                }
                return found;
            }
            Observation::Revoked { partitions } | Observation::Lost { partitions } => {
                let mut had = holder.member.as_ref().and_then(|member| self.had.get_mut(member));
                let revoked = matches!(observation, Observation::Revoked { .. });
                for partition in partitions {
                    holder.owned.remove(partition);
                    if let Some(had) = had.as_mut().filter(|_| revoked) {
                        had.remove(partition);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Who joins owns nothing that it should have given up before.
    fn gave_up(&self, consumer: ConsumerRef, body: &JoinGroupRequest) -> Result<(), Breach> {
        let Some(holder) = self.consumers.get(&consumer) else { return Ok(()) };
        match holder.owned.first_key_value() {
            Some((owned, _)) if holder.eager || body.member_id.is_empty() => breach!(
                "joined-owning",
                "group {}: {:?} joined before it gave up {owned}",
                holder.group.as_str(),
                body.member_id
            ),
            Some(_) | None => Ok(()),
        }
    }

    /// Nobody else who joined for the generation owns what the consumer takes.
    fn alone(
        &self,
        index: usize,
        group: &Group,
        consumer: ConsumerRef,
        taken: &[&TopicPartition],
    ) -> Result<(), Breach> {
        let Some(joined) = self.joined.get(&index) else { return Ok(()) };
        for (other, rival) in &self.consumers {
            if *other == consumer || rival.group != group.id || rival.eager {
                continue;
            }
            let Some(member) = &rival.member else { continue };
            let Some((generation, sent)) = joined.get(member) else { continue };
            let current = group.members.contains_key(member) && *generation == group.generation;
            let knew =
                |p: &&&TopicPartition| rival.owned.get(**p).is_some_and(|since| since < sent);
            if current && let Some(both) = taken.iter().find(knew) {
                return breach!(
                    "given-away",
                    "group {}: {both} was given to another in generation {} before {member} gave it up",
                    group.id.as_str(),
                    group.generation
                );
            }
        }
        Ok(())
    }
}

/// The ids whose place this one has by now.
fn before<'a>(group: &'a Group, member: &'a MemberId) -> impl Iterator<Item = &'a MemberId> {
    group.displaced.keys().filter(move |old| group.resolve(old) == member)
}

fn owns(
    had: &IndexMap<MemberId, BTreeSet<TopicPartition>>,
    member: &MemberId,
    partition: &TopicPartition,
) -> bool {
    had.get(member).is_some_and(|had| had.contains(partition))
}

#[cfg(test)]
mod tests {
    use crate::consumer::Observation;
    use crate::coordinator::{GroupState::*, Removal};
    use crate::invariant::story::{Story, partition};
    use crate::trace::{FaultKind, Kind};

    /// a owns both partitions when b joins; both are then in generation 2.
    fn story(rejoins: bool) -> Story {
        let mut story = Story::new("revoke-first");
        story.protocol("cooperative-sticky").started(0).started(1);
        story.generation(1, &["a"]).stable().assigned(0, "a", 1, &["t-0", "t-1"]);
        story.state(Stable, PreparingRebalance).added("b");
        if rejoins {
            story.ask_join("a");
        }
        story.generation(2, &["a", "b"]);
        story
    }

    fn revoked() -> Observation {
        Observation::Revoked { partitions: vec![partition("t-1")] }
    }

    #[test]
    fn what_was_revoked_may_be_taken_and_nothing_else() {
        story(true).consumer(0, revoked()).assigned(1, "b", 2, &["t-1"]).holds();
        story(true)
            .assigned(1, "b", 2, &["t-1"])
            .breaks("t-1 was given to another in generation 2");
    }

    #[test]
    fn it_is_the_members_that_are_cooperative_and_not_a_name() {
        let taken = |protocol: &str| {
            let mut story = Story::new("revoke-first");
            story.protocol(protocol).started(0).started(1).protocol("own");
            story.generation(1, &["a"]).stable().assigned(0, "a", 1, &["t-0", "t-1"]);
            story.state(Stable, PreparingRebalance).added("b").consumer(0, revoked());
            if protocol == "range" {
                let rest = vec![partition("t-0")];
                story.consumer(0, Observation::Revoked { partitions: rest });
            }
            story.ask_join("a");
            story.generation(2, &["a", "b"]);
            story
        };
        for protocol in ["cooperative-sticky", "range"] {
            taken(protocol).assigned(1, "b", 2, &["t-1"]).holds();
        }
        taken("cooperative-sticky")
            .assigned(1, "b", 2, &["t-0"])
            .breaks("t-0 was given to another in generation 2");
    }

    #[test]
    fn the_owner_keeps_the_rest() {
        let mut story = story(true);
        story.consumer(0, revoked()).assigned(0, "a", 2, &["t-0"]).assigned(1, "b", 2, &[]);
        story.assigned(1, "b", 2, &["t-0"]).breaks("t-0 was given to another");
    }

    #[test]
    fn who_is_gone_gives_up_nothing() {
        let mut crashed = story(true);
        crashed.at_consumer(
            0,
            Kind::FaultBegan { fault: FaultKind::Crash, peer: None, direction: None },
        );
        crashed.assigned(1, "b", 2, &["t-1"]).holds();
        let mut expired = story(true);
        expired.removed("a", Removal::SessionExpired).assigned(1, "b", 2, &["t-1"]).holds();
    }

    #[test]
    fn a_static_member_that_was_away_may_still_hold_on() {
        story(false).assigned(1, "b", 2, &["t-1"]).holds();
    }

    #[test]
    fn who_comes_back_takes_over_what_its_former_self_was_given() {
        let mut story = Story::new("revoke-first");
        story.protocol("cooperative-sticky").started(0).started(1);
        story.added_static("a", "i").added_static("b", "k").generation(1, &["a", "b"]).stable();
        story.assigned(0, "a", 1, &["t-0"]).state(Stable, PreparingRebalance);
        // It is away, and then knows nothing of what it no longer has.
        story.generation(2, &["a", "b"]).assigned(1, "b", 2, &["t-0"]);
        story.ask_join("a");
        story.generation(3, &["a", "b"]).assigned(1, "b", 3, &["t-0"]);
        story.at_consumer(
            1,
            Kind::FaultBegan { fault: FaultKind::Crash, peer: None, direction: None },
        );
        story.started(2).replaced("k", "b", "b2").assigned(2, "b2", 3, &["t-0"]).holds();
    }

    #[test]
    fn a_join_that_was_held_up_does_not_know_what_is_owned_by_now() {
        let mut story = Story::new("revoke-first");
        story.protocol("cooperative-sticky").started(0).started(1).generation(1, &["a"]).stable();
        story.ask_join_late("a", |story| {
            story.assigned(0, "a", 1, &["t-0", "t-1"]);
            story.state(Stable, PreparingRebalance).added("b");
        });
        story.generation(2, &["a", "b"]).assigned(1, "b", 2, &["t-1"]).holds();
    }

    #[test]
    fn eager_members_give_up_everything_before_they_join() {
        let mut story = Story::new("revoke-first");
        story.started(0).started(1).generation(1, &["a"]).stable().assigned(0, "a", 1, &["t-1"]);
        story.state(Stable, PreparingRebalance).added("b").consumer(0, revoked()).ask_join("a");
        story.generation(2, &["a", "b"]).assigned(1, "b", 2, &["t-1"]).holds();
        story.assigned(0, "a", 2, &["t-0"]).ask_join("a");
        story.breaks("joined before it gave up t-0");
    }

    #[test]
    fn who_joins_without_an_id_has_nothing() {
        let mut story = story(true);
        story.ask_join("");
        story.breaks("joined before it gave up t-0");
    }
}
