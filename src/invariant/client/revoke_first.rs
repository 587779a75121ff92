//! With cooperative rebalancing a member gives up a partition before another takes it over
//! (KIP-429): no member stops for a rebalance, and yet no two members act on one partition.
//!
//! Scope: consumers that need not revoke everything before they join: all their assignors are
//! cooperative, under any name of the generation's assignor. When a consumer takes over a partition
//! that it did not own, in the newest generation of the incarnation at the current leader, no other
//! such consumer of the group that is running still owns it, under an id that is a member and that
//! joined for this very generation, with a JoinGroup that it sent when it already owned the
//! partition. So the old owner has revoked or lost it, closed or crashed, or its id is no longer a
//! member: fenced, expired, replaced.
//!
//! Of any consumer: when it sends a JoinGroup it owns nothing, if one of its assignors is eager, or
//! if it joins without an id. (The rebalance that it triggers may assign its partitions to other
//! members.)
//!
//! | rule | violated when |
//! |---|---|
//! | `given-away` | a consumer takes over a partition that its old owner still owns |
//! | `joined-owning` | a consumer sends JoinGroup while it owns what it should have given up |
//!
//! Not said: anything about a static member that was away when the group rebalanced. Its
//! subscription is that of its last JoinGroup, so a leader may not know what it owns now, and it
//! may own that until it learns that it is fenced. So the partitions that a static member takes
//! over from its former id are not judged again, however that id came by them. Anything about a
//! member whose JoinGroup was delayed in flight: it claims what was owned when it was sent (KIP-792
//! prevents that, in later versions). Anything while no broker has loaded the group.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::JoinGroupRequest;

use crate::assignor::{RebalanceProtocol, common_protocol};
use crate::client::ClientObservation;
use crate::invariant::{Breach, breach};
use crate::protocol::{
    Api, Generation, GroupId, IndexMap, MemberId, Request, Response, TopicPartition,
};
use crate::trace::{ConsumerRef, Event, EventKind, FaultKind, Message, Place};

use crate::invariant::Invariant;
use crate::invariant::interest::Interest;
use crate::model::{Group, Key, Model};

#[derive(Default)]
pub(in crate::invariant) struct RevokeFirst {
    consumers: IndexMap<ConsumerRef, Holder>,
    /// The generation for which each member joined last, and when it sent that JoinGroup, by the
    /// index of the incarnation.
    joined: BTreeMap<usize, IndexMap<MemberId, (Generation, u64)>>,
    /// The last assignment of each id of a static member, without what it revoked.
    last_assigned: IndexMap<MemberId, BTreeSet<TopicPartition>>,
    /// JoinGroup requests in flight, and when they were sent.
    sent: IndexMap<Key, u64>,
    /// Counts JoinGroup requests and assignments of consumers.
    order: u64,
}

struct Holder {
    group: GroupId,
    /// Whether it offers an assignor that is not cooperative.
    eager: bool,
    member: Option<MemberId>,
    /// The partitions that it owns, and when each was assigned.
    owned: BTreeMap<TopicPartition, u64>,
}

