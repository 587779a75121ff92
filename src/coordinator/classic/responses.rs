//! The responses to JoinGroup and SyncGroup, which several files send and which differ by version.

use bytes::Bytes;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupResponse, SyncGroupResponse};

use crate::protocol::{ResponseError, StrBytes};

use super::group::ClassicGroup;

/// A successful JoinGroup: the member is part of the group's generation. `roster` is the member
/// list for the leader; followers get an empty one.
pub(crate) fn joined(
    group: &ClassicGroup,
    version: i16,
    member: &StrBytes,
    roster: Vec<JoinGroupResponseMember>,
) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_generation_id(group.generation.0)
        .with_protocol_type(group.protocol_type.clone().filter(|_| version >= 7))
        .with_protocol_name(protocol_name(version, group.protocol.clone()))
        .with_leader(group.leader.as_ref().map(|leader| leader.0.clone()).unwrap_or_default())
        .with_member_id(member.clone())
        .with_members(roster)
}

/// No protocol name is null from version 7 on (KIP-559) and empty before. An empty name also
/// becomes null, although SyncGroup must carry it as it is.
fn protocol_name(version: i16, name: Option<StrBytes>) -> Option<StrBytes> {
    match version >= 7 {
        true => name.filter(|name| !name.is_empty()),
        false => Some(name.unwrap_or_default()),
    }
}

/// The member list for a response to `member`: only the leader gets one.
pub(super) fn list_for(
    group: &ClassicGroup,
    version: i16,
    member: &StrBytes,
) -> Vec<JoinGroupResponseMember> {
    match group.is_leader(member) {
        true => roster(group, version),
        false => Vec::new(),
    }
}

/// All members with their metadata for the chosen assignor: the input of the leader's assignor.
fn roster(group: &ClassicGroup, version: i16) -> Vec<JoinGroupResponseMember> {
    let Some(protocol) = &group.protocol else { return Vec::new() };
    let entry = |member: &super::member::Member| {
        JoinGroupResponseMember::default()
            .with_member_id(member.id.0.clone())
            .with_group_instance_id(member.instance_id.clone().filter(|_| version >= 5))
            .with_metadata(member.metadata(protocol))
    };
    group.members.iter().map(entry).collect()
}

/// A successful JoinGroup of a static member that took over its former place in a Stable group. A
/// leader then watches the metadata as leaders do, but does not assign anew (KIP-814).
pub(crate) fn replaced(group: &ClassicGroup, version: i16, member: &StrBytes) -> JoinGroupResponse {
    joined(group, version, member, list_for(group, version, member))
        .with_skip_assignment(group.is_leader(member))
}

/// A failed JoinGroup.
pub(super) fn join_error(
    version: i16,
    member: &StrBytes,
    error: ResponseError,
) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_protocol_name(protocol_name(version, None))
        .with_member_id(member.clone())
}

/// A successful SyncGroup with the member's assignment.
pub(crate) fn synced(group: &ClassicGroup, version: i16, assignment: &Bytes) -> SyncGroupResponse {
    SyncGroupResponse::default()
        .with_protocol_type(group.protocol_type.clone().filter(|_| version >= 5))
        .with_protocol_name(group.protocol.clone().filter(|_| version >= 5))
        .with_assignment(assignment.clone())
}

/// A failed SyncGroup.
pub(super) fn sync_error(error: ResponseError) -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(error.code())
}
