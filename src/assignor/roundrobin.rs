//! The round-robin assignor: all partitions of all topics dealt out in a circle.

use crate::protocol::TopicPartition;

use super::members::{in_order, nothing, subscribers};
use super::{Assignments, Subscriptions, Topics};

/// Partitions sorted by topic and number go to the members in a circle that passes over those who do not
/// subscribe to the topic at hand (rule R14.2).
pub(super) fn assign(members: &Subscriptions, topics: &Topics) -> Assignments {
    let mut assignments = nothing(members);
    let order = in_order(members);
    let mut next = 0;
    for topic in subscribers(&order, topics).into_keys() {
        for partition in 0..topics[topic].partitions() as i32 {
            while !order[next].1.wants(topic) {
                next = (next + 1) % order.len();
            }
            let hand = assignments.get_mut(order[next].0).expect("every member has an entry");
            hand.push(TopicPartition::new(topic.clone(), partition));
            next = (next + 1) % order.len();
        }
    }
    assignments
}
