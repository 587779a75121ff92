//! The round-robin assignor: all partitions of all topics dealt out in a circle.

use crate::protocol::TopicPartition;

use super::{Assignments, PartitionCounts, Subscriptions};

/// Partitions sorted by topic and number go to members in the order of their ids, in a circle that passes
/// over members who do not subscribe to the topic at hand. Balanced to within one only when all
/// subscriptions are the same.
pub(super) fn assign(members: &Subscriptions, partitions: &PartitionCounts) -> Assignments {
    let mut hands: Vec<Vec<TopicPartition>> = vec![Vec::new(); members.len()];
    let subscriptions: Vec<_> = members.values().collect();
    let mut next = 0;
    for (topic, &count) in partitions {
        if !subscriptions.iter().any(|topics| topics.contains(topic)) {
            continue;
        }
        for partition in 0..count {
            while !subscriptions[next].contains(topic) {
                next = (next + 1) % hands.len();
            }
            hands[next].push(TopicPartition::new(topic.clone(), partition));
            next = (next + 1) % hands.len();
        }
    }
    members.keys().cloned().zip(hands).collect()
}
