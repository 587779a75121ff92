//! JoinGroup: enters a group or its next generation (rules R6.1).
//!
//! The answer usually comes later, when the join phase closes ([`super::rebalance`]).

use kafka_protocol::messages::JoinGroupRequest;

use crate::protocol::{MemberId, ResponseError, StrBytes, str_bytes};
use crate::rng::Rng;
use crate::time::from_millis_i32;

use super::answers;
use super::api::{Call, Release};
use super::appends::Consequence;
use super::group::{Group, Groups};
use super::member::{Member, Parked, Terms};
use super::rebalance;
use super::record::Record;
use super::state::GroupState;
use super::turn::Turn;

/// The first version whose new members must come twice (KIP-394).
const TWO_STEPS: i16 = 4;

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
        join.enter(group, turn)
    });
    if let Err(error) = outcome {
        join.refuse(turn, &request.member_id, error);
    }
}

impl Join<'_> {
    /// What is wrong whatever the group is (R6.1.1, R6.1.2).
    fn precheck(&self, turn: &Turn<'_>) -> Result<(), ResponseError> {
        if self.request.group_instance_id.is_some() {
            return Err(ResponseError::UnsupportedVersion);
        }
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
            let group = Group::new(id.clone(), turn.now);
            let consequence = Consequence::Group { group: id.clone(), join: self.call.id };
            turn.append(Record::GroupMetadata(group.metadata(&[])), consequence);
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
            let fresh = new_member_id(self.call.client_id, turn.rng);
            match self.call.version >= TWO_STEPS {
                true => self.ask_to_come_back(group, turn, fresh),
                false => self.add(group, turn, fresh),
            }
            Ok(())
        } else if group.pending_join.remove(&member) {
            turn.timers.cancel(&group.pending_join_key(&member));
            self.add(group, turn, member);
            Ok(())
        } else {
            self.again(group, turn, &member)
        }
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
        let member = Member::new(id, self.call.client_id.clone(), terms);
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
        let member = group.member(&id.0)?;
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
        let list = match group.is_leader(&id.0) {
            true => answers::roster(group),
            false => Vec::new(),
        };
        let answer = answers::joined(group, self.call.version, &id.0, list);
        turn.respond(self.call.id, answer, Release::Now);
    }

    fn refuse(&self, turn: &mut Turn<'_>, member: &StrBytes, error: ResponseError) {
        let answer = answers::join_error(self.call.version, member, error);
        turn.respond(self.call.id, answer, Release::Now);
    }
}

/// `<client id>-<uuid>`, the uuid of version 4: 122 random bits.
fn new_member_id(client: &StrBytes, rng: &mut Rng) -> MemberId {
    let (high, low) = (rng.bits(), rng.bits());
    MemberId(str_bytes(&format!(
        "{}-{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        client.as_str(),
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff,
    )))
}
