//! What producers ask: offsets that are committed in a transaction, and its end.

use kafka_protocol::messages::{
    ProducerId, TxnOffsetCommitRequest, TxnOffsetCommitResponse, WriteTxnMarkersRequest,
    txn_offset_commit_request, txn_offset_commit_response, write_txn_markers_request,
};

use crate::protocol::TopicPartition;

use super::{Story, group, partition};

impl Story {
    pub(in crate::invariant) fn ask_txn_commit(
        &mut self,
        producer: i64,
        name: &str,
        offset: i64,
    ) -> usize {
        let TopicPartition { topic, partition } = partition(name);
        let entry = txn_offset_commit_request::TxnOffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(offset);
        let topic = txn_offset_commit_request::TxnOffsetCommitRequestTopic::default()
            .with_name(topic)
            .with_partitions(vec![entry]);
        let body = TxnOffsetCommitRequest::default()
            .with_group_id(group())
            .with_producer_id(ProducerId(producer))
            .with_topics(vec![topic]);
        self.ask(body)
    }

    pub(in crate::invariant) fn txn_committed(
        &mut self,
        key: usize,
        name: &str,
        code: i16,
    ) -> &mut Self {
        let TopicPartition { topic, partition } = partition(name);
        let entry = txn_offset_commit_response::TxnOffsetCommitResponsePartition::default()
            .with_partition_index(partition)
            .with_error_code(code);
        let topic = txn_offset_commit_response::TxnOffsetCommitResponseTopic::default()
            .with_name(topic)
            .with_partitions(vec![entry]);
        self.answer(key, TxnOffsetCommitResponse::default().with_topics(vec![topic]).into())
    }

    /// Somebody wants the transaction to end.
    pub(in crate::invariant) fn end_txn(&mut self, producer: i64, commit: bool) -> &mut Self {
        let marker = write_txn_markers_request::WritableTxnMarker::default()
            .with_producer_id(ProducerId(producer))
            .with_transaction_result(commit);
        self.ask(WriteTxnMarkersRequest::default().with_markers(vec![marker]));
        self
    }
}
