//! Leaders whose assignments are wrong.

use std::collections::BTreeSet;

use groupsim::protocol::subscription::{decode_assignment, encode_assignment};
use groupsim::protocol::{Request, TopicName, TopicPartition};
use kafka_protocol::messages::SyncGroupRequest;

use super::twisted::Twist;

/// Gives the first member all partitions of the topics that it has a part of. Like the third part of
/// KAFKA-12984, where members went on being filled after the quota was met. `balance` must catch it.
pub struct SkewedLeader;

impl Twist for SkewedLeader {
    fn request(&mut self, request: &mut Request) {
        edit(request, |plan| {
            let Some((first, others)) = plan.split_first_mut() else { return };
            let topics: BTreeSet<TopicName> = first.iter().map(|p| p.topic.clone()).collect();
            for owned in others {
                first.extend(owned.extract_if(.., |p| topics.contains(&p.topic)));
            }
        });
    }
}

/// Leaves the last partition to nobody. Like sarama#1462, where partitions that were added were never
/// assigned. `single-owner` must catch it.
pub struct ForgetfulLeader;

impl Twist for ForgetfulLeader {
    fn request(&mut self, request: &mut Request) {
        edit(request, |plan| {
            if let Some(owned) = plan.iter_mut().rev().find(|owned| !owned.is_empty()) {
                owned.pop();
            }
        });
    }
}

/// Gives the first partition to two members. Like KAFKA-12984, where two members claimed a partition and both
/// kept it. `single-owner` must catch it.
pub struct DoublingLeader;

impl Twist for DoublingLeader {
    fn request(&mut self, request: &mut Request) {
        edit(request, |plan| {
            let Some(partition) = plan.iter().flatten().next().cloned() else { return };
            if let Some(owned) = plan.iter_mut().find(|owned| !owned.contains(&partition)) {
                owned.push(partition);
            }
        });
    }
}

/// Changes the assignments that a leader hands in, in the order of its members.
fn edit(request: &mut Request, change: impl FnOnce(&mut Vec<Vec<TopicPartition>>)) {
    let Request::SyncGroup(SyncGroupRequest { assignments, .. }) = request else { return };
    if assignments.is_empty() {
        return;
    }
    let decoded = assignments.iter().map(|entry| decode_assignment(&entry.assignment));
    let Ok(mut plan) = decoded.collect::<Result<Vec<_>, _>>() else { return };
    change(&mut plan);
    for (entry, mut owned) in assignments.iter_mut().zip(plan) {
        owned.sort();
        entry.assignment = encode_assignment(&owned, 1);
    }
}
