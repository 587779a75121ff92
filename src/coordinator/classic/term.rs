//! The two ends of a coordinator's term, for one classic group (rules R11).

use crate::coordinator::api::Release;
use crate::coordinator::observation::{LoadedGroup, Observation};
use crate::coordinator::offsets::OffsetStore;
use crate::coordinator::reason::TransitionReason;
use crate::coordinator::runtime::turn::Turn;
use crate::marks::{Mark, sometimes};
use crate::protocol::{MemberId, ResponseError, StrBytes};

use super::group::ClassicGroup;
use super::member::Member;
use super::rebalance;
use super::responses;
use super::state::GroupState;

/// The observation of a group that was found in the log, or that is back as it was there.
pub(crate) fn as_loaded(group: &ClassicGroup, offsets: &OffsetStore) -> Observation {
    let assignments: Vec<_> = group.members.iter().map(|m| m.assignment.clone()).collect();
    Observation::GroupLoaded(Box::new(LoadedGroup {
        metadata: group.metadata(&assignments),
        state: group.state(),
        offsets: offsets.of(&group.id).committed_list(),
    }))
}

/// The group was found in the log: each member has its full session timeout to reach the new
/// coordinator.
pub(crate) fn start_sessions(group: &ClassicGroup, turn: &mut Turn<'_>) {
    group.members.iter().for_each(|member| group.restart_session(member, turn));
}

/// A group that exceeds `group.max.size` rebalances, and drops the last to rejoin.
pub(crate) fn enforce_size(group: &mut ClassicGroup, turn: &mut Turn<'_>) {
    if !group.members.is_empty() {
        sometimes(Mark::LoadedWithMembers);
    }
    if group.members.len() > turn.config.max_size {
        rebalance::prepare(group, turn, TransitionReason::TooManyMembers);
    }
}

/// The group becomes Dead, and its parked requests fail with NOT_COORDINATOR.
pub(crate) fn unload(group: &mut ClassicGroup, turn: &mut Turn<'_>) {
    group.enter(GroupState::Dead, TransitionReason::Unloaded, turn);
    refuse_parked(group, turn, ResponseError::NotCoordinator, |id| id.0.clone());
}

/// Fails every parked request of a group. `named` gives the member id for the response to a
/// JoinGroup.
pub(crate) fn refuse_parked(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    error: ResponseError,
    named: impl Fn(&MemberId) -> StrBytes,
) {
    let waits = |m: &Member| m.join.is_some() || m.sync.is_some();
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
