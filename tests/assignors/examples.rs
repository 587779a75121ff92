//! Examples to follow by hand, some of them from Kafka's documentation.

use groupsim::assignor::{
    Assignments, Assignor, MemberSubscription, RebalanceProtocol, StickyMemory, Subscriptions,
    TopicShape, Topics, common_protocol,
};
use groupsim::protocol::subscription::Subscription;
use groupsim::protocol::{Generation, TopicPartition, str_bytes};

use super::world::{after, claim, member, partition, topic};

/// An assignment as text: `m0: t0-0 t0-1`, one line per member.
fn shown(given: &Assignments) -> Vec<String> {
    given
        .iter()
        .map(|(member, partitions)| {
            let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            format!("{member}: {}", partitions.join(" "))
        })
        .collect()
}

fn members(members: &[(&str, &[&str])]) -> Subscriptions {
    let each = members.iter().map(|(name, wishes)| {
        let wishes: Vec<_> = wishes.iter().map(|name| topic(name)).collect();
        (member(name), Subscription::to(&wishes).into())
    });
    each.collect()
}

fn topics(counts: &[(&str, usize)]) -> Topics {
    counts.iter().map(|&(name, count)| (topic(name), TopicShape::without_racks(count))).collect()
}

fn assign(assignor: Assignor, group: &[(&str, &[&str])], counts: &[(&str, usize)]) -> Vec<String> {
    shown(&assignor.assign(&members(group), &topics(counts)))
}

/// Members that subscribe to `t` and claim some of its partitions in some generation.
fn claiming(assignor: Assignor, claims: &[(&str, &[i32], i32)]) -> Subscriptions {
    let each = claims.iter().map(|&(name, numbers, generation)| {
        let mut subscriber: MemberSubscription = Subscription::to(&[topic("t")]).into();
        let owned: Vec<TopicPartition> =
            numbers.iter().map(|&number| partition("t", number)).collect();
        claim(assignor, &mut subscriber, owned, Generation(generation));
        (member(name), subscriber)
    });
    each.collect()
}

/// R14.1, R14.2.
#[test]
fn two_members_share_two_topics_of_three_partitions() {
    let group: [(&str, &[&str]); 2] = [("m0", &["t0", "t1"]), ("m1", &["t0", "t1"])];
    let counts = [("t0", 3), ("t1", 3)];
    assert_eq!(
        assign(Assignor::Range, &group, &counts),
        ["m0: t0-0 t0-1 t1-0 t1-1", "m1: t0-2 t1-2"]
    );
    assert_eq!(
        assign(Assignor::RoundRobin, &group, &counts),
        ["m0: t0-0 t0-2 t1-1", "m1: t0-1 t1-0 t1-2"]
    );
}

/// R14.2.
#[test]
fn roundrobin_skips_members_that_do_not_subscribe() {
    let group: [(&str, &[&str]); 3] =
        [("m0", &["t0"]), ("m1", &["t0", "t1"]), ("m2", &["t0", "t1", "t2"])];
    let counts = [("t0", 1), ("t1", 2), ("t2", 3)];
    assert_eq!(
        assign(Assignor::RoundRobin, &group, &counts),
        ["m0: t0-0", "m1: t1-0", "m2: t1-1 t2-0 t2-1 t2-2"]
    );
    assert_eq!(
        assign(Assignor::Sticky, &group, &counts),
        ["m0: t0-0", "m1: t1-0 t1-1", "m2: t2-0 t2-1 t2-2"]
    );
}

#[test]
fn more_members_than_partitions_leaves_the_last_with_none() {
    let group: [(&str, &[&str]); 3] = [("m0", &["t"]), ("m1", &["t"]), ("m2", &["t"])];
    for assignor in Assignor::ALL {
        assert_eq!(assign(assignor, &group, &[("t", 2)]), ["m0: t-0", "m1: t-1", "m2: "]);
    }
}

