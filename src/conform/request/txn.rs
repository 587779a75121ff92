//! The requests of a producer that commits offsets in transactions.

use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, EndTxnRequest, InitProducerIdRequest, ProducerId, TransactionalId,
    TxnOffsetCommitRequest, WriteTxnMarkersRequest,
};

use super::{Ask, topic};

fn transaction(ask: &Ask<'_>) -> TransactionalId {
    TransactionalId(ask.text("txn", "txn"))
}

pub fn init_producer_id(ask: &Ask<'_>) -> InitProducerIdRequest {
    let mut request = InitProducerIdRequest::default()
        .with_transactional_id(ask.nullable("txn").map(TransactionalId))
        .with_transaction_timeout_ms(ask.number("timeout", 60_000));
    if ask.version >= 3 {
        request.producer_id = ProducerId(ask.number("pid", -1));
        request.producer_epoch = ask.number("pepoch", -1);
    }
    request
}

pub fn add_offsets(ask: &Ask<'_>) -> AddOffsetsToTxnRequest {
    let (producer, epoch) = ask.producer();
    AddOffsetsToTxnRequest::default()
        .with_transactional_id(transaction(ask))
        .with_producer_id(ProducerId(producer))
        .with_producer_epoch(epoch)
        .with_group_id(ask.group())
}

pub fn end(ask: &Ask<'_>) -> EndTxnRequest {
    let (producer, epoch) = ask.producer();
    EndTxnRequest::default()
        .with_transactional_id(transaction(ask))
        .with_producer_id(ProducerId(producer))
        .with_producer_epoch(epoch)
        .with_committed(ask.flag("commit", true))
}

pub fn offset_commit(ask: &Ask<'_>) -> TxnOffsetCommitRequest {
    let (producer, epoch) = ask.producer();
    let topics = ask.places().into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(partition, offset)| {
            TxnOffsetCommitRequestPartition::default()
                .with_partition_index(partition)
                .with_committed_offset(offset)
                .with_committed_metadata(ask.metadata())
        });
        TxnOffsetCommitRequestTopic::default()
            .with_name(topic(&name))
            .with_partitions(partitions.collect())
    });
    let mut request = TxnOffsetCommitRequest::default()
        .with_transactional_id(transaction(ask))
        .with_group_id(ask.group())
        .with_producer_id(ProducerId(producer))
        .with_producer_epoch(epoch)
        .with_topics(topics.collect());
    if ask.version >= 3 {
        request.generation_id = ask.generation();
        request.member_id = ask.member();
        request.group_instance_id = ask.nullable("instance");
    }
    request
}

/// What a transaction coordinator tells a partition of the offsets log.
pub fn write_markers(ask: &Ask<'_>) -> WriteTxnMarkersRequest {
    let (producer, epoch) = ask.producer();
    let log = WritableTxnMarkerTopic::default()
        .with_name(topic("__consumer_offsets"))
        .with_partition_indexes(vec![ask.number("partition", 0)]);
    let marker = WritableTxnMarker::default()
        .with_producer_id(ProducerId(producer))
        .with_producer_epoch(epoch)
        .with_transaction_result(ask.flag("commit", true))
        .with_coordinator_epoch(0)
        .with_topics(vec![log]);
    WriteTxnMarkersRequest::default().with_markers(vec![marker])
}
