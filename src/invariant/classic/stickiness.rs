//! A sticky assignor moves no more partitions than it must: a group pays its cost for this.
//!
//! Scope: the plan in the SyncGroup of the leader of the newest generation, with `sticky` or
//! `cooperative-sticky`, if all members subscribe to the same topics, none names a rack, and the
//! topics existed before the first consumer and have not changed since. Of P partitions and M
//! members, each quota is floor(P / M), and P mod M quotas are larger by one. A member keeps the
//! partitions that it claims to own and that no other member claims from an equally new generation:
//! up to the floor each, and one more for as many members as have it and as there are larger
//! quotas. The plan keeps at least as many partitions with their owners, all members together. (No
//! balanced plan can keep more.)
//!
//! Rule: `sticky`, the claim above.
//!
//! Not said: anything about other assignors, or about groups of another protocol type; which of its
//! partitions a member keeps; which of the members that own more than the floor get the larger
//! quota; where partitions go that two members claim; unequal subscriptions.

use std::collections::BTreeSet;

use crate::assignor::Assignor;
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, MemberId, TopicName, TopicPartition};
use crate::trace::Event;

use crate::invariant::Invariant;
use crate::invariant::interest::Interest;
use crate::model::{Group, Model, Roster};

use super::planned::{Assignments, Planned};

pub(in crate::invariant) struct Stickiness;

impl Invariant for Stickiness {
    fn name(&self) -> &'static str {
        "stickiness"
    }

    fn statement(&self) -> &'static str {
        "a sticky assignment moves no more partitions than balance needs"
    }

    fn reads(&self) -> Interest {
        Interest::NONE.requests(&[Api::SyncGroup])
    }

    fn check(&mut self, model: &Model, _event: &Event) -> Result<(), Breach> {
        let Some(planned) = Planned::of(model) else { return Ok(()) };
        let Planned { group, assignor, roster, assignments } = planned;
        match assignor {
            Assignor::Sticky | Assignor::CooperativeSticky => {
                judge(model, group, roster, assignments)
            }
            Assignor::Range | Assignor::RoundRobin => Ok(()),
        }
    }
}

fn judge(
    model: &Model,
    group: &Group,
    roster: &Roster,
    assignments: &Assignments,
) -> Result<(), Breach> {
    let Some(partitions) = partitions(model, roster) else { return Ok(()) };
    let must = must_keep(roster, &partitions);
    let kept: usize = assignments
        .iter()
        .map(|(member, given)| given.iter().filter(|p| owns(roster, member, p)).count())
        .sum();
    match kept < must {
        false => Ok(()),
        true => breach!(
            "sticky",
            "group {}: the plan of generation {} leaves {kept} partitions with their owners, where \
             balance allows {must}",
            group.id.as_str(),
            group.generation
        ),
    }
}

/// All partitions to assign; none if that is not certain, or stickiness is not the only criterion.
fn partitions(model: &Model, roster: &Roster) -> Option<BTreeSet<TopicPartition>> {
    let first = roster.subscriptions.values().next()?;
    let equal = roster.subscriptions.values().all(|topics| topics == first);
    let steady = first.iter().all(|topic| model.is_steady(topic));
    let racked = roster.claims.values().any(|claim| claim.racked);
    let of = |topic: &TopicName| {
        let topic = topic.clone();
        let count = model.topics().get(&topic).copied().unwrap_or_default();
        (0..count).map(move |partition| TopicPartition::new(topic.clone(), partition))
    };
    (equal && steady && !racked).then(|| first.iter().flat_map(of).collect())
}

/// Whether the member claims the partition, and no other member claims it from an equally new
/// generation (KIP-341).
fn owns(roster: &Roster, member: &MemberId, partition: &TopicPartition) -> bool {
    let Some(own) = roster.claims.get(member) else { return false };
    own.remembered.contains(partition)
        && roster
            .claimants(partition)
            .all(|(other, claim)| other == member || claim.generation < own.generation)
}