/// A restarted static member has a new member id and gets the same partitions.
/// (R14.4)
#[test]
fn static_members_come_first_in_the_order_of_their_instance_ids() {
    let named = |ids: [&str; 3]| -> Subscriptions {
        let instances = [None, Some("i2"), Some("i1")];
        let each = ids.into_iter().zip(instances).map(|(id, instance)| {
            let subscription = Subscription::to(&[topic("t")]);
            let instance_id = instance.map(str_bytes);
            (member(id), MemberSubscription { subscription, instance_id })
        });
        each.collect()
    };
    for assignor in [Assignor::Range, Assignor::RoundRobin] {
        let given = assignor.assign(&named(["a", "b", "c"]), &topics(&[("t", 3)]));
        assert_eq!(shown(&given), ["a: t-2", "b: t-1", "c: t-0"], "{assignor}");
        let given = assignor.assign(&named(["a", "x", "0"]), &topics(&[("t", 3)]));
        assert_eq!(shown(&given), ["0: t-0", "a: t-2", "x: t-1"], "{assignor}");
    }
}

/// The first example in the documentation of Kafka's StickyAssignor.
/// (R14.6)
#[test]
fn sticky_moves_only_the_partitions_of_a_member_that_leaves() {
    let wishes: &[&str] = &["t0", "t1", "t2", "t3"];
    let counts = topics(&[("t0", 2), ("t1", 2), ("t2", 2), ("t3", 2)]);
    let three = members(&[("c0", wishes), ("c1", wishes), ("c2", wishes)]);
    let first = Assignor::Sticky.assign(&three, &counts);
    assert_eq!(shown(&first), ["c0: t0-0 t1-1 t3-0", "c1: t0-1 t2-0 t3-1", "c2: t1-0 t2-1"]);
    let mut two = after(Assignor::Sticky, &first, 1, three);
    two.remove(&member("c1"));
    assert_eq!(
        shown(&Assignor::Sticky.assign(&two, &counts)),
        ["c0: t0-0 t0-1 t1-1 t3-0", "c2: t1-0 t2-0 t2-1 t3-1"]
    );
}

/// The member that gives up partitions keeps those with low numbers if all name the same topics,
/// and those with high numbers otherwise, even if the other topic does not exist. (R14.6, R14.7)
#[test]
fn the_method_depends_on_the_subscribed_topics_not_on_the_existing_ones() {
    let mut group = claiming(Assignor::Sticky, &[("m0", &[0, 1, 2, 3], 1), ("m1", &[], 1)]);
    let there = topics(&[("t", 4)]);
    let given = Assignor::Sticky.assign(&group, &there);
    assert_eq!(shown(&given), ["m0: t-0 t-1", "m1: t-2 t-3"]);
    let other = group.get_mut(&member("m1")).expect("m1");
    other.subscription.topics = vec![topic("nope"), topic("t")];
    let given = Assignor::Sticky.assign(&group, &there);
    assert_eq!(shown(&given), ["m0: t-2 t-3", "m1: t-0 t-1"]);
}

/// R14.6.
#[test]
fn a_new_member_gets_what_exceeds_the_share_of_each_owner() {
    let group =
        claiming(Assignor::Sticky, &[("a", &[0, 2, 4], 1), ("b", &[1, 3, 5], 1), ("c", &[], -1)]);
    let given = Assignor::Sticky.assign(&group, &topics(&[("t", 6)]));
    assert_eq!(shown(&given), ["a: t-0 t-2", "b: t-1 t-3", "c: t-4 t-5"]);
}

/// No single move helps: `a` has only one more than `b`, and `b` one more than `c`.
/// (R14.7)
#[test]
fn a_chain_of_moves_reaches_a_member_that_no_single_move_can() {
    let mut group = members(&[("a", &["x"]), ("b", &["x", "y"]), ("c", &["y"])]);
    let owned = [vec![partition("x", 0), partition("x", 1)], vec![partition("y", 0)], vec![]];
    for (subscriber, owned) in group.values_mut().zip(owned) {
        claim(Assignor::Sticky, subscriber, owned, Generation(1));
    }
    let given = Assignor::Sticky.assign(&group, &topics(&[("x", 2), ("y", 1)]));
    assert_eq!(shown(&given), ["a: x-1", "b: x-0", "c: y-0"]);
}

/// `b` missed the rebalance of generation 2, in which `a` got `t-1`; no other member claims `t-2`.
/// (R14.8)
#[test]
fn a_stale_claim_loses_to_a_newer_claim_and_holds_without_one() {
    for assignor in [Assignor::Sticky, Assignor::CooperativeSticky] {
        let group = claiming(assignor, &[("a", &[1, 3], 2), ("b", &[1, 2], 1)]);
        let given = assignor.assign(&group, &topics(&[("t", 4)]));
        assert_eq!(shown(&given), ["a: t-1 t-3", "b: t-0 t-2"], "{assignor}");
    }
}

