//! The end of a coordinator's term (rules R11).

use crate::protocol::{MemberId, ResponseError, StrBytes};

use super::answers;
use super::api::Release;
use super::group::{Group, Groups};
use super::state::GroupState;
use super::turn::Turn;

/// Every group is Dead here; what is parked is answered NOT_COORDINATOR, and so is what waits for a record
/// whose fate this coordinator will not learn (R11.7).
pub(super) fn unload(groups: &mut Groups, turn: &mut Turn<'_>) {
    turn.timers.cancel_all();
    for group in groups.values_mut() {
        group.enter(GroupState::Dead, "unloaded", turn);
        refuse_parked(group, turn, ResponseError::NotCoordinator, |id| id.0.clone());
    }
    for (request, response) in turn.appends.abandon(ResponseError::NotCoordinator) {
        turn.respond(request, response, Release::Now);
    }
}

/// Answers everything that is parked in a group with an error. `named` is the member id that a JoinGroup is told.
pub(super) fn refuse_parked(
    group: &mut Group,
    turn: &mut Turn<'_>,
    error: ResponseError,
    named: impl Fn(&MemberId) -> StrBytes,
) {
    let waits = |m: &super::member::Member| m.join.is_some() || m.sync.is_some();
    let waiting: Vec<MemberId> = group.members.ids_where(waits);
    for id in waiting {
        if let Some(join) = group.members.take_join(&id.0) {
            let answer = answers::join_error(join.version, &named(&id), error);
            turn.respond(join.request, answer, Release::Now);
        }
        if let Some(sync) = group.members.take_sync(&id.0) {
            turn.respond(sync.request, answers::sync_error(error), Release::Now);
        }
    }
}
