//! What the assignors promise (rules R14), for random groups, and Kafka's own examples.

use std::collections::{BTreeMap, BTreeSet};

use groupsim::assignor::{Assignments, Assignor, PartitionCounts, Subscriptions};
use groupsim::protocol::subscription::{
    decode_assignment, decode_subscription, encode_assignment, encode_subscription,
};
use groupsim::protocol::{Generation, MemberId, TopicName, TopicPartition, str_bytes};
use proptest::prelude::*;
use proptest::sample::subsequence;

const TOPICS: [&str; 5] = ["a", "a-1", "b", "orders", "unknown"];

fn topic(name: &str) -> TopicName {
    TopicName(str_bytes(name))
}

fn member(name: &str) -> MemberId {
    MemberId(str_bytes(name))
}

/// Partition counts of all topics but the last, which no broker knows of.
fn counts() -> impl Strategy<Value = PartitionCounts> {
    prop::collection::vec(0..12_i32, TOPICS.len() - 1).prop_map(|counts| {
        TOPICS.iter().zip(counts).map(|(name, count)| (topic(name), count)).collect()
    })
}

fn topics() -> impl Strategy<Value = Vec<TopicName>> {
    subsequence(TOPICS.to_vec(), 0..=TOPICS.len())
        .prop_map(|names| names.into_iter().map(topic).collect())
}

fn members() -> impl Strategy<Value = BTreeMap<String, Vec<TopicName>>> {
    prop::collection::btree_map("[a-c]{1,2}[0-9]{1,2}", topics(), 0..9)
}

fn subscriptions(members: &BTreeMap<String, Vec<TopicName>>) -> Subscriptions {
    members.iter().map(|(name, topics)| (member(name), topics.clone())).collect()
}

/// Everything that somebody subscribes to and that exists.
fn wanted(members: &Subscriptions, counts: &PartitionCounts) -> BTreeSet<TopicPartition> {
    counts
        .iter()
        .filter(|(topic, _)| members.values().any(|topics| topics.contains(topic)))
        .flat_map(|(topic, &count)| (0..count).map(|p| TopicPartition::new(topic.clone(), p)))
        .collect()
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn each_partition_goes_to_exactly_one_of_its_subscribers(
        members in members(),
        counts in counts(),
    ) {
        let members = subscriptions(&members);
        for assignor in Assignor::ALL {
            let given = assignor.assign(&members, &counts);
            prop_assert!(given.keys().eq(members.keys()), "{assignor}: each member has an entry");
            for (member, partitions) in &given {
                prop_assert!(partitions.is_sorted(), "{assignor}: {member} holds {partitions:?}");
                for partition in partitions {
                    prop_assert!(members[member].contains(&partition.topic), "{assignor}");
                }
            }
            let all: Vec<TopicPartition> = given.into_values().flatten().collect();
            let once: BTreeSet<TopicPartition> = all.iter().cloned().collect();
            prop_assert_eq!(all.len(), once.len(), "{} gave one twice", assignor);
            prop_assert_eq!(once, wanted(&members, &counts), "{} forgot one", assignor);
        }
    }

    #[test]
    fn range_cuts_each_topic_into_even_ranges_and_the_first_take_the_rest(
        members in members(),
        counts in counts(),
    ) {
        let members = subscriptions(&members);
        let given = Assignor::Range.assign(&members, &counts);
        for (topic, &count) in &counts {
            let mut next = 0;
            let subscribers = members.iter().filter(|(_, topics)| topics.contains(topic));
            let ids: Vec<&MemberId> = subscribers.map(|(member, _)| member).collect();
            for (index, id) in ids.iter().enumerate() {
                let own: Vec<i32> = given[*id]
                    .iter()
                    .filter(|partition| partition.topic == *topic)
                    .map(|partition| partition.partition)
                    .collect();
                let (share, rest) = (count as usize / ids.len(), count as usize % ids.len());
                prop_assert_eq!(own.len(), share + usize::from(index < rest));
                prop_assert_eq!(&own, &(next..next + own.len() as i32).collect::<Vec<_>>());
                next += own.len() as i32;
            }
        }
    }

    #[test]
    fn roundrobin_is_even_to_within_one_when_all_want_the_same(
        names in prop::collection::btree_set("[a-z]{1,3}", 1..9),
        topics in topics(),
        counts in counts(),
    ) {
        let members: Subscriptions =
            names.iter().map(|name| (member(name), topics.clone())).collect();
        let given = Assignor::RoundRobin.assign(&members, &counts);
        let sizes: Vec<usize> = given.values().map(Vec::len).collect();
        prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
        prop_assert!(sizes.is_sorted_by(|a, b| a >= b), "the first are served first: {sizes:?}");
    }

    #[test]
    fn the_order_in_which_members_came_does_not_matter(
        members in members(),
        counts in counts(),
        seed in any::<u64>(),
    ) {
        let straight = subscriptions(&members);
        let mut order: Vec<_> = members.into_iter().collect();
        groupsim::rng::Rng::stream(seed, "order").shuffle(&mut order);
        let mut shuffled = Subscriptions::new();
        for (name, topics) in order {
            shuffled.insert(member(&name), topics);
        }
        for assignor in Assignor::ALL {
            let first = assignor.assign(&straight, &counts);
            prop_assert_eq!(&first, &assignor.assign(&shuffled, &counts));
        }
    }

    #[test]
    fn what_the_leader_hands_in_is_what_the_member_reads(
        members in members(),
        counts in counts(),
        version in 0..=3_i16,
    ) {
        let members = subscriptions(&members);
        for topics in members.values() {
            let payload = encode_subscription(topics, version, Generation(3));
            prop_assert_eq!(&decode_subscription(&payload).unwrap(), topics);
        }
        for assignor in Assignor::ALL {
            for partitions in assignor.assign(&members, &counts).into_values() {
                let payload = encode_assignment(&partitions, version);
                prop_assert_eq!(decode_assignment(&payload).unwrap(), partitions);
            }
        }
    }

    #[test]
    fn a_payload_that_was_cut_short_is_refused(
        topics in topics(),
        owned in prop::collection::btree_set((subsequence(TOPICS.to_vec(), 1), 0..9_i32), 0..9),
        version in 0..=3_i16,
    ) {
        let owned: Vec<TopicPartition> =
            owned.iter().map(|(name, p)| TopicPartition::new(topic(name[0]), *p)).collect();
        let subscription = encode_subscription(&topics, version, Generation::NONE);
        let assignment = encode_assignment(&owned, version);
        for length in 1..subscription.len() {
            prop_assert!(decode_subscription(&subscription.slice(..length)).is_err());
        }
        for length in 1..assignment.len() {
            prop_assert!(decode_assignment(&assignment.slice(..length)).is_err());
        }
    }
}

