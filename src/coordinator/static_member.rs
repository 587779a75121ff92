//! Static members that come back: a process with the same instance id takes the place of the one before it
//! (rules R8, KIP-345).
//!
//! In a Stable group that needs no rebalance; the group is stored under the new member id, and the answer
//! waits for the record ([`committed`], [`undo`]). What a static member may do under its own member id is not
//! special and is found with the requests.

use std::time::Duration;

use crate::protocol::{MemberId, ResponseError, StrBytes};
use crate::sometimes::{Mark, sometimes};

use super::answers;
use super::api::{Observation, Release, RequestId};
use super::appends::Consequence;
use super::group::Group;
use super::member::{Parked, Terms};
use super::rebalance::{self, ALL_JOINED};
use super::record::Record;
use super::state::GroupState;
use super::turn::Turn;

/// The first version of JoinGroup whose answer may spare the leader the assignment (KIP-814).
const SKIPS_ASSIGNMENT: i16 = 9;

/// A replacement whose record is not durable yet.
#[derive(Debug)]
pub(super) struct Replacement {
    instance: StrBytes,
    old: MemberId,
    new: MemberId,
    /// What the old member had said about itself.
    old_terms: Terms,
    /// Who led before.
    old_leader: Option<MemberId>,
    join: RequestId,
}

impl Replacement {
    /// The JoinGroup that asked for it.
    pub(super) fn join(&self) -> RequestId {
        self.join
    }
}

/// Puts `new` in the place of the member that holds `instance`; `terms` and `join` are those of its
/// JoinGroup (R8.2 to R8.5).
pub(super) fn replace(
    group: &mut Group,
    turn: &mut Turn<'_>,
    instance: &StrBytes,
    new: MemberId,
    terms: Terms,
    join: Parked,
) {
    let Some(old) = group.members.holder(instance).cloned() else {
        panic!("nobody holds {instance:?} in group {}", group.id.0);
    };
    let old_leader = group.leader.clone();
    let (session, rebalance) = (terms.session, terms.rebalance);
    rename(group, turn, &old, &new);
    let old_terms = group.members.update(&new.0, terms);
    group.members.park_join(&new.0, join);
    let (group_id, instance) = (group.id.clone(), instance.clone());
    turn.observe(Observation::MemberReplaced {
        group: group_id,
        instance: instance.clone(),
        old: old.clone(),
        new: new.clone(),
        session,
        rebalance,
    });
    // The timer runs for the session timeout of the member before, as in Kafka: the terms of the
    // JoinGroup are taken over after it is armed.
    arm_session(group, turn, &new, old_terms.session);
    let join = join.request;
    go_on(group, turn, Replacement { instance, old, new, old_terms, old_leader, join });
}

fn go_on(group: &mut Group, turn: &mut Turn<'_>, replacement: Replacement) {
    match group.state() {
        GroupState::Stable if group.protocol == Some(group.members.vote()) => {
            store(group, turn, replacement);
        }
        GroupState::Stable => rebalance::prepare(group, turn, "assignor changed"),
        // The leader may be computing an assignment for the old id, which would leave the new one
        // without.
        GroupState::CompletingRebalance => {
            rebalance::prepare(group, turn, "static member replaced");
        }
        GroupState::PreparingRebalance => {
            rebalance::complete_if_all_joined(group, turn, ALL_JOINED);
        }
        GroupState::Empty | GroupState::Dead => panic!(
            "group {} is {} in generation {} and has the member {}",
            group.id.0,
            group.state(),
            group.generation,
            replacement.new
        ),
    }
}

fn store(group: &Group, turn: &mut Turn<'_>, replacement: Replacement) {
    let assignments: Vec<_> = group.members.iter().map(|m| m.assignment.clone()).collect();
    let record = Record::GroupMetadata(group.metadata(&assignments));
    let replacement = Box::new(replacement);
    turn.append(record, Consequence::Replacement { group: group.id.clone(), replacement });
}