impl Invariant for RevokeFirst {
    fn name(&self) -> &'static str {
        "revoke-first"
    }

    fn statement(&self) -> &'static str {
        "a partition changes its owner only after the old owner gave it up"
    }

    fn reads(&self) -> Interest {
        Interest::CONSUMER
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .sends(&[Api::JoinGroup])
            .requests(&[Api::JoinGroup])
            .responses(&[Api::JoinGroup])
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        match (&event.kind, event.place) {
            (EventKind::Consumer(observation), Place::Consumer(consumer)) => {
                return self.observe(model, consumer, observation);
            }
            (
                EventKind::Sent { conn, message: Message::Request(frame), .. },
                Place::Consumer(who),
            ) => {
                if let Request::JoinGroup(body) = &frame.body {
                    self.order += 1;
                    self.sent.insert((*conn, frame.correlation), self.order);
                    return self.check_gave_up(who, body);
                }
            }
            (EventKind::Received { .. }, Place::Broker(_)) => {
                if let Some((context, request)) = model.request(event)
                    && let Request::JoinGroup(body) = &request.body
                    && context.standing.is_member()
                {
                    let member = MemberId(body.member_id.clone());
                    let next = Generation(context.generation.0 + 1);
                    let sent = self.sent.swap_remove(&context.key).unwrap_or(self.order);
                    self.joined.entry(context.group).or_default().insert(member, (next, sent));
                }
            }
            (EventKind::Sent { .. }, Place::Broker(_)) => {
                if let Some((ctx, _, Response::JoinGroup(response))) = model.response(event)
                    && Generation(response.generation_id) <= ctx.generation
                    && let Some(joined) = self.joined.get_mut(&ctx.group)
                {
                    // The JoinGroup was completed at once, or refused, and so joined for no later
                    // generation.
                    joined.swap_remove(&MemberId(response.member_id.clone()));
                }
            }
            (EventKind::ConsumerStarted { config, .. }, Place::Consumer(consumer)) => {
                let (group, owned) = (config.group.clone(), BTreeMap::new());
                let eager = common_protocol(&config.assignors) == RebalanceProtocol::Eager;
                let holder = Holder { group, eager, member: None, owned };
                self.consumers.insert(consumer, holder);
            }
            (
                EventKind::ConsumerClosed | EventKind::FaultBegan { fault: FaultKind::Crash, .. },
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
        model: &Model,
        consumer: ConsumerRef,
        observation: &ClientObservation,
    ) -> Result<(), Breach> {
        let Some(holder) = self.consumers.get_mut(&consumer) else { return Ok(()) };
        match observation {
            ClientObservation::Assigned { member, generation, partitions, .. } => {
                holder.member = Some(member.clone());
                let Some((index, group)) = model.find(&holder.group) else { return Ok(()) };
                if group.members.get(member).is_some_and(|member| member.instance.is_some()) {
                    self.last_assigned.insert(member.clone(), partitions.iter().cloned().collect());
                }
                let inherited = |p: &TopicPartition| {
                    former_ids(group, member).any(|old| owns(&self.last_assigned, old, p))
                };
                let taken: Vec<_> = partitions
                    .iter()
                    .filter(|p| !holder.owned.contains_key(*p) && !inherited(p))
                    .collect();
                let mut found = Ok(());
                if group.generation == *generation {
                    found = self.check_given_up(index, group, consumer, &taken);
                }
                self.order += 1;
                let owned = &mut self.consumers[&consumer].owned;
                owned.retain(|owned, _| partitions.contains(owned));
                for partition in partitions {
                    owned.entry(partition.clone()).or_insert(self.order);
                }
                return found;
            }
            ClientObservation::Revoked { partitions } | ClientObservation::Lost { partitions } => {
                let mut kept =
                    holder.member.as_ref().and_then(|member| self.last_assigned.get_mut(member));
                let revoked = matches!(observation, ClientObservation::Revoked { .. });
                for partition in partitions {
                    holder.owned.remove(partition);
                    if let Some(kept) = kept.as_mut().filter(|_| revoked) {
                        kept.remove(partition);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that a consumer that joins owns nothing that it should have given up before.
    fn check_gave_up(&self, consumer: ConsumerRef, body: &JoinGroupRequest) -> Result<(), Breach> {
        let Some(holder) = self.consumers.get(&consumer) else { return Ok(()) };
        match holder.owned.first_key_value() {
            Some((owned, _)) if holder.eager || body.member_id.is_empty() => breach!(
                "joined-owning",
                "group {}: {:?} sent JoinGroup before it gave up {owned}",
                holder.group.as_str(),
                body.member_id
            ),
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that no other consumer that joined for the generation owns what this consumer takes
    /// over.
    fn check_given_up(
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
                    "group {}: {both} was assigned to another member in generation {} before {member} \
                     gave it up",
                    group.id.as_str(),
                    group.generation
                );
            }
        }
        Ok(())
    }
}

/// The former ids of this static member.
fn former_ids<'a>(group: &'a Group, member: &'a MemberId) -> impl Iterator<Item = &'a MemberId> {
    group.displaced.keys().filter(move |old| group.resolve(old) == member)
}

fn owns(
    last_assigned: &IndexMap<MemberId, BTreeSet<TopicPartition>>,
    member: &MemberId,
    partition: &TopicPartition,
) -> bool {
    last_assigned.get(member).is_some_and(|assigned| assigned.contains(partition))
}

#[cfg(test)]
mod tests {
    use crate::client::ClientObservation;
    use crate::coordinator::{GroupState::*, Removal};
    use crate::invariant::trace_builder::{TraceBuilder, partition};
    use crate::trace::{EventKind, FaultKind};

    /// a owns both partitions when b joins; both are then in generation 2.
    fn trace(rejoins: bool) -> TraceBuilder {
        let mut trace = TraceBuilder::new("revoke-first");
        trace.protocol("cooperative-sticky").started(0).started(1);
        trace.generation(1, &["a"]).stable().assigned(0, "a", 1, &["t-0", "t-1"]);
        trace.state(Stable, PreparingRebalance).added("b");
        if rejoins {
            trace.request_join("a");
        }
        trace.generation(2, &["a", "b"]);
        trace
    }

    fn revoked() -> ClientObservation {
        ClientObservation::Revoked { partitions: vec![partition("t-1")] }
    }

    #[test]
    fn a_member_may_take_over_only_what_was_revoked() {
        trace(true).consumer(0, revoked()).assigned(1, "b", 2, &["t-1"]).holds();
        trace(true)
            .assigned(1, "b", 2, &["t-1"])
            .breaks("t-1 was assigned to another member in generation 2");
    }

    #[test]
    fn members_are_cooperative_by_their_assignors_and_not_by_a_name() {
        let taken = |protocol: &str| {
            let mut trace = TraceBuilder::new("revoke-first");
            trace.protocol(protocol).started(0).started(1).protocol("own");
            trace.generation(1, &["a"]).stable().assigned(0, "a", 1, &["t-0", "t-1"]);
            trace.state(Stable, PreparingRebalance).added("b").consumer(0, revoked());
            if protocol == "range" {
                let rest = vec![partition("t-0")];
                trace.consumer(0, ClientObservation::Revoked { partitions: rest });
            }
            trace.request_join("a");
            trace.generation(2, &["a", "b"]);
            trace
        };
        for protocol in ["cooperative-sticky", "range"] {
            taken(protocol).assigned(1, "b", 2, &["t-1"]).holds();
        }
        taken("cooperative-sticky")
            .assigned(1, "b", 2, &["t-0"])
            .breaks("t-0 was assigned to another member in generation 2");
    }

    #[test]
    fn the_owner_keeps_the_rest() {
        let mut trace = trace(true);
        trace.consumer(0, revoked()).assigned(0, "a", 2, &["t-0"]).assigned(1, "b", 2, &[]);
        trace.assigned(1, "b", 2, &["t-0"]).breaks("t-0 was assigned to another member");
    }

    #[test]
    fn a_member_that_is_gone_need_not_give_up_anything() {
        let mut crashed = trace(true);
        crashed.at_consumer(
            0,
            EventKind::FaultBegan { fault: FaultKind::Crash, peer: None, direction: None },
        );
        crashed.assigned(1, "b", 2, &["t-1"]).holds();
        let mut expired = trace(true);
        expired.removed("a", Removal::SessionExpired).assigned(1, "b", 2, &["t-1"]).holds();
    }

    #[test]
    fn a_static_member_that_was_away_may_still_hold_on() {
        trace(false).assigned(1, "b", 2, &["t-1"]).holds();
    }

    #[test]
    fn a_static_member_that_comes_back_takes_over_the_assignment_of_its_former_id() {
        let mut trace = TraceBuilder::new("revoke-first");
        trace.protocol("cooperative-sticky").started(0).started(1);
        trace.added_static("a", "i").added_static("b", "k").generation(1, &["a", "b"]).stable();
        trace.assigned(0, "a", 1, &["t-0"]).state(Stable, PreparingRebalance);
        // It is away, and then does not know what it lost.
        trace.generation(2, &["a", "b"]).assigned(1, "b", 2, &["t-0"]);
        trace.request_join("a");
        trace.generation(3, &["a", "b"]).assigned(1, "b", 3, &["t-0"]);
        trace.at_consumer(
            1,
            EventKind::FaultBegan { fault: FaultKind::Crash, peer: None, direction: None },
        );
        trace.started(2).replaced("k", "b", "b2").assigned(2, "b2", 3, &["t-0"]).holds();
    }

    #[test]
    fn a_delayed_join_does_not_claim_what_is_owned_now() {
        let mut trace = TraceBuilder::new("revoke-first");
        trace.protocol("cooperative-sticky").started(0).started(1).generation(1, &["a"]).stable();
        trace.request_join_late("a", |trace| {
            trace.assigned(0, "a", 1, &["t-0", "t-1"]);
            trace.state(Stable, PreparingRebalance).added("b");
        });
        trace.generation(2, &["a", "b"]).assigned(1, "b", 2, &["t-1"]).holds();
    }

    #[test]
    fn eager_members_give_up_everything_before_they_join() {
        let mut trace = TraceBuilder::new("revoke-first");
        trace.started(0).started(1).generation(1, &["a"]).stable().assigned(0, "a", 1, &["t-1"]);
        trace.state(Stable, PreparingRebalance).added("b").consumer(0, revoked()).request_join("a");
        trace.generation(2, &["a", "b"]).assigned(1, "b", 2, &["t-1"]).holds();
        trace.assigned(0, "a", 2, &["t-0"]).request_join("a");
        trace.breaks("sent JoinGroup before it gave up t-0");
    }

    #[test]
    fn a_member_that_joins_without_an_id_owns_nothing() {
        let mut trace = trace(true);
        trace.request_join("");
        trace.breaks("sent JoinGroup before it gave up t-0");
    }
}
