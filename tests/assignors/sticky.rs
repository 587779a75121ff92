//! The sticky assignor: balance, stickiness, and claims that contradict each other (R14.6 to
//! R14.8).

use groupsim::assignor::{Assignments, Assignor, Subscriptions, TopicShape, Topics};
use groupsim::protocol::Generation;
use groupsim::protocol::subscription::Subscription;
use proptest::prelude::*;

use super::world::{
    after, claim, claimed, config, group, improvement, member, partition, same_wishes, spread,
    topic, topics, wanted,
};

const STICKY: Assignor = Assignor::Sticky;

/// The number of partitions that stay with their member.
fn kept(before: &Assignments, now: &Assignments) -> usize {
    let both = now.iter().filter_map(|(member, hand)| Some((before.get(member)?, hand)));
    both.map(|(before, hand)| hand.iter().filter(|owned| before.contains(owned)).count()).sum()
}

proptest! {
    #![proptest_config(config())]

    /// R14.6.
    #[test]
    fn equal_subscriptions_are_balanced_whatever_the_claims(
        members in same_wishes(),
        topics in topics(),
        claims in claimed(),
    ) {
        let given = STICKY.assign(&claims.put(STICKY, members), &topics);
        prop_assert!(spread(&given) <= 1, "{given:?}");
    }

    /// R14.7.
    #[test]
    fn no_single_move_makes_a_plan_more_even(
        members in group(),
        topics in topics(),
        claims in claimed(),
    ) {
        let members = claims.put(STICKY, members);
        prop_assert_eq!(improvement(&STICKY.assign(&members, &topics), &members), None);
    }

    /// R14.6, R14.7.
    #[test]
    fn nothing_moves_if_nothing_changed(
        members in prop_oneof![group(), same_wishes()],
        topics in topics(),
        claims in claimed(),
    ) {
        let first = STICKY.assign(&claims.put(STICKY, members.clone()), &topics);
        let again = after(STICKY, &first, 5, members);
        prop_assert_eq!(&STICKY.assign(&again, &topics), &first);
    }

    /// R14.6.
    #[test]
    fn remaining_members_keep_all_their_partitions_when_one_leaves(
        members in same_wishes(),
        topics in topics(),
        leaver in any::<prop::sample::Index>(),
    ) {
        let first = STICKY.assign(&members, &topics);
        let mut left = after(STICKY, &first, 1, members.clone());
        let ids: Vec<_> = members.keys().collect();
        left.remove(*leaver.get(&ids));
        for (member, hand) in STICKY.assign(&left, &topics) {
            for owned in &first[&member] {
                prop_assert!(hand.contains(owned), "{member} lost {owned}");
            }
        }
    }

    /// R14.6.
    #[test]
    fn all_moves_after_a_join_are_to_the_new_member(
        members in same_wishes(),
        topics in topics(),
    ) {
        let first = STICKY.assign(&members, &topics);
        let wishes = members.values().next().expect("one at least").subscription.topics.clone();
        let mut joined = after(STICKY, &first, 1, members);
        joined.insert(member("b5-new"), Subscription::to(&wishes).into());
        let second = STICKY.assign(&joined, &topics);
        let newcomer = second[&member("b5-new")].len();
        let all = wanted(&joined, &topics).len();
        prop_assert_eq!(newcomer, all / joined.len(), "it gets its fair share");
        prop_assert_eq!(kept(&first, &second), all - newcomer);
    }

    /// Each member can keep at most the floor of the average, and as many members as the remainder
    /// one more. (R14.6)
    #[test]
    fn as_much_is_kept_as_balance_allows(
        members in same_wishes(),
        topics in topics(),
        owners in prop::collection::vec(prop::option::of(0..12_usize), 48),
    ) {
        let ids: Vec<_> = members.keys().cloned().collect();
        let mut owned: Assignments = ids.iter().map(|id| (id.clone(), Vec::new())).collect();
        let all = wanted(&members, &topics);
        for (partition, owner) in all.iter().zip(owners) {
            // Places past the end stand for members that have left.
            if let Some(id) = owner.and_then(|owner| ids.get(owner)) {
                owned.get_mut(id).expect("a member").push(partition.clone());
            }
        }
        let (floor, ceilings) = (all.len() / ids.len(), all.len() % ids.len());
        let over = owned.values().filter(|hand| hand.len() > floor).count();
        let most: usize =
            owned.values().map(|hand| hand.len().min(floor)).sum::<usize>() + over.min(ceilings);
        let given = STICKY.assign(&after(STICKY, &owned, 3, members), &topics);
        prop_assert_eq!(kept(&owned, &given), most, "{:?} became {:?}", owned, given);
    }

    /// Not even an exchange, which keeps all counts, would let an owner keep more.
    /// (R14.7)
    #[test]
    fn no_member_has_a_partition_that_its_owner_could_have_kept_by_an_exchange(
        members in group(),
        topics in topics(),
        claims in claimed(),
    ) {
        let mut owned = Assignments::new();
        let exists = wanted(&members, &topics);
        for (partition, made) in claims.by_partition(&members) {
            let (_, owner) = &made[0];
            if exists.contains(&partition) && members[owner].subscribes_to(&partition.topic) {
                owned.entry(owner.clone()).or_default().push(partition);
            }
        }
        let given = STICKY.assign(&after(STICKY, &owned, 3, members.clone()), &topics);
        for (owner, owned) in &owned {
            for lost in owned.iter().filter(|owned| !given[owner].contains(owned)) {
                let (holder, _) = given.iter().find(|(_, hand)| hand.contains(lost)).expect("given");
                let instead = given[owner]
                    .iter()
                    .find(|other| !owned.contains(other) && members[holder].subscribes_to(&other.topic));
                prop_assert_eq!(instead, None, "{} lost {} to {}", owner, lost, holder);
            }
        }
    }

    /// R14.8.
    #[test]
    fn the_newest_claim_wins_and_a_tie_voids_all_claims(
        members in same_wishes(),
        topics in topics(),
        claims in claimed(),
    ) {
        let subscriber = claims.put(STICKY, members.clone());
        let mut won: Assignments = members.keys().map(|id| (id.clone(), Vec::new())).collect();
        let exists = wanted(&members, &topics);
        for (partition, made) in claims.by_partition(&members) {
            let newest = made.iter().map(|(generation, _)| *generation).max().expect("a claim");
            let mut winners = made.iter().filter(|(generation, _)| *generation == newest);
            let (Some((_, winner)), None) = (winners.next(), winners.next()) else { continue };
            if exists.contains(&partition) {
                won.get_mut(winner).expect("a member").push(partition);
            }
        }
        let given = STICKY.assign(&subscriber, &topics);
        // Winners are treated as if there were no other claims, and losers as if they had made
        // none.
        prop_assert_eq!(&given, &STICKY.assign(&after(STICKY, &won, 9, members), &topics));
        for (member, hand) in &won {
            if hand.len() <= exists.len() / won.len() {
                prop_assert!(hand.iter().all(|owned| given[member].contains(owned)), "{member}");
            }
        }
    }
}

