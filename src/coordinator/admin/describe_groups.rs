//! DescribeGroups: state and members of groups, for administrators (rules R6.7).

use bytes::Bytes;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};

use crate::coordinator::api::{Call, Release};
use crate::coordinator::classic::group::{Group, Groups};
use crate::coordinator::classic::member::Member;
use crate::coordinator::classic::state::GroupState;
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{GroupId, ResponseError, StrBytes, str_bytes};

/// The first version with an error for a group that does not exist (KIP-1043).
const REPORTS_MISSING_GROUP: i16 = 6;

/// The first version with authorized operations (KIP-430).
const HAS_AUTHORIZED_OPERATIONS: i16 = 3;
/// The bit set of all operations on a group, by the numbers of `AclOperation`: read (3), delete
/// (6), describe (8), describe configs (10), alter configs (11).
const ALL_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

/// Responds to a DescribeGroups.
pub(crate) fn handle(
    groups: &Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &DescribeGroupsRequest,
) {
    let authorized =
        call.version >= HAS_AUTHORIZED_OPERATIONS && request.include_authorized_operations;
    let describe = |id: &GroupId| {
        let mut described = match groups.get(id) {
            Some(group) => described(group),
            None => missing(id, call.version),
        };
        if authorized && described.error_code == 0 {
            described.authorized_operations = ALL_OPERATIONS;
        }
        described
    };
    let response = DescribeGroupsResponse::default()
        .with_groups(request.groups.iter().map(describe).collect());
    turn.respond(call.id, response, Release::Now);
}

fn described(group: &Group) -> DescribedGroup {
    // The members' metadata is meaningful only together with the assignor that they agreed on.
    let protocol = match group.state() {
        GroupState::Stable => group.protocol.as_ref(),
        GroupState::Empty
        | GroupState::PreparingRebalance
        | GroupState::CompletingRebalance
        | GroupState::Dead => None,
    };
    let mut members: Vec<_> = group.members.iter().map(|m| described_member(m, protocol)).collect();
    members.sort_by(|a, b| a.member_id.cmp(&b.member_id));
    DescribedGroup::default()
        .with_group_id(group.id.clone())
        .with_group_state(str_bytes(group.state().name()))
        .with_protocol_type(group.protocol_type.clone().unwrap_or_default())
        .with_protocol_data(protocol.cloned().unwrap_or_default())
        .with_members(members)
}

fn described_member(member: &Member, protocol: Option<&StrBytes>) -> DescribedGroupMember {
    let metadata = protocol.map_or_else(Bytes::new, |protocol| member.metadata(protocol));
    DescribedGroupMember::default()
        .with_member_id(member.id.0.clone())
        .with_group_instance_id(member.instance_id.clone())
        .with_client_id(member.client_id.clone())
        .with_client_host(member.client_host.clone())
        .with_member_metadata(metadata)
        .with_member_assignment(member.assignment.clone())
}

/// A group that does not exist is reported as Dead where the version has no error for it.
fn missing(id: &GroupId, version: i16) -> DescribedGroup {
    let dead = DescribedGroup::default()
        .with_group_id(id.clone())
        .with_group_state(str_bytes(GroupState::Dead.name()));
    if version < REPORTS_MISSING_GROUP {
        return dead;
    }
    dead.with_error_code(ResponseError::GroupIdNotFound.code())
        .with_error_message(Some(str_bytes(&format!("Group {} not found.", id.0))))
}
