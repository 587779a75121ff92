//! The rebalance: from its first cause, through the join phase, to the end of the sync phase (rules
//! R7).

use std::time::Duration;

use bytes::Bytes;

use crate::coordinator::api::Release;
use crate::coordinator::observation::{ClassicObservation, Observation};
use crate::coordinator::reason::{Removal, TransitionReason};
use crate::coordinator::record::Record;
use crate::coordinator::runtime::appends::Consequence;
use crate::coordinator::runtime::turn::Turn;
use crate::marks::{Mark, sometimes};
use crate::protocol::{MemberId, ResponseError};

use super::group::{ClassicGroup, InitialDelay};
use super::member::Member;
use super::responses;
use super::state::GroupState;
use super::subscribed;

/// With a rebalance timeout of zero the join timer would fire again and again in the same instant.
const MIN_JOIN_PHASE: Duration = Duration::from_millis(100);

/// The reason for which most join phases close.
pub(super) const ALL_JOINED: TransitionReason = TransitionReason::AllMembersJoined;

/// Something changed that requires a new generation: opens the join phase, or closes it if it is
/// open and waited only for this.
pub(super) fn prepare_or_complete(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    why: TransitionReason,
) {
    match group.state() {
        GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable => {
            prepare(group, turn, why);
        }
        GroupState::PreparingRebalance => complete_if_all_joined(group, turn, ALL_JOINED),
        GroupState::Dead => {}
    }
}

/// Opens the join phase.
pub(super) fn prepare(group: &mut ClassicGroup, turn: &mut Turn<'_>, why: TransitionReason) {
    let is_open = turn.timers.deadline(&group.join_key()).is_some();
    assert!(!is_open, "{group} opens a join phase ({why}), and has a join timer");
    if group.state() == GroupState::CompletingRebalance {
        refuse_syncs(group, turn, ResponseError::RebalanceInProgress);
    }
    group.members.forget_syncs();
    turn.timers.cancel(&group.sync_key());
    let was_empty = group.state() == GroupState::Empty;
    group.enter(GroupState::PreparingRebalance, why, turn);
    if was_empty {
        begin_initial_delay(group, turn);
    } else if group.all_joined() {
        complete(group, turn, ALL_JOINED);
    } else {
        turn.arm(group.join_key(), group.members.rebalance_timeout());
    }
}

/// Closes the join phase if all members have joined. The initial delay always runs its course
/// (R7.1). `why` is the last event that the phase waited for.
pub(super) fn complete_if_all_joined(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    why: TransitionReason,
) {
    if group.initial_delay.is_none() {
        complete_after_expiry(group, turn, why);
    }
}

/// Like [`complete_if_all_joined`], after a member or a pending id expired, which does cut the
/// initial delay short (R7.1).
pub(super) fn complete_after_expiry(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    why: TransitionReason,
) {
    if group.state() == GroupState::PreparingRebalance && group.all_joined() {
        complete(group, turn, why);
    }
}

/// The join timer fired. The initial delay continues for another step if a member was added during
/// this one; otherwise the phase closes with the members that have joined.
pub(super) fn join_timer_fired(group: &mut ClassicGroup, turn: &mut Turn<'_>) {
    assert_eq!(group.state(), GroupState::PreparingRebalance, "the join timer of {group} fired");
    let Some(delay) = group.initial_delay else {
        return complete(group, turn, TransitionReason::JoinTimeout);
    };
    if !group.added_during_delay || delay.remaining.is_zero() {
        return complete(group, turn, TransitionReason::InitialDelayOver);
    }
    sometimes(Mark::DelayExtended);
    let step = turn.config.initial_rebalance_delay.min(delay.remaining);
    let remaining = delay.remaining.saturating_sub(delay.step);
    // Reset only here, as in Kafka: a member added during the last step counts for the first step
    // of the next initial delay.
    group.added_during_delay = false;
    start_step(group, turn, InitialDelay { step, remaining });
}

/// The first join of an empty group waits for more members (KIP-134), in total no longer than one
/// rebalance may take.
fn begin_initial_delay(group: &mut ClassicGroup, turn: &mut Turn<'_>) {
    let step = turn.config.initial_rebalance_delay;
    let remaining = group.members.rebalance_timeout().saturating_sub(step);
    start_step(group, turn, InitialDelay { step, remaining });
}

fn start_step(group: &mut ClassicGroup, turn: &mut Turn<'_>, delay: InitialDelay) {
    group.initial_delay = Some(delay);
    turn.arm(group.join_key(), delay.step);
}

/// Closes the join phase: dynamic members that have not rejoined are removed, and the next
/// generation begins. If only static members are left and none of them has rejoined, the phase
/// continues.
fn complete(group: &mut ClassicGroup, turn: &mut Turn<'_>, why: TransitionReason) {
    remove_unjoined(group, turn);
    if !group.members.is_empty() && !elect(group) {
        return extend_join_phase(group, turn);
    }
    turn.timers.cancel(&group.join_key());
    group.initial_delay = None;
    let took = turn.now.since(group.state_since());
    group.begin_generation();
    if group.members.is_empty() {
        become_empty(group, turn, took);
    } else {
        begin_sync_phase(group, turn, took, why);
    }
}

/// A static member keeps its place for as long as its session lasts (R8.10).
fn remove_unjoined(group: &mut ClassicGroup, turn: &mut Turn<'_>) {
    if group.members.all_joined() {
        return;
    }
    let is_out = |m: &Member| m.join.is_none() && m.instance_id.is_none();
    for id in group.members.ids_where(is_out) {
        sometimes(Mark::UnjoinedPutOut);
        group.remove_member(&id, Removal::NotRejoined, turn);
    }
}