/// R14.8, R14.9.
#[test]
fn two_claims_of_one_generation_are_void() {
    let counts = topics(&[("t", 4)]);
    let claims: [(&str, &[i32], i32); 2] = [("a", &[2, 3], 2), ("b", &[1, 2], 2)];
    let given = Assignor::Sticky.assign(&claiming(Assignor::Sticky, &claims), &counts);
    assert_eq!(shown(&given), ["a: t-0 t-3", "b: t-1 t-2"]);
    let cooperative = Assignor::CooperativeSticky;
    let given = cooperative.assign(&claiming(cooperative, &claims), &counts);
    assert_eq!(shown(&given), ["a: t-0 t-3", "b: t-1"], "both must revoke t-2");
}

/// R14.9.
#[test]
fn a_cooperative_move_takes_two_rounds() {
    let (cooperative, counts) = (Assignor::CooperativeSticky, topics(&[("t", 4)]));
    let group = claiming(cooperative, &[("a", &[0, 1, 2, 3], 1), ("b", &[], -1)]);
    let first = cooperative.assign(&group, &counts);
    assert_eq!(shown(&first), ["a: t-0 t-1", "b: "]);
    let second = cooperative.assign(&after(cooperative, &first, 2, group), &counts);
    assert_eq!(shown(&second), ["a: t-0 t-1", "b: t-2 t-3"]);
}

/// A subscription of version 1 lists the owned partitions; their generation is in the user data.
/// (R14.8)
#[test]
fn an_old_subscription_takes_its_generation_from_user_data() {
    let cooperative = Assignor::CooperativeSticky;
    let mut group = claiming(cooperative, &[("a", &[0, 1], 3), ("b", &[0, 1], 4)]);
    for subscriber in group.values_mut() {
        subscriber.subscription.generation = Generation::NONE;
    }
    let given = cooperative.assign(&group, &topics(&[("t", 2)]));
    assert_eq!(shown(&given), ["a: ", "b: t-0"], "b must revoke t-1 first");
}

/// R14.10.
#[test]
fn unreadable_user_data_claims_nothing() {
    let mut group = claiming(Assignor::Sticky, &[("a", &[1], 1), ("b", &[0], 1)]);
    for subscriber in group.values_mut() {
        subscriber.subscription.user_data = Some(bytes::Bytes::from_static(&[255; 8]));
    }
    let given = Assignor::Sticky.assign(&group, &topics(&[("t", 2)]));
    assert_eq!(shown(&given), ["a: t-0", "b: t-1"]);
}

/// R14.10.
#[test]
fn user_data_contains_what_each_assignor_needs() {
    let memory = StickyMemory { partitions: vec![partition("t", 1)], generation: Generation(6) };
    for plain in [Assignor::Range, Assignor::RoundRobin] {
        assert_eq!(plain.subscription_user_data(Some(&memory)), None);
    }
    assert_eq!(Assignor::Sticky.subscription_user_data(None), None);
    let cooperative = Assignor::CooperativeSticky;
    assert_eq!(cooperative.subscription_user_data(None).unwrap(), &[255; 4][..]);
    assert_eq!(cooperative.subscription_user_data(Some(&memory)).unwrap(), &[0, 0, 0, 6][..]);
    assert!(Assignor::Sticky.subscription_user_data(Some(&memory)).is_some());
}

/// R14.11.
#[test]
fn a_client_is_as_cooperative_as_its_least_cooperative_assignor() {
    use Assignor::{CooperativeSticky, Range, Sticky};
    assert_eq!(common_protocol(&[Range, CooperativeSticky]), RebalanceProtocol::Eager);
    assert_eq!(common_protocol(&[CooperativeSticky, Sticky]), RebalanceProtocol::Eager);
    assert_eq!(common_protocol(&[CooperativeSticky]), RebalanceProtocol::Cooperative);
    for assignor in Assignor::ALL {
        assert!(assignor.supports(RebalanceProtocol::Eager), "{assignor}");
    }
}

#[test]
fn names_of_assignors_are_those_on_the_wire() {
    let names = Assignor::ALL.map(Assignor::name);
    assert_eq!(names, ["range", "roundrobin", "sticky", "cooperative-sticky"]);
    for assignor in Assignor::ALL {
        assert_eq!(Assignor::from_name(assignor.name()), Some(assignor));
    }
    assert_eq!(Assignor::from_name("uniform"), None);
}
