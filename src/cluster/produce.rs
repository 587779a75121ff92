//! Produce, and which batches are taken.
//!
//! A batch is stored as it came, packed or not. Those of an idempotent producer are held against what it
//! wrote before, in `producers`. Batches of transactions are refused, because no transaction can have been
//! begun. All answers come at once: what is appended is there for every broker, so `acks` 1 and −1 are the
//! same. The answer to `acks` 0 is made like others; that it is not sent is up to whoever has the connection.

use bytes::Bytes;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use crate::protocol::records::{self, BatchHeader};
use crate::protocol::{ResponseError, TopicPartition};

use super::broker::Output;
use super::topics::TopicKey;
use super::turn::Turn;

/// The first version that names topics by their ids alone (KIP-516).
const BY_ID: i16 = 13;
/// The first version whose producers may pack with Zstandard (KIP-110).
const ZSTANDARD: i16 = 7;

impl Turn<'_, '_> {
    pub(super) fn produce(&mut self, version: i16, request: &ProduceRequest) -> ProduceResponse {
        let mut responses = Vec::with_capacity(request.topic_data.len());
        for topic in &request.topic_data {
            let key = TopicKey::of(&topic.name, topic.topic_id, version, BY_ID);
            let mut partitions = Vec::with_capacity(topic.partition_data.len());
            for data in &topic.partition_data {
                let answer = PartitionProduceResponse::default().with_index(data.index);
                partitions.push(match self.append(version, request.acks, key, data) {
                    Ok(taken) => answer
                        .with_base_offset(taken.first)
                        .with_log_append_time_ms(taken.append_time)
                        .with_log_start_offset(0),
                    Err(error) => answer.with_error_code(error.code()).with_base_offset(-1),
                });
            }
            responses.push(
                TopicProduceResponse::default()
                    .with_name(topic.name.clone())
                    .with_topic_id(topic.topic_id)
                    .with_partition_responses(partitions),
            );
        }
        ProduceResponse::default().with_responses(responses)
    }

    fn append(
        &mut self,
        version: i16,
        acks: i16,
        topic: TopicKey<'_>,
        data: &PartitionProduceData,
    ) -> Result<Taken, ResponseError> {
        let epoch = self.append_epoch();
        let topics = &mut self.shared.topics;
        let partition = TopicPartition::new(topics.name(topic)?.clone(), data.index);
        let log = topics.find_mut(TopicKey::Name(&partition.topic), data.index);
        let log = log.ok_or(ResponseError::UnknownTopicOrPartition)?;
        if !(-1..=1).contains(&acks) {
            return Err(ResponseError::InvalidRequiredAcks);
        }
        let batch = data.records.as_ref().ok_or(ResponseError::InvalidRecord)?;
        let header = check(version, batch)?;
        if let Some(before) = log.producers.judge(&header)? {
            // Kafka tells the time of a duplicate where it tells that of an append, whoever stamps records.
            return Ok(Taken { first: before.first_offset, append_time: before.timestamp });
        }
        let (first, next) = log.append(batch, i64::from(header.count), epoch);
        log.producers.appended(&header, first);
        let waiting = log.waiting.clone();
        self.out.push(Output::Appended { partition, first, next });
        for request in waiting {
            self.retry_fetch(request);
        }
        Ok(Taken { first, append_time: -1 })
    }
}

/// Where a batch is in the log.
struct Taken {
    first: i64,
    /// −1 for one that has just been appended: it keeps the time that its producer gave it.
    append_time: i64,
}

/// The header of what a producer sent for one partition, which has to be one batch of format 2; or why it is
/// not taken.
fn check(version: i16, bytes: &Bytes) -> Result<BatchHeader, ResponseError> {
    use ResponseError as E;
    let (length, magic) = records::length_and_magic(bytes).ok_or(E::InvalidRecord)?;
    if magic != 2 || length != bytes.len() {
        return Err(E::InvalidRecord);
    }
    let header = BatchHeader::read(bytes).ok_or(E::CorruptMessage)?;
    /// The id of the compression.
    const ZSTD: i16 = 4;
    if version < ZSTANDARD && header.compression() == ZSTD {
        return Err(E::UnsupportedCompressionType);
    }
    if header.is_transactional() {
        return Err(E::InvalidTxnState);
    }
    if header.base_offset != 0 {
        return Err(E::InvalidRecord);
    }
    if !records::checksum_holds(bytes) {
        return Err(E::CorruptMessage);
    }
    let offsets = i64::from(header.last_offset_delta) + 1;
    let without_sequence = header.producer_id >= 0 && header.base_sequence < 0;
    if header.count <= 0
        || offsets != i64::from(header.count)
        || header.is_control()
        || without_sequence
    {
        return Err(E::InvalidRecord);
    }
    // Kafka goes through the records, too, unless they are packed and can stay so.
    if header.compression() == 0 {
        records::check_records(bytes).map_err(|_| E::InvalidRecord)?;
    }
    Ok(header)
}
