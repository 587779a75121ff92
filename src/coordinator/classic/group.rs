//! One group: its state, its members, and the steps that requests and timers share.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use crate::coordinator::api::Release;
use crate::coordinator::group::InLog;
use crate::coordinator::observation::{ClassicObservation, Observation};
use crate::coordinator::reason::{Removal, TransitionReason};
use crate::coordinator::record::{GroupMetadata, MemberMetadata};
use crate::coordinator::runtime::timers::TimerKey;
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{Generation, GroupId, MemberId, ResponseError, StrBytes, TopicName};
use crate::time::Time;

use super::expiry::ClassicTimer;
use super::member::{JoinParams, Member, Parked};
use super::members::Members;
use super::responses;
use super::state::GroupState;
use super::subscribed;

/// The rest of the initial rebalance delay (R7.1, KIP-134).
#[derive(Clone, Copy, Debug)]
pub(crate) struct InitialDelay {
    /// The length of the current step.
    pub(crate) step: Duration,
    /// The time that remains for further steps.
    pub(super) remaining: Duration,
}

/// One group.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
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
    pub(super) pending_join: BTreeSet<MemberId>,
    /// Set during a join phase that began in an empty group.
    pub(crate) initial_delay: Option<InitialDelay>,
    /// A member was added since the last step of the initial delay began.
    pub(super) added_during_delay: bool,
    pub(crate) in_log: InLog,
}

impl ClassicGroup {
    /// A group without members, in generation 0.
    pub(crate) fn new(id: GroupId, now: Time) -> ClassicGroup {
        ClassicGroup {
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
            in_log: InLog::default(),
        }
    }

    /// A group from its record: Stable with members, Empty without (R11.1).
    pub(crate) fn restored(metadata: &GroupMetadata) -> ClassicGroup {
        let protocol = metadata.protocol.clone().unwrap_or_default();
        let mut members = Members::default();
        metadata.members.iter().for_each(|member| members.add(Member::restored(member, &protocol)));
        let mut group = ClassicGroup {
            state: if members.is_empty() { GroupState::Empty } else { GroupState::Stable },
            generation: metadata.generation,
            protocol_type: metadata.protocol_type.clone(),
            protocol: metadata.protocol.clone(),
            leader: metadata.leader.clone(),
            members,
            in_log: InLog { is_recorded: true, ..InLog::default() },
            ..ClassicGroup::new(metadata.group.clone(), metadata.state_since)
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
        assert!(from.may_become(next), "{self} cannot become {next} ({why})");
        turn.changed(&self.id);
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
    pub(super) fn validate(
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
    pub(super) fn check_generation(&self, generation: i32) -> Result<(), ResponseError> {
        match generation == self.generation.0 {
            true => Ok(()),
            false => Err(ResponseError::IllegalGeneration),
        }
    }

    /// Whether the group is in the state Empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.state == GroupState::Empty
    }

    /// Begins the next generation; the only place that does.
    pub(super) fn begin_generation(&mut self) {
        assert_eq!(self.state, GroupState::PreparingRebalance, "{self} is not in a join phase");
        let next = Generation(self.generation.0 + 1);
        assert!(next > self.generation, "{self} has no next generation");
        self.generation = next;
    }

    pub(super) fn is_leader(&self, id: &StrBytes) -> bool {
        self.leader.as_ref().is_some_and(|leader| leader.0 == *id)
    }

    /// Whether the group can accept the protocols that a JoinGroup offers (R6.1.6).
    pub(super) fn supports<'a>(
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
    pub(super) fn all_joined(&self) -> bool {
        self.members.all_joined() && self.pending_join.is_empty()
    }

    /// Adds a member whose parked JoinGroup is `join`. The first member leads and sets the protocol
    /// type. Each has five minutes until its first join phase closes (R5.2).
    pub(super) fn add_member(
        &mut self,
        member: Member,
        protocol_type: &StrBytes,
        join: Parked,
        turn: &mut Turn<'_>,
    ) {
        let id = member.id.clone();
        assert!(!self.pending_join.contains(&id), "{id} joins {self} and stays pending");
        assert_ne!(self.state, GroupState::Dead, "{id} joins {self}");
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
        let older = self.members.park_join(&id.0, join);
        assert_eq!(older, None, "{id} is new in {self} and had a JoinGroup parked");
    }

    /// Takes over the parameters of a member's next JoinGroup and parks it.
    pub(crate) fn rejoin(
        &mut self,
        id: &MemberId,
        params: JoinParams,
        join: Parked,
        turn: &mut Turn<'_>,
    ) {
        assert!(self.members.get(&id.0).is_some(), "{id} rejoins {self} without being a member");
        self.members.update(&id.0, params);
        if let Some(older) = self.members.park_join(&id.0, join) {
            let error = responses::join_error(older.version, &id.0, ResponseError::NotCoordinator);
            turn.respond(older.request, error, Release::Now);
        }
    }

    /// Removes a member, fails its parked requests and, if it led, picks another leader (R7.3).
    pub(super) fn remove_member(&mut self, id: &MemberId, why: Removal, turn: &mut Turn<'_>) {
        let Some(member) = self.members.remove(&id.0) else {
            panic!("{id} is removed, but is not a member of {self}");
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
        assert!(!self.is_leader(&id.0), "{id} is removed and still leads {self}");
    }

    /// Restarts a member's session timer.
    pub(super) fn restart_session(&self, member: &Member, turn: &mut Turn<'_>) {
        turn.arm(self.session_key(&member.id), member.params.session);
    }

    pub(super) fn session_key(&self, member: &MemberId) -> TimerKey {
        ClassicTimer::Session { group: self.id.clone(), member: member.clone() }.into()
    }

    pub(super) fn join_key(&self) -> TimerKey {
        ClassicTimer::Join { group: self.id.clone() }.into()
    }

    pub(super) fn sync_key(&self) -> TimerKey {
        ClassicTimer::Sync { group: self.id.clone() }.into()
    }

    pub(super) fn pending_join_key(&self, member: &MemberId) -> TimerKey {
        ClassicTimer::PendingJoin { group: self.id.clone(), member: member.clone() }.into()
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

    /// Forgets the ids that were handed out and have not joined.
    pub(crate) fn forget_pending(&mut self, turn: &mut Turn<'_>) {
        for pending in std::mem::take(&mut self.pending_join) {
            turn.timers.cancel(&self.pending_join_key(&pending));
        }
    }

    /// This group, which has no record of its own, turns out to be the earlier group `before`. The
    /// ids that it has handed out stay pending.
    pub(crate) fn become_earlier(&mut self, before: ClassicGroup) {
        assert_eq!(self.id, before.id, "{self} was {before}");
        assert!(self.is_empty() && before.is_empty(), "{self} was {before}");
        assert!(before.pending_join.is_empty(), "{before} was removed with its pending ids");
        let pending_join = std::mem::take(&mut self.pending_join);
        *self = ClassicGroup { pending_join, ..before };
    }

    /// The record of the group (R9) with the given assignments, which are in the order of
    /// [`Members::iter`].
    pub(crate) fn metadata(&self, assignments: &[Bytes]) -> GroupMetadata {
        assert_eq!(
            assignments.len(),
            self.members.len(),
            "{self}: assignments and members do not match"
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
}

/// How long a new member waits for the close of its first join phase before it counts as dead.
pub(super) const NEW_MEMBER_TIMEOUT: Duration = Duration::from_secs(300);