/// The replacement is durable: the member is told the generation it is part of, if its JoinGroup still
/// waits. If a rebalance began meanwhile it has to join again (R8.8).
pub(super) fn committed(group: &mut Group, turn: &mut Turn<'_>, replacement: &Replacement) {
    let Replacement { new, join, .. } = replacement;
    let Some(parked) = waits(group, new, *join) else { return };
    let rebalancing = group.state() == GroupState::PreparingRebalance;
    if rebalancing {
        sometimes(Mark::ReplacementOvertaken);
    }
    if rebalancing && parked.version >= SKIPS_ASSIGNMENT && group.is_leader(&new.0) {
        // There is no list of members to give in the join phase; it waits for the end of that.
        return;
    }
    group.members.take_join(&new.0);
    // Its session may have run out meanwhile, which the parked JoinGroup made harmless: without a timer a
    // process that dies before its first heartbeat would be a member for ever.
    if let Some(member) = group.members.get(&new.0) {
        group.restart_session(member, turn);
    }
    let answer = match parked.version >= SKIPS_ASSIGNMENT {
        true => answers::replaced(group, parked.version, &new.0),
        false => {
            // A leader that was told to lead would send a new assignment for the generation that has
            // one. As a follower it takes what is there.
            let leader = replacement.old_leader.as_ref().map(|old| old.0.clone());
            answers::joined(group, parked.version, &new.0, Vec::new())
                .with_leader(leader.unwrap_or_default())
        }
    };
    turn.respond(parked.request, answer, Release::Now);
}

fn waits(group: &Group, id: &MemberId, join: RequestId) -> Option<Parked> {
    group.members.get(&id.0)?.join.filter(|parked| parked.request == join)
}

/// The replacement will not be durable: the old member has its place again (R8.9). If the new one has been
/// replaced itself or is gone, there is no place to give back.
pub(super) fn undo(
    group: &mut Group,
    turn: &mut Turn<'_>,
    replacement: Replacement,
    error: ResponseError,
) {
    let Replacement { instance, old, new, old_terms, old_leader, join } = replacement;
    if group.members.holder(&instance) != Some(&new) {
        return;
    }
    if let Some(parked) = waits(group, &new, join) {
        group.members.take_join(&new.0);
        // Kafka sets the error beside what a granted JoinGroup would say.
        let leader = old_leader.map(|old| old.0).unwrap_or_default();
        let answer = answers::joined(group, parked.version, &StrBytes::new(), Vec::new())
            .with_leader(leader)
            .with_error_code(error.code());
        turn.respond(parked.request, answer, Release::Now);
    }
    let session = old_terms.session;
    // Somebody may have joined since who has nothing in common with the old terms.
    if group.members.could_agree(&new.0, &old_terms) {
        group.members.update(&new.0, old_terms);
    }
    sometimes(Mark::ReplacementUndone);
    rename(group, turn, &new, &old);
    arm_session(group, turn, &old, session);
    let group = group.id.clone();
    turn.observe(Observation::ReplacementUndone { group, instance, old, new });
}

/// Gives the member's place to another id, with leadership and assignment. What is parked under the id that
/// goes is answered FENCED_INSTANCE_ID.
fn rename(group: &mut Group, turn: &mut Turn<'_>, from: &MemberId, to: &MemberId) {
    turn.timers.cancel(&group.session_key(from));
    let fenced = ResponseError::FencedInstanceId;
    let (join, sync) = group.members.rename(&from.0, to.clone());
    if join.is_some() || sync.is_some() {
        sometimes(Mark::ParkedIsFenced);
    }
    if let Some(join) = join {
        let answer = answers::join_error(join.version, &from.0, fenced);
        turn.respond(join.request, answer, Release::Now);
    }
    if let Some(sync) = sync {
        turn.respond(sync.request, answers::sync_error(fenced), Release::Now);
    }
    if group.is_leader(&from.0) {
        group.leader = Some(to.clone());
    }
}

fn arm_session(group: &Group, turn: &mut Turn<'_>, id: &MemberId, session: Duration) {
    turn.arm(group.session_key(id), session);
}
