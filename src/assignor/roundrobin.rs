//! The round-robin assignor: all partitions of all topics go to the members in turn.

use crate::protocol::TopicPartition;

use super::members::{empty_assignments, in_service_order, subscribers};
use super::{Assignments, Subscriptions, Topics};

/// Assigns partitions, sorted by topic and number, to the members in turn, skipping members that do
/// not subscribe to the topic (rule R14.2).
pub(super) fn assign(members: &Subscriptions, topics: &Topics) -> Assignments {
    let mut assignments = empty_assignments(members);
    let order = in_service_order(members);
    let mut next = 0;
    for topic in subscribers(&order, topics).into_keys() {
        for partition in 0..topics[topic].partitions() as i32 {
            while !order[next].1.subscribes_to(topic) {
                next = (next + 1) % order.len();
            }
            let entry = assignments.get_mut(order[next].0).expect("every member has an entry");
            entry.push(TopicPartition::new(topic.clone(), partition));
            next = (next + 1) % order.len();
        }
    }
    assignments
}
