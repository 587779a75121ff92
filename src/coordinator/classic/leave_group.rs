//! LeaveGroup: removes members (rules R6.4).

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

use crate::coordinator::api::{Call, Release};
use crate::coordinator::group::Groups;
use crate::coordinator::reason::{Removal, TransitionReason};
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{MemberId, ResponseError, StrBytes, error_code};

use super::find_mut;
use super::group::ClassicGroup;
use super::rebalance;
use super::state::GroupState;

/// The first version with several members (KIP-345).
const BATCHED: i16 = 3;

/// Responds to a LeaveGroup.
pub(crate) fn handle(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &LeaveGroupRequest,
) {
    if request.group_id.0.is_empty() {
        return refuse(turn, call, ResponseError::InvalidGroupId);
    }
    let leavers = leavers(call.version, request);
    let Some(group) = find_mut(groups, &request.group_id) else {
        let errors = leavers.iter().map(|_| Some(ResponseError::UnknownMemberId)).collect();
        return respond(turn, call, leavers, errors, Release::Now);
    };
    if group.state() == GroupState::Dead {
        return refuse(turn, call, ResponseError::CoordinatorNotAvailable);
    }
    let errors: Vec<_> = leavers.iter().map(|leaver| leave(group, turn, leaver).err()).collect();
    // One rebalance for all of them, if any member left.
    if errors.contains(&None) {
        rebalance_after_leave(group, turn);
    }
    respond(turn, call, leavers, errors, Release::WhenDurable);
}

fn leavers(version: i16, request: &LeaveGroupRequest) -> Vec<MemberIdentity> {
    match version >= BATCHED {
        true => request.members.clone(),
        false => vec![MemberIdentity::default().with_member_id(request.member_id.clone())],
    }
}

/// Handles one entry of the request, independently of the others (R6.4.4). An administrator who
/// removes a static member knows only its instance id (R6.4.8).
fn leave(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    leaver: &MemberIdentity,
) -> Result<(), ResponseError> {
    let instance = leaver.group_instance_id.as_ref();
    if leaver.member_id.is_empty() {
        let holder = instance.and_then(|instance| group.members.holder(instance)).cloned();
        let id = holder.ok_or(ResponseError::UnknownMemberId)?;
        group.remove_member(&id, Removal::Left, turn);
        return Ok(());
    }
    let id = MemberId(leaver.member_id.clone());
    if group.pending_join.remove(&id) {
        turn.timers.cancel(&group.pending_join_key(&id));
        return Ok(());
    }
    group.validate(&id.0, instance)?;
    group.remove_member(&id, Removal::Left, turn);
    Ok(())
}

fn rebalance_after_leave(group: &mut ClassicGroup, turn: &mut Turn<'_>) {
    match group.state() {
        GroupState::Stable | GroupState::CompletingRebalance => {
            rebalance::prepare(group, turn, TransitionReason::MemberLeft);
        }
        GroupState::PreparingRebalance => {
            rebalance::complete_if_all_joined(group, turn, TransitionReason::MemberLeft);
        }
        GroupState::Empty | GroupState::Dead => {}
    }
}

/// Before version 3 the one member's error is the top-level error (R6.4.6).
fn respond(
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    leavers: Vec<MemberIdentity>,
    errors: Vec<Option<ResponseError>>,
    release: Release,
) {
    let response = match call.version >= BATCHED {
        true => {
            let entries = leavers.into_iter().zip(errors);
            LeaveGroupResponse::default().with_members(entries.map(entry).collect())
        }
        false => {
            let error = errors.into_iter().next().flatten();
            LeaveGroupResponse::default().with_error_code(error_code(error))
        }
    };
    turn.respond(call.id, response, release);
}

fn entry((leaver, error): (MemberIdentity, Option<ResponseError>)) -> MemberResponse {
    let instance: Option<StrBytes> = leaver.group_instance_id;
    MemberResponse::default()
        .with_member_id(leaver.member_id)
        .with_group_instance_id(instance)
        .with_error_code(error_code(error))
}

fn refuse(turn: &mut Turn<'_>, call: &Call<'_>, error: ResponseError) {
    let response = LeaveGroupResponse::default().with_error_code(error.code());
    turn.respond(call.id, response, Release::Now);
}
