//! Static members that come back: a new process with the same instance id takes the place of the
//! previous one (rules R8, KIP-345).
//!
//! In a Stable group this needs no rebalance: the group is stored with the new member id, and the
//! response waits for the record ([`committed`], [`undo`]). A static member that uses its own
//! member id is handled like any other, in the files of the requests.

use std::time::Duration;

use crate::coordinator::api::{Release, RequestId};
use crate::coordinator::observation::{ClassicObservation, Observation};
use crate::coordinator::reason::TransitionReason;
use crate::coordinator::record::Record;
use crate::coordinator::runtime::appends::Consequence;
use crate::coordinator::runtime::turn::Turn;
use crate::marks::{Mark, sometimes};
use crate::protocol::{MemberId, ResponseError, StrBytes};

use super::awaited::Awaited;
use super::group::ClassicGroup;
use super::member::{JoinParams, Parked};
use super::rebalance::{self, ALL_JOINED};
use super::responses;
use super::state::GroupState;

/// The first version of JoinGroup with SkipAssignment (KIP-814).
const HAS_SKIP_ASSIGNMENT: i16 = 9;

/// A replacement whose record is not durable yet.
#[derive(Debug)]
pub(crate) struct Replacement {
    instance: StrBytes,
    old: MemberId,
    new: MemberId,
    /// The join parameters of the old member.
    old_params: JoinParams,
    /// The leader before the replacement.
    old_leader: Option<MemberId>,
    join: RequestId,
}

impl Replacement {
    /// The JoinGroup that caused it.
    pub(crate) fn join(&self) -> RequestId {
        self.join
    }
}

/// Replaces the member that holds `instance` with `new`; `params` and `join` are those of its
/// JoinGroup (R8.2 to R8.5).
pub(super) fn replace(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    instance: &StrBytes,
    new: MemberId,
    params: JoinParams,
    join: Parked,
) {
    let Some(old) = group.members.holder(instance).cloned() else {
        panic!("no member of {group} holds {instance:?}");
    };
    let old_leader = group.leader.clone();
    let (session, rebalance) = (params.session, params.rebalance);
    rename(group, turn, &old, &new);
    let old_params = group.members.update(&new.0, params);
    group.members.park_join(&new.0, join);
    let (group_id, instance) = (group.id.clone(), instance.clone());
    turn.observe(Observation::Classic(ClassicObservation::MemberReplaced {
        group: group_id,
        instance: instance.clone(),
        old: old.clone(),
        new: new.clone(),
        session,
        rebalance,
    }));
    // The timer runs for the previous member's session timeout, as in Kafka, where the parameters
    // of the JoinGroup are applied after the timer is armed.
    arm_session(group, turn, &new, old_params.session);
    let join = join.request;
    store_or_rebalance(
        group,
        turn,
        Replacement { instance, old, new, old_params, old_leader, join },
    );
}

fn store_or_rebalance(group: &mut ClassicGroup, turn: &mut Turn<'_>, replacement: Replacement) {
    match group.state() {
        GroupState::Stable if group.protocol == Some(group.members.vote()) => {
            store(group, turn, replacement);
        }
        GroupState::Stable => rebalance::prepare(group, turn, TransitionReason::AssignorChanged),
        // The leader may be computing an assignment for the old id, which would leave the new one
        // without partitions.
        GroupState::CompletingRebalance => {
            rebalance::prepare(group, turn, TransitionReason::StaticMemberReplaced);
        }
        GroupState::PreparingRebalance => {
            rebalance::complete_if_all_joined(group, turn, ALL_JOINED);
        }
        GroupState::Empty | GroupState::Dead => panic!("{group} has {}", replacement.new),
    }
}

fn store(group: &ClassicGroup, turn: &mut Turn<'_>, replacement: Replacement) {
    let assignments: Vec<_> = group.members.iter().map(|m| m.assignment.clone()).collect();
    let record = Record::GroupMetadata(group.metadata(&assignments));
    let replacement = Box::new(replacement);
    let awaited = Awaited::Replacement(replacement);
    turn.append(record, Consequence::Classic { group: group.id.clone(), awaited });
}

