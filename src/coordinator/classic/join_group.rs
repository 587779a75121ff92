//! JoinGroup: joins a group or its next generation (rules R6.1).
//!
//! The response usually comes later, when the join phase closes ([`super::rebalance`]).

use kafka_protocol::messages::JoinGroupRequest;

use crate::coordinator::api::{Call, Release};
use crate::coordinator::group::{Group, Groups};
use crate::coordinator::reason::{Removal, TransitionReason};
use crate::coordinator::record::Record;
use crate::coordinator::runtime::appends::Consequence;
use crate::coordinator::runtime::turn::Turn;
use crate::marks::{Mark, sometimes};
use crate::protocol::{MemberId, ResponseError, StrBytes, str_bytes};
use crate::rng::Rng;
use crate::time::from_millis_i32;

use super::find_mut;
use super::group::ClassicGroup;
use super::member::{JoinParams, Member, Parked};
use super::rebalance;
use super::responses;
use super::state::GroupState;
use super::static_member;

/// The first version in which a new member first gets an id and then joins with it (KIP-394).
const REQUIRES_MEMBER_ID: i16 = 4;
/// The first version with static members (KIP-345).
const HAS_INSTANCE_ID: i16 = 5;

/// A JoinGroup that is being handled.
struct Join<'a> {
    call: &'a Call<'a>,
    request: &'a JoinGroupRequest,
}

/// Responds to a JoinGroup or parks it.
pub(crate) fn handle(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &JoinGroupRequest,
) {
    let join = Join { call, request };
    let outcome = join.precheck(turn).and_then(|()| {
        let group = join.find_or_create(groups, turn)?;
        if !has_room(group, &request.member_id, turn.config.max_size) {
            join.refuse_for_size(group, turn);
            return Ok(());
        }
        join.enter(group, turn)
    });
    if let Err(error) = outcome {
        join.refuse(turn, &request.member_id, error);
    }
}

/// Whether a group of at most `max` members has room for this one (R6.1.17, KIP-389). In the join
/// phase only members that have joined count, so that a group that is too large drops the last to
/// rejoin.
fn has_room(group: &ClassicGroup, member: &StrBytes, max: usize) -> bool {
    let known = group.members.get(member);
    match group.state() {
        GroupState::Empty | GroupState::Dead => true,
        GroupState::PreparingRebalance => {
            known.is_some_and(|member| member.join.is_some()) || group.members.joined() < max
        }
        GroupState::CompletingRebalance | GroupState::Stable => {
            known.is_some() || group.members.len() < max
        }
    }
}

