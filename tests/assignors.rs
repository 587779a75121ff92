//! The guarantees of the assignors (rules R14), for random groups, and Kafka's own examples.

#[path = "assignors/cooperative.rs"]
mod cooperative;
#[path = "assignors/examples.rs"]
mod examples;
#[path = "assignors/racks.rs"]
mod racks;
#[path = "assignors/sticky.rs"]
mod sticky;
#[path = "assignors/world.rs"]
mod world;

use std::collections::BTreeSet;

use groupsim::assignor::{Assignor, Subscriptions};
use groupsim::protocol::subscription::{
    Subscription, decode_assignment, decode_subscription, encode_assignment, encode_subscription,
    subscribed_topics,
};
use groupsim::protocol::{MemberId, TopicPartition};
use proptest::prelude::*;

use world::{claimed, config, group, in_order, partitions_of, plain, same_wishes, topics, wanted};

proptest! {
    #![proptest_config(config())]

    /// R14.3.
    #[test]
    fn each_partition_goes_to_exactly_one_of_its_subscribers(
        members in group(),
        topics in topics(),
        claims in claimed(),
    ) {
        for assignor in Assignor::ALL {
            let members = claims.put(assignor, members.clone());
            let given = assignor.assign(&members, &topics);
            prop_assert!(given.keys().eq(members.keys()), "{assignor}: each member has an entry");
            for (member, partitions) in &given {
                prop_assert!(partitions.is_sorted(), "{assignor}: {member} holds {partitions:?}");
                for partition in partitions {
                    prop_assert!(members[member].subscribes_to(&partition.topic), "{assignor}");
                }
            }
            let all: Vec<TopicPartition> = given.into_values().flatten().collect();
            let once: BTreeSet<TopicPartition> = all.iter().cloned().collect();
            prop_assert_eq!(all.len(), once.len(), "{} assigned a partition twice", assignor);
            match assignor {
                Assignor::CooperativeSticky => {
                    prop_assert!(once.is_subset(&wanted(&members, &topics)));
                }
                Assignor::Range | Assignor::RoundRobin | Assignor::Sticky => {
                    prop_assert_eq!(once, wanted(&members, &topics), "{} left a partition unassigned", assignor);
                }
            }
        }
    }

    /// R14.1, R14.4.
    #[test]
    fn range_splits_each_topic_evenly_and_the_first_members_get_the_remainder(
        members in group(),
        topics in topics(),
    ) {
        let topics = plain(topics);
        let given = Assignor::Range.assign(&members, &topics);
        for (topic, shape) in &topics {
            let mut next = 0;
            let order = in_order(&members);
            let ids: Vec<&MemberId> =
                order.into_iter().filter(|id| members[*id].subscribes_to(topic)).collect();
            for (index, id) in ids.iter().enumerate() {
                let own = partitions_of(&given[*id], topic);
                let (share, rest) =
                    (shape.partitions() / ids.len(), shape.partitions() % ids.len());
                prop_assert_eq!(own.len(), share + usize::from(index < rest));
                prop_assert_eq!(&own, &(next..next + own.len() as i32).collect::<Vec<_>>());
                next += own.len() as i32;
            }
        }
    }

    /// R14.2, R14.4.
    #[test]
    fn roundrobin_deals_in_a_circle_when_all_subscribe_to_the_same_topics(
        members in same_wishes(),
        topics in topics(),
    ) {
        let given = Assignor::RoundRobin.assign(&members, &topics);
        let order = in_order(&members);
        for (turn, partition) in wanted(&members, &topics).into_iter().enumerate() {
            let turn = order[turn % order.len()];
            prop_assert!(given[turn].contains(&partition), "{turn} has no {partition}");
        }
    }

    /// R14.3.
    #[test]
    fn the_order_in_which_members_joined_does_not_matter(
        members in group(),
        topics in topics(),
        claims in claimed(),
        seed in any::<u64>(),
    ) {
        for assignor in Assignor::ALL {
            let straight = claims.put(assignor, members.clone());
            let mut order: Vec<_> = straight.clone().into_iter().collect();
            groupsim::rng::Rng::stream(seed, "order").shuffle(&mut order);
            for (_, member) in &mut order {
                let rng = &mut groupsim::rng::Rng::stream(seed, "topics");
                rng.shuffle(&mut member.subscription.owned);
                let payload = encode_subscription(&member.subscription, 3);
                member.subscription = decode_subscription(&payload).expect("a payload of our own encoder");
            }
            let mut shuffled = Subscriptions::new();
            shuffled.extend(order);
            let first = assignor.assign(&straight, &topics);
            prop_assert_eq!(&first, &assignor.assign(&shuffled, &topics));
        }
    }

    #[test]
    fn the_member_decodes_the_assignment_that_the_leader_encodes(
        members in group(),
        topics in topics(),
        claims in claimed(),
        version in 0..=3_i16,
    ) {
        for assignor in Assignor::ALL {
            let members = claims.put(assignor, members.clone());
            for member in members.values() {
                let payload = encode_subscription(&member.subscription, version);
                let read = decode_subscription(&payload).unwrap();
                prop_assert_eq!(&read.topics, &member.subscription.topics);
                prop_assert_eq!(&read.user_data, &member.subscription.user_data);
                prop_assert_eq!(subscribed_topics(&payload).unwrap(), read.topics);
            }
            for partitions in assignor.assign(&members, &topics).into_values() {
                let payload = encode_assignment(&partitions, version);
                prop_assert_eq!(decode_assignment(&payload).unwrap(), partitions);
            }
        }
    }

    #[test]
    fn a_truncated_payload_is_refused(
        members in group(),
        claims in claimed(),
        version in 0..=3_i16,
    ) {
        for member in claims.put(Assignor::Sticky, members).into_values() {
            let subscription: Subscription = member.subscription;
            let payload = encode_subscription(&subscription, version);
            for length in 0..payload.len() {
                prop_assert!(decode_subscription(&payload.slice(..length)).is_err());
            }
            let assignment = encode_assignment(&subscription.owned, version);
            for length in 1..assignment.len() {
                prop_assert!(decode_assignment(&assignment.slice(..length)).is_err());
            }
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(255), any::<u8>()], 0..40),
    ) {
        let payload = bytes::Bytes::from(bytes);
        let whole = decode_subscription(&payload);
        if let Ok(subscription) = whole {
            prop_assert_eq!(subscribed_topics(&payload), Ok(subscription.topics));
        }
        let _ = decode_assignment(&payload);
    }
}
