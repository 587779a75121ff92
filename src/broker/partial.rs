//! Requests about partitions of which the coordinator sees only some (rule R3.14).
//!
//! OffsetCommit, TxnOffsetCommit and OffsetDelete name topics with partitions. The broker refuses
//! those that do not exist and passes the rest to the coordinator; then the two results are merged.
//! As in Kafka, the partitions that the broker refused come first, and all partitions of one topic
//! stand together. If the broker refused nothing, the response is the coordinator's, unchanged,
//! including topics that are named twice.

use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestTopic;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_delete_request::OffsetDeleteRequestTopic;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestTopic;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};

use crate::protocol::{IndexMap, Request, ResponseError, TopicName};

use super::topics::Topics;

/// A topic of a request, with the type of the same topic in the response.
pub(super) trait RequestTopic: Sized {
    /// The same topic in the response.
    type Response: ResponseTopic;

    fn name(&self) -> &TopicName;

    /// Its partitions, in the order of the request.
    fn partitions(&self) -> impl Iterator<Item = i32>;

    /// Removes the partitions that are not in `existing`, and returns them.
    fn split_off_missing(&mut self, existing: std::ops::Range<i32>) -> Vec<i32>;
}

/// A topic of a response.
pub(super) trait ResponseTopic: Sized {
    fn of(name: &TopicName) -> Self;

    fn name(&self) -> &TopicName;

    fn refuse(&mut self, partition: i32, error: ResponseError);

    /// Adds the partitions of another response for the same topic.
    fn append(&mut self, other: Self);
}

macro_rules! topics {
    ($($request:ident => $response:ident of $partition:ident;)*) => {$(
        impl RequestTopic for $request {
            type Response = $response;

            fn name(&self) -> &TopicName {
                &self.name
            }

            fn partitions(&self) -> impl Iterator<Item = i32> {
                self.partitions.iter().map(|partition| partition.partition_index)
            }

            fn split_off_missing(&mut self, existing: std::ops::Range<i32>) -> Vec<i32> {
                let is_missing = |index: &i32| !existing.contains(index);
                let missing = self.partitions().filter(is_missing).collect();
                self.partitions.retain(|partition| existing.contains(&partition.partition_index));
                missing
            }
        }

        impl ResponseTopic for $response {
            fn of(name: &TopicName) -> Self {
                $response::default().with_name(name.clone())
            }

            fn name(&self) -> &TopicName {
                &self.name
            }

            fn refuse(&mut self, partition: i32, error: ResponseError) {
                let refused = $partition::default().with_partition_index(partition);
                self.partitions.push(refused.with_error_code(error.code()));
            }

            fn append(&mut self, mut other: Self) {
                self.partitions.append(&mut other.partitions);
            }
        }
    )*};
}

topics! {
    OffsetCommitRequestTopic => OffsetCommitResponseTopic of OffsetCommitResponsePartition;
    TxnOffsetCommitRequestTopic => TxnOffsetCommitResponseTopic of TxnOffsetCommitResponsePartition;
    OffsetDeleteRequestTopic => OffsetDeleteResponseTopic of OffsetDeleteResponsePartition;
}

/// Whether the broker must refuse a partition of the request, or remove a topic from it, before the
/// coordinator sees it.
pub(super) fn needs_broker_checks(request: &Request, topics: &Topics) -> bool {
    fn any<T: RequestTopic>(requested: &[T], topics: &Topics) -> bool {
        let whole = |topic: &T| {
            let existing = 0..topics.partition_count(topic.name()).unwrap_or(0);
            let mut partitions = topic.partitions().peekable();
            partitions.peek().is_some() && partitions.all(|index| existing.contains(&index))
        };
        !requested.iter().all(whole)
    }
    match request {
        // An empty commit does not reach the coordinator.
        Request::OffsetCommit(request) => request.topics.is_empty() || any(&request.topics, topics),
        Request::TxnOffsetCommit(request) => {
            request.topics.is_empty() || any(&request.topics, topics)
        }
        Request::OffsetDelete(request) => any(&request.topics, topics),
        _ => false,
    }
}

/// Leaves in `requested` only what the coordinator shall see: partitions that exist, and no topic
/// without partitions. Returns the topics with the partitions that the broker refuses. A topic that
/// does not exist is among them even if the request names no partition of it.
pub(super) fn refuse_missing<T: RequestTopic>(
    requested: &mut Vec<T>,
    topics: &Topics,
) -> Vec<T::Response> {
    let mut refused: IndexMap<TopicName, T::Response> = IndexMap::default();
    requested.retain_mut(|topic| {
        let count = topics.partition_count(topic.name());
        let missing = topic.split_off_missing(0..count.unwrap_or(0));
        if count.is_none() || !missing.is_empty() {
            let name = topic.name();
            let response = refused.entry(name.clone()).or_insert_with(|| T::Response::of(name));
            for partition in missing {
                response.refuse(partition, ResponseError::UnknownTopicOrPartition);
            }
        }
        topic.partitions().next().is_some()
    });
    refused.into_values().collect()
}

/// Adds the coordinator's results to those that the broker refused.
pub(super) fn merge<T: ResponseTopic>(refused: &mut Vec<T>, response: Vec<T>) {
    if refused.is_empty() {
        *refused = response;
        return;
    }
    let named = |topic: T| (topic.name().clone(), topic);
    let mut all: IndexMap<TopicName, T> = refused.drain(..).map(named).collect();
    for topic in response {
        match all.get_mut(topic.name()) {
            Some(known) => known.append(topic),
            None => drop(all.insert(topic.name().clone(), topic)),
        }
    }
    refused.extend(all.into_values());
}
