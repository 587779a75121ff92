//! A partition has one owner in a generation: that is what a consumer group is for.
//!
//! Scope: one group, one incarnation, one generation. (A coordinator that takes over may issue a number
//! again; what it found in the log counts as handed in and as told.)
//! - No partition is told to two member ids in successful SyncGroup answers. A static member that was
//!   replaced and the one in its place count as one.
//! - What a member is told is, byte for byte, what the leader handed in for it in that generation; a
//!   member that the leader left out is told nothing. A leader that asked twice may have handed in two
//!   plans: then each member may have been told from either.
//! - The plan of a group of consumers gives no partition to two members.
//!   It gives nothing to an id whose place another has taken: a static member that comes back in the sync phase starts
//!   a rebalance. (One that had to give the place back may be named still, R8.9.)
//! - With `range`, `roundrobin`, `sticky` or `cooperative-sticky` the plan can be read, and gives every partition
//!   of every topic that a member subscribes to, to a member that subscribes to the topic. So whenever the group is
//!   Stable, each partition has one owner.
//!   With `cooperative-sticky` the plan may give to nobody what a member has claimed in its
//!   subscription: that is in transit, and is given in the rebalance that follows.
//!
//! Of a group of another protocol type only the bytes are compared: what they say is not known here.
//!
//! Not said: that an assignor of another name leaves nothing out, gives only what is subscribed to, or writes what
//! can be read here; anything across generations, where an old owner may not know yet that it was replaced (see
//! `no-overlap`); anything about topics that were created after the first consumer started, partitions
//! that were added since and topics that were deleted, of which a leader may not have heard; of what was
//! handed in for a generation of the same number that was lost in a fail-over, and arrives late: Kafka takes it for
//! a plan of the new one; and, of leaders that were never told their members, anything at all. A plan is held against what the leader was
//! told, which names members that have left meanwhile, and static members that are away.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::assignor::{Assignor, RebalanceProtocol};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, Generation, MemberId, Request, Response, TopicName, TopicPartition};
use crate::trace::Event;

use super::Invariant;
use super::interest::Interest;
use super::ledger::{Assigned, Group, Ledger, Plan, Roster, member_of};

pub(super) struct SingleOwner;

impl Invariant for SingleOwner {
    fn name(&self) -> &'static str {
        "single-owner"
    }

    fn statement(&self) -> &'static str {
        "in one generation every subscribed partition is assigned to exactly one member"
    }

    fn reads(&self) -> Interest {
        Interest::NONE.asked(&[Api::SyncGroup]).answered(&[Api::SyncGroup])
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        if let Some((group, plan)) = ledger.handed_in() {
            return complete(ledger, group, plan);
        }
        if let Some((asked, request, Response::SyncGroup(answer))) = ledger.answer(event)
            && answer.error_code == 0
            && let Request::SyncGroup(body) = &request.body
        {
            let group = ledger.group(asked.group);
            let member = member_of(&request.body).unwrap_or_default();
            let member = group.resolve(&member);
            if Generation(body.generation_id) == group.generation {
                alone(ledger, group, member)?;
                as_planned(group, member, &answer.assignment)?;
            }
        }
        Ok(())
    }
}

