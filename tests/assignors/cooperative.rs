//! The cooperative sticky assignor: no partition gets a new owner before the old one revoked it
//! (rule R14.9).

use groupsim::assignor::{Assignor, Subscriptions, Topics};
use proptest::prelude::*;

use super::world::{
    after, claimed, config, given_out, group, improvement, same_wishes, spread, topics, wanted,
};

const COOPERATIVE: Assignor = Assignor::CooperativeSticky;

/// The number of rebalances until all partitions are assigned. Between them each member revokes the
/// partitions that its assignment does not contain.
fn rounds(mut members: Subscriptions, topics: &Topics) -> (usize, Subscriptions) {
    for round in 1..20 {
        let plan = COOPERATIVE.assign(&members, topics);
        let complete = given_out(&plan) == wanted(&members, topics);
        members = after(COOPERATIVE, &plan, 10 + round as i32, members);
        if complete {
            return (round, members);
        }
    }
    panic!("no end of {members:?}");
}

proptest! {
    #![proptest_config(config())]

    /// R14.9.
    #[test]
    fn no_member_gets_a_partition_that_another_has_not_revoked(
        members in prop_oneof![group(), same_wishes()],
        topics in topics(),
        claims in claimed(),
    ) {
        let plan = COOPERATIVE.assign(&claims.put(COOPERATIVE, members.clone()), &topics);
        let made = claims.by_partition(&members);
        for (member, partition) in plan.iter().flat_map(|(m, hand)| hand.iter().map(move |p| (m, p))) {
            let made = made.get(partition).map(Vec::as_slice).unwrap_or_default();
            let own = made.iter().find(|(_, claimant)| claimant == member);
            for (generation, other) in made.iter().filter(|(_, claimant)| claimant != member) {
                // Only the owner in a newer generation may have a partition that an older claim
                // names.
                prop_assert!(
                    own.is_some_and(|(own, _)| own > generation),
                    "{member} was given {partition}, which {other} owns"
                );
            }
        }
    }

    /// R14.9.
    #[test]
    fn the_plan_is_that_of_sticky_without_withheld_partitions(
        members in prop_oneof![group(), same_wishes()],
        topics in topics(),
        claims in claimed(),
    ) {
        let plan = COOPERATIVE.assign(&claims.put(COOPERATIVE, members.clone()), &topics);
        let whole = Assignor::Sticky.assign(&claims.put(Assignor::Sticky, members.clone()), &topics);
        let made = claims.by_partition(&members);
        for (member, hand) in &whole {
            for partition in hand {
                let claimed = made.get(partition).is_some_and(|made| !made.is_empty());
                prop_assert!(plan[member].contains(partition) || claimed, "{partition} is withheld");
            }
            prop_assert!(plan[member].iter().all(|partition| hand.contains(partition)));
        }
    }

    /// R14.9.
    #[test]
    fn two_rounds_are_enough_for_equal_subscriptions(
        members in same_wishes(),
        topics in topics(),
        claims in claimed(),
    ) {
        let (rounds, members) = rounds(claims.put(COOPERATIVE, members), &topics);
        prop_assert!(rounds <= 2, "it took {rounds}");
        let plan = COOPERATIVE.assign(&members, &topics);
        prop_assert!(spread(&plan) <= 1);
        for (member, subscriber) in &members {
            prop_assert_eq!(&plan[member], &subscriber.subscription.owned, "nothing moves any more");
        }
    }

    /// R14.9.
    #[test]
    fn mixed_subscriptions_converge_to_a_balanced_plan(
        members in group(),
        topics in topics(),
        claims in claimed(),
    ) {
        let (rounds, members) = rounds(claims.put(COOPERATIVE, members), &topics);
        prop_assert!(rounds <= 2, "it took {rounds}");
        let plan = COOPERATIVE.assign(&members, &topics);
        prop_assert_eq!(improvement(&plan, &members), None);
        for (member, subscriber) in &members {
            prop_assert_eq!(&plan[member], &subscriber.subscription.owned, "nothing moves any more");
        }
    }

    /// Eager members claim nothing, and a mixed list of assignors makes all members eager.
    /// (R14.9)
    #[test]
    fn without_claims_it_is_the_sticky_assignor(members in group(), topics in topics()) {
        let plan = COOPERATIVE.assign(&members, &topics);
        prop_assert_eq!(plan, Assignor::Sticky.assign(&members, &topics));
    }
}