/// Makes a member that has rejoined the leader; returns false if none has (R7.3).
fn elect(group: &mut ClassicGroup) -> bool {
    let has_joined = |id: &MemberId| group.members.get(&id.0).is_some_and(|m| m.join.is_some());
    if !group.leader.as_ref().is_some_and(has_joined) {
        let next = group.members.iter().find(|m| m.join.is_some()).map(|m| m.id.clone());
        let Some(next) = next else { return false };
        group.leader = Some(next);
    }
    true
}

/// No member has rejoined that could lead. The phase lasts for another rebalance timeout, until a
/// member joins or the sessions have expired (R7.8). If it began in an empty group, it is still in
/// the initial delay.
fn extend_join_phase(group: &mut ClassicGroup, turn: &mut Turn<'_>) {
    sometimes(Mark::NoEligibleLeader);
    let step = group.members.rebalance_timeout().max(MIN_JOIN_PHASE);
    match group.initial_delay {
        Some(_) => start_step(group, turn, InitialDelay { step, remaining: Duration::ZERO }),
        None => turn.arm(group.join_key(), step),
    }
}

fn become_empty(group: &mut ClassicGroup, turn: &mut Turn<'_>, took: Duration) {
    assert_eq!(group.leader, None, "{group} has a leader");
    assert!(group.members.is_empty(), "{group} cannot become empty");
    group.protocol = None;
    group.subscribed = subscribed::of_members(group);
    group.in_log.is_recorded = true;
    group.enter(GroupState::Empty, TransitionReason::NoMembersLeft, turn);
    observe_generation(group, turn, took);
    turn.append(Record::GroupMetadata(group.metadata(&[])), Consequence::None);
}

fn begin_sync_phase(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    took: Duration,
    why: TransitionReason,
) {
    let leads = |leader: &MemberId| group.members.get(&leader.0).is_some_and(|m| m.join.is_some());
    assert!(group.leader.as_ref().is_some_and(leads), "{:?} leads {group}", group.leader);
    let choice = group.members.vote();
    assert!(group.members.all_support(&choice), "{choice:?} is not for every member of {group}");
    group.protocol = Some(choice);
    group.subscribed = subscribed::of_members(group);
    group.enter(GroupState::CompletingRebalance, why, turn);
    observe_generation(group, turn, took);
    respond_joins(group, turn);
    turn.arm(group.sync_key(), group.members.rebalance_timeout());
}

fn respond_joins(group: &mut ClassicGroup, turn: &mut Turn<'_>) {
    for index in 0..group.members.len() {
        let (join, member) = group.members.begin_sync(index);
        let (id, session) = (member.id.clone(), member.params.session);
        turn.arm(group.session_key(&id), session);
        let Some(join) = join else { continue };
        let list = responses::list_for(group, join.version, &id.0);
        let response = responses::joined(group, join.version, &id.0, list);
        turn.respond(join.request, response, Release::Now);
    }
}

fn observe_generation(group: &ClassicGroup, turn: &mut Turn<'_>, took: Duration) {
    turn.observe(Observation::Classic(ClassicObservation::GenerationBegan {
        group: group.id.clone(),
        generation: group.generation,
        protocol: group.protocol.clone(),
        leader: group.leader.clone(),
        members: group.members.iter().map(|member| member.id.clone()).collect(),
        took,
    }));
}

/// The leader's assignment is durable: every parked SyncGroup gets its part. `assignments` is in
/// the order of the members, which cannot have changed since the leader's SyncGroup in this
/// generation.
pub(super) fn assign(group: &mut ClassicGroup, turn: &mut Turn<'_>, assignments: Vec<Bytes>) {
    assert_eq!(
        assignments.len(),
        group.members.len(),
        "{group} changed its members before they were assigned to"
    );
    group.enter(GroupState::Stable, TransitionReason::LeaderSynced, turn);
    for (index, assignment) in assignments.into_iter().enumerate() {
        let (sync, member) = group.members.assign(index, assignment);
        let Some(sync) = sync else { continue };
        let (id, session) = (member.id.clone(), member.params.session);
        turn.arm(group.session_key(&id), session);
        let response = responses::synced(group, sync.version, &group.members.at(index).assignment);
        turn.respond(sync.request, response, Release::Now);
    }
}

/// The leader's assignment could not be stored: parked SyncGroups fail, and a rebalance begins.
pub(super) fn assignment_failed(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    error: ResponseError,
) {
    sometimes(Mark::AssignmentNotStored);
    refuse_syncs(group, turn, error);
    prepare(group, turn, TransitionReason::AssignmentNotStored);
}

/// Clears every assignment and fails every parked SyncGroup with `error`.
fn refuse_syncs(group: &mut ClassicGroup, turn: &mut Turn<'_>, error: ResponseError) {
    assert_eq!(group.state(), GroupState::CompletingRebalance, "{group} refuses its SyncGroups");
    for index in 0..group.members.len() {
        let (sync, member) = group.members.assign(index, Bytes::new());
        let Some(sync) = sync else { continue };
        let (id, session) = (member.id.clone(), member.params.session);
        turn.arm(group.session_key(&id), session);
        turn.respond(sync.request, responses::sync_error(error), Release::Now);
    }
}
