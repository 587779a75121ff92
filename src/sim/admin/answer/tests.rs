use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    DescribeGroupsResponse, LeaveGroupResponse, ListGroupsResponse, OffsetFetchResponse,
};

use super::Told;
use crate::coordinator::GroupState;
use crate::protocol::{GroupId, ResponseError, TopicName, TopicPartition, str_bytes};
use crate::sim::schedule::Answer;

fn orders(partition: i32) -> TopicPartition {
    TopicPartition::new(TopicName(str_bytes("orders")), partition)
}

#[test]
fn the_first_error_counts_wherever_it_is() {
    let member = |error| MemberResponse::default().with_error_code(error);
    let answer = LeaveGroupResponse::default()
        .with_members(vec![member(0), member(ResponseError::UnknownMemberId.code())]);
    let told = Told::new(&answer.into());
    let expected = |error: &str| Answer { error: Some(error.to_owned()), ..Answer::default() };
    assert!(told.meets(&expected("UNKNOWN_MEMBER_ID")));
    assert!(!told.meets(&expected("NONE")));
    assert!(Told::new(&LeaveGroupResponse::default().into()).meets(&expected("NONE")));
}

#[test]
fn a_described_group_is_compared_by_state_and_members() {
    let group = DescribedGroup::default()
        .with_group_state(str_bytes("Stable"))
        .with_members(vec![DescribedGroupMember::default(); 2]);
    let told = Told::new(&DescribeGroupsResponse::default().with_groups(vec![group]).into());
    let state = |state, members| Answer { state: Some(state), members, ..Answer::default() };
    assert!(told.meets(&state(GroupState::Stable, Some(2))));
    assert!(!told.meets(&state(GroupState::Stable, Some(3))));
    assert!(!told.meets(&state(GroupState::Empty, None)));
    assert_eq!(told.to_string(), "NONE state=Stable members=2");
}

#[test]
fn listed_groups_are_compared_in_any_order() {
    let group = |name: &str| ListedGroup::default().with_group_id(GroupId(str_bytes(name)));
    let answer = ListGroupsResponse::default().with_groups(vec![group("g2"), group("g")]);
    let told = Told::new(&answer.into());
    let groups = |names: &[&str]| Answer {
        groups: Some(names.iter().map(ToString::to_string).collect()),
        ..Answer::default()
    };
    assert!(told.meets(&groups(&["g", "g2"])));
    assert!(told.meets(&groups(&["g2", "g"])));
    assert!(!told.meets(&groups(&["g"])));
    assert!(Told::new(&ListGroupsResponse::default().into()).meets(&groups(&[])));
}

#[test]
fn an_offset_that_was_not_told_is_none_and_not_a_match_for_everything() {
    let partition =
        OffsetFetchResponsePartitions::default().with_partition_index(0).with_committed_offset(5);
    let topic = OffsetFetchResponseTopics::default()
        .with_name(TopicName(str_bytes("orders")))
        .with_partitions(vec![partition]);
    let group = OffsetFetchResponseGroup::default().with_topics(vec![topic]);
    let told = Told::new(&OffsetFetchResponse::default().with_groups(vec![group]).into());
    let offset = |partition, offset| Answer {
        offset: Some((orders(partition), offset)),
        ..Answer::default()
    };
    assert!(told.meets(&offset(0, 5)));
    assert!(!told.meets(&offset(0, 4)));
    assert!(told.meets(&offset(1, -1)));
    assert!(!Told::new(&ListGroupsResponse::default().into()).meets(&offset(1, -1)));
}
