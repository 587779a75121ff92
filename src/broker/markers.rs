//! How a WriteTxnMarkers request is cut by partition of the offsets log, and how its response is
//! put together (rule R3.15).
//!
//! As in Kafka, the response has one entry for each producer, in it one for each topic, and in that
//! one for each partition, however often the request names them. If their outcomes differ, the last
//! one counts. Markers without partitions and topics without partitions are not in the response.

use std::collections::BTreeMap;

use kafka_protocol::messages::write_txn_markers_request::WritableTxnMarker;
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{ProducerId, WriteTxnMarkersRequest, WriteTxnMarkersResponse};

use crate::protocol::{IndexMap, ResponseError, TopicName};

use super::cut::{Cut, Part, Places};
use super::topics::Topics;

/// The name under which clients see the offsets log.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The error code of each partition, by producer and topic.
type Outcomes = IndexMap<ProducerId, IndexMap<TopicName, IndexMap<i32, i16>>>;

/// A marker goes to each partition of the offsets log that it names. Partitions of other topics
/// hold no transactional records here, so a marker for them succeeds without effect.
pub(super) fn cut(request: &WriteTxnMarkersRequest, topics: &Topics, partitions: usize) -> Cut {
    let mut outcomes = Outcomes::default();
    let mut by_partition: BTreeMap<usize, WriteTxnMarkersRequest> = BTreeMap::new();
    for marker in &request.markers {
        for topic in &marker.topics {
            for &index in &topic.partition_indexes {
                let is_offsets = topic.name.as_str() == OFFSETS_TOPIC;
                let offsets_partition =
                    usize::try_from(index).ok().filter(|&i| is_offsets && i < partitions);
                let exists =
                    offsets_partition.is_some() || topics.find(&topic.name, index).is_some();
                let error = match exists {
                    false => ResponseError::UnknownTopicOrPartition.code(),
                    true if is_offsets && has_invalid_producer(marker) => {
                        ResponseError::UnknownServerError.code()
                    }
                    true => 0,
                };
                let of_producer = outcomes.entry(marker.producer_id).or_default();
                of_producer.entry(topic.name.clone()).or_default().insert(index, error);
                if let Some(offsets_partition) = offsets_partition.filter(|_| error == 0) {
                    let only = topic.clone().with_partition_indexes(vec![index]);
                    let marker = marker.clone().with_topics(vec![only]);
                    by_partition.entry(offsets_partition).or_default().markers.push(marker);
                }
            }
        }
    }
    let part = |(partition, request): (usize, WriteTxnMarkersRequest)| Part {
        partition,
        request: request.into(),
        places: Places::new(),
    };
    Cut { response: response(outcomes).into(), parts: by_partition.into_iter().map(part).collect() }
}

/// Whether the producer id or epoch is negative. No producer has these, and Kafka's log cannot
/// write such a marker.
fn has_invalid_producer(marker: &WritableTxnMarker) -> bool {
    marker.producer_id.0 < 0 || marker.producer_epoch < 0
}

/// Adds the outcomes of one partition of the offsets log.
pub(super) fn fill(whole: &mut WriteTxnMarkersResponse, part: WriteTxnMarkersResponse) {
    let mut all = outcomes(std::mem::take(whole));
    for (producer, topics) in outcomes(part) {
        let of_producer = all.entry(producer).or_default();
        for (topic, partitions) in topics {
            of_producer.entry(topic).or_default().extend(partitions);
        }
    }
    *whole = response(all);
}

fn outcomes(response: WriteTxnMarkersResponse) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for marker in response.markers {
        let of_producer = outcomes.entry(marker.producer_id).or_default();
        for topic in marker.topics {
            let partitions = topic.partitions.iter().map(|p| (p.partition_index, p.error_code));
            of_producer.entry(topic.name).or_default().extend(partitions);
        }
    }
    outcomes
}

fn response(outcomes: Outcomes) -> WriteTxnMarkersResponse {
    let partition = |(index, error): (i32, i16)| {
        WritableTxnMarkerPartitionResult::default()
            .with_partition_index(index)
            .with_error_code(error)
    };
    let topic = |(name, partitions): (TopicName, IndexMap<i32, i16>)| {
        WritableTxnMarkerTopicResult::default()
            .with_name(name)
            .with_partitions(partitions.into_iter().map(partition).collect())
    };
    let marker = |(producer, topics): (ProducerId, IndexMap<TopicName, IndexMap<i32, i16>>)| {
        WritableTxnMarkerResult::default()
            .with_producer_id(producer)
            .with_topics(topics.into_iter().map(topic).collect())
    };
    WriteTxnMarkersResponse::default().with_markers(outcomes.into_iter().map(marker).collect())
}
