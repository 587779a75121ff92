//! What each timer does when it fires (rules R5). A timer that has no effect is not observed.

use crate::coordinator::classic::group::{Group, Groups};
use crate::coordinator::classic::rebalance;
use crate::coordinator::classic::state::GroupState;
use crate::coordinator::observation::{ClassicObservation, Observation, TimerKind};
use crate::coordinator::offsets::retention;
use crate::coordinator::reason::{Removal, TransitionReason};
use crate::protocol::{GroupId, MemberId};

use super::timers::TimerKey;
use super::turn::Turn;

/// Handles a timer that fired.
pub(crate) fn fired(groups: &mut Groups, turn: &mut Turn<'_>, key: TimerKey) {
    match key {
        TimerKey::Session { group, member } => session(expect_group(groups, &group), turn, &member),
        TimerKey::PendingJoin { group, member } => {
            pending_join(expect_group(groups, &group), turn, &member)
        }
        TimerKey::Join { group } => join(expect_group(groups, &group), turn),
        TimerKey::Sync { group } => sync(expect_group(groups, &group), turn),
        TimerKey::Retention => retention::fired(groups, turn),
    }
}

fn expect_group<'a>(groups: &'a mut Groups, id: &GroupId) -> &'a mut Group {
    match groups.get_mut(id) {
        Some(group) => group,
        None => panic!("a timer of group {} fired, which does not exist", id.0),
    }
}

/// A member's session expired. A member with a parked request is spared; the response restarts its
/// session (R5.1).
fn session(group: &mut Group, turn: &mut Turn<'_>, id: &MemberId) {
    match group.members.get(&id.0) {
        Some(member) if member.is_shielded() => return,
        Some(_) => {}
        None => panic!("the session of {id} ran out, who is no member of {}", group.id.0),
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
fn pending_join(group: &mut Group, turn: &mut Turn<'_>, id: &MemberId) {
    assert!(group.pending_join.remove(id), "{id} is not pending in {}", group.id.0);
    observe(group, turn, TimerKind::PendingJoin, Some(id));
    rebalance::complete_after_expiry(group, turn, TransitionReason::PendingIdExpired);
}

/// The join phase, or a step of the initial delay, is over (R5.4).
fn join(group: &mut Group, turn: &mut Turn<'_>) {
    assert_eq!(
        group.state(),
        GroupState::PreparingRebalance,
        "the join timer of group {} fired in generation {}",
        group.id.0,
        group.generation
    );
    observe(group, turn, TimerKind::Join, None);
    rebalance::join_timer_fired(group, turn);
}

/// The sync phase is over and some members have not sent SyncGroup (R5.5).
fn sync(group: &mut Group, turn: &mut Turn<'_>) {
    match group.state() {
        GroupState::CompletingRebalance | GroupState::Stable => {}
        GroupState::Empty | GroupState::PreparingRebalance | GroupState::Dead => panic!(
            "the sync timer of group {} fired in {} in generation {}",
            group.id.0,
            group.state(),
            group.generation
        ),
    }
    observe(group, turn, TimerKind::Sync, None);
    for id in group.members.ids_where(|member| member.sync_awaited) {
        group.remove_member(&id, Removal::NotSynced, turn);
    }
    rebalance::prepare(group, turn, TransitionReason::SyncTimeout);
}

fn observe(group: &Group, turn: &mut Turn<'_>, timer: TimerKind, member: Option<&MemberId>) {
    let (group, member) = (group.id.clone(), member.cloned());
    turn.observe(Observation::Classic(ClassicObservation::TimerFired { group, timer, member }));
}
