//! What a fetch finds in the logs.
//!
//! There are no sessions (KIP-227): every fetch is a full one, which is answered for each partition that it
//! names, and session id 0 says that no session was made. A client that goes on with a session is told
//! that there is none. Who asks is taken for a consumer, also one that calls itself a follower.

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use crate::protocol::ResponseError;

use super::cluster::Detail;
use super::fetching::BY_ID;
use super::topics::{Topic, TopicKey};
use super::turn::Turn;

/// An answer to a fetch, and whether it is worth to be sent at once.
pub(super) struct Reading {
    pub(super) response: FetchResponse,
    /// How many bytes of records were found.
    bytes: usize,
    /// Something has to be told, or there was nothing to look for.
    urgent: bool,
    /// How many bytes there may be in all.
    max_bytes: usize,
}

impl Reading {
    /// The answer to a fetch that cannot be looked into.
    fn refused(error: ResponseError) -> Reading {
        let response = FetchResponse::default().with_error_code(error.code());
        Reading { response, bytes: 0, urgent: true, max_bytes: 0 }
    }

    /// Whether a client that waits for `min_bytes` has waited long enough.
    pub(super) fn suffices(&self, min_bytes: i32) -> bool {
        self.urgent || self.bytes >= size(min_bytes).min(self.max_bytes)
    }
}

impl Turn<'_, '_> {
    /// What a fetch finds now.
    pub(super) fn read(&self, version: i16, request: &FetchRequest) -> Reading {
        // 0 asks for a session, −1 for none; what is above goes on with one.
        if !matches!(request.session_epoch, -1 | 0) {
            return Reading::refused(ResponseError::FetchSessionIdNotFound);
        }
        let mut reading = Reading {
            response: FetchResponse::default(),
            bytes: 0,
            urgent: request.topics.is_empty(),
            max_bytes: size(request.max_bytes),
        };
        for wanted in &request.topics {
            let key = TopicKey::of(&wanted.topic, wanted.topic_id, version, BY_ID);
            let topic = self.shared.topics.topic(key);
            let mut partitions = Vec::new();
            for partition in &wanted.partitions {
                partitions.extend(self.read_partition(request, topic, partition, &mut reading));
            }
            if !partitions.is_empty() {
                reading.response.responses.push(
                    FetchableTopicResponse::default()
                        .with_topic(wanted.topic.clone())
                        .with_topic_id(wanted.topic_id)
                        .with_partitions(partitions),
                );
            }
        }
        self.name_itself_to_consumer(version, &mut reading.response);
        reading
    }

    /// What is said of one partition, if anything is.
    fn read_partition(
        &self,
        request: &FetchRequest,
        topic: Result<&Topic, ResponseError>,
        wanted: &FetchPartition,
        reading: &mut Reading,
    ) -> Option<PartitionData> {
        let full = self.shared.config.detail == Detail::Full;
        let answer = || PartitionData::default().with_partition_index(wanted.partition);
        let (records, end) = match self.records(topic, wanted, reading) {
            Ok(read) => read,
            Err(error) => {
                reading.urgent = true;
                let answer = answer().with_error_code(error.code());
                return Some(if full { answer.with_high_watermark(-1) } else { answer });
            }
        };
        if records.is_empty() && !full {
            return None;
        }
        reading.bytes += records.len();
        // Only who reads what is committed is told of transactions that are not, and there are none.
        const READ_UNCOMMITTED: i8 = 0;
        let aborted = (request.isolation_level != READ_UNCOMMITTED).then(Vec::new);
        let answer = answer()
            .with_high_watermark(end)
            .with_last_stable_offset(end)
            .with_aborted_transactions(aborted)
            .with_records(Some(records));
        Some(if full { answer.with_log_start_offset(0) } else { answer })
    }

    /// The records of a partition that there is still room for, and where its log ends. The first that are
    /// found are sent however many they are, so that a client with little room gets on.
    fn records(
        &self,
        topic: Result<&Topic, ResponseError>,
        wanted: &FetchPartition,
        reading: &Reading,
    ) -> Result<(Bytes, i64), ResponseError> {
        let log = topic?.log(wanted.partition)?;
        self.check_epoch(wanted.current_leader_epoch)?;
        let end = log.end();
        if !(0..=end).contains(&wanted.fetch_offset) {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let room = reading.max_bytes.saturating_sub(reading.bytes);
        let room = room.min(size(wanted.partition_max_bytes));
        Ok((log.read(wanted.fetch_offset, room, reading.bytes == 0), end))
    }
}

/// A number of bytes in a request.
fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}
