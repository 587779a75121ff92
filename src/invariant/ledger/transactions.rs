//! Which groups the marker of a transaction is about: those whose partition of the offsets log it names.

use kafka_protocol::messages::write_txn_markers_request::WritableTxnMarker;
use kafka_protocol::messages::write_txn_markers_response::WritableTxnMarkerResult;

use crate::protocol::GroupId;
use crate::trace::Place;

use super::Ledger;

/// The topic that the offsets log is to clients.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

impl Ledger {
    /// Whether a broker that is handed the marker ends the transaction for this group.
    pub fn ends(&self, place: Place, marker: &WritableTxnMarker, group: &GroupId) -> bool {
        let partition = self.partition_of(group);
        let mut topics = marker.topics.iter().filter(|topic| topic.name.as_str() == OFFSETS_TOPIC);
        topics.any(|topic| topic.partition_indexes.contains(&partition)) && self.leads(place, group)
    }

    /// Whether the answer says that it has.
    pub fn ended(&self, answer: &WritableTxnMarkerResult, group: &GroupId) -> bool {
        let partition = self.partition_of(group);
        let topics = answer.topics.iter().filter(|topic| topic.name.as_str() == OFFSETS_TOPIC);
        let mut partitions = topics.flat_map(|topic| &topic.partitions);
        partitions.any(|entry| entry.partition_index == partition && entry.error_code == 0)
    }
}
