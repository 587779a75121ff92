//! A plausible request for each API and version, and the setup it needs.

use bytes::Bytes;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeConfigsRequest, DescribeGroupsRequest, FetchRequest,
    FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, ProduceRequest, SyncGroupRequest, TransactionalId,
    TxnOffsetCommitRequest, WriteTxnMarkersRequest,
};

use super::*;
use crate::protocol::{Request, ResponseError, StrBytes, Uuid, records};
use crate::time::Time;

/// The state before the request: the topic `t`, with one record in partition 0 if the API reads it,
/// and the group or offsets that the API needs.
pub(super) struct Setup {
    topic_id: Uuid,
    /// The member of `g`, if there is one.
    member: StrBytes,
}

impl Setup {
    pub(super) fn before(api: Api, bench: &mut Bench<'_>) -> Setup {
        let topic_id = bench.cluster.topic_id(&topic("t")).expect("a topic");
        let mut setup = Setup { topic_id, member: StrBytes::new() };
        let mut respond = |version, request| response(bench, &frame(version, request));
        match api {
            Api::Fetch | Api::ListOffsets => drop(respond(9, produce(9, &setup))),
            Api::OffsetFetch | Api::DeleteGroups | Api::OffsetDelete => {
                respond(8, offset_commit(8, &setup, -1));
            }
            Api::WriteTxnMarkers => drop(respond(3, txn_offset_commit())),
            Api::Heartbeat
            | Api::LeaveGroup
            | Api::SyncGroup
            | Api::OffsetCommit
            | Api::DescribeGroups
            | Api::ListGroups => {
                let Response::JoinGroup(joined) = respond(3, join_group(3)) else {
                    panic!("the response to a JoinGroup is of another API")
                };
                setup.member = joined.member_id;
                if api != Api::SyncGroup {
                    respond(5, sync_group(5, &setup));
                }
            }
            Api::Produce
            | Api::Metadata
            | Api::FindCoordinator
            | Api::JoinGroup
            | Api::InitProducerId
            | Api::DescribeConfigs
            | Api::TxnOffsetCommit => {}
        }
        setup
    }
}

pub(super) fn plausible_request(api: Api, version: i16, setup: &Setup) -> Request {
    match api {
        Api::Produce => produce(version, setup),
        Api::Fetch => fetch(version, setup),
        Api::ListOffsets => list_offsets(),
        Api::Metadata => {
            let t = MetadataRequestTopic::default().with_name(Some(topic("t")));
            MetadataRequest::default().with_topics(Some(vec![t])).into()
        }
        Api::OffsetCommit => offset_commit(version, setup, 1),
        Api::OffsetFetch => offset_fetch(version),
        Api::FindCoordinator if version >= 4 => {
            FindCoordinatorRequest::default().with_coordinator_keys(vec![str_bytes("g")]).into()
        }
        Api::FindCoordinator => FindCoordinatorRequest::default().with_key(str_bytes("g")).into(),
        Api::JoinGroup => join_group(version),
        Api::Heartbeat => HeartbeatRequest::default()
            .with_group_id(group_id("g"))
            .with_generation_id(1)
            .with_member_id(setup.member.clone())
            .into(),
        Api::LeaveGroup => leave_group(version, setup),
        Api::SyncGroup => sync_group(version, setup),
        Api::DescribeGroups => {
            DescribeGroupsRequest::default().with_groups(vec![group_id("g")]).into()
        }
        Api::ListGroups => {
            let states = if version >= 4 { vec![str_bytes("Stable")] } else { Vec::new() };
            let types = if version >= 5 { vec![str_bytes("classic")] } else { Vec::new() };
            ListGroupsRequest::default().with_states_filter(states).with_types_filter(types).into()
        }
        Api::InitProducerId => {
            // The timeout is that of transactions; Java sends the largest value if there is none.
            let request = InitProducerIdRequest::default().with_transactional_id(None);
            request.with_transaction_timeout_ms(i32::MAX).into()
        }
        Api::DescribeConfigs => {
            let t = DescribeConfigsResource::default().with_resource_type(2);
            let t = t.with_resource_name(str_bytes("t")).with_configuration_keys(None);
            DescribeConfigsRequest::default().with_resources(vec![t]).into()
        }
        Api::WriteTxnMarkers => write_txn_markers(),
        Api::TxnOffsetCommit => txn_offset_commit(),
        Api::DeleteGroups => {
            DeleteGroupsRequest::default().with_groups_names(vec![group_id("g")]).into()
        }
        Api::OffsetDelete => {
            let partition = OffsetDeleteRequestPartition::default().with_partition_index(0);
            let of = OffsetDeleteRequestTopic::default()
                .with_name(topic("t"))
                .with_partitions(vec![partition]);
            OffsetDeleteRequest::default().with_group_id(group_id("g")).with_topics(vec![of]).into()
        }
    }
}

/// The request to send after MEMBER_ID_REQUIRED: the join again, with the id from the response
/// (KIP-394).
pub(super) fn retry(request: &Request, response: &Response) -> Option<Request> {
    let (Request::JoinGroup(request), Response::JoinGroup(body)) = (request, response) else {
        return None;
    };
    let required = body.error_code == ResponseError::MemberIdRequired.code();
    required.then(|| request.clone().with_member_id(body.member_id.clone()).into())
}

