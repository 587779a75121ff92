//! DeleteGroups: removes groups without members, with their offsets (rules R6.7).

use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

use crate::coordinator::api::{Call, Entry, Release, Ticket};
use crate::coordinator::group::Groups;
use crate::coordinator::reason::GroupRemoval;
use crate::coordinator::runtime::removal;
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{GroupId, ResponseError, error_code};

/// Responds to a DeleteGroups, or defers the response until its tombstones are durable. Each group
/// is handled on its own; one named twice gets one result.
pub(crate) fn handle(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &DeleteGroupsRequest,
) {
    let (mut results, mut appends) = (Vec::<DeletableGroupResult>::new(), 0);
    for id in &request.groups_names {
        if results.iter().any(|earlier| earlier.group_id == *id) {
            continue;
        }
        let refusal = refusal(groups, id);
        if refusal.is_none() {
            let ticket = Ticket { request: call.id, entry: Entry::Item(results.len()) };
            appends += removal::remove(groups, turn, id, GroupRemoval::Deleted, Some(ticket));
        }
        let result = DeletableGroupResult::default().with_group_id(id.clone());
        results.push(result.with_error_code(error_code(refusal)));
    }
    let response = DeleteGroupsResponse::default().with_results(results);
    match appends {
        0 => turn.respond(call.id, response, Release::WhenDurable),
        records => turn.respond(call.id, response, Release::WhenKnown(records)),
    }
}

fn refusal(groups: &Groups, id: &GroupId) -> Option<ResponseError> {
    match groups.get(id) {
        Some(group) => group.validate_delete().err(),
        None => Some(ResponseError::GroupIdNotFound),
    }
}
