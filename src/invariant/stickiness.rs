//! A sticky assignor moves no more than it must: that is why a group puts up with its cost.
//!
//! Scope: the plan in the SyncGroup of the leader of the newest generation, with `sticky` or
//! `cooperative-sticky`, if all members subscribe to the same topics, none says which rack it is in,
//! and the topics were there before the first consumer and have not changed since. Of P partitions
//! and M members, quotas are floor(P / M), and for P mod M members one more. A member keeps what it claims to
//! own and nobody else claims from as new a generation: up to the floor each, and one more for as many members as have it and as
//! there are larger quotas. The plan keeps at least as many partitions with their owners, all members
//! together. (No balanced plan can keep more.)
//!
//! Not said: anything of other assignors, or of groups that are not of consumers; which of its partitions a member keeps; who of those who own more than the floor gets the
//! larger quota; what becomes of partitions that two members claim; unequal subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use crate::assignor::Assignor;
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, MemberId, TopicName, TopicPartition};
use crate::trace::Event;

use super::Invariant;
use super::interest::Interest;
use super::ledger::{Group, Ledger, Roster};

type Assignments = BTreeMap<MemberId, Vec<TopicPartition>>;

pub(super) struct Stickiness;

impl Invariant for Stickiness {
    fn name(&self) -> &'static str {
        "stickiness"
    }

    fn statement(&self) -> &'static str {
        "a sticky assignment moves no more partitions than balance needs"
    }

    fn reads(&self) -> Interest {
        Interest::NONE.asked(&[Api::SyncGroup])
    }

    fn check(&mut self, ledger: &Ledger, _event: &Event) -> Result<(), Breach> {
        let Some((group, plan)) = ledger.handed_in() else { return Ok(()) };
        let (Some(assignments), Some(roster), Some(assignor)) =
            (plan.assignments.partitions(), &group.roster, group.assignor())
        else {
            return Ok(());
        };
        match assignor {
            Assignor::Sticky | Assignor::CooperativeSticky => {
                judge(ledger, group, roster, assignments)
            }
            Assignor::Range | Assignor::RoundRobin => Ok(()),
        }
    }
}

fn judge(
    ledger: &Ledger,
    group: &Group,
    roster: &Roster,
    assignments: &Assignments,
) -> Result<(), Breach> {
    let Some(partitions) = partitions(ledger, roster) else { return Ok(()) };
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

/// All partitions there are to give; none if that is not certain, or stickiness is not all that counts.
fn partitions(ledger: &Ledger, roster: &Roster) -> Option<BTreeSet<TopicPartition>> {
    let first = roster.subscriptions.values().next()?;
    let equal = roster.subscriptions.values().all(|topics| topics == first);
    let steady = first.iter().all(|topic| ledger.is_steady(topic));
    let racked = roster.claims.values().any(|claim| claim.racked);
    let of = |topic: &TopicName| {
        let topic = topic.clone();
        let count = ledger.topics().get(&topic).copied().unwrap_or_default();
        (0..count).map(move |partition| TopicPartition::new(topic.clone(), partition))
    };
    (equal && steady && !racked).then(|| first.iter().flat_map(of).collect())
}

/// Whether the member claims the partition, and nobody else from as new a generation (KIP-341).
fn owns(roster: &Roster, member: &MemberId, partition: &TopicPartition) -> bool {
    let Some(own) = roster.claims.get(member) else { return false };
    own.remembered.contains(partition)
        && roster
            .claimants(partition)
            .all(|(other, claim)| other == member || claim.generation < own.generation)
}

/// How many partitions can stay where they are in a balanced plan.
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
    use crate::invariant::story::Story;

    /// Of five partitions a owns three and b two; c is new.
    fn story(protocol: &str) -> Story {
        let mut story = Story::new("stickiness");
        story.topic("t", 5).protocol(protocol).generation(2, &["a", "b", "c"]);
        let claims: &[(&str, &[&str], i32)] =
            &[("a", &["t-0", "t-1", "t-2"], 1), ("b", &["t-3", "t-4"], 1), ("c", &[], -1)];
        story.joined_with("a", 2, claims);
        story
    }

    #[test]
    fn what_balance_needs_may_move() {
        let mut sticky = story("sticky");
        let plan: &[(&str, &[&str])] =
            &[("a", &["t-0", "t-1"]), ("b", &["t-3", "t-4"]), ("c", &["t-2"])];
        sticky.ask_sync("a", 2, plan);
        sticky.holds();
        let mut cooperative = story("cooperative-sticky");
        cooperative.ask_sync("a", 2, &[("a", &["t-0", "t-1"]), ("b", &["t-3", "t-4"])]);
        cooperative.holds();
    }

    #[test]
    fn what_moves_without_need_breaks() {
        for protocol in ["sticky", "cooperative-sticky"] {
            let mut story = story(protocol);
            let plan: &[(&str, &[&str])] =
                &[("a", &["t-0", "t-3"]), ("b", &["t-1", "t-4"]), ("c", &["t-2"])];
            story.ask_sync("a", 2, plan);
            story.breaks("leaves 2 partitions with their owners, where balance allows 4");
        }
    }

    #[test]
    fn what_two_members_claim_may_go_anywhere() {
        let mut story = Story::new("stickiness");
        story.topic("t", 2).protocol("cooperative-sticky").generation(2, &["a", "b"]);
        story.joined_with("a", 2, &[("a", &["t-0", "t-1"], 1), ("b", &["t-0", "t-1"], 1)]);
        story.ask_sync("a", 2, &[]);
        story.holds();
    }

    #[test]
    fn what_an_older_generation_claims_too_stays_with_the_newer() {
        let mut story = Story::new("stickiness");
        story.topic("t", 2).protocol("sticky").generation(3, &["a", "b"]);
        story.joined_with("a", 3, &[("a", &["t-0"], 1), ("b", &["t-0", "t-1"], 2)]);
        story.ask_sync("a", 3, &[("a", &["t-1"]), ("b", &["t-0"])]);
        story.holds();
        story.ask_sync("a", 3, &[("a", &["t-0", "t-1"]), ("b", &[])]);
        story.breaks("leaves 0 partitions with their owners, where balance allows 1");
    }

    #[test]
    fn a_name_promises_nothing_where_the_members_are_no_consumers() {
        let mut story = Story::new("stickiness");
        story.topic("t", 2).of_type("connect").protocol("sticky").ask_join("");
        story.generation(2, &["a", "b"]);
        story.joined_with("a", 2, &[("a", &["t-0", "t-1"], 1), ("b", &[], -1)]);
        story.ask_sync("a", 2, &[("b", &["t-0", "t-1"])]);
        story.holds();
    }

    #[test]
    fn other_assignors_promise_nothing() {
        let mut story = story("range");
        story.ask_sync("a", 2, &[("c", &["t-0", "t-1", "t-2", "t-3", "t-4"])]);
        story.holds();
    }
}
