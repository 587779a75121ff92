//! ListOffsets: both ends of a log, and records by their timestamps.

use std::collections::BTreeMap;

use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use crate::protocol::{ResponseError, TopicName};

use super::cluster::Detail;
use super::log::{Found, Log};
use super::topics::TopicKey;
use super::turn::Turn;

/// What a client asks for in place of a timestamp: each since another version.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
/// The record with the latest timestamp (KIP-734).
const MAX_TIMESTAMP: i64 = -3;
/// The earliest that is not in remote storage only, and the latest that is there (KIP-405): all of a log is
/// local, and nothing is remote.
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// The first version whose answer has a leader epoch (KIP-320).
const TELLS_EPOCH: i16 = 4;

/// What stands for "none" in an answer.
const NONE: Found = Found { offset: -1, timestamp: -1, leader_epoch: -1 };

impl Turn<'_, '_> {
    pub(super) fn list_offsets(
        &self,
        version: i16,
        request: &ListOffsetsRequest,
    ) -> ListOffsetsResponse {
        let times = times_asked(request);
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let answer = ListOffsetsPartitionResponse::default()
                    .with_partition_index(asked.partition_index);
                let repeated = times[&(&topic.name, asked.partition_index)] > 1;
                let found = match repeated {
                    true => Err(ResponseError::InvalidRequest),
                    false => self.offset_asked(version, &topic.name, asked),
                };
                let Found { offset, timestamp, leader_epoch } = match found {
                    Ok(found) => found,
                    Err(error) => return answer.with_error_code(error.code()),
                };
                let tells = version >= TELLS_EPOCH && self.shared.config.detail == Detail::Full;
                let answer = answer.with_offset(offset).with_timestamp(timestamp);
                if tells { answer.with_leader_epoch(leader_epoch) } else { answer }
            });
            ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }

    fn offset_asked(
        &self,
        version: i16,
        topic: &TopicName,
        asked: &ListOffsetsPartition,
    ) -> Result<Found, ResponseError> {
        if since(asked.timestamp).is_none_or(|since| version < since) {
            return Err(ResponseError::UnsupportedVersion);
        }
        let log = self.shared.topics.topic(TopicKey::Name(topic))?.log(asked.partition_index)?;
        self.check_epoch(asked.current_leader_epoch)?;
        Ok(self.offset_in(log, asked.timestamp))
    }

    fn offset_in(&self, log: &Log, asked: i64) -> Found {
        let epoch = self.append_epoch();
        match asked {
            LATEST => Found { offset: log.end(), leader_epoch: epoch, ..NONE },
            EARLIEST | EARLIEST_LOCAL => {
                Found { offset: 0, leader_epoch: log.first_epoch().unwrap_or(epoch), ..NONE }
            }
            MAX_TIMESTAMP => log.latest().unwrap_or(NONE),
            LATEST_TIERED => NONE,
            timestamp => log.not_before(timestamp).unwrap_or(NONE),
        }
    }
}

/// The first version that may ask for this; none if there is none.
const fn since(timestamp: i64) -> Option<i16> {
    match timestamp {
        EARLIEST | LATEST | 0.. => Some(1),
        MAX_TIMESTAMP => Some(7),
        EARLIEST_LOCAL => Some(8),
        LATEST_TIERED => Some(9),
        _ => None,
    }
}

/// How often a request asks for each partition.
fn times_asked(request: &ListOffsetsRequest) -> BTreeMap<(&TopicName, i32), u32> {
    let mut times = BTreeMap::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            *times.entry((&topic.name, partition.partition_index)).or_default() += 1;
        }
    }
    times
}
