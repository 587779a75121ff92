//! A partition has one owner in a generation: this is the purpose of a consumer group.
//!
//! Scope: one group, one incarnation, one generation. (A coordinator that takes over may issue a
//! number again; the assignments that it loaded from the log count as submitted and as sent.)
//! - Successful SyncGroup responses do not assign a partition to two member ids. A static member
//!   that was replaced and the id that replaced it count as one.
//! - The assignment that a member receives is, byte for byte, the one that the leader submitted for
//!   it in that generation; a member that the leader left out receives an empty one. A leader that
//!   sent SyncGroup twice may have submitted two plans: then each member may have received its
//!   assignment from either.
//! - The plan of a group of consumers gives no partition to two members. It gives nothing to an id
//!   that another has replaced: a static member that comes back in the sync phase starts a
//!   rebalance. (The plan may still name an id whose replacement was undone, R8.9.)
//! - With `range`, `roundrobin`, `sticky` or `cooperative-sticky` the plan decodes, and gives every
//!   partition of every topic that a member subscribes to, to a member that subscribes to the
//!   topic. So whenever the group is Stable, each partition has one owner. With
//!   `cooperative-sticky` the plan may leave out a partition that a member claims in its
//!   subscription: that is in transit, and is assigned in the rebalance that follows.
//!
//! Of a group of another protocol type only the bytes are compared: their meaning is not known
//! here.
//!
//! | rule | violated when |
//! |---|---|
//! | `assigned-twice` | a partition is assigned to two members of one generation |
//! | `planned` | a member receives other bytes than its leader submitted for it |
//! | `given-twice` | a plan gives a partition to two members |
//! | `displaced` | a plan gives a partition to an id that another has replaced |
//! | `decodes` | a plan of an assignor of this crate does not decode |
//! | `subscribed` | a plan gives a partition to a member that does not subscribe to it |
//! | `covered` | a plan gives a partition to no member |
//!
//! Not said: that the plan of an assignor of another name leaves nothing out, gives only topics
//! that are subscribed to, or decodes; anything across generations, where an old owner may not know
//! yet that it was replaced (see `no-overlap`); anything about topics that were created after the
//! first consumer started, partitions that were added since and topics that were deleted, which a
//! leader may not have learned; anything about a plan that was submitted for a lost generation of
//! the same number and arrives after a fail-over: Kafka takes it for a plan of the new one; and
//! anything about leaders whose JoinGroup response with the members was never sent. A plan is
//! checked against the leader's JoinGroup response, which names members that have left meanwhile,
//! and static members that are away.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::assignor::{Assignor, RebalanceProtocol};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, Generation, MemberId, Request, Response, TopicName, TopicPartition};
use crate::trace::Event;

use crate::invariant::Invariant;
use crate::invariant::interest::Interest;
use crate::model::{Assigned, Group, Model, Plan, Roster, member_of};

pub(in crate::invariant) struct SingleOwner;

impl Invariant for SingleOwner {
    fn name(&self) -> &'static str {
        "single-owner"
    }

    fn statement(&self) -> &'static str {
        "in one generation every subscribed partition is assigned to exactly one member"
    }

    fn reads(&self) -> Interest {
        Interest::NONE.requests(&[Api::SyncGroup]).responses(&[Api::SyncGroup])
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        if let Some((group, plan)) = model.submitted_plan() {
            return check_plan(model, group, plan);
        }
        if let Some((context, request, Response::SyncGroup(response))) = model.response(event)
            && response.error_code == 0
            && let Request::SyncGroup(body) = &request.body
        {
            let group = model.group(context.group);
            let member = member_of(&request.body).unwrap_or_default();
            let member = group.resolve(&member);
            if Generation(body.generation_id) == group.generation {
                check_sole_owner(model, group, member)?;
                check_planned(group, member, &response.assignment)?;
            }
        }
        Ok(())
    }
}

