//! The timers of a classic group, and what each does when it fires (rules R5). A timer that has no
//! effect is not observed.

use crate::coordinator::group::Groups;
use crate::coordinator::observation::{ClassicObservation, Observation, TimerKind};
use crate::coordinator::reason::{Removal, TransitionReason};
use crate::coordinator::runtime::timers::TimerKey;
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{GroupId, MemberId};

use super::find_mut;
use super::group::ClassicGroup;
use super::rebalance;
use super::state::GroupState;

/// The purpose of a timer of a classic group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClassicTimer {
    /// A member's session, or the five minutes of a new member (R5.1, R5.2).
    Session { group: GroupId, member: MemberId },
    /// A member id that was handed out and has not joined yet (R5.3).
    PendingJoin { group: GroupId, member: MemberId },
    /// The end of the join phase, or of a step of the initial delay (R5.4).
    Join { group: GroupId },
    /// The end of the sync phase (R5.5).
    Sync { group: GroupId },
}

impl From<ClassicTimer> for TimerKey {
    fn from(timer: ClassicTimer) -> TimerKey {
        TimerKey::Classic(timer)
    }
}

impl ClassicTimer {
    fn group(&self) -> &GroupId {
        match self {
            ClassicTimer::Session { group, .. }
            | ClassicTimer::PendingJoin { group, .. }
            | ClassicTimer::Join { group }
            | ClassicTimer::Sync { group } => group,
        }
    }
}

/// Handles a timer that fired.
pub(crate) fn fired(groups: &mut Groups, turn: &mut Turn<'_>, timer: &ClassicTimer) {
    let Some(group) = find_mut(groups, timer.group()) else {
        panic!("{timer:?} fired, but the group does not exist");
    };
    match timer {
        ClassicTimer::Session { member, .. } => session(group, turn, member),
        ClassicTimer::PendingJoin { member, .. } => pending_join(group, turn, member),
        ClassicTimer::Join { .. } => join(group, turn),
        ClassicTimer::Sync { .. } => sync(group, turn),
    }
    group.assert_ready(turn);
}

/// A member's session expired. A member with a parked request is spared; the response restarts its
/// session (R5.1).
fn session(group: &mut ClassicGroup, turn: &mut Turn<'_>, id: &MemberId) {
    match group.members.get(&id.0) {
        Some(member) if member.is_shielded() => return,
        Some(_) => {}
        None => panic!("the session of {id} expired, but it is not a member of {group}"),
    }
    observe(group, turn, TimerKind::Session, Some(id));
    group.remove_member(id, Removal::SessionExpired, turn);
    match group.state() {
        GroupState::Stable | GroupState::CompletingRebalance => {
            rebalance::prepare(group, turn, TransitionReason::SessionExpired);
        }
        GroupState::PreparingRebalance => {
            rebalance::complete_after_expiry(group, turn, TransitionReason::SessionExpired);
        }
        GroupState::Empty | GroupState::Dead => {}
    }
}

/// A pending member id expired without joining (R5.3).
fn pending_join(group: &mut ClassicGroup, turn: &mut Turn<'_>, id: &MemberId) {
    assert!(group.pending_join.remove(id), "{id} expired, but is not pending in {group}");
    observe(group, turn, TimerKind::PendingJoin, Some(id));
    rebalance::complete_after_expiry(group, turn, TransitionReason::PendingIdExpired);
}

/// The join phase, or a step of the initial delay, is over (R5.4).
fn join(group: &mut ClassicGroup, turn: &mut Turn<'_>) {
    observe(group, turn, TimerKind::Join, None);
    rebalance::join_timer_fired(group, turn);
}

/// The sync phase is over and some members have not sent SyncGroup (R5.5).
fn sync(group: &mut ClassicGroup, turn: &mut Turn<'_>) {
    match group.state() {
        GroupState::CompletingRebalance | GroupState::Stable => {}
        GroupState::Empty | GroupState::PreparingRebalance | GroupState::Dead => {
            panic!("the sync timer of {group} fired")
        }
    }
    observe(group, turn, TimerKind::Sync, None);
    for id in group.members.ids_where(|member| member.sync_awaited) {
        group.remove_member(&id, Removal::NotSynced, turn);
    }
    rebalance::prepare(group, turn, TransitionReason::SyncTimeout);
}

fn observe(group: &ClassicGroup, turn: &mut Turn<'_>, timer: TimerKind, member: Option<&MemberId>) {
    let (group, member) = (group.id.clone(), member.cloned());
    turn.observe(Observation::Classic(ClassicObservation::TimerFired { group, timer, member }));
}