/// Who gets what, as `m0: t0-0 t0-1`, one line per member.
fn shown(given: &Assignments) -> Vec<String> {
    given
        .iter()
        .map(|(member, partitions)| {
            let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            format!("{member}: {}", partitions.join(" "))
        })
        .collect()
}

fn assign(assignor: Assignor, members: &[(&str, &[&str])], counts: &[(&str, i32)]) -> Vec<String> {
    let members = members
        .iter()
        .map(|(name, topics)| (member(name), topics.iter().map(|name| topic(name)).collect()))
        .collect();
    let counts = counts.iter().map(|&(name, count)| (topic(name), count)).collect();
    shown(&assignor.assign(&members, &counts))
}

/// The examples in the documentation of Kafka's RangeAssignor and RoundRobinAssignor.
#[test]
fn two_members_share_two_topics_of_three_partitions() {
    let members: [(&str, &[&str]); 2] = [("m0", &["t0", "t1"]), ("m1", &["t0", "t1"])];
    let counts = [("t0", 3), ("t1", 3)];
    assert_eq!(
        assign(Assignor::Range, &members, &counts),
        ["m0: t0-0 t0-1 t1-0 t1-1", "m1: t0-2 t1-2"]
    );
    assert_eq!(
        assign(Assignor::RoundRobin, &members, &counts),
        ["m0: t0-0 t0-2 t1-1", "m1: t0-1 t1-0 t1-2"]
    );
}

/// The example with unequal subscriptions in the documentation of Kafka's RoundRobinAssignor.
#[test]
fn roundrobin_passes_over_members_that_do_not_subscribe() {
    let members: [(&str, &[&str]); 3] =
        [("m0", &["t0"]), ("m1", &["t0", "t1"]), ("m2", &["t0", "t1", "t2"])];
    let counts = [("t0", 1), ("t1", 2), ("t2", 3)];
    assert_eq!(
        assign(Assignor::RoundRobin, &members, &counts),
        ["m0: t0-0", "m1: t1-0", "m2: t1-1 t2-0 t2-1 t2-2"]
    );
}

#[test]
fn more_members_than_partitions_leaves_the_last_with_none() {
    let members: [(&str, &[&str]); 3] = [("m0", &["t"]), ("m1", &["t"]), ("m2", &["t"])];
    for assignor in Assignor::ALL {
        assert_eq!(assign(assignor, &members, &[("t", 2)]), ["m0: t-0", "m1: t-1", "m2: "]);
    }
}

#[test]
fn names_of_assignors_are_those_on_the_wire() {
    for assignor in Assignor::ALL {
        assert_eq!(Assignor::from_name(assignor.name()), Some(assignor));
    }
    assert_eq!(Assignor::from_name("sticky"), None);
}
