use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    GroupId, LeaveGroupRequest, ListGroupsRequest, ListGroupsResponse, OffsetDeleteRequest,
    OffsetDeleteResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};

use super::tests::{lines, tail, wire};
use super::*;
use crate::protocol::{Request, Response, ResponseError, str_bytes};
use crate::trace::testing::*;
use crate::trace::{Message, Place};

fn request_line(body: impl Into<Request>) -> String {
    tail(sent(1, Place::Admin, BROKER, Message::Request(frame(4, body))))
}

/// The line at group zoom, which shows administrators' messages in full, because scenarios rely on
/// them.
fn response_line(request: impl Into<Request>, response: impl Into<Response>) -> String {
    let event = responded(1, Place::Admin, request, response);
    assert_eq!(lines(Zoom::Group, std::slice::from_ref(&event)), wire(event.clone()));
    tail(event)
}

fn named(name: &str) -> GroupId {
    GroupId(str_bytes(name))
}

#[test]
fn an_admin_request_names_its_group() {
    let groups = vec![named("g"), named("g2")];
    assert_eq!(
        request_line(DescribeGroupsRequest::default().with_groups(groups.clone())),
        "→ b0 DescribeGroups groups=g,g2"
    );
    assert_eq!(
        request_line(DeleteGroupsRequest::default().with_groups_names(groups)),
        "→ b0 DeleteGroups groups=g,g2"
    );
    assert_eq!(request_line(ListGroupsRequest::default()), "→ b0 ListGroups");
    let states = vec![str_bytes("Stable"), str_bytes("Empty")];
    assert_eq!(
        request_line(ListGroupsRequest::default().with_states_filter(states)),
        "→ b0 ListGroups states=Stable,Empty"
    );
    let partitions = vec![OffsetDeleteRequestPartition::default().with_partition_index(1)];
    let topics =
        vec![OffsetDeleteRequestTopic::default().with_name(topic()).with_partitions(partitions)];
    assert_eq!(
        request_line(OffsetDeleteRequest::default().with_group_id(group()).with_topics(topics)),
        "→ b0 OffsetDelete group=g partitions=orders-1"
    );
    assert_eq!(
        request_line(LeaveGroupRequest::default().with_group_id(group())),
        "→ b0 LeaveGroup group=g"
    );
}

#[test]
fn a_transaction_names_its_producer() {
    let partitions = vec![
        TxnOffsetCommitRequestPartition::default().with_partition_index(0).with_committed_offset(5),
    ];
    let topics =
        vec![TxnOffsetCommitRequestTopic::default().with_name(topic()).with_partitions(partitions)];
    let commit = TxnOffsetCommitRequest::default()
        .with_group_id(group())
        .with_producer_id(7.into())
        .with_generation_id(2)
        .with_member_id(member("c1", 1).0)
        .with_topics(topics);
    assert_eq!(
        request_line(commit),
        "→ b0 TxnOffsetCommit group=g producer=7 generation=2 member=c1#1 offsets=orders-0@5"
    );
    let marker = WritableTxnMarker::default()
        .with_producer_id(7.into())
        .with_transaction_result(true)
        .with_topics(vec![
            WritableTxnMarkerTopic::default().with_name(topic()).with_partition_indexes(vec![13]),
        ]);
    let abort = marker.clone().with_producer_id(8.into()).with_transaction_result(false);
    assert_eq!(
        request_line(WriteTxnMarkersRequest::default().with_markers(vec![marker, abort])),
        "→ b0 WriteTxnMarkers markers=7:commit[orders-13],8:abort[orders-13]"
    );
}

#[test]
fn a_described_group_is_shown_in_full() {
    let members = (0..20).map(|nth| {
        DescribedGroupMember::default()
            .with_member_id(member(&format!("c{nth}"), 1).0)
            .with_group_instance_id((nth == 0).then(|| str_bytes("i1")))
            .with_member_assignment(assignment(&[nth]))
    });
    let described = DescribedGroup::default()
        .with_group_id(group())
        .with_group_state(str_bytes("Stable"))
        .with_protocol_type(str_bytes("consumer"))
        .with_protocol_data(str_bytes("range"))
        .with_members(members.collect());
    let whole = response_line(
        DescribeGroupsRequest::default(),
        DescribeGroupsResponse::default().with_groups(vec![described]),
    );
    assert!(
        whole.starts_with(
            "→ admin DescribeGroups ok groups=g:Stable/range[c0#1/i1[orders-0],c1#1[orders-1],"
        ),
        "{whole}"
    );
    assert!(whole.ends_with(",c19#1[orders-19]]"), "{whole}");
    let dead = DescribedGroup::default()
        .with_group_id(named("nope"))
        .with_error_code(ResponseError::GroupIdNotFound.code())
        .with_group_state(str_bytes("Dead"));
    assert_eq!(
        response_line(
            DescribeGroupsRequest::default(),
            DescribeGroupsResponse::default().with_groups(vec![dead])
        ),
        "→ admin DescribeGroups GROUP_ID_NOT_FOUND groups=nope:GROUP_ID_NOT_FOUND:Dead"
    );
}

