//! The groups that the marker of a transaction applies to: those in the partitions of the offsets
//! log that it names.

use kafka_protocol::messages::write_txn_markers_request::WritableTxnMarker;
use kafka_protocol::messages::write_txn_markers_response::WritableTxnMarkerResult;

use crate::protocol::GroupId;
use crate::trace::Place;

use super::Model;

/// The name of the offsets log as a topic.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

impl Model {
    /// Whether the broker that receives the marker thereby ends the transaction for this group.
    pub fn marker_applies(
        &self,
        place: Place,
        marker: &WritableTxnMarker,
        group: &GroupId,
    ) -> bool {
        let partition = self.partition_of(group);
        let mut topics = marker.topics.iter().filter(|topic| topic.name.as_str() == OFFSETS_TOPIC);
        topics.any(|topic| topic.partition_indexes.contains(&partition)) && self.leads(place, group)
    }

    /// Whether the response says that the transaction has ended for this group.
    pub fn marker_succeeded(&self, response: &WritableTxnMarkerResult, group: &GroupId) -> bool {
        let partition = self.partition_of(group);
        let topics = response.topics.iter().filter(|topic| topic.name.as_str() == OFFSETS_TOPIC);
        let mut partitions = topics.flat_map(|topic| &topic.partitions);
        partitions.any(|entry| entry.partition_index == partition && entry.error_code == 0)
    }
}
