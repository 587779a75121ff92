//! Requests of a producer that commits offsets in transactions.

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

use super::{RequestArgs, topic};

fn transaction(args: &RequestArgs<'_>) -> TransactionalId {
    TransactionalId(args.text("txn", "txn"))
}

pub fn init_producer_id(args: &RequestArgs<'_>) -> InitProducerIdRequest {
    let mut request = InitProducerIdRequest::default()
        .with_transactional_id(args.nullable("txn").map(TransactionalId))
        .with_transaction_timeout_ms(args.number("timeout", 60_000));
    if args.version >= 3 {
        request.producer_id = ProducerId(args.number("pid", -1));
        request.producer_epoch = args.number("pepoch", -1);
    }
    request
}

pub fn add_offsets(args: &RequestArgs<'_>) -> AddOffsetsToTxnRequest {
    let (producer, epoch) = args.producer();
    AddOffsetsToTxnRequest::default()
        .with_transactional_id(transaction(args))
        .with_producer_id(ProducerId(producer))
        .with_producer_epoch(epoch)
        .with_group_id(args.group())
}

pub fn end(args: &RequestArgs<'_>) -> EndTxnRequest {
    let (producer, epoch) = args.producer();
    EndTxnRequest::default()
        .with_transactional_id(transaction(args))
        .with_producer_id(ProducerId(producer))
        .with_producer_epoch(epoch)
        .with_committed(args.flag("commit", true))
}

pub fn offset_commit(args: &RequestArgs<'_>) -> TxnOffsetCommitRequest {
    let (producer, epoch) = args.producer();
    let topics = args.places().into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(partition, offset)| {
            TxnOffsetCommitRequestPartition::default()
                .with_partition_index(partition)
                .with_committed_offset(offset)
                .with_committed_metadata(args.metadata())
        });
        TxnOffsetCommitRequestTopic::default()
            .with_name(topic(&name))
            .with_partitions(partitions.collect())
    });
    let mut request = TxnOffsetCommitRequest::default()
        .with_transactional_id(transaction(args))
        .with_group_id(args.group())
        .with_producer_id(ProducerId(producer))
        .with_producer_epoch(epoch)
        .with_topics(topics.collect());
    if args.version >= 3 {
        request.generation_id = args.generation();
        request.member_id = args.member();
        request.group_instance_id = args.nullable("instance");
    }
    request
}

/// The markers that a transaction coordinator sends to a partition of the offsets log.
pub fn write_markers(args: &RequestArgs<'_>) -> WriteTxnMarkersRequest {
    let (producer, epoch) = args.producer();
    let log = WritableTxnMarkerTopic::default()
        .with_name(topic("__consumer_offsets"))
        .with_partition_indexes(vec![args.number("partition", 0)]);
    let marker = WritableTxnMarker::default()
        .with_producer_id(ProducerId(producer))
        .with_producer_epoch(epoch)
        .with_transaction_result(args.flag("commit", true))
        .with_coordinator_epoch(0)
        .with_topics(vec![log]);
    WriteTxnMarkersRequest::default().with_markers(vec![marker])
}
