//! One group: its state, its members, and the steps that requests and timers share.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use crate::coordinator::api::{AppendId, Release};
use crate::coordinator::inspect::{GroupDescription, MemberDescription};
use crate::coordinator::observation::{ClassicObservation, Observation, TimerKind};
use crate::coordinator::offsets::OffsetStore;
use crate::coordinator::reason::{Removal, TransitionReason};
use crate::coordinator::record::{GroupMetadata, MemberMetadata};
use crate::coordinator::runtime::timers::{TimerKey, Timers};
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{
    Generation, GroupId, IndexMap, MemberId, ResponseError, StrBytes, TopicName,
};
use crate::time::Time;

use super::member::{JoinParams, Member, Parked};
use super::members::Members;
use super::responses;
use super::state::GroupState;
use super::subscribed;

/// All groups of a coordinator.
pub(crate) type Groups = IndexMap<GroupId, Group>;

/// The rest of the initial rebalance delay (R7.1, KIP-134).
#[derive(Clone, Copy, Debug)]
pub(crate) struct InitialDelay {
    /// The length of the current step.
    pub(crate) step: Duration,
    /// The time that remains for further steps.
    pub(crate) remaining: Duration,
}

/// One group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    state: GroupState,
    state_since: Time,
    pub(crate) generation: Generation,
    pub(crate) protocol_type: Option<StrBytes>,
    /// The assignor of this generation.
    pub(crate) protocol: Option<StrBytes>,
    /// The topics that its members subscribed to when the generation began; none if they are
    /// unknown, or if the members are not consumers (R6.7.5).
    pub(crate) subscribed: Option<BTreeSet<TopicName>>,
    pub(crate) leader: Option<MemberId>,
    pub(crate) members: Members,
    /// Ids handed out with MEMBER_ID_REQUIRED that have not joined yet (KIP-394).
    pub(crate) pending_join: BTreeSet<MemberId>,
    /// Set during a join phase that began in an empty group.
    pub(crate) initial_delay: Option<InitialDelay>,
    /// A member was added since the last step of the initial delay began.
    pub(crate) added_during_delay: bool,
    /// The log has, or is about to have, a record of the group itself; offsets can exist without
    /// one.
    pub(crate) is_recorded: bool,
    /// The append of this term that created the group, if there is one.
    pub(crate) creation: Option<AppendId>,
    /// The log refused that append.
    pub(crate) creation_failed: bool,
    /// An earlier group of the same name whose removal was refused. It is the current group if this
    /// one was never created (R9.8).
    pub(crate) previous: Option<Box<Group>>,
}

impl Group {
    /// A group without members, in generation 0.
    pub(crate) fn new(id: GroupId, now: Time) -> Group {
        Group {
            id,
            state: GroupState::Empty,
            state_since: now,
            generation: Generation(0),
            protocol_type: None,
            protocol: None,
            subscribed: None,
            leader: None,
            members: Members::default(),
            pending_join: BTreeSet::new(),
            initial_delay: None,
            added_during_delay: false,
            is_recorded: false,
            creation: None,
            creation_failed: false,
            previous: None,
        }
    }

    /// A group from its record: Stable with members, Empty without (R11.1).
    pub(crate) fn restored(metadata: &GroupMetadata) -> Group {
        let protocol = metadata.protocol.clone().unwrap_or_default();
        let mut members = Members::default();
        metadata.members.iter().for_each(|member| members.add(Member::restored(member, &protocol)));
        let mut group = Group {
            state: if members.is_empty() { GroupState::Empty } else { GroupState::Stable },
            generation: metadata.generation,
            protocol_type: metadata.protocol_type.clone(),
            protocol: metadata.protocol.clone(),
            leader: metadata.leader.clone(),
            members,
            is_recorded: true,
            ..Group::new(metadata.group.clone(), metadata.state_since)
        };
        group.subscribed = subscribed::of_members(&group);
        group
    }

    pub(crate) fn state(&self) -> GroupState {
        self.state
    }

    pub(crate) fn state_since(&self) -> Time {
        self.state_since
    }