/// A thousand members, ten thousand partitions.
fn large_group(wishes: impl Fn(usize) -> Vec<usize>) -> (Subscriptions, Topics) {
    let name = |index: usize| topic(&format!("t{index:03}"));
    let topics = (0..100).map(|index| (name(index), TopicShape::without_racks(100))).collect();
    let members = (0..1_000).map(|index| {
        let wishes: Vec<_> = wishes(index).into_iter().map(name).collect();
        (member(&format!("m{index:04}")), Subscription::to(&wishes).into())
    });
    (members.collect(), topics)
}

/// R14.6.
#[test]
fn a_large_group_is_balanced_and_keeps_its_partitions() {
    let (members, topics) = large_group(|_| (0..100).collect());
    let first = STICKY.assign(&members, &topics);
    assert_eq!((spread(&first), first[&member("m0000")].len()), (0, 10));
    let mut fewer = after(STICKY, &first, 1, members);
    fewer.remove(&member("m0500"));
    let second = STICKY.assign(&fewer, &topics);
    assert_eq!((spread(&second), kept(&first, &second)), (1, 9_990));
}

/// R14.7.
#[test]
fn the_assignment_of_a_large_group_with_mixed_subscriptions_terminates() {
    let (members, topics) = large_group(|index| (index % 50..index % 50 + 51).collect());
    let first = STICKY.assign(&members, &topics);
    assert_eq!(improvement(&first, &members), None);
    let mut fewer = after(STICKY, &first, 1, members);
    fewer.remove(&member("m0500"));
    let second = STICKY.assign(&fewer, &topics);
    assert_eq!(improvement(&second, &fewer), None);
    assert!(kept(&first, &second) >= 9_900, "kept {}", kept(&first, &second));
}

