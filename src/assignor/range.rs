//! The range assignor: each topic on its own, cut into contiguous ranges.

use crate::protocol::{MemberId, TopicName, TopicPartition};

use super::{Assignments, PartitionCounts, Subscriptions};

/// For each topic, its P partitions in order go to its M subscribers in the order of their ids: P/M
/// each, and one more for each of the first P mod M. Imbalance adds up over topics.
pub(super) fn assign(members: &Subscriptions, partitions: &PartitionCounts) -> Assignments {
    let mut assignments: Assignments =
        members.keys().map(|member| (member.clone(), Vec::new())).collect();
    for (topic, &count) in partitions {
        for (member, range) in ranges(&subscribers(members, topic), count) {
            let owned = assignments.get_mut(member).expect("every subscriber has an entry");
            owned.extend(range.map(|partition| TopicPartition::new(topic.clone(), partition)));
        }
    }
    assignments
}

fn subscribers<'a>(members: &'a Subscriptions, topic: &TopicName) -> Vec<&'a MemberId> {
    members.iter().filter(|(_, topics)| topics.contains(topic)).map(|(member, _)| member).collect()
}

fn ranges<'a>(
    subscribers: &[&'a MemberId],
    count: i32,
) -> impl Iterator<Item = (&'a MemberId, std::ops::Range<i32>)> {
    let members = subscribers.len() as i32;
    subscribers.iter().zip(0..members).map(move |(member, index)| {
        let (share, remainder) = (count / members, count % members);
        let start = index * share + index.min(remainder);
        let length = share + i32::from(index < remainder);
        (*member, start..start + length)
    })
}
