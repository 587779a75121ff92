//! Transactions whose end is not known, and what it will mean when it is.

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};

use crate::invariant::ledger::{Key, Ledger};
use crate::protocol::{GroupId, Response, TopicPartition};
use crate::time::Time;
use crate::trace::Place;

use super::Durable;

/// The offsets of transactions that are not over for certain.
#[derive(Default)]
pub(super) struct Transactions(Vec<Pending>);

struct Pending {
    group: GroupId,
    partition: TopicPartition,
    producer: i64,
    /// The TxnOffsetCommit.
    key: Key,
    at: Time,
    /// It was answered to be stored.
    accepted: bool,
    /// Who was asked to end the transaction, and whether to commit it.
    ending: BTreeMap<Key, bool>,
}

impl Transactions {
    /// A broker is asked to end transactions.
    pub(super) fn end(
        &mut self,
        ledger: &Ledger,
        place: Place,
        key: Key,
        body: &WriteTxnMarkersRequest,
    ) {
        for marker in &body.markers {
            for pending in self.0.iter_mut().filter(|p| p.producer == marker.producer_id.0) {
                if ledger.ends(place, marker, &pending.group) {
                    pending.ending.insert(key, marker.transaction_result);
                }
            }
        }
    }
}

impl Durable {
    /// A broker begins to handle a commit of a transaction.
    pub(super) fn pend(&mut self, key: Key, body: &TxnOffsetCommitRequest) {
        let (order, at) = (self.order, self.now);
        let known = self.known(&body.group_id);
        known.touched = order;
        let mut pending = Vec::new();
        for topic in &body.topics {
            for entry in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                let offsets = known.offsets.entry(id.clone()).or_default();
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

    /// A broker answers a producer.
    pub(super) fn transacted(&mut self, ledger: &Ledger, key: Key, response: &Response) {
        match response {
            Response::TxnOffsetCommit(answer) => self.stored(key, answer),
            Response::WriteTxnMarkers(answer) => self.ended(ledger, key, answer),
            _ => {}
        }
    }

    fn stored(&mut self, key: Key, answer: &TxnOffsetCommitResponse) {
        for pending in self.transactions.0.iter_mut().filter(|pending| pending.key == key) {
            let TopicPartition { topic, partition } = &pending.partition;
            let topics = answer.topics.iter().filter(|answered| answered.name == *topic);
            pending.accepted = topics
                .flat_map(|answered| &answered.partitions)
                .any(|entry| entry.partition_index == *partition && entry.error_code == 0);
        }
    }

    fn ended(&mut self, ledger: &Ledger, key: Key, answer: &WriteTxnMarkersResponse) {
        let over = |pending: &mut Pending| {
            let mut markers = answer.markers.iter().filter(|m| m.producer_id.0 == pending.producer);
            pending.ending.contains_key(&key)
                && markers.any(|marker| ledger.ended(marker, &pending.group))
        };
        let over: Vec<Pending> = self.transactions.0.extract_if(.., |p| over(p)).collect();
        for Pending { group, partition, key, at, accepted, ending, .. } in over {
            let known = self.known(&group);
            if ending.values().all(|committed| !committed) {
                if let Some(offsets) = known.offsets.get_mut(&partition) {
                    offsets.forget(key);
                }
            } else if accepted && ending.values().all(|committed| *committed) {
                known.done(at, &partition, key);
            }
        }
    }
}
