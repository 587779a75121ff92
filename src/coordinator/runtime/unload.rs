//! The end of a coordinator's term (rules R11).

use crate::coordinator::group::Groups;

use super::turn::Turn;

/// Every group becomes Dead, and parked requests fail with NOT_COORDINATOR. So do requests that
/// wait for a record, whose outcome this coordinator will not learn: the broker refuses them
/// (R11.7).
pub(crate) fn unload(groups: &mut Groups, turn: &mut Turn<'_>) {
    turn.timers.cancel_all();
    groups.values_mut().for_each(|group| group.unload(turn));
    turn.appends.forget_all();
}