/// No partition that the member was just told is another's.
fn alone(ledger: &Ledger, group: &Group, member: &MemberId) -> Result<(), Breach> {
    for told in ledger.handed_out().unwrap_or_default() {
        match group.owner(&told.topic, told.partition) {
            Some(owner) if owner != member => {
                return breach!(
                    "told-twice",
                    "group {}: in generation {} {told} was told to {owner} and to {member}",
                    group.id.as_str(),
                    group.generation
                );
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// What the member was told stands in a plan of this generation.
fn as_planned(group: &Group, member: &MemberId, told: &Bytes) -> Result<(), Breach> {
    let matches = |plan: &Plan| plan.recorded.get(member).unwrap_or(&Bytes::new()) == told;
    if group.plans.iter().any(matches) {
        return Ok(());
    }
    let why = match group.plans.len() {
        0 => "the leader handed in nothing",
        _ => "the leader handed in something else for it",
    };
    breach!(
        "planned",
        "group {}: in generation {} {member} was told an assignment of {} bytes, but {why}",
        group.id.as_str(),
        group.generation,
        told.len()
    )
}

/// No partition is in the plan twice, and with an assignor that promises it every partition of every subscribed
/// topic is, with a subscriber.
fn complete(ledger: &Ledger, group: &Group, plan: &Plan) -> Result<(), Breach> {
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
    served(group, assignments).map_err(|breach| breach.within(head()))?;
    let (Some(roster), Some(assignor)) = (&group.roster, group.assignor()) else { return Ok(()) };
    subscribed(roster, &owners).map_err(|breach| breach.within(head()))?;
    covered(ledger, assignor, roster, &owners).map_err(|breach| breach.within(head()))
}

/// Nothing is given to an id whose place another had taken by then, which would get nothing.
fn served(
    group: &Group,
    assignments: &BTreeMap<MemberId, Vec<TopicPartition>>,
) -> Result<(), Breach> {
    let mut given = assignments.iter().filter(|(_, partitions)| !partitions.is_empty());
    let lost = given.find(|(member, _)| {
        let gone = !group.members.contains_key(*member) && !group.given_back.contains(*member);
        gone && group.displaced.contains_key(*member)
    });
    match lost {
        None => Ok(()),
        Some((member, partitions)) => breach!(
            "displaced",
            "gives {} to {member}, whose place {} has",
            partitions[0],
            group.resolve(member)
        ),
    }
}

fn subscribed(
    roster: &Roster,
    owners: &BTreeMap<(&TopicName, i32), &MemberId>,
) -> Result<(), Breach> {
    for ((topic, partition), member) in owners {
        // Kafka's coordinator ignores what a leader hands in for an id that is not a member.
        let Some(topics) = roster.subscriptions.get(*member) else { continue };
        if !topics.contains(topic) {
            let topic = topic.0.as_str();
            return breach!(
                "subscribed",
                "gives {topic}-{partition} to {member}, who does not subscribe to it"
            );
        }
    }
    Ok(())
}

fn covered(
    ledger: &Ledger,
    assignor: Assignor,
    roster: &Roster,
    owners: &BTreeMap<(&TopicName, i32), &MemberId>,
) -> Result<(), Breach> {
    let cooperative = assignor.supports(RebalanceProtocol::Cooperative);
    let wanted: BTreeSet<&TopicName> = roster.subscriptions.values().flatten().collect();
    for (topic, &partitions) in ledger.topics() {
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
                return breach!("covered", "gives {}-{partition} to nobody", topic.0.as_str());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::coordinator::GroupState::*;
    use crate::invariant::story::Story;

    fn story() -> Story {
        let mut story = Story::new("single-owner");
        story.topic("t", 2).generation(1, &["a", "b"]).joined("a", 1, &["a", "b"]);
        story
    }

    #[test]
    fn a_complete_plan_that_is_handed_out_holds() {
        let mut story = story();
        let a = story.ask_sync("a", 1, &[("a", &["t-0"]), ("b", &["t-1"])]);
        let b = story.ask_sync("b", 1, &[]);
        story.stable().told(a, &["t-0"]).told(b, &["t-1"]).holds();
    }

    #[test]
    fn a_plan_for_who_was_replaced_breaks() {
        let story = || {
            let mut story = Story::new("single-owner");
            story.topic("t", 1).added_static("a", "i").added_static("b", "k");
            story.generation(1, &["a", "b"]).joined("a", 1, &["a", "b"]).replaced("k", "b", "b2");
            story
        };
        let mut lost = story();
        lost.ask_sync("a", 1, &[("b", &["t-0"])]);
        lost.breaks("whose place b2 has");
        let mut back = story();
        back.undone("k", "b", "b2").ask_sync("a", 1, &[("b", &["t-0"])]);
        back.holds();
        // The leader asked twice, and read only the first answer.
        let mut stale = story();
        stale.generation(2, &["a", "b2"]).joined("a", 2, &["a", "b2"]).undone("k", "b", "b2");
        stale.joined("a", 2, &["a", "b"]).ask_sync("a", 2, &[("b2", &["t-0"])]);
        stale.holds();
    }

    /// A plan from a lost generation of that number names b, whose place b2 has when it arrives: b2 gets nothing
    /// of it, and nor does b when it has its place again.
    #[test]
    fn who_has_its_place_again_has_what_was_recorded_for_the_place() {
        let synced = |told: &[&str]| {
            let mut story = Story::new("single-owner");
            story.topic("t", 2).protocol("range").generation(2, &["a", "b"]);
            story.elected(1).on(1).shard_active(1).load(1, &[("a", "", &[]), ("b", "k", &[])]);
            story.replaced("k", "b", "b2").state(Stable, PreparingRebalance);
            story.generation(2, &["a", "b2"]).state(PreparingRebalance, CompletingRebalance);
            story.ask_sync("a", 2, &[("a", &["t-0"]), ("b", &["t-1"])]);
            let key = story.undone("k", "b", "b2").ask_sync("b", 2, &[]);
            story.stable().told(key, told);
            story
        };
        synced(&[]).holds();
        synced(&["t-1"]).breaks("handed in something else for it");
    }

    /// Members of which the leader knows only that they are there.
    fn foreign(protocol_type: &str, plan: &[(&str, &[u8])]) -> Story {
        let mut story = Story::new("single-owner");
        story.topic("t", 2).of_type(protocol_type);
        story.ask_join("");
        story.generation(1, &["a", "b"]).joined_raw("a", 1, &[("a", b"{\"v\":1}"), ("b", b"")]);
        story.ask_sync_raw("a", 1, plan);
        story
    }

    #[test]
    fn what_members_of_another_protocol_type_say_is_theirs() {
        // The second would be t-0 for both, if they were consumers.
        let t_0: &[u8] = b"\0\x01\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0\xff\xff\xff\xff";
        for plan in [[("a", &b"{"[..]), ("b", &b"}"[..])], [("a", t_0), ("b", t_0)]] {
            let mut story = foreign("sr", &plan);
            let b = story.ask_sync("b", 1, &[]);
            story.stable().told_raw(b, plan[1].1).holds();
            // What the leader handed in for it is known byte by byte.
            let b = story.ask_sync("b", 1, &[]);
            story.told_raw(b, b"]").breaks("handed in something else for it");
        }
        foreign("consumer", &[("a", t_0), ("b", t_0)]).breaks("gives t-0 to a and to b");
    }

    #[test]
    fn an_assignor_of_another_name_may_leave_something_out_and_write_what_it_likes() {
        let plan = |protocol: &str, plan: &[(&str, &[&str])]| {
            let mut story = Story::new("single-owner");
            story.topic("t", 2).topic("u", 1).protocol(protocol);
            story.generation(1, &["a", "b"]).joined("a", 1, &["a", "b"]).ask_sync("a", 1, plan);
            story
        };
        for left_out in [&[("a", &["t-0"][..])][..], &[("a", &["t-0"]), ("b", &["t-1", "u-0"])]] {
            plan("stream", left_out).holds();
            assert!(plan("range", left_out).broken().is_some());
        }
        let twice: &[(&str, &[&str])] = &[("a", &["t-0"]), ("b", &["t-0"])];
        plan("stream", twice).breaks("gives t-0 to a and to b");
        foreign("consumer", &[("a", b"{"), ("b", b"}")]).holds();
        let mut known = story();
        known.ask_sync_raw("a", 1, &[("a", b"{"), ("b", b"}")]);
        known.breaks("the assignment for a");
    }

    #[test]
    fn a_plan_with_a_hole_breaks() {
        let mut story = story();
        story.ask_sync("a", 1, &[("a", &["t-0"])]);
        story.breaks("gives t-1 to nobody");
    }

    #[test]
    fn a_plan_that_gives_a_partition_twice_breaks() {
        let mut story = story();
        story.ask_sync("a", 1, &[("a", &["t-0", "t-1"]), ("b", &["t-1"])]);
        story.breaks("gives t-1 to a and to b");
    }

    #[test]
    fn a_plan_for_a_stranger_leaves_a_hole() {
        let mut story = story();
        story.ask_sync("a", 1, &[("a", &["t-0"]), ("x", &["t-1"])]);
        story.breaks("gives t-1 to nobody");
    }

    #[test]
    fn a_plan_that_ignores_subscriptions_breaks() {
        let mut story = story();
        story.topic("u", 1);
        let plan: &[(&str, &[&str])] = &[("a", &["t-0", "u-0"]), ("b", &["t-1"])];
        story.ask_sync("a", 1, plan);
        story.breaks("who does not subscribe");
    }

    #[test]
    fn two_members_told_the_same_breaks() {
        let mut story = story();
        let a = story.ask_sync("a", 1, &[("a", &["t-0"]), ("b", &["t-1"])]);
        let b = story.ask_sync("b", 1, &[]);
        story.stable().told(a, &["t-0"]).told(b, &["t-0"]).breaks("t-0 was told to a and to b");
    }

    #[test]
    fn a_member_told_what_nobody_planned_breaks() {
        let mut story = story();
        let a = story.ask_sync("a", 1, &[("a", &["t-0"]), ("b", &["t-1"])]);
        story.stable().told(a, &[]).breaks("handed in something else");
    }

    #[test]
    fn what_is_in_transit_may_be_nobodys() {
        let plan = |protocol: &str, claims: &[(&str, &[&str], i32)]| {
            let mut story = Story::new("single-owner");
            story.topic("t", 2).protocol(protocol).generation(2, &["a", "b"]);
            story.joined_with("a", 2, claims).ask_sync("a", 2, &[("a", &["t-0"]), ("b", &[])]);
            story
        };
        let claims: &[(&str, &[&str], i32)] = &[("a", &["t-0", "t-1"], 1), ("b", &[], -1)];
        plan("cooperative-sticky", claims).holds();
        plan("sticky", claims).breaks("gives t-1 to nobody");
        plan("cooperative-sticky", &[("a", &["t-0"], 1), ("b", &[], -1)]).breaks("to nobody");
    }

    #[test]
    fn a_number_that_is_issued_again_is_another_generation() {
        let mut story = story();
        story.ask_sync("a", 1, &[("a", &["t-0", "t-1"])]);
        story.elected(1).on(1).shard_active(1).load(0, &[]).generation(1, &["b"]);
        let key = story.ask_sync("b", 1, &[("b", &["t-0", "t-1"])]);
        story.stable().told(key, &["t-0", "t-1"]).holds();
    }

    /// Seed 117378: it had been held up on its way until its sender led the generation of that number.
    #[test]
    fn what_a_follower_sent_in_a_generation_that_was_lost_is_no_plan() {
        let mut story = story();
        story.elected(1).on(1).shard_active(1).load(0, &[]);
        story.generation(1, &["b", "a"]).joined("b", 1, &["b", "a"]).ask_sync("b", 1, &[]);
        story.holds();
        let mut story = self::story();
        story.ask_sync("a", 1, &[]);
        story.breaks("gives t-0 to nobody");
    }

    #[test]
    fn what_was_loaded_counts_as_planned_also_for_who_takes_a_place() {
        let mut story = Story::new("single-owner");
        let members: &[(&str, &str, &[&str])] = &[("a", "i", &["t-0"]), ("b", "", &["t-1"])];
        story.on(1).shard_active(1).load(4, members).replaced("i", "a", "a2");
        let key = story.ask_sync("a2", 4, &[]);
        story.told(key, &["t-0"]).holds();
        let key = story.ask_sync("b", 4, &[]);
        story.told(key, &["t-0"]).breaks("t-0 was told to a2 and to b");
    }
}