/// The largest possible number of moves: one member owns all partitions.
/// (R14.7)
#[test]
fn a_large_group_recovers_from_one_member_that_has_everything() {
    let (mut members, topics) = large_group(|index| (index % 50..index % 50 + 51).collect());
    let all: Vec<_> = wanted(&members, &topics).into_iter().collect();
    let hoarder = members.get_mut(&member("m0000")).expect("the first");
    hoarder.subscription.topics = topics.keys().cloned().collect();
    claim(STICKY, hoarder, all, Generation(1));
    let given = STICKY.assign(&members, &topics);
    assert_eq!((spread(&given), improvement(&given, &members)), (0, None));
}

/// A member with its subscribed topics and its owned partitions, each `topic-number`.
type Owner<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

/// The new assignment of these members, as `m0: a-0 b-1`.
fn dealt(owners: &[Owner<'_>], topics: &[(&str, usize)]) -> Vec<String> {
    let shapes =
        topics.iter().map(|&(name, count)| (topic(name), TopicShape::without_racks(count)));
    let members = owners.iter().map(|(name, wishes, _)| {
        let wishes: Vec<_> = wishes.iter().map(|name| topic(name)).collect();
        (member(name), Subscription::to(&wishes).into())
    });
    let owned = owners.iter().map(|(name, _, owned)| {
        let named = owned.iter().map(|owned| owned.split_once('-').expect("topic-number"));
        let owned = named.map(|(name, number)| partition(name, number.parse().expect("a number")));
        (member(name), owned.collect())
    });
    let members = after(STICKY, &owned.collect(), 1, members.collect());
    let given = STICKY.assign(&members, &shapes.collect());
    let hands = given.iter().map(|(member, hand)| {
        let hand: Vec<String> = hand.iter().map(ToString::to_string).collect();
        format!("{member}: {}", hand.join(" "))
    });
    hands.collect()
}

/// `m1` can only get `b-0`, and the chain of moves for it takes `a-0` away from `m0`, which then
/// has `c-0`. Exchanging the two keeps all counts. (R14.7)
#[test]
fn needless_moves_are_reverted() {
    let owners: [Owner<'_>; 3] =
        [("m0", &["a", "c"], &["a-0"]), ("m1", &["b"], &[]), ("m2", &["a", "b", "c"], &["b-0"])];
    let given = dealt(&owners, &[("a", 1), ("b", 1), ("c", 1)]);
    assert_eq!(given, ["m0: a-0", "m1: b-0", "m2: c-0"]);
}

/// One member must give up a partition of `a` for `m1`, which can have no other.
/// (R14.7)
#[test]
fn of_partitions_that_may_move_the_cheapest_moves() {
    let owners: [Owner<'_>; 4] = [
        ("m1", &["a"], &[]),
        ("m2", &["c"], &[]),
        ("m3", &["a", "b", "c"], &["a-1", "c-0"]),
        ("m4", &["a", "b", "c"], &["a-0", "a-2"]),
    ];
    let given = dealt(&owners, &[("a", 3), ("b", 2), ("c", 1)]);
    assert_eq!(given, ["m1: a-0", "m2: c-0", "m3: a-1 b-0", "m4: a-2 b-1"]);
}

/// The members that get one partition more are selected before the assignment, by their owned
/// partitions and their ids.
/// (R14.6)
#[test]
fn the_extra_partition_does_not_go_to_the_first_member_with_a_full_share() {
    let owners: [Owner<'_>; 2] = [("m0", &["a"], &[]), ("m1", &["a"], &["a-0"])];
    assert_eq!(dealt(&owners, &[("a", 5)]), ["m0: a-1 a-3 a-4", "m1: a-0 a-2"]);
}
