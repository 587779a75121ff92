//! WriteTxnMarkers: the end of a transaction, sent by the transaction coordinator (rules R6.8).
//!
//! One marker is one record of this log, whichever partitions it names; the broker knows which of
//! them are here. It ends the transaction for every offset of the producer in this log.

use kafka_protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};

use crate::coordinator::api::{Call, Entry, Release, Ticket};
use crate::coordinator::record::{ProducerId, Record};
use crate::coordinator::runtime::appends::Consequence;
use crate::coordinator::runtime::turn::Turn;

/// Appends the markers and defers the response until they are durable.
pub(crate) fn handle(turn: &mut Turn<'_>, call: &Call<'_>, request: &WriteTxnMarkersRequest) {
    for (index, marker) in request.markers.iter().enumerate() {
        append(turn, marker, Ticket { request: call.id, entry: Entry::Item(index) });
    }
    let response = response(request);
    match request.markers.len() {
        0 => turn.respond(call.id, response, Release::WhenDurable),
        records => turn.respond(call.id, response, Release::WhenKnown(records)),
    }
}

/// A marker of a producer without pending offsets is written too: readers of the log wait for it.
/// It also reaches removed groups: their removal may fail, and the transaction is over.
fn append(turn: &mut Turn<'_>, marker: &WritableTxnMarker, ticket: Ticket) {
    let producer = ProducerId(marker.producer_id.0);
    let committed = marker.transaction_result;
    turn.append(Record::TxnMarker { producer, committed }, Consequence::TxnMarker { ticket });
}

/// The response if all appends succeed.
fn response(request: &WriteTxnMarkersRequest) -> WriteTxnMarkersResponse {
    let partition = |&index: &i32| {
        WritableTxnMarkerPartitionResult::default().with_partition_index(index).with_error_code(0)
    };
    let topic = |topic: &WritableTxnMarkerTopic| {
        WritableTxnMarkerTopicResult::default()
            .with_name(topic.name.clone())
            .with_partitions(topic.partition_indexes.iter().map(partition).collect())
    };
    let marker = |marker: &WritableTxnMarker| {
        WritableTxnMarkerResult::default()
            .with_producer_id(marker.producer_id)
            .with_topics(marker.topics.iter().map(topic).collect())
    };
    WriteTxnMarkersResponse::default().with_markers(request.markers.iter().map(marker).collect())
}