    /// Changes the state; the only place that does.
    pub(crate) fn enter(&mut self, next: GroupState, why: TransitionReason, turn: &mut Turn<'_>) {
        let from = self.state;
        assert!(
            from.may_become(next),
            "group {} in generation {} cannot go from {from} to {next} ({why})",
            self.id.0,
            self.generation
        );
        (self.state, self.state_since) = (next, turn.now);
        turn.observe(Observation::Classic(ClassicObservation::State {
            group: self.id.clone(),
            from,
            to: next,
            why,
        }));
    }

    /// The member that sent a request (R8.6). The instance id is checked first: a process that was
    /// replaced must learn that it is fenced, not only that its member id is unknown. A static
    /// member that omits its instance id is identified by its member id alone.
    pub(crate) fn validate(
        &self,
        member: &StrBytes,
        instance: Option<&StrBytes>,
    ) -> Result<&Member, ResponseError> {
        if let Some(instance) = instance {
            match self.members.holder(instance) {
                None => return Err(ResponseError::UnknownMemberId),
                Some(holder) if holder.0 != *member => {
                    return Err(ResponseError::FencedInstanceId);
                }
                Some(_) => {}
            }
        }
        self.members.get(member).ok_or(ResponseError::UnknownMemberId)
    }

    /// Fails a request of another generation, older or newer.
    pub(crate) fn check_generation(&self, generation: i32) -> Result<(), ResponseError> {
        match generation == self.generation.0 {
            true => Ok(()),
            false => Err(ResponseError::IllegalGeneration),
        }
    }

    pub(crate) fn is_leader(&self, id: &StrBytes) -> bool {
        self.leader.as_ref().is_some_and(|leader| leader.0 == *id)
    }

