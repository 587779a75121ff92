//! ListOffsets: both ends of a log, and records by timestamp.

use std::collections::BTreeMap;

use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use crate::protocol::{ResponseError, TopicName};

use super::cluster::Detail;
use super::log::{FoundRecord, Log};
use super::topics::TopicKey;
use super::view::BrokerView;

/// Special timestamps; each is available from some version on.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
/// The record with the latest timestamp (KIP-734).
const MAX_TIMESTAMP: i64 = -3;
/// The earliest local offset and the latest offset in remote storage (KIP-405): here all of a log
/// is local and nothing is remote.
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// The first version whose response has a leader epoch (KIP-320).
const HAS_LEADER_EPOCH: i16 = 4;

/// Stands for "not found" in a response.
const NONE: FoundRecord = FoundRecord { offset: -1, timestamp: -1, leader_epoch: -1 };

impl BrokerView<'_> {
    pub(super) fn list_offsets(
        &self,
        version: i16,
        request: &ListOffsetsRequest,
    ) -> ListOffsetsResponse {
        let times = occurrences(request);
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|requested| {
                let response = ListOffsetsPartitionResponse::default()
                    .with_partition_index(requested.partition_index);
                let repeated = times[&(&topic.name, requested.partition_index)] > 1;
                let found = match repeated {
                    true => Err(ResponseError::InvalidRequest),
                    false => self.requested_offset(version, &topic.name, requested),
                };
                let FoundRecord { offset, timestamp, leader_epoch } = match found {
                    Ok(found) => found,
                    Err(error) => return response.with_error_code(error.code()),
                };
                let has_epoch = version >= HAS_LEADER_EPOCH && self.config.detail == Detail::Full;
                let response = response.with_offset(offset).with_timestamp(timestamp);
                if has_epoch { response.with_leader_epoch(leader_epoch) } else { response }
            });
            ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }

    fn requested_offset(
        &self,
        version: i16,
        topic: &TopicName,
        requested: &ListOffsetsPartition,
    ) -> Result<FoundRecord, ResponseError> {
        if since(requested.timestamp).is_none_or(|since| version < since) {
            return Err(ResponseError::UnsupportedVersion);
        }
        let log = self.topics.topic(TopicKey::Name(topic))?.log(requested.partition_index)?;
        self.check_epoch(requested.current_leader_epoch)?;
        Ok(self.offset_in(log, requested.timestamp))
    }

    fn offset_in(&self, log: &Log, requested: i64) -> FoundRecord {
        let epoch = self.append_epoch();
        match requested {
            LATEST => FoundRecord { offset: log.end(), leader_epoch: epoch, ..NONE },
            EARLIEST | EARLIEST_LOCAL => {
                FoundRecord { offset: 0, leader_epoch: log.first_epoch().unwrap_or(epoch), ..NONE }
            }
            MAX_TIMESTAMP => log.latest().unwrap_or(NONE),
            LATEST_TIERED => NONE,
            timestamp => log.not_before(timestamp).unwrap_or(NONE),
        }
    }
}

/// The first version in which this timestamp is valid; `None` if there is none.
const fn since(timestamp: i64) -> Option<i16> {
    match timestamp {
        EARLIEST | LATEST | 0.. => Some(1),
        MAX_TIMESTAMP => Some(7),
        EARLIEST_LOCAL => Some(8),
        LATEST_TIERED => Some(9),
        _ => None,
    }
}

/// How often a request names each partition.
fn occurrences(request: &ListOffsetsRequest) -> BTreeMap<(&TopicName, i32), u32> {
    let mut times = BTreeMap::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            *times.entry((&topic.name, partition.partition_index)).or_default() += 1;
        }
    }
    times
}