fn produce(version: i16, setup: &Setup) -> Request {
    let batch = records::encode_batch(&[Bytes::from_static(b"value")], Time::ZERO);
    let data = PartitionProduceData::default().with_records(Some(batch));
    let of = TopicProduceData::default().with_partition_data(vec![data]);
    let of = match version {
        13.. => of.with_topic_id(setup.topic_id),
        _ => of.with_name(topic("t")),
    };
    ProduceRequest::default().with_acks(-1).with_timeout_ms(500).with_topic_data(vec![of]).into()
}

fn fetch(version: i16, setup: &Setup) -> Request {
    let from = FetchPartition::default().with_partition_max_bytes(1_000);
    let of = FetchTopic::default().with_partitions(vec![from]);
    let of = match version {
        13.. => of.with_topic_id(setup.topic_id),
        _ => of.with_topic(topic("t")),
    };
    let request = FetchRequest::default().with_max_wait_ms(500).with_min_bytes(1);
    request.with_max_bytes(1_000).with_topics(vec![of]).into()
}

fn list_offsets() -> Request {
    /// The end of the log.
    const LATEST: i64 = -1;
    let partition = ListOffsetsPartition::default().with_timestamp(LATEST);
    let of = ListOffsetsTopic::default().with_name(topic("t")).with_partitions(vec![partition]);
    ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![of]).into()
}

fn offset_commit(version: i16, setup: &Setup, generation: i32) -> Request {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(5);
    let of =
        OffsetCommitRequestTopic::default().with_name(topic("t")).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default().with_group_id(group_id("g"));
    let request = request.with_topics(vec![of]).with_member_id(setup.member.clone());
    let request = request.with_generation_id_or_member_epoch(generation);
    // −1: as long as the broker keeps them; removed by KIP-211.
    if version <= 4 { request.with_retention_time_ms(-1) } else { request }.into()
}

fn offset_fetch(version: i16) -> Request {
    if version >= 8 {
        let of = OffsetFetchRequestTopics::default()
            .with_name(topic("t"))
            .with_partition_indexes(vec![0]);
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(group_id("g"))
            .with_topics(Some(vec![of]));
        let request = OffsetFetchRequest::default().with_groups(vec![group]);
        return request.with_require_stable(true).into();
    }
    let of =
        OffsetFetchRequestTopic::default().with_name(topic("t")).with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default().with_group_id(group_id("g"));
    request.with_topics(Some(vec![of])).with_require_stable(version >= 7).into()
}

fn join_group(version: i16) -> Request {
    let range = JoinGroupRequestProtocol::default()
        .with_name(str_bytes("range"))
        .with_metadata(Bytes::from_static(b"MM"));
    let request = JoinGroupRequest::default()
        .with_group_id(group_id("g"))
        .with_session_timeout_ms(60_000)
        .with_protocol_type(str_bytes("consumer"))
        .with_protocols(vec![range]);
    // Version 0 has one timeout for both (KIP-62).
    if version >= 1 { request.with_rebalance_timeout_ms(60_000) } else { request }.into()
}

fn sync_group(version: i16, setup: &Setup) -> Request {
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(setup.member.clone())
        .with_assignment(Bytes::from_static(b"AA"));
    let request = SyncGroupRequest::default()
        .with_group_id(group_id("g"))
        .with_generation_id(1)
        .with_member_id(setup.member.clone())
        .with_assignments(vec![assignment]);
    if version < 5 {
        return request.into();
    }
    let request = request.with_protocol_type(Some(str_bytes("consumer")));
    request.with_protocol_name(Some(str_bytes("range"))).into()
}

fn leave_group(version: i16, setup: &Setup) -> Request {
    let request = LeaveGroupRequest::default().with_group_id(group_id("g"));
    if version < 3 {
        return request.with_member_id(setup.member.clone()).into();
    }
    let leaver = MemberIdentity::default().with_member_id(setup.member.clone());
    request.with_members(vec![leaver]).into()
}

fn txn_offset_commit() -> Request {
    let partition = TxnOffsetCommitRequestPartition::default().with_committed_offset(5);
    let of = TxnOffsetCommitRequestTopic::default()
        .with_name(topic("t"))
        .with_partitions(vec![partition]);
    let request = TxnOffsetCommitRequest::default()
        .with_transactional_id(TransactionalId(str_bytes("x")))
        .with_group_id(group_id("g"))
        .with_producer_id(7.into())
        .with_topics(vec![of]);
    request.into()
}

fn write_txn_markers() -> Request {
    let of = WritableTxnMarkerTopic::default()
        .with_name(topic("__consumer_offsets"))
        .with_partition_indexes(vec![0]);
    let marker = WritableTxnMarker::default()
        .with_producer_id(7.into())
        .with_transaction_result(true)
        .with_topics(vec![of]);
    WriteTxnMarkersRequest::default().with_markers(vec![marker]).into()
}