/// The number of partitions that can stay where they are in a balanced plan.
fn must_keep(roster: &Roster, partitions: &BTreeSet<TopicPartition>) -> usize {
    let members = roster.subscriptions.len().max(1);
    let (floor, larger) = (partitions.len() / members, partitions.len() % members);
    let owned = roster.claims.iter().map(|(member, claim)| {
        let all = claim.remembered.intersection(partitions);
        all.filter(|p| owns(roster, member, p)).count()
    });
    let (mut kept, mut more) = (0, 0);
    for owned in owned {
        kept += owned.min(floor);
        more += usize::from(owned > floor);
    }
    kept + more.min(larger)
}

#[cfg(test)]
mod tests {
    use crate::invariant::trace_builder::TraceBuilder;

    /// Of five partitions a owns three and b two; c is new.
    fn trace(protocol: &str) -> TraceBuilder {
        let mut trace = TraceBuilder::new("stickiness");
        trace.topic("t", 5).protocol(protocol).generation(2, &["a", "b", "c"]);
        let claims: &[(&str, &[&str], i32)] =
            &[("a", &["t-0", "t-1", "t-2"], 1), ("b", &["t-3", "t-4"], 1), ("c", &[], -1)];
        trace.joined_with("a", 2, claims);
        trace
    }

    #[test]
    fn partitions_that_balance_needs_may_move() {
        let mut sticky = trace("sticky");
        let plan: &[(&str, &[&str])] =
            &[("a", &["t-0", "t-1"]), ("b", &["t-3", "t-4"]), ("c", &["t-2"])];
        sticky.request_sync("a", 2, plan);
        sticky.holds();
        let mut cooperative = trace("cooperative-sticky");
        cooperative.request_sync("a", 2, &[("a", &["t-0", "t-1"]), ("b", &["t-3", "t-4"])]);
        cooperative.holds();
    }

    #[test]
    fn partitions_that_move_without_need_break() {
        for protocol in ["sticky", "cooperative-sticky"] {
            let mut trace = trace(protocol);
            let plan: &[(&str, &[&str])] =
                &[("a", &["t-0", "t-3"]), ("b", &["t-1", "t-4"]), ("c", &["t-2"])];
            trace.request_sync("a", 2, plan);
            trace.breaks("leaves 2 partitions with their owners, where balance allows 4");
        }
    }

    #[test]
    fn partitions_that_two_members_claim_may_go_anywhere() {
        let mut trace = TraceBuilder::new("stickiness");
        trace.topic("t", 2).protocol("cooperative-sticky").generation(2, &["a", "b"]);
        trace.joined_with("a", 2, &[("a", &["t-0", "t-1"], 1), ("b", &["t-0", "t-1"], 1)]);
        trace.request_sync("a", 2, &[]);
        trace.holds();
    }

    #[test]
    fn a_partition_that_an_older_generation_claims_too_stays_with_the_newer_owner() {
        let mut trace = TraceBuilder::new("stickiness");
        trace.topic("t", 2).protocol("sticky").generation(3, &["a", "b"]);
        trace.joined_with("a", 3, &[("a", &["t-0"], 1), ("b", &["t-0", "t-1"], 2)]);
        trace.request_sync("a", 3, &[("a", &["t-1"]), ("b", &["t-0"])]);
        trace.holds();
        trace.request_sync("a", 3, &[("a", &["t-0", "t-1"]), ("b", &[])]);
        trace.breaks("leaves 0 partitions with their owners, where balance allows 1");
    }

    #[test]
    fn an_assignor_name_promises_nothing_in_a_group_of_another_protocol_type() {
        let mut trace = TraceBuilder::new("stickiness");
        trace.topic("t", 2).of_type("connect").protocol("sticky").request_join("");
        trace.generation(2, &["a", "b"]);
        trace.joined_with("a", 2, &[("a", &["t-0", "t-1"], 1), ("b", &[], -1)]);
        trace.request_sync("a", 2, &[("b", &["t-0", "t-1"])]);
        trace.holds();
    }

    #[test]
    fn other_assignors_promise_nothing() {
        let mut trace = trace("range");
        trace.request_sync("a", 2, &[("c", &["t-0", "t-1", "t-2", "t-3", "t-4"])]);
        trace.holds();
    }
}
