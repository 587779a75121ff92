//! DescribeGroups: state and members of groups, for administrators (rules R6.7).

use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};

use crate::coordinator::api::{Call, Release};
use crate::coordinator::classic::describe;
use crate::coordinator::classic::state::GroupState;
use crate::coordinator::group::{Group, Groups};
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{GroupId, ResponseError, str_bytes};

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
            Some(Group::Classic(group)) => describe::described(group),
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
