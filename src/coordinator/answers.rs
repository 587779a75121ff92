//! The answers to JoinGroup and SyncGroup, which leave from many places and differ by version.

use bytes::Bytes;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupResponse, SyncGroupResponse};

use crate::protocol::{ResponseError, StrBytes};

use super::group::Group;

/// JoinGroup is granted: the member is part of the group's generation. `roster` is the list of members,
/// for the leader; followers get an empty one.
pub(super) fn joined(
    group: &Group,
    version: i16,
    member: &StrBytes,
    roster: Vec<JoinGroupResponseMember>,
) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_generation_id(group.generation.0)
        .with_protocol_type(group.protocol_type.clone().filter(|_| version >= 7))
        .with_protocol_name(group.protocol.clone())
        .with_leader(group.leader.as_ref().map(|leader| leader.0.clone()).unwrap_or_default())
        .with_member_id(member.clone())
        .with_members(roster)
}

/// Everybody in the group with the metadata for the chosen assignor: what the leader computes from.
pub(super) fn roster(group: &Group) -> Vec<JoinGroupResponseMember> {
    let Some(protocol) = &group.protocol else { return Vec::new() };
    let entry = |member: &super::member::Member| {
        JoinGroupResponseMember::default()
            .with_member_id(member.id.0.clone())
            .with_group_instance_id(member.instance_id.clone())
            .with_metadata(member.metadata(protocol))
    };
    group.members.iter().map(entry).collect()
}

/// JoinGroup is refused.
pub(super) fn join_error(
    version: i16,
    member: &StrBytes,
    error: ResponseError,
) -> JoinGroupResponse {
    // The name of no protocol is null from version 7 on (KIP-559) and was empty before.
    let no_protocol = if version >= 7 { None } else { Some(StrBytes::new()) };
    JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_protocol_name(no_protocol)
        .with_member_id(member.clone())
}

/// SyncGroup is granted: here is the member's assignment.
pub(super) fn synced(group: &Group, version: i16, assignment: &Bytes) -> SyncGroupResponse {
    SyncGroupResponse::default()
        .with_protocol_type(group.protocol_type.clone().filter(|_| version >= 5))
        .with_protocol_name(group.protocol.clone().filter(|_| version >= 5))
        .with_assignment(assignment.clone())
}

/// SyncGroup is refused.
pub(super) fn sync_error(error: ResponseError) -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(error.code())
}
