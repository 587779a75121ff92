//! Answers about partitions of which the coordinator sees only some (rule R3.14).
//!
//! OffsetCommit, TxnOffsetCommit and OffsetDelete name topics with partitions. The broker refuses those that do not
//! exist and hands the rest to the coordinator; then the two answers become one. As in Kafka, what the broker refused
//! comes first, and all that is said of one topic stands together. If the broker refused nothing, the answer is the
//! coordinator's as it is, topics named twice included.

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

/// A topic of a request, and what is said of it in the answer.
pub(super) trait Asked: Sized {
    /// The same topic in the answer.
    type Answer: Answered;

    fn name(&self) -> &TopicName;

    /// Its partitions, in their order.
    fn partitions(&self) -> impl Iterator<Item = i32>;

    /// Takes out the partitions that are not in `existing`, and gives them.
    fn split_off_missing(&mut self, existing: std::ops::Range<i32>) -> Vec<i32>;
}

/// A topic of an answer.
pub(super) trait Answered: Sized {
    fn of(name: &TopicName) -> Self;

    fn name(&self) -> &TopicName;

    fn refuse(&mut self, partition: i32, error: ResponseError);

    /// Adds what another answer says of the same topic.
    fn append(&mut self, other: Self);
}

macro_rules! asked {
    ($($asked:ident => $answer:ident of $partition:ident;)*) => {$(
        impl Asked for $asked {
            type Answer = $answer;

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

        impl Answered for $answer {
            fn of(name: &TopicName) -> Self {
                $answer::default().with_name(name.clone())
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

asked! {
    OffsetCommitRequestTopic => OffsetCommitResponseTopic of OffsetCommitResponsePartition;
    TxnOffsetCommitRequestTopic => TxnOffsetCommitResponseTopic of TxnOffsetCommitResponsePartition;
    OffsetDeleteRequestTopic => OffsetDeleteResponseTopic of OffsetDeleteResponsePartition;
}

/// Whether the broker has something to say to a request before its coordinator sees it, or something to take out.
pub(super) fn is_for_broker_too(request: &Request, topics: &Topics) -> bool {
    fn any<T: Asked>(asked: &[T], topics: &Topics) -> bool {
        let whole = |topic: &T| {
            let existing = 0..topics.partition_count(topic.name()).unwrap_or(0);
            let mut partitions = topic.partitions().peekable();
            partitions.peek().is_some() && partitions.all(|index| existing.contains(&index))
        };
        !asked.iter().all(whole)
    }
    match request {
        // A commit of nothing is no business of the coordinator's.
        Request::OffsetCommit(request) => request.topics.is_empty() || any(&request.topics, topics),
        Request::TxnOffsetCommit(request) => {
            request.topics.is_empty() || any(&request.topics, topics)
        }
        Request::OffsetDelete(request) => any(&request.topics, topics),
        _ => false,
    }
}

/// Leaves of the topics what a coordinator is to see: partitions that exist, and no topic without any. Gives what the
/// broker says of the others. A topic that does not exist is named there even if it was asked for without partitions.
pub(super) fn refuse_missing<T: Asked>(asked: &mut Vec<T>, topics: &Topics) -> Vec<T::Answer> {
    let mut refused: IndexMap<TopicName, T::Answer> = IndexMap::default();
    asked.retain_mut(|topic| {
        let count = topics.partition_count(topic.name());
        let missing = topic.split_off_missing(0..count.unwrap_or(0));
        if count.is_none() || !missing.is_empty() {
            let name = topic.name();
            let answer = refused.entry(name.clone()).or_insert_with(|| T::Answer::of(name));
            for partition in missing {
                answer.refuse(partition, ResponseError::UnknownTopicOrPartition);
            }
        }
        topic.partitions().next().is_some()
    });
    refused.into_values().collect()
}

/// Adds the coordinator's answer to what the broker refused.
pub(super) fn merge<T: Answered>(refused: &mut Vec<T>, answer: Vec<T>) {
    if refused.is_empty() {
        *refused = answer;
        return;
    }
    let named = |topic: T| (topic.name().clone(), topic);
    let mut all: IndexMap<TopicName, T> = refused.drain(..).map(named).collect();
    for topic in answer {
        match all.get_mut(topic.name()) {
            Some(known) => known.append(topic),
            None => drop(all.insert(topic.name().clone(), topic)),
        }
    }
    refused.extend(all.into_values());
}
