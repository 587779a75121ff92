//! Members that send or keep the wrong thing.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::subscription::{decode_assignment, encode_assignment};
use crate::protocol::{Request, Response, StrBytes, TopicPartition};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use super::interceptor::RequestInterceptor;

/// Commits three records ahead of what the application has processed. Like KAFKA-18641, where the
/// fetcher's position was committed in place of the application's. `no-loss` must catch it.
pub struct CommitsAhead;

impl RequestInterceptor for CommitsAhead {
    fn request(&mut self, request: &mut Request) {
        let Request::OffsetCommit(body) = request else { return };
        for entry in body.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            entry.committed_offset += 3;
        }
    }
}

/// Starts one record after the committed offset, like a client that takes the committed offset for
/// the last processed one. Like sarama#2947 in its effect, but forwards. `no-loss` must catch it.
pub struct StartsTooLate;

impl RequestInterceptor for StartsTooLate {
    fn response(&mut self, response: &mut Response) {
        let Response::OffsetFetch(body) = response else { return };
        let old = body.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        for entry in old.filter(|entry| entry.committed_offset >= 0) {
            entry.committed_offset += 1;
        }
        let new = body.groups.iter_mut().flat_map(|group| &mut group.topics);
        let new = new.flat_map(|topic| &mut topic.partitions);
        for entry in new.filter(|entry| entry.committed_offset >= 0) {
            entry.committed_offset += 1;
        }
    }
}

/// Adds its former assignments to each assignment. Like KAFKA-12983 and franz-go before 1.17, where
/// a stale list of owned partitions survived a rebalance. `no-overlap` must catch it.
#[derive(Default)]
pub struct KeepsPartitions {
    ever: BTreeSet<TopicPartition>,
}

impl RequestInterceptor for KeepsPartitions {
    fn response(&mut self, response: &mut Response) {
        let Response::SyncGroup(body) = response else { return };
        let Ok(assigned) = decode_assignment(&body.assignment) else { return };
        if body.error_code == 0 {
            self.ever.extend(assigned);
            let kept: Vec<TopicPartition> = self.ever.iter().cloned().collect();
            body.assignment = encode_assignment(&kept, 1);
        }
    }
}

/// Commits, along with the partitions that it owns, those that it committed earlier. Like
/// librdkafka#5604, where lost partitions were committed as if they had been revoked. `no-overlap`
/// must catch it.
#[derive(Default)]
pub struct CommitsWhatItLost {
    ever: BTreeMap<TopicPartition, i64>,
}

impl RequestInterceptor for CommitsWhatItLost {
    fn request(&mut self, request: &mut Request) {
        let Request::OffsetCommit(body) = request else { return };
        let mut present = BTreeSet::new();
        for topic in &body.topics {
            for entry in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                self.ever.insert(id.clone(), entry.committed_offset);
                present.insert(id);
            }
        }
        for (id, offset) in self.ever.iter().filter(|(id, _)| !present.contains(*id)) {
            let entry = OffsetCommitRequestPartition::default()
                .with_partition_index(id.partition)
                .with_committed_offset(*offset);
            body.topics.push(
                OffsetCommitRequestTopic::default()
                    .with_name(id.topic.clone())
                    .with_partitions(vec![entry]),
            );
        }
    }
}

/// Ignores errors of heartbeats and commits, and so never rejoins. Like kafkajs#1474, where
/// ILLEGAL_GENERATION was ignored. `stale-identity` or `not-coordinator` must
/// catch it, `convergence` may be first.
pub struct DeafToErrors;

impl RequestInterceptor for DeafToErrors {
    fn response(&mut self, response: &mut Response) {
        match response {
            Response::Heartbeat(body) => body.error_code = 0,
            Response::OffsetCommit(body) => {
                for entry in body.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                    entry.error_code = 0;
                }
            }
            _ => {}
        }
    }
}

/// Joins each time without a member id. Its former id stays in the group until its session ends.
/// `member-id-reuse` must catch it.
pub struct ForgetsItsId;

impl RequestInterceptor for ForgetsItsId {
    fn request(&mut self, request: &mut Request) {
        if let Request::JoinGroup(body) = request {
            body.member_id = StrBytes::default();
        }
    }
}
