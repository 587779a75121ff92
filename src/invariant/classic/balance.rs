//! An assignor's balance is why a group chose it, so the leader's plan must be as balanced as the
//! assignor promises.
//!
//! Scope: the plan in the SyncGroup of the leader of the newest generation, given the members and
//! subscriptions in the leader's JoinGroup response, for topics that existed before the first
//! consumer.
//! - `range`: of each topic, a member gets one contiguous run, and two subscribers differ by at
//!   most one. (Members that name a rack may get more than one run: KIP-881.)
//! - `roundrobin` and `sticky`: over all topics, two members differ by at most one, if all members
//!   subscribe to the same topics.
//! - `cooperative-sticky`, if all members subscribe to the same topics: no member gets more than
//!   the ceiling of the mean. No member is further below its floor than the number of partitions in
//!   transit, which are those that the plan gives to no member and some member claims.
//!
//! Static members that are away count as members: the leader's JoinGroup response names them.
//!
//! | rule | violated when |
//! |---|---|
//! | `range` | `range`: the share of a member in a topic is not contiguous |
//! | `even` | `range`, `roundrobin`, `sticky`: two members differ by more than one |
//! | `cooperative` | `cooperative-sticky`: a member gets too many or too few |
//!
//! Not said: anything about other assignors, or about groups of another protocol type; which member
//! gets which share (ties are the assignor's choice); unequal subscriptions with assignors other
//! than range, for which no computable bound is promised. That the plan is complete is
//! `single-owner`'s claim.

use std::collections::BTreeSet;

use crate::assignor::Assignor;
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, MemberId, TopicName, TopicPartition};
use crate::trace::Event;

use crate::invariant::Invariant;
use crate::invariant::interest::Interest;
use crate::model::{Group, Model, Roster};

use super::planned::{Assignments, Planned};

pub(in crate::invariant) struct Balance;

impl Invariant for Balance {
    fn name(&self) -> &'static str {
        "balance"
    }

    fn statement(&self) -> &'static str {
        "the leader's plan is as balanced as its assignor promises"
    }

    fn reads(&self) -> Interest {
        Interest::NONE.requests(&[Api::SyncGroup])
    }

    fn check(&mut self, model: &Model, _event: &Event) -> Result<(), Breach> {
        let Some(planned) = Planned::of(model) else { return Ok(()) };
        let Planned { group, assignor, roster, assignments } = planned;
        match assignor {
            Assignor::Range => range(model, group, roster, assignments),
            Assignor::RoundRobin | Assignor::Sticky if comparable(model, roster) => {
                even(totals(roster, assignments)).map_err(|breach| breach.within(head(group)))
            }
            Assignor::CooperativeSticky if comparable(model, roster) => {
                cooperative(roster, assignments).map_err(|breach| breach.within(head(group)))
            }
            Assignor::RoundRobin | Assignor::Sticky | Assignor::CooperativeSticky => Ok(()),
        }
    }
}

fn head(group: &Group) -> String {
    format!("group {}: the plan of generation {}", group.id.as_str(), group.generation)
}

fn range(
    model: &Model,
    group: &Group,
    roster: &Roster,
    assignments: &Assignments,
) -> Result<(), Breach> {
    for topic in model.topics().keys() {
        let shares: Vec<(&MemberId, Vec<i32>)> = roster
            .subscriptions
            .iter()
            .filter(|(_, topics)| topics.contains(topic))
            .map(|(member, _)| (member, share(assignments, member, topic)))
            .collect();
        for (member, share) in &shares {
            // The shares are sorted, so a run without a hole spans as many numbers as it has.
            let contiguous = share.windows(2).all(|pair| pair[0] + 1 == pair[1]);
            if !contiguous && roster.claims.values().all(|claim| !claim.racked) {
                let topic = topic.0.as_str();
                return breach!(
                    "range",
                    "{} gives {member} {topic} {share:?}, which is not contiguous",
                    head(group)
                );
            }
        }
        let sizes = shares.iter().map(|(member, share)| (*member, share.len()));
        even(sizes).map_err(|breach| {
            let message = format!("{} {} of {}", head(group), breach.message, topic.0.as_str());
            Breach { message, ..breach }
        })?;
    }
    Ok(())
}

/// Whether all members subscribe to the same topics and these existed before the first consumer.
fn comparable(model: &Model, roster: &Roster) -> bool {
    let mut subscriptions = roster.subscriptions.values();
    let Some(first) = subscriptions.next() else { return false };
    subscriptions.all(|topics| topics == first)
        && first.iter().all(|topic| model.topics().contains_key(topic))
}

/// The number of partitions that each member gets.
fn totals<'a>(
    roster: &'a Roster,
    assignments: &'a Assignments,
) -> impl Iterator<Item = (&'a MemberId, usize)> + Clone {
    let members = roster.subscriptions.keys();
    members.map(|member| (member, assignments.get(member).map_or(0, Vec::len)))
}

fn cooperative(roster: &Roster, assignments: &Assignments) -> Result<(), Breach> {
    let given: BTreeSet<&TopicPartition> = assignments.values().flatten().collect();
    let claimed: BTreeSet<&TopicPartition> =
        roster.claims.values().flat_map(|claim| &claim.owned).collect();
    let transit = claimed.difference(&given).count();
    let (total, members) = (given.len() + transit, roster.subscriptions.len().max(1));
    for (member, size) in totals(roster, assignments) {
        if size > total.div_ceil(members) || size + transit < total / members {
            return breach!(
                "cooperative",
                "gives {member} {size} of {total} partitions, {transit} of them in transit, among \
                 {members} members"
            );
        }
    }
    Ok(())
}

