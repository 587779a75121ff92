//! Topics and their logs, which all brokers share; Produce and ListOffsets.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, ProduceRequest, ProduceResponse,
};

use super::broker::Output;
use super::turn::Turn;
use crate::coordinator::RequestId;
use crate::protocol::{IndexMap, ResponseError, TopicName, TopicPartition, records};

#[derive(Default)]
pub(super) struct Topics(IndexMap<TopicName, Vec<Log>>);

/// The log of one partition: batches as they were produced, with their offsets stamped in.
#[derive(Default)]
pub(super) struct Log {
    batches: Vec<Batch>,
    /// The fetches that wait for this log to grow.
    pub(super) waiting: Vec<RequestId>,
}

struct Batch {
    base: i64,
    next: i64,
    bytes: Bytes,
}

impl Log {
    /// One past the last offset.
    pub(super) fn end(&self) -> i64 {
        self.batches.last().map_or(0, |batch| batch.next)
    }

    /// Appends a batch and returns its offsets, `first..next`; nothing for bytes that are no batch.
    fn append(&mut self, batch: &Bytes) -> Option<(i64, i64)> {
        let base = self.end();
        let next = base + records::record_count(batch)?;
        self.batches.push(Batch { base, next, bytes: records::with_base_offset(batch, base) });
        Some((base, next))
    }

    /// Whole batches from the one that holds `offset`, up to about `max_bytes` but at least one.
    pub(super) fn read(&self, offset: i64, max_bytes: usize) -> Bytes {
        if offset >= self.end() {
            return Bytes::new();
        }
        let from = self.batches.partition_point(|batch| batch.next <= offset);
        let mut size = 0;
        let wanted: Vec<&Batch> = self.batches[from..]
            .iter()
            .take_while(|batch| {
                size += batch.bytes.len();
                size == batch.bytes.len() || size <= max_bytes
            })
            .collect();
        match wanted[..] {
            [] => Bytes::new(),
            [one] => one.bytes.clone(),
            ref several => {
                debug_assert!(several.is_sorted_by_key(|batch| batch.base));
                let mut all = BytesMut::with_capacity(size);
                several.iter().for_each(|batch| all.extend_from_slice(&batch.bytes));
                all.freeze()
            }
        }
    }
}

impl Topics {
    pub(super) fn create(&mut self, name: TopicName, partitions: i32) {
        self.0.insert(name, (0..partitions).map(|_| Log::default()).collect());
    }

    /// A topic has that many partitions from here on; it never has fewer.
    pub(super) fn grow(&mut self, name: &TopicName, partitions: i32) {
        let Some(logs) = self.0.get_mut(name) else {
            panic!("topic {} is to grow, but there is none", name.as_str())
        };
        let partitions = usize::try_from(partitions).unwrap_or(0).max(logs.len());
        logs.resize_with(partitions, Log::default);
    }

    /// A topic is gone; nothing, if it is gone already.
    pub(super) fn delete(&mut self, name: &TopicName) {
        self.0.shift_remove(name);
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &TopicName> {
        self.0.keys()
    }

    pub(super) fn partition_count(&self, name: &TopicName) -> Option<i32> {
        self.0.get(name).map(|logs| logs.len() as i32)
    }

    pub(super) fn log(&self, partition: &TopicPartition) -> Option<&Log> {
        self.find(&partition.topic, partition.partition)
    }

    pub(super) fn find(&self, topic: &TopicName, partition: i32) -> Option<&Log> {
        self.0.get(topic)?.get(usize::try_from(partition).ok()?)
    }

    pub(super) fn find_mut(&mut self, topic: &TopicName, partition: i32) -> Option<&mut Log> {
        self.0.get_mut(topic)?.get_mut(usize::try_from(partition).ok()?)
    }

    pub(super) fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        /// How a client asks for the end of a log rather than its start (−2).
        const LATEST: i64 = -1;
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let answer = ListOffsetsPartitionResponse::default()
                    .with_partition_index(asked.partition_index);
                match self.find(&topic.name, asked.partition_index) {
                    Some(log) if asked.timestamp == LATEST => answer.with_offset(log.end()),
                    Some(_) => answer.with_offset(0),
                    None => answer.with_error_code(ResponseError::UnknownTopicOrPartition.code()),
                }
            });
            ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }
}

impl Turn<'_, '_> {
    pub(super) fn produce(&mut self, request: &ProduceRequest) -> ProduceResponse {
        let mut responses = Vec::with_capacity(request.topic_data.len());
        for topic in &request.topic_data {
            let mut partitions = Vec::with_capacity(topic.partition_data.len());
            for data in &topic.partition_data {
                let partition = TopicPartition::new(topic.name.clone(), data.index);
                let batch = data.records.clone().unwrap_or_default();
                let answer = PartitionProduceResponse::default().with_index(data.index);
                partitions.push(match self.append(&partition, &batch) {
                    Ok(first) => answer.with_base_offset(first),
                    Err(error) => answer.with_error_code(error.code()).with_base_offset(-1),
                });
            }
            responses.push(
                TopicProduceResponse::default()
                    .with_name(topic.name.clone())
                    .with_partition_responses(partitions),
            );
        }
        ProduceResponse::default().with_responses(responses)
    }

    fn append(&mut self, partition: &TopicPartition, batch: &Bytes) -> Result<i64, ResponseError> {
        let log = self
            .shared
            .topics
            .find_mut(&partition.topic, partition.partition)
            .ok_or(ResponseError::UnknownTopicOrPartition)?;
        let (first, next) = log.append(batch).ok_or(ResponseError::CorruptMessage)?;
        let waiting = std::mem::take(&mut log.waiting);
        self.out.push(Output::Appended { partition: partition.clone(), first, next });
        for request in waiting {
            self.answer_fetch(request);
        }
        Ok(first)
    }
}
