//! The end of a coordinator's term (rules R11).

use crate::coordinator::api::Release;
use crate::coordinator::classic::group::{Group, Groups};
use crate::coordinator::classic::responses;
use crate::coordinator::classic::state::GroupState;
use crate::coordinator::reason::TransitionReason;
use crate::protocol::{MemberId, ResponseError, StrBytes};

use super::turn::Turn;

/// Every group becomes Dead, and parked requests fail with NOT_COORDINATOR. So do requests that
/// wait for a record, whose outcome this coordinator will not learn: the broker refuses them
/// (R11.7).
pub(crate) fn unload(groups: &mut Groups, turn: &mut Turn<'_>) {
    turn.timers.cancel_all();
    for group in groups.values_mut() {
        group.enter(GroupState::Dead, TransitionReason::Unloaded, turn);
        refuse_parked(group, turn, ResponseError::NotCoordinator, |id| id.0.clone());
    }
    turn.appends.forget_all();
}

/// Fails every parked request of a group. `named` gives the member id for the response to a
/// JoinGroup.
pub(crate) fn refuse_parked(
    group: &mut Group,
    turn: &mut Turn<'_>,
    error: ResponseError,
    named: impl Fn(&MemberId) -> StrBytes,
) {
    let waits = |m: &crate::coordinator::classic::member::Member| m.join.is_some() || m.sync.is_some();
    let waiting: Vec<MemberId> = group.members.ids_where(waits);
    for id in waiting {
        if let Some(join) = group.members.take_join(&id.0) {
            let response = responses::join_error(join.version, &named(&id), error);
            turn.respond(join.request, response, Release::Now);
        }
        if let Some(sync) = group.members.take_sync(&id.0) {
            turn.respond(sync.request, responses::sync_error(error), Release::Now);
        }
    }
}
