//! The requests of producers and administrators: commits in a transaction, its end, and deletions.

use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    ProducerId, TxnOffsetCommitRequest, TxnOffsetCommitResponse, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse, delete_groups_response, offset_delete_request, offset_delete_response,
    txn_offset_commit_request, txn_offset_commit_response, write_txn_markers_request,
    write_txn_markers_response,
};

use crate::protocol::{TopicName, TopicPartition, str_bytes};

use super::{TraceBuilder, group, partition};

fn offsets_topic() -> TopicName {
    TopicName(str_bytes("__consumer_offsets"))
}

impl TraceBuilder {
    pub(in crate::invariant) fn request_txn_commit(
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
        self.request(body)
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
        self.respond(key, TxnOffsetCommitResponse::default().with_topics(vec![topic]).into())
    }

    /// A broker begins to handle the end of the transaction.
    pub(in crate::invariant) fn end_txn(&mut self, producer: i64, commit: bool) -> &mut Self {
        self.request_end_txn(producer, commit);
        self
    }

    pub(in crate::invariant) fn request_end_txn(&mut self, producer: i64, commit: bool) -> usize {
        let topic = write_txn_markers_request::WritableTxnMarkerTopic::default()
            .with_name(offsets_topic())
            .with_partition_indexes(vec![0]);
        let marker = write_txn_markers_request::WritableTxnMarker::default()
            .with_producer_id(ProducerId(producer))
            .with_transaction_result(commit)
            .with_topics(vec![topic]);
        self.request(WriteTxnMarkersRequest::default().with_markers(vec![marker]))
    }

    /// The broker responds to the end of a transaction.
    pub(in crate::invariant) fn txn_ended(
        &mut self,
        key: usize,
        producer: i64,
        code: i16,
    ) -> &mut Self {
        let partition = write_txn_markers_response::WritableTxnMarkerPartitionResult::default()
            .with_partition_index(0)
            .with_error_code(code);
        let topic = write_txn_markers_response::WritableTxnMarkerTopicResult::default()
            .with_name(offsets_topic())
            .with_partitions(vec![partition]);
        let marker = write_txn_markers_response::WritableTxnMarkerResult::default()
            .with_producer_id(ProducerId(producer))
            .with_topics(vec![topic]);
        let response = WriteTxnMarkersResponse::default().with_markers(vec![marker]);
        self.respond(key, response.into())
    }

    pub(in crate::invariant) fn request_delete_offset(&mut self, name: &str) -> usize {
        let TopicPartition { topic, partition } = partition(name);
        let entry = offset_delete_request::OffsetDeleteRequestPartition::default()
            .with_partition_index(partition);
        let topic = offset_delete_request::OffsetDeleteRequestTopic::default()
            .with_name(topic)
            .with_partitions(vec![entry]);
        self.request(OffsetDeleteRequest::default().with_group_id(group()).with_topics(vec![topic]))
    }

    pub(in crate::invariant) fn offset_deleted(
        &mut self,
        key: usize,
        name: &str,
        code: i16,
    ) -> &mut Self {
        let TopicPartition { topic, partition } = partition(name);
        let entry = offset_delete_response::OffsetDeleteResponsePartition::default()
            .with_partition_index(partition)
            .with_error_code(code);
        let topic = offset_delete_response::OffsetDeleteResponseTopic::default()
            .with_name(topic)
            .with_partitions(vec![entry]);
        self.respond(key, OffsetDeleteResponse::default().with_topics(vec![topic]).into())
    }

    pub(in crate::invariant) fn request_delete_group(&mut self) -> usize {
        self.request(DeleteGroupsRequest::default().with_groups_names(vec![group()]))
    }

    pub(in crate::invariant) fn group_deleted(&mut self, key: usize, code: i16) -> &mut Self {
        let result = delete_groups_response::DeletableGroupResult::default()
            .with_group_id(group())
            .with_error_code(code);
        self.respond(key, DeleteGroupsResponse::default().with_results(vec![result]).into())
    }
}
