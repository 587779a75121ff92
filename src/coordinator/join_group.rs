//! JoinGroup: enters a group or its next generation (rules R6.1).
//!
//! The answer usually comes later, when the join phase closes ([`super::rebalance`]).

use kafka_protocol::messages::JoinGroupRequest;

use crate::protocol::{MemberId, ResponseError, StrBytes, str_bytes};
use crate::rng::Rng;
use crate::sometimes::{Mark, sometimes};
use crate::time::from_millis_i32;

use super::answers;
use super::api::{Call, Release, Removal};
use super::appends::Consequence;
use super::group::{Group, Groups};
use super::member::{Member, Parked, Terms};
use super::rebalance;
use super::record::Record;
use super::state::GroupState;
use super::static_member;
use super::turn::Turn;

/// The first version whose new members must come twice (KIP-394).
const TWO_STEPS: i16 = 4;
/// The first version with static members (KIP-345).
const NAMES_INSTANCE: i16 = 5;

/// A JoinGroup on its way through the rules.
struct Join<'a> {
    call: &'a Call<'a>,
    request: &'a JoinGroupRequest,
}

/// Answers or parks a JoinGroup.
pub(super) fn handle(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &JoinGroupRequest,
) {
    let join = Join { call, request };
    let outcome = join.precheck(turn).and_then(|()| {
        let group = join.find_or_create(groups, turn)?;
        if !has_room(group, &request.member_id, turn.config.max_size) {
            join.turn_away(group, turn);
            return Ok(());
        }
        join.enter(group, turn)
    });
    if let Err(error) = outcome {
        join.refuse(turn, &request.member_id, error);
    }
}

