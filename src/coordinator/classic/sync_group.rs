//! SyncGroup: the leader sends the assignment, every member gets its part (rules R6.2).
//!
//! The responses of the sync phase are sent when the leader's record is durable
//! ([`crate::coordinator::runtime::appends`]).

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::SyncGroupRequest;

use crate::coordinator::api::{Call, Release};
use crate::coordinator::group::Groups;
use crate::coordinator::record::Record;
use crate::coordinator::runtime::appends::Consequence;
use crate::coordinator::runtime::turn::Turn;
use crate::marks::{Mark, sometimes};
use crate::protocol::{ResponseError, StrBytes};

use super::awaited::Awaited;
use super::find_mut;
use super::group::ClassicGroup;
use super::member::Parked;
use super::responses;
use super::state::GroupState;

/// The first version with static members (KIP-345).
const HAS_INSTANCE_ID: i16 = 3;
/// The first version that must name protocol type and assignor (KIP-559).
const HAS_PROTOCOL: i16 = 5;

/// Responds to a SyncGroup or parks it.
pub(crate) fn handle(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &SyncGroupRequest,
) {
    let outcome = admit(groups, call.version, request).and_then(|group| match group.state() {
        GroupState::Empty => Err(ResponseError::UnknownMemberId),
        GroupState::PreparingRebalance => Err(ResponseError::RebalanceInProgress),
        GroupState::CompletingRebalance => {
            park(group, turn, call, request);
            Ok(())
        }
        GroupState::Stable => {
            respond(group, turn, call, request);
            Ok(())
        }
        GroupState::Dead => Err(ResponseError::CoordinatorNotAvailable),
    });
    if let Err(error) = outcome {
        turn.respond(call.id, responses::sync_error(error), Release::Now);
    }
}

/// The group, if the caller belongs to its generation (R6.2.1 to R6.2.6).
fn admit<'g>(
    groups: &'g mut Groups,
    version: i16,
    request: &SyncGroupRequest,
) -> Result<&'g mut ClassicGroup, ResponseError> {
    let unnamed = request.protocol_type.is_none() || request.protocol_name.is_none();
    if version >= HAS_PROTOCOL && unnamed {
        return Err(ResponseError::InconsistentGroupProtocol);
    }
    if request.group_id.0.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let group = find_mut(groups, &request.group_id).ok_or(ResponseError::UnknownMemberId)?;
    if group.state() == GroupState::Dead {
        return Err(ResponseError::CoordinatorNotAvailable);
    }
    let instance = request.group_instance_id.as_ref().filter(|_| version >= HAS_INSTANCE_ID);
    group.validate(&request.member_id, instance)?;
    group.check_generation(request.generation_id)?;
    let differs = |theirs: &Option<StrBytes>, ours: &Option<StrBytes>| {
        version >= HAS_PROTOCOL && theirs.is_some() && ours.is_some() && theirs != ours
    };
    if differs(&request.protocol_type, &group.protocol_type)
        || differs(&request.protocol_name, &group.protocol)
    {
        return Err(ResponseError::InconsistentGroupProtocol);
    }
    Ok(group)
}

/// The sync phase: the caller waits for the leader's record; if the caller leads, this request
/// appends it (R6.2.8).
fn park(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &SyncGroupRequest,
) {
    let id = &request.member_id;
    assert_eq!(group.generation.0, request.generation_id, "{id:?} syncs in {group}");
    if let Some(older) = group.members.park_sync(id, Parked::from(call)) {
        sometimes(Mark::SyncReplaced);
        let response = responses::sync_error(ResponseError::NotCoordinator);
        turn.respond(older.request, response, Release::Now);
    }
    no_longer_awaited(group, turn, id);
    if group.is_leader(id) {
        store(group, turn, call, request);
    }
}

/// Appends the leader's assignment. Members that it left out get an empty one; ids that are not
/// members are ignored (R9.1).
fn store(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &SyncGroupRequest,
) {
    let given: BTreeMap<&StrBytes, &Bytes> =
        request.assignments.iter().map(|entry| (&entry.member_id, &entry.assignment)).collect();
    let own = |id: &StrBytes| given.get(id).map(|bytes| Bytes::clone(bytes)).unwrap_or_default();
    let assignments: Vec<Bytes> = group.members.iter().map(|member| own(&member.id.0)).collect();
    group.in_log.is_recorded = true;
    let record = Record::GroupMetadata(group.metadata(&assignments));
    let (generation, sync) = (group.generation, call.id);
    let awaited = Awaited::Assignment { generation, assignments, sync };
    turn.append(record, Consequence::Classic { group: group.id.clone(), awaited });
}

/// The assignment is known and returned at once. Assignments in a leader's request are ignored
/// (R6.2.9).
fn respond(
    group: &mut ClassicGroup,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &SyncGroupRequest,
) {
    sometimes(Mark::SyncRepeated);
    no_longer_awaited(group, turn, &request.member_id);
    let member =
        group.members.get(&request.member_id).expect("the caller was admitted as a member");
    let response = responses::synced(group, call.version, &member.assignment);
    turn.respond(call.id, response, Release::Now);
}

fn no_longer_awaited(group: &mut ClassicGroup, turn: &mut Turn<'_>, id: &StrBytes) {
    group.members.synced(id);
    if group.members.all_synced() {
        turn.timers.cancel(&group.sync_key());
    }
}
