//! Range with racks (rule R14.5).

use groupsim::assignor::{Assignor, Subscriptions, TopicShape, Topics};
use groupsim::protocol::subscription::Subscription;
use groupsim::protocol::{StrBytes, str_bytes};
use proptest::prelude::*;

use super::world::{config, group, member, partitions_of, plain, rack_set, topic, topics};

/// `m0`, `m1`, …, one in each rack, all subscribed to these topics.
fn one_in_each(racks: &[&str], names: &[&str]) -> Subscriptions {
    let wishes: Vec<_> = names.iter().map(|name| topic(name)).collect();
    let each = racks.iter().enumerate();
    each.map(|(index, rack)| {
        let rack: Option<StrBytes> = Some(str_bytes(rack));
        let subscriber = Subscription { rack, ..Subscription::to(&wishes) };
        (member(&format!("m{index}")), subscriber.into())
    })
    .collect()
}

proptest! {
    #![proptest_config(config())]

    /// R14.5.
    #[test]
    fn racks_change_the_number_of_partitions_only_by_the_remainder(
        members in group(),
        topics in topics(),
    ) {
        let near = Assignor::Range.assign(&members, &topics);
        let far = Assignor::Range.assign(&members, &plain(topics.clone()));
        for name in topics.keys() {
            let sizes = |plan: &groupsim::assignor::Assignments| {
                let mut sizes: Vec<usize> = members
                    .iter()
                    .filter(|(_, member)| member.subscribes_to(name))
                    .map(|(id, _)| partitions_of(&plan[id], name).len())
                    .collect();
                sizes.sort_unstable();
                sizes
            };
            prop_assert_eq!(sizes(&near), sizes(&far));
        }
    }

    /// R14.5.
    #[test]
    fn all_members_read_nearby_if_each_rack_has_an_equal_part(
        homes in Just([0, 1, 2].repeat(4)).prop_shuffle(),
    ) {
        let racks = ["east", "north", "west"];
        let members = one_in_each(&racks, &["t"]);
        let shape = TopicShape { racks: homes.iter().map(|&home| rack_set(&[racks[home]])).collect() };
        let given = Assignor::Range.assign(&members, &Topics::from([(topic("t"), shape)]));
        for (index, hand) in given.values().enumerate() {
            prop_assert_eq!(hand.len(), 4);
            for partition in hand {
                prop_assert_eq!(homes[partition.partition as usize], index);
            }
        }
    }

    /// R14.5.
    #[test]
    fn equal_partition_numbers_of_equally_placed_topics_go_to_one_member(
        members in group(),
        topics in topics(),
    ) {
        let shape = topics.values().next().expect("four of them").clone();
        let alike: Topics = topics.into_keys().map(|name| (name, shape.clone())).collect();
        let wishes: Vec<_> = alike.keys().cloned().collect();
        let mut members = members;
        members.values_mut().for_each(|member| member.subscription.topics = wishes.clone());
        for hand in Assignor::Range.assign(&members, &alike).values() {
            let first = partitions_of(hand, &wishes[0]);
            for name in &wishes {
                prop_assert_eq!(&partitions_of(hand, name), &first);
            }
        }
    }
}

fn numbers(members: &Subscriptions, topics: &Topics, name: &str) -> Vec<Vec<i32>> {
    let given = Assignor::Range.assign(members, topics);
    given.values().map(|hand| partitions_of(hand, &topic(name))).collect()
}

fn placed(homes: &[&[&str]]) -> TopicShape {
    TopicShape { racks: homes.iter().map(|racks| rack_set(racks)).collect() }
}

/// R14.5.
#[test]
fn a_range_may_have_gaps_if_racks_are_known() {
    let members = one_in_each(&["east", "west"], &["t"]);
    let shape = placed(&[&["east"], &["west"], &["east"], &["west"]]);
    assert_eq!(numbers(&members, &[(topic("t"), shape)].into(), "t"), [[0, 2], [1, 3]]);
}

/// R14.5.
#[test]
fn quotas_come_before_racks() {
    let members = one_in_each(&["east", "west"], &["t"]);
    let shape = placed(&[&["west"], &["west"], &["west"], &["east"]]);
    assert_eq!(numbers(&members, &[(topic("t"), shape)].into(), "t"), [[2, 3], [0, 1]]);
}

/// R14.5.
#[test]
fn racks_are_ignored_where_they_make_no_difference() {
    let homes: [&[&str]; 4] = [&["east", "west"]; 4];
    let everywhere = one_in_each(&["west", "east"], &["t"]);
    assert_eq!(numbers(&everywhere, &[(topic("t"), placed(&homes))].into(), "t"), [[0, 1], [2, 3]]);
    let nowhere = one_in_each(&["moon", "mars"], &["t"]);
    let homes: [&[&str]; 4] = [&["west"], &["east"], &["west"], &["east"]];
    assert_eq!(numbers(&nowhere, &[(topic("t"), placed(&homes))].into(), "t"), [[0, 1], [2, 3]]);
}

/// All of `t` is in one rack, so its first range goes to the first member even if that is in
/// another rack. `u` is a topic to which racks do matter. (R14.5)
#[test]
fn a_topic_with_equal_racks_for_all_partitions_is_split_as_without_racks() {
    let members = one_in_each(&["moon", "west"], &["t", "u"]);
    let homes: [&[&str]; 4] = [&["west"]; 4];
    let t = (topic("t"), placed(&homes));
    assert_eq!(numbers(&members, &[t.clone()].into(), "t"), [[0, 1], [2, 3]]);
    let both = Topics::from([t, (topic("u"), placed(&[&["west"], &["east"]]))]);
    assert_eq!(numbers(&members, &both, "u"), [[1], [0]]);
    assert_eq!(numbers(&members, &both, "t"), [[0, 1], [2, 3]]);
}

/// No member is near partition 0 of both topics, so the first pass leaves them to the second.
/// (R14.5)
#[test]
fn topics_with_equal_partition_counts_are_assigned_together() {
    let members = one_in_each(&["east", "west"], &["t", "u"]);
    let t = placed(&[&["east"], &["west"], &["west"], &["east"]]);
    let u = placed(&[&["west"], &["west"], &["west"], &["east"]]);
    let topics = Topics::from([(topic("t"), t), (topic("u"), u)]);
    assert_eq!(numbers(&members, &topics, "t"), [[0, 3], [1, 2]]);
    assert_eq!(numbers(&members, &topics, "u"), [[0, 3], [1, 2]]);
}
