//! How a WriteTxnMarkers is cut by partitions of the offsets log, and how its answer is put together (rule R3.15).
//!
//! As in Kafka, the answer has one entry for each producer, with one for each topic in it and one for each partition,
//! however often the request names them; if the outcomes differ the last counts. Markers that name no partition, and
//! topics without one, are not in the answer.

use std::collections::BTreeMap;

use kafka_protocol::messages::write_txn_markers_request::WritableTxnMarker;
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{ProducerId, WriteTxnMarkersRequest, WriteTxnMarkersResponse};

use crate::protocol::{IndexMap, ResponseError, TopicName};

use super::cut::{Cut, Part, Places};
use super::topics::Topics;

/// The topic that the offsets log is to clients.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// What is to be said of each partition of each producer.
type Outcomes = IndexMap<ProducerId, IndexMap<TopicName, IndexMap<i32, i16>>>;

/// A marker goes to each partition of the offsets log that it names. For partitions of other topics, whose
/// records are in no transaction here, it means nothing and is taken.
pub(super) fn cut(request: &WriteTxnMarkersRequest, topics: &Topics, partitions: usize) -> Cut {
    let mut outcomes = Outcomes::default();
    let mut by_shard: BTreeMap<usize, WriteTxnMarkersRequest> = BTreeMap::new();
    for marker in &request.markers {
        for topic in &marker.topics {
            for &index in &topic.partition_indexes {
                let is_offsets = topic.name.as_str() == OFFSETS_TOPIC;
                let shard = usize::try_from(index).ok().filter(|&i| is_offsets && i < partitions);
                let exists = shard.is_some() || topics.find(&topic.name, index).is_some();
                let error = match exists {
                    false => ResponseError::UnknownTopicOrPartition.code(),
                    true if is_offsets && is_of_nobody(marker) => {
                        ResponseError::UnknownServerError.code()
                    }
                    true => 0,
                };
                let told = outcomes.entry(marker.producer_id).or_default();
                told.entry(topic.name.clone()).or_default().insert(index, error);
                if let Some(shard) = shard.filter(|_| error == 0) {
                    let only = topic.clone().with_partition_indexes(vec![index]);
                    let marker = marker.clone().with_topics(vec![only]);
                    by_shard.entry(shard).or_default().markers.push(marker);
                }
            }
        }
    }
    let part = |(partition, request): (usize, WriteTxnMarkersRequest)| Part {
        partition,
        request: request.into(),
        places: Places::new(),
    };
    Cut { answer: response(outcomes).into(), parts: by_shard.into_iter().map(part).collect() }
}

/// No producer has a negative id or epoch, so Kafka's log cannot write such a marker.
fn is_of_nobody(marker: &WritableTxnMarker) -> bool {
    marker.producer_id.0 < 0 || marker.producer_epoch < 0
}

/// Puts the outcomes of a shard in their places.
pub(super) fn fill(whole: &mut WriteTxnMarkersResponse, part: WriteTxnMarkersResponse) {
    let mut all = outcomes(std::mem::take(whole));
    for (producer, topics) in outcomes(part) {
        let told = all.entry(producer).or_default();
        for (topic, partitions) in topics {
            told.entry(topic).or_default().extend(partitions);
        }
    }
    *whole = response(all);
}

fn outcomes(response: WriteTxnMarkersResponse) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for marker in response.markers {
        let told = outcomes.entry(marker.producer_id).or_default();
        for topic in marker.topics {
            let partitions = topic.partitions.iter().map(|p| (p.partition_index, p.error_code));
            told.entry(topic.name).or_default().extend(partitions);
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