    /// Whether the group can accept the protocols that a JoinGroup offers (R6.1.6).
    pub(crate) fn supports<'a>(
        &self,
        protocol_type: &StrBytes,
        mut offered: impl Iterator<Item = &'a StrBytes>,
    ) -> bool {
        match self.state {
            GroupState::Empty => !protocol_type.is_empty() && offered.next().is_some(),
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable
            | GroupState::Dead => {
                self.protocol_type.as_ref() == Some(protocol_type)
                    && offered.any(|name| self.members.all_support(name))
            }
        }
    }

    /// Whether the join phase is complete: every member has joined, and no id is pending (R7.2).
    pub(crate) fn all_joined(&self) -> bool {
        self.members.all_joined() && self.pending_join.is_empty()
    }

    /// Adds a member whose parked JoinGroup is `join`. The first member leads and sets the protocol
    /// type. Each has five minutes until its first join phase closes (R5.2).
    pub(crate) fn add_member(
        &mut self,
        member: Member,
        protocol_type: &StrBytes,
        join: Parked,
        turn: &mut Turn<'_>,
    ) {
        let id = member.id.clone();
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.clone());
        }
        if self.leader.is_none() {
            self.leader = Some(id.clone());
        }
        if self.initial_delay.is_some() {
            self.added_during_delay = true;
        }
        turn.observe(Observation::Classic(ClassicObservation::MemberAdded {
            group: self.id.clone(),
            member: id.clone(),
            instance: member.instance_id.clone(),
            session: member.params.session,
            rebalance: member.params.rebalance,
        }));
        turn.arm(self.session_key(&id), NEW_MEMBER_TIMEOUT);
        self.members.add(member);
        self.members.park_join(&id.0, join);
    }

    /// Takes over the parameters of a member's next JoinGroup and parks it.
    pub(crate) fn rejoin(
        &mut self,
        id: &MemberId,
        params: JoinParams,
        join: Parked,
        turn: &mut Turn<'_>,
    ) {
        self.members.update(&id.0, params);
        if let Some(older) = self.members.park_join(&id.0, join) {
            let error = responses::join_error(older.version, &id.0, ResponseError::NotCoordinator);
            turn.respond(older.request, error, Release::Now);
        }
    }

    /// Removes a member, fails its parked requests and, if it led, picks another leader (R7.3).
    pub(crate) fn remove_member(&mut self, id: &MemberId, why: Removal, turn: &mut Turn<'_>) {
        let Some(member) = self.members.remove(&id.0) else {
            panic!("{id} is not a member of {} in generation {}", self.id.0, self.generation);
        };
        turn.timers.cancel(&self.session_key(id));
        let (group, member_id) = (self.id.clone(), id.clone());
        turn.observe(Observation::Classic(ClassicObservation::MemberRemoved {
            group,
            member: member_id,
            why,
        }));
        let unknown = ResponseError::UnknownMemberId;
        if let Some(join) = member.join {
            let response = responses::join_error(join.version, &StrBytes::new(), unknown);
            turn.respond(join.request, response, Release::Now);
        }
        if let Some(sync) = member.sync {
            turn.respond(sync.request, responses::sync_error(unknown), Release::Now);
        }
        if self.is_leader(&id.0) {
            self.leader = self.members.iter().next().map(|m| m.id.clone());
        }
    }

    /// Restarts a member's session timer.
    pub(crate) fn restart_session(&self, member: &Member, turn: &mut Turn<'_>) {
        turn.arm(self.session_key(&member.id), member.params.session);
    }

    pub(crate) fn session_key(&self, member: &MemberId) -> TimerKey {
        TimerKey::Session { group: self.id.clone(), member: member.clone() }
    }

    pub(crate) fn join_key(&self) -> TimerKey {
        TimerKey::Join { group: self.id.clone() }
    }

    pub(crate) fn sync_key(&self) -> TimerKey {
        TimerKey::Sync { group: self.id.clone() }
    }

    pub(crate) fn pending_join_key(&self, member: &MemberId) -> TimerKey {
        TimerKey::PendingJoin { group: self.id.clone(), member: member.clone() }
    }

    /// Disarms all timers of the group.
    pub(crate) fn cancel_timers(&self, turn: &mut Turn<'_>) {
        for member in self.members.iter() {
            turn.timers.cancel(&self.session_key(&member.id));
        }
        for pending in &self.pending_join {
            turn.timers.cancel(&self.pending_join_key(pending));
        }
        turn.timers.cancel(&self.join_key());
        turn.timers.cancel(&self.sync_key());
    }

    /// The record of the group (R9) with the given assignments, which are in the order of
    /// [`Members::iter`].
    pub(crate) fn metadata(&self, assignments: &[Bytes]) -> GroupMetadata {
        assert_eq!(
            assignments.len(),
            self.members.len(),
            "group {} in generation {}: assignments and members do not match",
            self.id.0,
            self.generation
        );
        let members = self.members.iter().zip(assignments);
        GroupMetadata {
            group: self.id.clone(),
            protocol_type: self.protocol_type.clone(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            state_since: self.state_since,
            members: members.map(|(member, given)| self.member_metadata(member, given)).collect(),
        }
    }

    fn member_metadata(&self, member: &Member, assignment: &Bytes) -> MemberMetadata {
        let subscription = self.protocol.as_ref().map(|protocol| member.metadata(protocol));
        MemberMetadata {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            session_timeout: member.params.session,
            rebalance_timeout: member.params.rebalance,
            subscription: subscription.unwrap_or_default(),
            assignment: assignment.clone(),
        }
    }

    /// A snapshot for reports.
    pub(crate) fn describe(&self, timers: &Timers, offsets: &OffsetStore) -> GroupDescription {
        let mut members: Vec<_> =
            self.members.iter().map(|m| self.describe_member(m, timers)).collect();
        members.sort_by(|a, b| a.id.cmp(&b.id));
        let pending =
            self.pending_join.iter().map(|id| (TimerKind::PendingJoin, self.pending_join_key(id)));
        let own = [(TimerKind::Join, self.join_key()), (TimerKind::Sync, self.sync_key())];
        let armed = |(kind, key)| Some((kind, timers.deadline(&key)?));
        GroupDescription {
            state: self.state,
            generation: self.generation,
            leader: self.leader.clone(),
            members,
            pending: self.pending_join.iter().cloned().collect(),
            offsets: offsets.of(&self.id).committed_list(),
            timers: own.into_iter().chain(pending).filter_map(armed).collect(),
        }
    }

    fn describe_member(&self, member: &Member, timers: &Timers) -> MemberDescription {
        MemberDescription {
            id: member.id.clone(),
            joined: member.join.is_some(),
            sync_awaited: member.sync_awaited,
            session_deadline: timers.deadline(&self.session_key(&member.id)),
        }
    }
}

/// How long a new member waits for the close of its first join phase before it counts as dead.
pub(crate) const NEW_MEMBER_TIMEOUT: Duration = Duration::from_secs(300);
