//! Produce: which batches are accepted.
//!
//! A batch is stored as it arrived, compressed or not. Batches of an idempotent producer are
//! checked against its earlier ones, in `producers`. Transactional batches are refused, because no
//! transaction can have begun. All responses are immediate: an appended batch exists for every
//! broker, so `acks` 1 and −1 are the same. A request with `acks` 0 gets a response like any other;
//! the owner of the connection must not send it.

use bytes::Bytes;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use crate::protocol::records::{self, BatchHeader};
use crate::protocol::{ResponseError, TopicPartition};

use super::context::BrokerContext;
use super::node::BrokerOutput;
use super::topics::TopicKey;

/// The first version that names topics by id only (KIP-516).
const BY_ID: i16 = 13;
/// The first version whose producers may use Zstandard (KIP-110).
const ZSTANDARD: i16 = 7;

impl BrokerContext<'_, '_> {
    pub(super) fn produce(&mut self, version: i16, request: &ProduceRequest) -> ProduceResponse {
        let mut responses = Vec::with_capacity(request.topic_data.len());
        for topic in &request.topic_data {
            let key = TopicKey::of(&topic.name, topic.topic_id, version, BY_ID);
            let mut partitions = Vec::with_capacity(topic.partition_data.len());
            for data in &topic.partition_data {
                let response = PartitionProduceResponse::default().with_index(data.index);
                partitions.push(match self.append(version, request.acks, key, data) {
                    Ok(appended) => response
                        .with_base_offset(appended.first)
                        .with_log_append_time_ms(appended.append_time)
                        .with_log_start_offset(0),
                    Err(error) => response.with_error_code(error.code()).with_base_offset(-1),
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
    ) -> Result<AppendedBatch, ResponseError> {
        let epoch = self.view().append_epoch();
        let topics = &mut self.shared.topics;
        let partition = TopicPartition::new(topics.name(topic)?.clone(), data.index);
        let log = topics.find_mut(TopicKey::Name(&partition.topic), data.index);
        let log = log.ok_or(ResponseError::UnknownTopicOrPartition)?;
        if !(-1..=1).contains(&acks) {
            return Err(ResponseError::InvalidRequiredAcks);
        }
        let batch = data.records.as_ref().ok_or(ResponseError::InvalidRecord)?;
        let header = check(version, batch)?;
        if let Some(before) = log.producers.check(&header)? {
            // As in Kafka, the response for a duplicate has the duplicate's timestamp as its append
            // time, although producers stamp the records.
            return Ok(AppendedBatch { first: before.first_offset, append_time: before.timestamp });
        }
        let (first, next) = log.append(batch, i64::from(header.count), epoch);
        log.producers.appended(&header, first);
        let waiting = log.waiting.clone();
        self.out.push(BrokerOutput::Appended { partition, first, next });
        for request in waiting {
            self.retry_fetch(request);
        }
        Ok(AppendedBatch { first, append_time: -1 })
    }
}

/// The position of a batch in the log.
struct AppendedBatch {
    first: i64,
    /// −1 for a batch that has just been appended: it keeps its producer's timestamps.
    append_time: i64,
}

/// Checks the records that a producer sent for one partition, which must be exactly one batch of
/// format 2. Returns the batch's header.
fn check(version: i16, bytes: &Bytes) -> Result<BatchHeader, ResponseError> {
    use ResponseError as E;
    let (length, magic) = records::length_and_magic(bytes).ok_or(E::InvalidRecord)?;
    if magic != 2 || length != bytes.len() {
        return Err(E::InvalidRecord);
    }
    let header = BatchHeader::read(bytes).ok_or(E::CorruptMessage)?;
    /// Kafka's id for Zstandard.
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
    // Kafka also checks the records, unless they are compressed and can stay so.
    if header.compression() == 0 {
        records::check_records(bytes).map_err(|_| E::InvalidRecord)?;
    }
    Ok(header)
}
