//! Responses to a transactional producer.

use kafka_protocol::messages::{
    AddOffsetsToTxnResponse, EndTxnResponse, InitProducerIdResponse, TxnOffsetCommitResponse,
    WriteTxnMarkersResponse,
};

use super::offsets::results;
use super::{ResponseContext, by_topic, error};

pub fn init_producer_id(
    response: &InitProducerIdResponse,
    context: &mut ResponseContext<'_>,
) -> String {
    remember_producer(context, response.producer_id.0, response.producer_epoch);
    let code = error(response.error_code);
    format!("InitProducerId {code} epoch={}", response.producer_epoch)
}

fn remember_producer(context: &mut ResponseContext<'_>, producer: i64, epoch: i16) {
    context.session.remember(context.client, "pid", producer);
    context.session.remember(context.client, "pepoch", epoch);
}

pub fn add_offsets(response: &AddOffsetsToTxnResponse, _: &mut ResponseContext<'_>) -> String {
    format!("AddOffsetsToTxn {}", error(response.error_code))
}

/// Since version 5 each transaction has an epoch of its own (KIP-890).
pub fn end(response: &EndTxnResponse, context: &mut ResponseContext<'_>) -> String {
    if context.version >= 5 && response.error_code == 0 {
        remember_producer(context, response.producer_id.0, response.producer_epoch);
    }
    format!("EndTxn {}", error(response.error_code))
}

pub fn offset_commit(
    response: &TxnOffsetCommitResponse,
    context: &mut ResponseContext<'_>,
) -> String {
    let topics = response.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let results = partitions.map(|one| (one.partition_index, error(one.error_code)));
        (topic.name.to_string(), results.collect())
    });
    match context.is_full() {
        true => format!("TxnOffsetCommit [{}]", by_topic(context.detail, topics.collect())),
        false => format!("TxnOffsetCommit {}", results(topics)),
    }
}

pub fn write_markers(response: &WriteTxnMarkersResponse, _: &mut ResponseContext<'_>) -> String {
    let topics = response.markers.iter().flat_map(|marker| &marker.topics);
    let partitions = topics.flat_map(|topic| &topic.partitions);
    let results: Vec<String> = partitions.map(|one| error(one.error_code)).collect();
    format!("WriteTxnMarkers {}", results.join(" "))
}