#[test]
fn listed_groups_are_shown_with_their_states() {
    let listed = |name: &str, state: &str| {
        ListedGroup::default().with_group_id(named(name)).with_group_state(str_bytes(state))
    };
    let groups =
        vec![listed("g", "Stable").with_group_type(str_bytes("classic")), listed("g2", "Empty")];
    assert_eq!(
        response_line(
            ListGroupsRequest::default(),
            ListGroupsResponse::default().with_groups(groups)
        ),
        "→ admin ListGroups ok groups=g:Stable/classic,g2:Empty"
    );
    assert_eq!(
        response_line(ListGroupsRequest::default(), ListGroupsResponse::default()),
        "→ admin ListGroups ok groups=none"
    );
}

#[test]
fn each_part_of_a_response_has_its_own_error() {
    let result = |name: &str, error: i16| {
        DeletableGroupResult::default().with_group_id(named(name)).with_error_code(error)
    };
    let busy = ResponseError::NonEmptyGroup.code();
    assert_eq!(
        response_line(
            DeleteGroupsRequest::default(),
            DeleteGroupsResponse::default().with_results(vec![result("g", 0)])
        ),
        "→ admin DeleteGroups ok results=g"
    );
    assert_eq!(
        response_line(
            DeleteGroupsRequest::default(),
            DeleteGroupsResponse::default().with_results(vec![result("a", 0), result("g", busy)])
        ),
        "→ admin DeleteGroups NON_EMPTY_GROUP results=a,g:NON_EMPTY_GROUP"
    );
    let subscribed = OffsetDeleteResponsePartition::default()
        .with_partition_index(1)
        .with_error_code(ResponseError::GroupSubscribedToTopic.code());
    let topics = vec![
        OffsetDeleteResponseTopic::default().with_name(topic()).with_partitions(vec![subscribed]),
    ];
    assert_eq!(
        response_line(
            OffsetDeleteRequest::default(),
            OffsetDeleteResponse::default().with_topics(topics)
        ),
        "→ admin OffsetDelete GROUP_SUBSCRIBED_TO_TOPIC results=orders-1:GROUP_SUBSCRIBED_TO_TOPIC"
    );
    let absent = ResponseError::GroupIdNotFound.code();
    assert_eq!(
        response_line(
            OffsetDeleteRequest::default(),
            OffsetDeleteResponse::default().with_error_code(absent)
        ),
        "→ admin OffsetDelete GROUP_ID_NOT_FOUND"
    );
}

#[test]
fn transaction_responses_have_an_error_for_each_partition() {
    let fenced = ResponseError::IllegalGeneration.code();
    let committed = |error: i16| {
        let partition = TxnOffsetCommitResponsePartition::default().with_error_code(error);
        TxnOffsetCommitResponse::default().with_topics(vec![
            TxnOffsetCommitResponseTopic::default()
                .with_name(topic())
                .with_partitions(vec![partition]),
        ])
    };
    assert_eq!(
        response_line(TxnOffsetCommitRequest::default(), committed(0)),
        "→ admin TxnOffsetCommit ok"
    );
    assert_eq!(
        response_line(TxnOffsetCommitRequest::default(), committed(fenced)),
        "→ admin TxnOffsetCommit ILLEGAL_GENERATION results=orders-0:ILLEGAL_GENERATION"
    );
    let elsewhere = ResponseError::NotLeaderOrFollower.code();
    let partition = WritableTxnMarkerPartitionResult::default()
        .with_partition_index(13)
        .with_error_code(elsewhere);
    let written = WritableTxnMarkerResult::default().with_producer_id(7.into()).with_topics(vec![
        WritableTxnMarkerTopicResult::default().with_name(topic()).with_partitions(vec![partition]),
    ]);
    assert_eq!(
        response_line(
            WriteTxnMarkersRequest::default(),
            WriteTxnMarkersResponse::default().with_markers(vec![written])
        ),
        "→ admin WriteTxnMarkers NOT_LEADER_OR_FOLLOWER \
         markers=7[orders-13:NOT_LEADER_OR_FOLLOWER]"
    );
}
