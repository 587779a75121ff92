//! Requests and responses of the hand-built traces.

use kafka_protocol::messages::{
    HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, OffsetFetchRequest,
    OffsetFetchResponse, join_group_response, leave_group_response, offset_fetch_request,
    offset_fetch_response,
};

use crate::protocol::{Response, TopicPartition, str_bytes};

use super::{group, partition, subscribed};

/// A successful JoinGroup response; `members` are those that it names to the leader.
pub(in crate::invariant) fn join_response(
    id: &str,
    generation: i32,
    leader: &str,
    members: &[&str],
) -> Response {
    let members = members.iter().map(|member| {
        join_group_response::JoinGroupResponseMember::default()
            .with_member_id(str_bytes(member))
            .with_metadata(subscribed())
    });
    JoinGroupResponse::default()
        .with_member_id(str_bytes(id))
        .with_generation_id(generation)
        .with_leader(str_bytes(leader))
        .with_protocol_name(Some(str_bytes("range")))
        .with_members(members.collect())
        .into()
}

/// A JoinGroup response with an error.
pub(in crate::invariant) fn error_join(id: &str, code: i16) -> Response {
    let body = JoinGroupResponse::default().with_member_id(str_bytes(id)).with_error_code(code);
    body.with_generation_id(-1).into()
}

pub(in crate::invariant) fn heartbeat_response(code: i16) -> Response {
    HeartbeatResponse::default().with_error_code(code).into()
}

/// A LeaveGroup response with a code for each member.
pub(in crate::invariant) fn leave_response(codes: &[i16]) -> Response {
    let members = codes
        .iter()
        .map(|code| leave_group_response::MemberResponse::default().with_error_code(*code));
    LeaveGroupResponse::default().with_members(members.collect()).into()
}

pub(super) fn fetch_request(names: &[&str]) -> OffsetFetchRequest {
    let topics = names.iter().map(|name| {
        let TopicPartition { topic, partition } = partition(name);
        offset_fetch_request::OffsetFetchRequestTopic::default()
            .with_name(topic)
            .with_partition_indexes(vec![partition])
    });
    OffsetFetchRequest::default()
        .with_group_id(group())
        .with_require_stable(true)
        .with_topics(Some(topics.collect()))
}

pub(super) fn fetch_response(offsets: &[(&str, i64)]) -> OffsetFetchResponse {
    let topics = offsets.iter().map(|(name, offset)| {
        let TopicPartition { topic, partition } = partition(name);
        let entry = offset_fetch_response::OffsetFetchResponsePartition::default()
            .with_partition_index(partition)
            .with_committed_offset(*offset);
        offset_fetch_response::OffsetFetchResponseTopic::default()
            .with_name(topic)
            .with_partitions(vec![entry])
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}