fn share(assignments: &Assignments, member: &MemberId, topic: &TopicName) -> Vec<i32> {
    let owned = assignments.get(member).map(Vec::as_slice).unwrap_or_default();
    owned.iter().filter(|owned| owned.topic == *topic).map(|owned| owned.partition).collect()
}

/// Checks that the smallest and the largest share differ by at most one.
fn even<'a>(sizes: impl Iterator<Item = (&'a MemberId, usize)> + Clone) -> Result<(), Breach> {
    let least = sizes.clone().min_by_key(|(_, size)| *size);
    let most = sizes.max_by_key(|(_, size)| *size);
    match (least, most) {
        (Some((smaller, least)), Some((larger, most))) if most > least + 1 => {
            breach!("even", "gives {larger} {most} partitions and {smaller} only {least}")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::coordinator::GroupState::*;
    use crate::invariant::trace_builder::TraceBuilder;

    fn trace(protocol: &str) -> TraceBuilder {
        let mut trace = TraceBuilder::new("balance");
        trace.topic("t", 4).protocol(protocol).generation(1, &["a", "b"]);
        trace.joined("a", 1, &["a", "b"]);
        trace
    }

    #[test]
    fn floor_and_ceiling_hold() {
        let mut range = trace("range");
        range.request_sync("a", 1, &[("a", &["t-0", "t-1"]), ("b", &["t-2", "t-3"])]);
        range.holds();
        let mut round_robin = trace("roundrobin");
        round_robin.request_sync("a", 1, &[("a", &["t-0", "t-2"]), ("b", &["t-1", "t-3"])]);
        round_robin.holds();
    }

    #[test]
    fn a_range_with_a_hole_breaks() {
        let mut trace = trace("range");
        trace.request_sync("a", 1, &[("a", &["t-0", "t-2"]), ("b", &["t-1", "t-3"])]);
        trace.breaks("which is not contiguous");
    }

    #[test]
    fn a_skewed_range_breaks() {
        let mut trace = trace("range");
        trace.request_sync("a", 1, &[("a", &["t-0", "t-1", "t-2"]), ("b", &["t-3"])]);
        trace.breaks("gives a 3 partitions and b only 1 of t");
    }

    #[test]
    fn a_skewed_round_robin_breaks() {
        let mut trace = trace("roundrobin");
        trace.request_sync("a", 1, &[("a", &["t-0", "t-1", "t-3"]), ("b", &["t-2"])]);
        trace.breaks("gives a 3 partitions and b only 1");
    }

    #[test]
    fn a_plan_for_a_lost_generation_of_the_same_number_is_not_judged() {
        let plan = |began_before: i32| {
            let mut trace = TraceBuilder::new("balance");
            trace.topic("t", 4).protocol("roundrobin").generation(began_before, &["a"]);
            trace.elected(1).on(1).term_active(1).load(1, &[("a", "", &[])]);
            trace.state(Stable, PreparingRebalance).generation(2, &["a", "b"]);
            trace.state(PreparingRebalance, CompletingRebalance).joined("a", 2, &["a", "b"]);
            trace.request_sync("a", 2, &[("a", &["t-0", "t-1", "t-2", "t-3"])]);
            trace
        };
        plan(2).holds();
        plan(1).breaks("gives a 4 partitions and b only 0");
    }

    #[test]
    fn an_assignor_of_another_name_promises_nothing() {
        let mut trace = trace("own");
        trace.request_sync("a", 1, &[("a", &["t-0", "t-1", "t-2", "t-3"])]);
        trace.holds();
    }

    #[test]
    fn an_assignor_name_promises_nothing_in_a_group_of_another_protocol_type() {
        for (protocol_type, holds) in [("connect", true), ("consumer", false)] {
            let mut trace = TraceBuilder::new("balance");
            trace.topic("t", 4).of_type(protocol_type).protocol("range");
            trace.request_join("");
            trace.generation(1, &["a", "b"]).joined("a", 1, &["a", "b"]);
            trace.request_sync("a", 1, &[("a", &["t-0", "t-1", "t-2", "t-3"])]);
            assert_eq!(trace.broken().is_none(), holds, "{protocol_type}");
        }
    }

    #[test]
    fn a_cooperative_plan_may_lack_what_is_in_transit() {
        let plan = |first: &'static [&'static str], claim: &'static [&'static str]| {
            let mut trace = TraceBuilder::new("balance");
            trace.topic("t", 4).protocol("cooperative-sticky").generation(2, &["a", "b"]);
            trace.joined_with("a", 2, &[("a", claim, 1), ("b", &[], -1)]);
            trace.request_sync("a", 2, &[("a", first)]);
            trace
        };
        const ALL: &[&str] = &["t-0", "t-1", "t-2", "t-3"];
        plan(&["t-0", "t-1"], ALL).holds();
        plan(&["t-0", "t-1", "t-2"], ALL).breaks("gives a 3 of 4 partitions");
        plan(&["t-0", "t-1"], &["t-0", "t-1"]).breaks("gives a 2 of 2 partitions");
    }

    #[test]
    fn a_sticky_plan_is_even() {
        let mut trace = trace("sticky");
        trace.request_sync("a", 1, &[("a", &["t-0", "t-1", "t-2"]), ("b", &["t-3"])]);
        trace.breaks("gives a 3 partitions and b only 1");
    }
}
