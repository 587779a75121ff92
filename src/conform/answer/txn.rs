//! What a producer with transactions is answered.

use kafka_protocol::messages::{
    AddOffsetsToTxnResponse, EndTxnResponse, InitProducerIdResponse, TxnOffsetCommitResponse,
    WriteTxnMarkersResponse,
};

use super::offsets::results;
use super::{Reading, by_topic, error};

pub fn init_producer_id(response: &InitProducerIdResponse, reading: &mut Reading<'_>) -> String {
    tell(reading, response.producer_id.0, response.producer_epoch);
    let code = error(response.error_code);
    format!("InitProducerId {code} epoch={}", response.producer_epoch)
}

fn tell(reading: &mut Reading<'_>, producer: i64, epoch: i16) {
    reading.session.tell(reading.client, "pid", producer);
    reading.session.tell(reading.client, "pepoch", epoch);
}

pub fn add_offsets(response: &AddOffsetsToTxnResponse, _: &mut Reading<'_>) -> String {
    format!("AddOffsetsToTxn {}", error(response.error_code))
}

/// Since version 5 each transaction has an epoch of its own (KIP-890).
pub fn end(response: &EndTxnResponse, reading: &mut Reading<'_>) -> String {
    if reading.version >= 5 && response.error_code == 0 {
        tell(reading, response.producer_id.0, response.producer_epoch);
    }
    format!("EndTxn {}", error(response.error_code))
}

pub fn offset_commit(response: &TxnOffsetCommitResponse, reading: &mut Reading<'_>) -> String {
    let topics = response.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let results = partitions.map(|one| (one.partition_index, error(one.error_code)));
        (topic.name.to_string(), results.collect())
    });
    match reading.is_full() {
        true => format!("TxnOffsetCommit [{}]", by_topic(reading.detail, topics.collect())),
        false => format!("TxnOffsetCommit {}", results(topics)),
    }
}

pub fn write_markers(response: &WriteTxnMarkersResponse, _: &mut Reading<'_>) -> String {
    let topics = response.markers.iter().flat_map(|marker| &marker.topics);
    let partitions = topics.flat_map(|topic| &topic.partitions);
    let results: Vec<String> = partitions.map(|one| error(one.error_code)).collect();
    format!("WriteTxnMarkers {}", results.join(" "))
}
