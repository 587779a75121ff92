use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    DescribeGroupsResponse, LeaveGroupResponse, ListGroupsResponse, OffsetFetchResponse,
};

use super::AdminResponse;
use crate::coordinator::GroupState;
use crate::protocol::{GroupId, ResponseError, TopicName, TopicPartition, str_bytes};
use crate::sim::schedule::ExpectedResponse;

fn orders(partition: i32) -> TopicPartition {
    TopicPartition::new(TopicName(str_bytes("orders")), partition)
}

#[test]
fn the_first_error_counts_at_any_level() {
    let member = |error| MemberResponse::default().with_error_code(error);
    let response = LeaveGroupResponse::default()
        .with_members(vec![member(0), member(ResponseError::UnknownMemberId.code())]);
    let response = AdminResponse::new(&response.into());
    let expected = |error: &str| ExpectedResponse {
        error: Some(error.to_owned()),
        ..ExpectedResponse::default()
    };
    assert!(response.meets(&expected("UNKNOWN_MEMBER_ID")));
    assert!(!response.meets(&expected("NONE")));
    assert!(AdminResponse::new(&LeaveGroupResponse::default().into()).meets(&expected("NONE")));
}

#[test]
fn a_described_group_is_compared_by_state_and_members() {
    let group = DescribedGroup::default()
        .with_group_state(str_bytes("Stable"))
        .with_members(vec![DescribedGroupMember::default(); 2]);
    let response =
        AdminResponse::new(&DescribeGroupsResponse::default().with_groups(vec![group]).into());
    let state = |state, members| ExpectedResponse {
        state: Some(state),
        members,
        ..ExpectedResponse::default()
    };
    assert!(response.meets(&state(GroupState::Stable, Some(2))));
    assert!(!response.meets(&state(GroupState::Stable, Some(3))));
    assert!(!response.meets(&state(GroupState::Empty, None)));
    assert_eq!(response.to_string(), "NONE state=Stable members=2");
}

#[test]
fn listed_groups_are_compared_in_any_order() {
    let group = |name: &str| ListedGroup::default().with_group_id(GroupId(str_bytes(name)));
    let response = ListGroupsResponse::default().with_groups(vec![group("g2"), group("g")]);
    let response = AdminResponse::new(&response.into());
    let groups = |names: &[&str]| ExpectedResponse {
        groups: Some(names.iter().map(ToString::to_string).collect()),
        ..ExpectedResponse::default()
    };
    assert!(response.meets(&groups(&["g", "g2"])));
    assert!(response.meets(&groups(&["g2", "g"])));
    assert!(!response.meets(&groups(&["g"])));
    assert!(AdminResponse::new(&ListGroupsResponse::default().into()).meets(&groups(&[])));
}

#[test]
fn a_missing_offset_matches_none_only_if_offsets_were_requested() {
    let partition =
        OffsetFetchResponsePartitions::default().with_partition_index(0).with_committed_offset(5);
    let topic = OffsetFetchResponseTopics::default()
        .with_name(TopicName(str_bytes("orders")))
        .with_partitions(vec![partition]);
    let group = OffsetFetchResponseGroup::default().with_topics(vec![topic]);
    let response =
        AdminResponse::new(&OffsetFetchResponse::default().with_groups(vec![group]).into());
    let offset = |partition, offset| ExpectedResponse {
        offset: Some((orders(partition), offset)),
        ..ExpectedResponse::default()
    };
    assert!(response.meets(&offset(0, 5)));
    assert!(!response.meets(&offset(0, 4)));
    assert!(response.meets(&offset(1, -1)));
    assert!(!AdminResponse::new(&ListGroupsResponse::default().into()).meets(&offset(1, -1)));
}
