//! Heartbeat: keeps a member's session alive and signals a rebalance (rules R6.3).

use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use crate::coordinator::api::{Call, Release};
use crate::coordinator::group::Groups;
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{ResponseError, error_code};

use super::find;
use super::state::GroupState;

/// The first version with static members (KIP-345).
const HAS_INSTANCE_ID: i16 = 3;

/// Responds to a Heartbeat.
pub(crate) fn handle(
    groups: &Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &HeartbeatRequest,
) {
    let (error, release) = match validate_and_restart(groups, turn, call.version, request) {
        Ok(advice) => (advice, Release::WhenDurable),
        Err(refusal) => (Some(refusal), Release::Now),
    };
    let response = HeartbeatResponse::default().with_error_code(error_code(error));
    turn.respond(call.id, response, release);
}

/// An accepted heartbeat restarts the session, even if it returns REBALANCE_IN_PROGRESS (R6.3.5).
fn validate_and_restart(
    groups: &Groups,
    turn: &mut Turn<'_>,
    version: i16,
    request: &HeartbeatRequest,
) -> Result<Option<ResponseError>, ResponseError> {
    if request.group_id.0.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let group = find(groups, &request.group_id).ok_or(ResponseError::UnknownMemberId)?;
    group.assert_shape();
    if group.state() == GroupState::Dead {
        return Err(ResponseError::CoordinatorNotAvailable);
    }
    let instance = request.group_instance_id.as_ref().filter(|_| version >= HAS_INSTANCE_ID);
    let member = group.validate(&request.member_id, instance)?;
    group.check_generation(request.generation_id)?;
    let advice = match group.state() {
        GroupState::Empty => return Err(ResponseError::UnknownMemberId),
        GroupState::PreparingRebalance => Some(ResponseError::RebalanceInProgress),
        GroupState::CompletingRebalance | GroupState::Stable => None,
        GroupState::Dead => return Err(ResponseError::CoordinatorNotAvailable),
    };
    group.restart_session(member, turn);
    Ok(advice)
}
