//! The records that a fetch finds in the logs.
//!
//! There are no fetch sessions (KIP-227): every fetch is a full one, whose response covers each
//! partition that it names, and session id 0 says that no session was created. A fetch that
//! continues a session gets FETCH_SESSION_ID_NOT_FOUND. Every client is treated as a consumer, even
//! if it claims to be a follower.

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use crate::protocol::ResponseError;

use super::cluster::Detail;
use super::fetching::BY_ID;
use super::topics::{Topic, TopicKey};
use super::view::BrokerView;

/// The response to a fetch, and whether to send it at once.
pub(super) struct FetchResult {
    pub(super) response: FetchResponse,
    /// How many bytes of records were found.
    bytes: usize,
    /// The response has an error, or the fetch names no topics.
    urgent: bool,
    /// How many bytes of records the response may have.
    max_bytes: usize,
}

impl FetchResult {
    /// The response to a fetch that is refused as a whole.
    fn refused(error: ResponseError) -> FetchResult {
        let response = FetchResponse::default().with_error_code(error.code());
        FetchResult { response, bytes: 0, urgent: true, max_bytes: 0 }
    }

    /// Whether the response can be sent to a client that waits for `min_bytes`.
    pub(super) fn suffices(&self, min_bytes: i32) -> bool {
        self.urgent || self.bytes >= size(min_bytes).min(self.max_bytes)
    }
}

impl BrokerView<'_> {
    /// The records that a fetch finds now.
    pub(super) fn read(&self, version: i16, request: &FetchRequest) -> FetchResult {
        // 0 requests a session, −1 requests none; larger epochs continue a session.
        if !matches!(request.session_epoch, -1 | 0) {
            return FetchResult::refused(ResponseError::FetchSessionIdNotFound);
        }
        let mut result = FetchResult {
            response: FetchResponse::default(),
            bytes: 0,
            urgent: request.topics.is_empty(),
            max_bytes: size(request.max_bytes),
        };
        for wanted in &request.topics {
            let key = TopicKey::of(&wanted.topic, wanted.topic_id, version, BY_ID);
            let topic = self.topics.topic(key);
            let mut partitions = Vec::new();
            for partition in &wanted.partitions {
                partitions.extend(self.read_partition(request, topic, partition, &mut result));
            }
            if !partitions.is_empty() {
                result.response.responses.push(
                    FetchableTopicResponse::default()
                        .with_topic(wanted.topic.clone())
                        .with_topic_id(wanted.topic_id)
                        .with_partitions(partitions),
                );
            }
        }
        self.name_itself_to_consumer(version, &mut result.response);
        result
    }

    /// The entry for one partition; `None` if it is left out.
    fn read_partition(
        &self,
        request: &FetchRequest,
        topic: Result<&Topic, ResponseError>,
        wanted: &FetchPartition,
        result: &mut FetchResult,
    ) -> Option<PartitionData> {
        let full = self.config.detail == Detail::Full;
        let response = || PartitionData::default().with_partition_index(wanted.partition);
        let (records, end) = match self.records(topic, wanted, result) {
            Ok(read) => read,
            Err(error) => {
                result.urgent = true;
                let response = response().with_error_code(error.code());
                return Some(if full { response.with_high_watermark(-1) } else { response });
            }
        };
        if records.is_empty() && !full {
            return None;
        }
        result.bytes += records.len();
        // Only a read_committed client gets a list of aborted transactions; it is empty because
        // there are none.
        const READ_UNCOMMITTED: i8 = 0;
        let aborted = (request.isolation_level != READ_UNCOMMITTED).then(Vec::new);
        let response = response()
            .with_high_watermark(end)
            .with_last_stable_offset(end)
            .with_aborted_transactions(aborted)
            .with_records(Some(records));
        Some(if full { response.with_log_start_offset(0) } else { response })
    }

    /// The records of a partition for which the response still has room, and the end of the log.
    /// The first batch of a response is returned even if it is too large, so that a client with
    /// small limits makes progress.
    fn records(
        &self,
        topic: Result<&Topic, ResponseError>,
        wanted: &FetchPartition,
        result: &FetchResult,
    ) -> Result<(Bytes, i64), ResponseError> {
        let log = topic?.log(wanted.partition)?;
        self.check_epoch(wanted.current_leader_epoch)?;
        let end = log.end();
        if !(0..=end).contains(&wanted.fetch_offset) {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let room = result.max_bytes.saturating_sub(result.bytes);
        let room = room.min(size(wanted.partition_max_bytes));
        Ok((log.read(wanted.fetch_offset, room, result.bytes == 0), end))
    }
}

/// A number of bytes in a request.
fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}
