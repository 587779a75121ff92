//! Transactions whose outcome is not known yet, and their effect once it is.

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};

use crate::model::{Key, Model};
use crate::protocol::{GroupId, Response, TopicPartition};
use crate::time::Time;
use crate::trace::Place;

use super::Durable;

/// The offsets of transactions that have not certainly ended.
#[derive(Default)]
pub(super) struct Transactions(Vec<Pending>);

struct Pending {
    group: GroupId,
    partition: TopicPartition,
    producer: i64,
    /// The request that committed the offset.
    key: Key,
    at: Time,
    /// Whether the TxnOffsetCommit was acknowledged.
    accepted: bool,
    /// The WriteTxnMarkers requests that end the transaction, and whether each commits it.
    ending: BTreeMap<Key, bool>,
}

impl Transactions {
    /// A broker begins to handle a WriteTxnMarkers.
    pub(super) fn end(
        &mut self,
        model: &Model,
        place: Place,
        key: Key,
        body: &WriteTxnMarkersRequest,
    ) {
        for marker in &body.markers {
            for pending in self.0.iter_mut().filter(|p| p.producer == marker.producer_id.0) {
                if model.marker_applies(place, marker, &pending.group) {
                    pending.ending.insert(key, marker.transaction_result);
                }
            }
        }
    }
}

impl Durable {
    /// A broker begins to handle a TxnOffsetCommit.
    pub(super) fn on_txn_commit(&mut self, key: Key, body: &TxnOffsetCommitRequest) {
        let (order, at) = (self.order, self.now);
        let state = self.state(&body.group_id);
        state.touched = order;
        let mut pending = Vec::new();
        for topic in &body.topics {
            for entry in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                let offsets = state.offsets.entry(id.clone()).or_default();
                offsets.handle(order, key, Some(entry.committed_offset));
                pending.push(Pending {
                    group: body.group_id.clone(),
                    partition: id,
                    producer: body.producer_id.0,
                    key,
                    at,
                    accepted: false,
                    ending: BTreeMap::new(),
                });
            }
        }
        self.transactions.0.append(&mut pending);
    }

    /// A broker responds to a producer.
    pub(super) fn on_txn_response(&mut self, model: &Model, key: Key, response: &Response) {
        match response {
            Response::TxnOffsetCommit(response) => self.stored(key, response),
            Response::WriteTxnMarkers(response) => self.ended(model, key, response),
            _ => {}
        }
    }

    fn stored(&mut self, key: Key, response: &TxnOffsetCommitResponse) {
        for pending in self.transactions.0.iter_mut().filter(|pending| pending.key == key) {
            let TopicPartition { topic, partition } = &pending.partition;
            let topics = response.topics.iter().filter(|one| one.name == *topic);
            pending.accepted = topics
                .flat_map(|one| &one.partitions)
                .any(|entry| entry.partition_index == *partition && entry.error_code == 0);
        }
    }

    fn ended(&mut self, model: &Model, key: Key, response: &WriteTxnMarkersResponse) {
        let ended_ones = |pending: &mut Pending| {
            let mut markers =
                response.markers.iter().filter(|m| m.producer_id.0 == pending.producer);
            pending.ending.contains_key(&key)
                && markers.any(|marker| model.marker_succeeded(marker, &pending.group))
        };
        let ended_ones: Vec<Pending> =
            self.transactions.0.extract_if(.., |p| ended_ones(p)).collect();
        for Pending { group, partition, key, at, accepted, ending, .. } in ended_ones {
            let state = self.state(&group);
            if ending.values().all(|committed| !committed) {
                if let Some(offsets) = state.offsets.get_mut(&partition) {
                    offsets.forget(key);
                }
            } else if accepted && ending.values().all(|committed| *committed) {
                state.done(at, &partition, key);
            }
        }
    }
}