/// Checks that no partition in the present assignment belongs to another member.
fn check_sole_owner(model: &Model, group: &Group, member: &MemberId) -> Result<(), Breach> {
    for assigned in model.assigned().unwrap_or_default() {
        match group.owner(&assigned.topic, assigned.partition) {
            Some(owner) if owner != member => {
                return breach!(
                    "assigned-twice",
                    "group {}: in generation {} the coordinator assigned {assigned} to {owner} and to {member}",
                    group.id.as_str(),
                    group.generation
                );
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// Checks that the assignment that the member received is part of a plan of this generation.
fn check_planned(group: &Group, member: &MemberId, assignment: &Bytes) -> Result<(), Breach> {
    let matches = |plan: &Plan| plan.recorded.get(member).unwrap_or(&Bytes::new()) == assignment;
    if group.plans.iter().any(matches) {
        return Ok(());
    }
    let why = match group.plans.len() {
        0 => "the leader submitted no plan",
        _ => "the leader submitted something else for it",
    };
    breach!(
        "planned",
        "group {}: in generation {} the coordinator sent {member} an assignment of {} bytes, but {why}",
        group.id.as_str(),
        group.generation,
        assignment.len()
    )
}

/// Checks that no partition is in the plan twice, and that with an assignor that promises it the
/// plan gives every partition of every subscribed topic to a subscriber.
fn check_plan(model: &Model, group: &Group, plan: &Plan) -> Result<(), Breach> {
    let head =
        || format!("group {}: the plan of generation {}", group.id.as_str(), group.generation);
    let assignments = match &plan.assignments {
        Assigned::Partitions(assignments) => assignments,
        Assigned::Malformed(malformed) if group.assignor().is_some() => {
            return breach!("decodes", "{} does not decode: {malformed}", head());
        }
        Assigned::Malformed(_) | Assigned::Unread => return Ok(()),
    };
    let mut owners: BTreeMap<(&TopicName, i32), &MemberId> = BTreeMap::new();
    for (member, partitions) in assignments {
        for owned in partitions {
            if let Some(other) = owners.insert((&owned.topic, owned.partition), member) {
                return breach!(
                    "given-twice",
                    "{} gives {owned} to {other} and to {member}",
                    head()
                );
            }
        }
    }
    check_no_displaced(group, assignments).map_err(|breach| breach.within(head()))?;
    let (Some(roster), Some(assignor)) = (&group.roster, group.assignor()) else { return Ok(()) };
    check_subscribed(roster, &owners).map_err(|breach| breach.within(head()))?;
    check_covered(model, assignor, roster, &owners).map_err(|breach| breach.within(head()))
}

/// Checks that the plan gives nothing to an id that another had replaced, which would receive
/// nothing.
fn check_no_displaced(
    group: &Group,
    assignments: &BTreeMap<MemberId, Vec<TopicPartition>>,
) -> Result<(), Breach> {
    let mut given = assignments.iter().filter(|(_, partitions)| !partitions.is_empty());
    let lost = given.find(|(member, _)| {
        let gone = !group.members.contains_key(*member) && !group.undone.contains(*member);
        gone && group.displaced.contains_key(*member)
    });
    match lost {
        None => Ok(()),
        Some((member, partitions)) => breach!(
            "displaced",
            "gives {} to {member}, which {} has replaced",
            partitions[0],
            group.resolve(member)
        ),
    }
}

fn check_subscribed(
    roster: &Roster,
    owners: &BTreeMap<(&TopicName, i32), &MemberId>,
) -> Result<(), Breach> {
    for ((topic, partition), member) in owners {
        // Kafka's coordinator ignores the assignment for an id that is not a member.
        let Some(topics) = roster.subscriptions.get(*member) else { continue };
        if !topics.contains(topic) {
            let topic = topic.0.as_str();
            return breach!(
                "subscribed",
                "gives {topic}-{partition} to {member}, which does not subscribe to it"
            );
        }
    }
    Ok(())
}

fn check_covered(
    model: &Model,
    assignor: Assignor,
    roster: &Roster,
    owners: &BTreeMap<(&TopicName, i32), &MemberId>,
) -> Result<(), Breach> {
    let cooperative = assignor.supports(RebalanceProtocol::Cooperative);
    let wanted: BTreeSet<&TopicName> = roster.subscriptions.values().flatten().collect();
    for (topic, &partitions) in model.topics() {
        if !wanted.contains(topic) {
            continue;
        }
        for partition in 0..partitions {
            let owner = owners.get(&(topic, partition));
            let id = || TopicPartition::new(topic.clone(), partition);
            let in_transit =
                || cooperative && owner.is_none() && roster.owners(&id()).next().is_some();
            let owned = owner.is_some_and(|member| roster.subscriptions.contains_key(*member));
            if !owned && !in_transit() {
                return breach!("covered", "gives {}-{partition} to no member", topic.0.as_str());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::coordinator::GroupState::*;
    use crate::invariant::trace_builder::TraceBuilder;

    fn trace() -> TraceBuilder {
        let mut trace = TraceBuilder::new("single-owner");
        trace.topic("t", 2).generation(1, &["a", "b"]).joined("a", 1, &["a", "b"]);
        trace
    }

    #[test]
    fn a_complete_plan_that_is_assigned_holds() {
        let mut trace = trace();
        let a = trace.request_sync("a", 1, &[("a", &["t-0"]), ("b", &["t-1"])]);
        let b = trace.request_sync("b", 1, &[]);
        trace.stable().assigned_in_sync(a, &["t-0"]).assigned_in_sync(b, &["t-1"]).holds();
    }

    #[test]
    fn a_plan_for_a_replaced_id_breaks() {
        let trace = || {
            let mut trace = TraceBuilder::new("single-owner");
            trace.topic("t", 1).added_static("a", "i").added_static("b", "k");
            trace.generation(1, &["a", "b"]).joined("a", 1, &["a", "b"]).replaced("k", "b", "b2");
            trace
        };
        let mut lost = trace();
        lost.request_sync("a", 1, &[("b", &["t-0"])]);
        lost.breaks("which b2 has replaced");
        let mut back = trace();
        back.undone("k", "b", "b2").request_sync("a", 1, &[("b", &["t-0"])]);
        back.holds();
        // The leader sent JoinGroup twice, and read only the first response.
        let mut stale = trace();
        stale.generation(2, &["a", "b2"]).joined("a", 2, &["a", "b2"]).undone("k", "b", "b2");
        stale.joined("a", 2, &["a", "b"]).request_sync("a", 2, &[("b2", &["t-0"])]);
        stale.holds();
    }

    /// A plan from a lost generation of the same number names b, which b2 has replaced when the
    /// plan arrives. So b2 gets nothing from it, and neither does b when the replacement is undone.
    #[test]
    fn a_member_whose_replacement_is_undone_has_what_was_recorded_for_its_replacement() {
        let synced = |assigned: &[&str]| {
            let mut trace = TraceBuilder::new("single-owner");
            trace.topic("t", 2).protocol("range").generation(2, &["a", "b"]);
            trace.elected(1).on(1).term_active(1).load(1, &[("a", "", &[]), ("b", "k", &[])]);
            trace.replaced("k", "b", "b2").state(Stable, PreparingRebalance);
            trace.generation(2, &["a", "b2"]).state(PreparingRebalance, CompletingRebalance);
            trace.request_sync("a", 2, &[("a", &["t-0"]), ("b", &["t-1"])]);
            let key = trace.undone("k", "b", "b2").request_sync("b", 2, &[]);
            trace.stable().assigned_in_sync(key, assigned);
            trace
        };
        synced(&[]).holds();
        synced(&["t-1"]).breaks("submitted something else for it");
    }

    /// Members whose subscriptions the leader cannot decode.
    fn foreign(protocol_type: &str, plan: &[(&str, &[u8])]) -> TraceBuilder {
        let mut trace = TraceBuilder::new("single-owner");
        trace.topic("t", 2).of_type(protocol_type);
        trace.request_join("");
        trace.generation(1, &["a", "b"]).joined_raw("a", 1, &[("a", b"{\"v\":1}"), ("b", b"")]);
        trace.request_sync_raw("a", 1, plan);
        trace
    }

    #[test]
    fn assignments_of_another_protocol_type_are_not_decoded() {
        // The second would be t-0 for both, if they were consumers.
        let t_0: &[u8] = b"\0\x01\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0\xff\xff\xff\xff";
        for plan in [[("a", &b"{"[..]), ("b", &b"}"[..])], [("a", t_0), ("b", t_0)]] {
            let mut trace = foreign("sr", &plan);
            let b = trace.request_sync("b", 1, &[]);
            trace.stable().assigned_raw(b, plan[1].1).holds();
            // The bytes must still be those that the leader submitted.
            let b = trace.request_sync("b", 1, &[]);
            trace.assigned_raw(b, b"]").breaks("submitted something else for it");
        }
        foreign("consumer", &[("a", t_0), ("b", t_0)]).breaks("gives t-0 to a and to b");
    }

    #[test]
    fn an_assignor_of_another_name_may_leave_a_partition_out_and_write_any_bytes() {
        let plan = |protocol: &str, plan: &[(&str, &[&str])]| {
            let mut trace = TraceBuilder::new("single-owner");
            trace.topic("t", 2).topic("u", 1).protocol(protocol);
            trace.generation(1, &["a", "b"]).joined("a", 1, &["a", "b"]).request_sync("a", 1, plan);
            trace
        };
        for left_out in [&[("a", &["t-0"][..])][..], &[("a", &["t-0"]), ("b", &["t-1", "u-0"])]] {
            plan("stream", left_out).holds();
            assert!(plan("range", left_out).broken().is_some());
        }
        let twice: &[(&str, &[&str])] = &[("a", &["t-0"]), ("b", &["t-0"])];
        plan("stream", twice).breaks("gives t-0 to a and to b");
        foreign("consumer", &[("a", b"{"), ("b", b"}")]).holds();
        let mut known = trace();
        known.request_sync_raw("a", 1, &[("a", b"{"), ("b", b"}")]);
        known.breaks("the assignment for a");
    }

    #[test]
    fn a_plan_with_a_hole_breaks() {
        let mut trace = trace();
        trace.request_sync("a", 1, &[("a", &["t-0"])]);
        trace.breaks("gives t-1 to no member");
    }

    #[test]
    fn a_plan_that_gives_a_partition_twice_breaks() {
        let mut trace = trace();
        trace.request_sync("a", 1, &[("a", &["t-0", "t-1"]), ("b", &["t-1"])]);
        trace.breaks("gives t-1 to a and to b");
    }

    #[test]
    fn a_plan_for_an_unknown_id_leaves_a_hole() {
        let mut trace = trace();
        trace.request_sync("a", 1, &[("a", &["t-0"]), ("x", &["t-1"])]);
        trace.breaks("gives t-1 to no member");
    }

    #[test]
    fn a_plan_that_ignores_subscriptions_breaks() {
        let mut trace = trace();
        trace.topic("u", 1);
        let plan: &[(&str, &[&str])] = &[("a", &["t-0", "u-0"]), ("b", &["t-1"])];
        trace.request_sync("a", 1, plan);
        trace.breaks("which does not subscribe");
    }

    #[test]
    fn two_members_that_are_assigned_the_same_partition_break() {
        let mut trace = trace();
        let a = trace.request_sync("a", 1, &[("a", &["t-0"]), ("b", &["t-1"])]);
        let b = trace.request_sync("b", 1, &[]);
        trace
            .stable()
            .assigned_in_sync(a, &["t-0"])
            .assigned_in_sync(b, &["t-0"])
            .breaks("assigned t-0 to a and to b");
    }

    #[test]
    fn an_assignment_that_was_not_planned_breaks() {
        let mut trace = trace();
        let a = trace.request_sync("a", 1, &[("a", &["t-0"]), ("b", &["t-1"])]);
        trace.stable().assigned_in_sync(a, &[]).breaks("submitted something else");
    }

    #[test]
    fn a_partition_in_transit_may_have_no_owner() {
        let plan = |protocol: &str, claims: &[(&str, &[&str], i32)]| {
            let mut trace = TraceBuilder::new("single-owner");
            trace.topic("t", 2).protocol(protocol).generation(2, &["a", "b"]);
            trace.joined_with("a", 2, claims).request_sync("a", 2, &[("a", &["t-0"]), ("b", &[])]);
            trace
        };
        let claims: &[(&str, &[&str], i32)] = &[("a", &["t-0", "t-1"], 1), ("b", &[], -1)];
        plan("cooperative-sticky", claims).holds();
        plan("sticky", claims).breaks("gives t-1 to no member");
        plan("cooperative-sticky", &[("a", &["t-0"], 1), ("b", &[], -1)]).breaks("to no member");
    }

    #[test]
    fn a_number_that_is_issued_again_is_another_generation() {
        let mut trace = trace();
        trace.request_sync("a", 1, &[("a", &["t-0", "t-1"])]);
        trace.elected(1).on(1).term_active(1).load(0, &[]).generation(1, &["b"]);
        let key = trace.request_sync("b", 1, &[("b", &["t-0", "t-1"])]);
        trace.stable().assigned_in_sync(key, &["t-0", "t-1"]).holds();
    }

    /// Seed 117378: the SyncGroup was delayed in flight until its sender led the generation of that
    /// number.
    #[test]
    fn the_sync_of_a_follower_in_a_lost_generation_is_no_plan() {
        let mut trace = trace();
        trace.elected(1).on(1).term_active(1).load(0, &[]);
        trace.generation(1, &["b", "a"]).joined("b", 1, &["b", "a"]).request_sync("b", 1, &[]);
        trace.holds();
        let mut trace = self::trace();
        trace.request_sync("a", 1, &[]);
        trace.breaks("gives t-0 to no member");
    }

    #[test]
    fn a_loaded_assignment_counts_as_planned_also_for_an_id_that_replaces() {
        let mut trace = TraceBuilder::new("single-owner");
        let members: &[(&str, &str, &[&str])] = &[("a", "i", &["t-0"]), ("b", "", &["t-1"])];
        trace.on(1).term_active(1).load(4, members).replaced("i", "a", "a2");
        let key = trace.request_sync("a2", 4, &[]);
        trace.assigned_in_sync(key, &["t-0"]).holds();
        let key = trace.request_sync("b", 4, &[]);
        trace.assigned_in_sync(key, &["t-0"]).breaks("assigned t-0 to a2 and to b");
    }
}