/// Whether a group of at most `max` members has room for this one (R6.1.17, KIP-389). In the join phase
/// those count who have joined, so that a group that is too large loses who comes last.
fn has_room(group: &Group, member: &StrBytes, max: usize) -> bool {
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
    /// What is wrong whatever the group is (R6.1.1, R6.1.2).
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

    /// The first JoinGroup without a member id creates the group, and its record, whatever becomes of the
    /// join (R6.1.3, R6.1.4).
    fn find_or_create<'g>(
        &self,
        groups: &'g mut Groups,
        turn: &mut Turn<'_>,
    ) -> Result<&'g mut Group, ResponseError> {
        let id = &self.request.group_id;
        if !groups.contains_key(id) {
            if !self.request.member_id.is_empty() {
                return Err(ResponseError::UnknownMemberId);
            }
            let mut group = Group::new(id.clone(), turn.now);
            group.is_recorded = true;
            let record = Record::GroupMetadata(group.metadata(&[]));
            group.founding = Some(turn.append(record, Consequence::None));
            groups.insert(id.clone(), group);
        }
        Ok(groups.get_mut(id).expect("the group is there or was just created"))
    }

    /// Sorts the callers: strangers, holders of a fresh id, members (R6.1.5 to R6.1.10).
    fn enter(&self, group: &mut Group, turn: &mut Turn<'_>) -> Result<(), ResponseError> {
        if group.state() == GroupState::Dead {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        let offered = self.request.protocols.iter().map(|protocol| &protocol.name);
        if !group.supports(&self.request.protocol_type, offered) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        let member = MemberId(self.request.member_id.clone());
        if member.is_empty() {
            self.enter_as_stranger(group, turn);
            Ok(())
        } else if group.pending_join.contains(&member) {
            if self.instance().is_some() {
                // Only dynamic members are given ids to come back with. Kafka's answer to a breach of its own rules
                // names nobody.
                self.refuse(turn, &StrBytes::new(), ResponseError::UnknownServerError);
                return Ok(());
            }
            group.pending_join.remove(&member);
            turn.timers.cancel(&group.pending_join_key(&member));
            self.add(group, turn, member);
            Ok(())
        } else {
            self.again(group, turn, &member)
        }
    }

    /// A static member's own name tells whether it has been here before, so it is let in, or into its
    /// former place, at once (R8.1, R8.2).
    fn enter_as_stranger(&self, group: &mut Group, turn: &mut Turn<'_>) {
        let instance = self.instance();
        let fresh = new_member_id(instance.unwrap_or(self.call.client_id), turn.rng);
        match instance {
            Some(instance) if group.members.holder(instance).is_some() => {
                let terms = Terms::of(self.request, self.call.version);
                let join = Parked::from(self.call);
                static_member::replace(group, turn, instance, fresh, terms, join);
            }
            Some(_) => self.add(group, turn, fresh),
            None if self.call.version >= TWO_STEPS => self.ask_to_come_back(group, turn, fresh),
            None => self.add(group, turn, fresh),
        }
    }

    fn instance(&self) -> Option<&StrBytes> {
        self.request.group_instance_id.as_ref().filter(|_| self.call.version >= NAMES_INSTANCE)
    }

    /// There is no room, and the caller loses its place if it has one. The join phase does not look whether
    /// that was all it waited for (R6.1.17).
    fn turn_away(&self, group: &mut Group, turn: &mut Turn<'_>) {
        sometimes(Mark::TurnedAway);
        let id = MemberId(self.request.member_id.clone());
        if group.members.get(&id.0).is_some() {
            group.remove_member(&id, Removal::GroupFull, turn);
        } else if group.pending_join.remove(&id) {
            turn.timers.cancel(&group.pending_join_key(&id));
        }
        self.refuse(turn, &StrBytes::new(), ResponseError::GroupMaxSizeReached);
    }

    /// A new member is given its id and must come back with it, so that a client whose answer is lost
    /// leaves no member behind (R6.1.7, KIP-394).
    fn ask_to_come_back(&self, group: &mut Group, turn: &mut Turn<'_>, fresh: MemberId) {
        let key = group.pending_join_key(&fresh);
        turn.arm(key, from_millis_i32(self.request.session_timeout_ms));
        self.refuse(turn, &fresh.0, ResponseError::MemberIdRequired);
        group.pending_join.insert(fresh);
    }

    fn add(&self, group: &mut Group, turn: &mut Turn<'_>, id: MemberId) {
        let terms = Terms::of(self.request, self.call.version);
        let client = (self.call.client_id.clone(), self.call.client_host.clone());
        let member = Member::new(id, self.instance().cloned(), client, terms);
        let join = Parked::from(self.call);
        group.add_member(member, &self.request.protocol_type, join, turn);
        rebalance::prepare_or_complete(group, turn, "member joined");
    }

    /// A member joins again (R6.1.11 to R6.1.15).
    fn again(
        &self,
        group: &mut Group,
        turn: &mut Turn<'_>,
        id: &MemberId,
    ) -> Result<(), ResponseError> {
        let member = group.validate(&id.0, self.instance())?;
        let same = member.offers_the_same(&self.request.protocols);
        let leads = group.is_leader(&id.0);
        match group.state() {
            GroupState::PreparingRebalance => self.rejoin(group, turn, id, "member rejoined"),
            GroupState::CompletingRebalance if same => self.repeat(group, turn, id),
            GroupState::CompletingRebalance => self.rejoin(group, turn, id, "metadata changed"),
            GroupState::Stable if leads => self.rejoin(group, turn, id, "leader rejoined"),
            GroupState::Stable if same => self.repeat(group, turn, id),
            GroupState::Stable => self.rejoin(group, turn, id, "metadata changed"),
            GroupState::Empty => return Err(ResponseError::UnknownMemberId),
            GroupState::Dead => return Err(ResponseError::CoordinatorNotAvailable),
        }
        Ok(())
    }

    fn rejoin(&self, group: &mut Group, turn: &mut Turn<'_>, id: &MemberId, why: &'static str) {
        let terms = Terms::of(self.request, self.call.version);
        group.rejoin(id, terms, Parked::from(self.call), turn);
        rebalance::prepare_or_complete(group, turn, why);
    }

    /// The member has lost the answer to its last JoinGroup, not its place: it is told again what it was
    /// told then. Its session does not start anew.
    fn repeat(&self, group: &Group, turn: &mut Turn<'_>, id: &MemberId) {
        sometimes(Mark::JoinRepeated);
        let list = answers::list_for(group, self.call.version, &id.0);
        let answer = answers::joined(group, self.call.version, &id.0, list);
        turn.respond(self.call.id, answer, Release::Now);
    }

    fn refuse(&self, turn: &mut Turn<'_>, member: &StrBytes, error: ResponseError) {
        let answer = answers::join_error(self.call.version, member, error);
        turn.respond(self.call.id, answer, Release::Now);
    }
}

/// `<name>-<uuid>`, the uuid of version 4: 122 random bits.
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