/// The replacement is durable: the member's JoinGroup, if it is still parked, completes with the
/// generation. If a rebalance began meanwhile the member has to join again (R8.8).
pub(crate) fn committed(group: &mut ClassicGroup, turn: &mut Turn<'_>, replacement: &Replacement) {
    let Replacement { new, join, .. } = replacement;
    let Some(parked) = parked_join(group, new, *join) else { return };
    let rebalancing = group.state() == GroupState::PreparingRebalance;
    if rebalancing {
        sometimes(Mark::ReplacementOvertaken);
    }
    if rebalancing && parked.version >= HAS_SKIP_ASSIGNMENT && group.is_leader(&new.0) {
        // There is no member list to return in the join phase; the request stays parked until its
        // end.
        return;
    }
    group.members.take_join(&new.0);
    // The session timer may have fired without effect while the JoinGroup was parked. Without a
    // timer, a process that dies before its first heartbeat would stay a member for ever.
    if let Some(member) = group.members.get(&new.0) {
        group.restart_session(member, turn);
    }
    let response = match parked.version >= HAS_SKIP_ASSIGNMENT {
        true => responses::replaced(group, parked.version, &new.0),
        false => {
            // A leader that sees itself as leader would send a new assignment for a generation that
            // has one. As a follower it takes the existing one.
            let leader = replacement.old_leader.as_ref().map(|old| old.0.clone());
            responses::joined(group, parked.version, &new.0, Vec::new())
                .with_leader(leader.unwrap_or_default())
        }
    };
    turn.respond(parked.request, response, Release::Now);
}

fn parked_join(group: &ClassicGroup, id: &MemberId, join: RequestId) -> Option<Parked> {
    group.members.get(&id.0)?.join.filter(|parked| parked.request == join)
}

/// The replacement will not become durable: the old member gets its place back (R8.9). If the new
/// one has been replaced itself or is gone, there is no place to give back.
pub(super) fn undo(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    replacement: Replacement,
    error: ResponseError,
) {
    let Replacement { instance, old, new, old_params, old_leader, join } = replacement;
    if group.members.holder(&instance) != Some(&new) {
        return;
    }
    if let Some(parked) = parked_join(group, &new, join) {
        group.members.take_join(&new.0);
        // Kafka sets the error on an otherwise successful response.
        let leader = old_leader.map(|old| old.0).unwrap_or_default();
        let response = responses::joined(group, parked.version, &StrBytes::new(), Vec::new())
            .with_leader(leader)
            .with_error_code(error.code());
        turn.respond(parked.request, response, Release::Now);
    }
    let session = old_params.session;
    // A member that has joined since may share no assignor with the old parameters.
    if group.members.could_agree(&new.0, &old_params) {
        group.members.update(&new.0, old_params);
    }
    sometimes(Mark::ReplacementUndone);
    rename(group, turn, &new, &old);
    arm_session(group, turn, &old, session);
    turn.changed(&group.id);
    let group = group.id.clone();
    turn.observe(Observation::Classic(ClassicObservation::ReplacementUndone {
        group,
        instance,
        old,
        new,
    }));
}

/// Gives the member's place to another member id, with leadership and assignment. Requests parked
/// under the old id fail with FENCED_INSTANCE_ID.
fn rename(group: &mut ClassicGroup, turn: &mut Turn<'_>, from: &MemberId, to: &MemberId) {
    assert!(group.members.get(&to.0).is_none(), "{to} replaces {from} and is a member of {group}");
    assert!(!group.pending_join.contains(to), "{to} replaces {from} and is pending in {group}");
    turn.timers.cancel(&group.session_key(from));
    let fenced = ResponseError::FencedInstanceId;
    let (join, sync) = group.members.rename(&from.0, to.clone());
    if join.is_some() || sync.is_some() {
        sometimes(Mark::ParkedIsFenced);
    }
    if let Some(join) = join {
        let response = responses::join_error(join.version, &from.0, fenced);
        turn.respond(join.request, response, Release::Now);
    }
    if let Some(sync) = sync {
        turn.respond(sync.request, responses::sync_error(fenced), Release::Now);
    }
    if group.is_leader(&from.0) {
        group.leader = Some(to.clone());
    }
    assert!(group.members.get(&from.0).is_none(), "{from} was replaced by {to} in {group}");
}

fn arm_session(group: &ClassicGroup, turn: &mut Turn<'_>, id: &MemberId, session: Duration) {
    turn.arm(group.session_key(id), session);
}