impl Join<'_> {
    /// The checks that do not depend on the group (R6.1.1, R6.1.2).
    fn precheck(&self, turn: &Turn<'_>) -> Result<(), ResponseError> {
        if self.request.group_id.0.is_empty() {
            return Err(ResponseError::InvalidGroupId);
        }
        let session = from_millis_i32(self.request.session_timeout_ms);
        let (min, max) = (turn.config.min_session_timeout, turn.config.max_session_timeout);
        match (min..=max).contains(&session) {
            true => Ok(()),
            false => Err(ResponseError::InvalidSessionTimeout),
        }
    }

    /// The first JoinGroup without a member id creates the group, and its record, whatever the
    /// outcome of the join (R6.1.3, R6.1.4).
    fn find_or_create<'g>(
        &self,
        groups: &'g mut Groups,
        turn: &mut Turn<'_>,
    ) -> Result<&'g mut ClassicGroup, ResponseError> {
        let id = &self.request.group_id;
        if !groups.contains_key(id) {
            if !self.request.member_id.is_empty() {
                return Err(ResponseError::UnknownMemberId);
            }
            let mut group = ClassicGroup::new(id.clone(), turn.now);
            group.in_log.is_recorded = true;
            let record = Record::GroupMetadata(group.metadata(&[]));
            group.in_log.creation = Some(turn.append(record, Consequence::None));
            groups.insert(id.clone(), Group::Classic(group));
        }
        Ok(find_mut(groups, id).expect("the group is there or was just created"))
    }

    /// Handles the three kinds of callers: without a member id, with a pending id, members (R6.1.5
    /// to R6.1.10).
    fn enter(&self, group: &mut ClassicGroup, turn: &mut Turn<'_>) -> Result<(), ResponseError> {
        if group.state() == GroupState::Dead {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        let offered = self.request.protocols.iter().map(|protocol| &protocol.name);
        if !group.supports(&self.request.protocol_type, offered) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        let member = MemberId(self.request.member_id.clone());
        if member.is_empty() {
            self.join_without_member_id(group, turn);
            Ok(())
        } else if group.pending_join.contains(&member) {
            if self.instance().is_some() {
                // Only dynamic members get pending ids. Kafka responds to an internal inconsistency
                // with an empty member id.
                self.refuse(turn, &StrBytes::new(), ResponseError::UnknownServerError);
                return Ok(());
            }
            group.pending_join.remove(&member);
            turn.timers.cancel(&group.pending_join_key(&member));
            self.add(group, turn, member);
            Ok(())
        } else {
            self.handle_member(group, turn, &member)
        }
    }

    /// An instance id shows whether the process has been here before. So a static member joins, or
    /// takes over its former place, at once (R8.1, R8.2).
    fn join_without_member_id(&self, group: &mut ClassicGroup, turn: &mut Turn<'_>) {
        let instance = self.instance();
        let new_id = new_member_id(instance.unwrap_or(self.call.client_id), turn.rng);
        match instance {
            Some(instance) if group.members.holder(instance).is_some() => {
                let params = JoinParams::of(self.request, self.call.version);
                let join = Parked::from(self.call);
                static_member::replace(group, turn, instance, new_id, params, join);
            }
            Some(_) => self.add(group, turn, new_id),
            None if self.call.version >= REQUIRES_MEMBER_ID => {
                self.require_member_id(group, turn, new_id)
            }
            None => self.add(group, turn, new_id),
        }
    }

    fn instance(&self) -> Option<&StrBytes> {
        self.request.group_instance_id.as_ref().filter(|_| self.call.version >= HAS_INSTANCE_ID)
    }

    /// The group is full, and the caller loses its place if it has one. The join phase does not
    /// check whether it waited only for that one (R6.1.17).
    fn refuse_for_size(&self, group: &mut ClassicGroup, turn: &mut Turn<'_>) {
        sometimes(Mark::TurnedAway);
        let id = MemberId(self.request.member_id.clone());
        if group.members.get(&id.0).is_some() {
            group.remove_member(&id, Removal::GroupFull, turn);
        } else if group.pending_join.remove(&id) {
            turn.timers.cancel(&group.pending_join_key(&id));
        }
        self.refuse(turn, &StrBytes::new(), ResponseError::GroupMaxSizeReached);
    }

    /// A new member gets its id and must join again with it, so that a client whose response is
    /// lost leaves no orphaned member behind (R6.1.7, KIP-394).
    fn require_member_id(&self, group: &mut ClassicGroup, turn: &mut Turn<'_>, new_id: MemberId) {
        let key = group.pending_join_key(&new_id);
        turn.arm(key, from_millis_i32(self.request.session_timeout_ms));
        self.refuse(turn, &new_id.0, ResponseError::MemberIdRequired);
        assert!(group.members.get(&new_id.0).is_none(), "{new_id} is new, but a member of {group}");
        group.pending_join.insert(new_id);
    }

    fn add(&self, group: &mut ClassicGroup, turn: &mut Turn<'_>, id: MemberId) {
        let params = JoinParams::of(self.request, self.call.version);
        let client = (self.call.client_id.clone(), self.call.client_host.clone());
        let member = Member::new(id, self.instance().cloned(), client, params);
        let join = Parked::from(self.call);
        group.add_member(member, &self.request.protocol_type, join, turn);
        rebalance::prepare_or_complete(group, turn, TransitionReason::MemberJoined);
    }

    /// A member joins again (R6.1.11 to R6.1.15).
    fn handle_member(
        &self,
        group: &mut ClassicGroup,
        turn: &mut Turn<'_>,
        id: &MemberId,
    ) -> Result<(), ResponseError> {
        let member = group.validate(&id.0, self.instance())?;
        let same = member.offers_the_same(&self.request.protocols);
        let leads = group.is_leader(&id.0);
        match group.state() {
            GroupState::PreparingRebalance => {
                self.rejoin(group, turn, id, TransitionReason::MemberRejoined)
            }
            GroupState::CompletingRebalance if same => self.resend_response(group, turn, id),
            GroupState::CompletingRebalance => {
                self.rejoin(group, turn, id, TransitionReason::MetadataChanged)
            }
            GroupState::Stable if leads => {
                self.rejoin(group, turn, id, TransitionReason::LeaderRejoined)
            }
            GroupState::Stable if same => self.resend_response(group, turn, id),
            GroupState::Stable => self.rejoin(group, turn, id, TransitionReason::MetadataChanged),
            GroupState::Empty => return Err(ResponseError::UnknownMemberId),
            GroupState::Dead => return Err(ResponseError::CoordinatorNotAvailable),
        }
        Ok(())
    }

    fn rejoin(
        &self,
        group: &mut ClassicGroup,
        turn: &mut Turn<'_>,
        id: &MemberId,
        why: TransitionReason,
    ) {
        let params = JoinParams::of(self.request, self.call.version);
        group.rejoin(id, params, Parked::from(self.call), turn);
        rebalance::prepare_or_complete(group, turn, why);
    }

    /// The member has lost the response to its last JoinGroup, not its place: it gets the same
    /// response again. Its session timer is not restarted.
    fn resend_response(&self, group: &ClassicGroup, turn: &mut Turn<'_>, id: &MemberId) {
        sometimes(Mark::JoinRepeated);
        let list = responses::list_for(group, self.call.version, &id.0);
        let response = responses::joined(group, self.call.version, &id.0, list);
        turn.respond(self.call.id, response, Release::Now);
    }

    fn refuse(&self, turn: &mut Turn<'_>, member: &StrBytes, error: ResponseError) {
        let response = responses::join_error(self.call.version, member, error);
        turn.respond(self.call.id, response, Release::Now);
    }
}

/// `<name>-<uuid>`, a version 4 UUID: 122 random bits.
fn new_member_id(name: &StrBytes, rng: &mut Rng) -> MemberId {
    let (high, low) = (rng.bits(), rng.bits());
    MemberId(str_bytes(&format!(
        "{}-{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        name.as_str(),
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff,
    )))
}
