//! One group: its state, its members, and the few steps that every request and timer shares.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use crate::protocol::{
    Generation, GroupId, IndexMap, MemberId, ResponseError, StrBytes, TopicName,
};
use crate::time::Time;

use super::answers;
use super::api::{
    AppendId, GroupDescription, MemberDescription, Observation, Release, Removal, TimerKind,
};
use super::member::{Member, Parked, Terms};
use super::members::Members;
use super::offsets::OffsetStore;
use super::record::{GroupMetadata, MemberMetadata};
use super::state::GroupState;
use super::subscribed;
use super::timers::{TimerKey, Timers};
use super::turn::Turn;

/// All groups of a coordinator.
pub(super) type Groups = IndexMap<GroupId, Group>;

/// What is left of the initial rebalance delay (R7.1, KIP-134).
#[derive(Clone, Copy, Debug)]
pub(super) struct InitialDelay {
    /// How long the step lasts that is under way.
    pub(super) step: Duration,
    /// How much may follow when it is over.
    pub(super) remaining: Duration,
}

/// One group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: GroupId,
    state: GroupState,
    state_since: Time,
    pub(super) generation: Generation,
    pub(super) protocol_type: Option<StrBytes>,
    /// The assignor of this generation.
    pub(super) protocol: Option<StrBytes>,
    /// The topics that its members subscribed to when the generation began; none where that is not known, or
    /// no matter because they are no consumers (R6.7.5).
    pub(super) subscribed: Option<BTreeSet<TopicName>>,
    pub(super) leader: Option<MemberId>,
    pub(super) members: Members,
    /// Ids handed out by MEMBER_ID_REQUIRED and not yet used (KIP-394).
    pub(super) pending_join: BTreeSet<MemberId>,
    /// Under way during a join phase that began in an empty group.
    pub(super) initial_delay: Option<InitialDelay>,
    /// Somebody was added since the last step of the initial delay began.
    pub(super) added_during_delay: bool,
    /// The log has, or is about to have, a record of the group itself; offsets can be without one.
    pub(super) is_recorded: bool,
    /// The append that founds it, if that is one of this term.
    pub(super) founding: Option<AppendId>,
    /// That was refused.
    pub(super) never_was: bool,
    /// The group of its name before it, whose removal was refused: it is what is there if this one has never
    /// been (R9.8).
    pub(super) before: Option<Box<Group>>,
}

impl Group {
    /// A group that nobody has joined yet.
    pub(super) fn new(id: GroupId, now: Time) -> Group {
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
            founding: None,
            never_was: false,
            before: None,
        }
    }

    /// A group as the log has it: Stable with members, Empty without (R11.1).
    pub(super) fn restored(metadata: &GroupMetadata) -> Group {
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
        group.subscribed = subscribed::look_up(&group);
        group
    }

    pub(super) fn state(&self) -> GroupState {
        self.state
    }

    pub(super) fn state_since(&self) -> Time {
        self.state_since
    }

    /// The one way from state to state.
    pub(super) fn enter(&mut self, next: GroupState, why: &'static str, turn: &mut Turn<'_>) {
        let from = self.state;
        assert!(
            from.may_become(next),
            "group {} in generation {} cannot go from {from} to {next} ({why})",
            self.id.0,
            self.generation
        );
        (self.state, self.state_since) = (next, turn.now);
        turn.observe(Observation::State { group: self.id.clone(), from, to: next, why });
    }

    /// The member that a request speaks for (R8.6). A static instance id is looked at first: a process
    /// that was replaced must learn that it was, not just that its id is gone. A static member that keeps
    /// its instance id to itself passes by its member id alone.
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

    /// Fails a request of another generation, be it older or newer.
    pub(super) fn check_generation(&self, generation: i32) -> Result<(), ResponseError> {
        match generation == self.generation.0 {
            true => Ok(()),
            false => Err(ResponseError::IllegalGeneration),
        }
    }

    pub(super) fn is_leader(&self, id: &StrBytes) -> bool {
        self.leader.as_ref().is_some_and(|leader| leader.0 == *id)
    }

    /// Whether a JoinGroup offers something this group can work with (R6.1.6).
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

    /// Whether the join phase waits for nobody: every member has joined, every id handed out was used
    /// (R7.2).
    pub(super) fn all_joined(&self) -> bool {
        self.members.all_joined() && self.pending_join.is_empty()
    }

    /// Adds a member whose JoinGroup is `join`. The first one leads and names the protocol type; each has
    /// five minutes until the join phase must have completed (R5.2).
    pub(super) fn add_member(
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
        turn.observe(Observation::MemberAdded {
            group: self.id.clone(),
            member: id.clone(),
            instance: member.instance_id.clone(),
            session: member.terms.session,
            rebalance: member.terms.rebalance,
        });
        turn.arm(self.session_key(&id), NEW_MEMBER_TIMEOUT);
        self.members.add(member);
        self.members.park_join(&id.0, join);
    }

    /// Takes over a member's further JoinGroup and parks it.
    pub(super) fn rejoin(
        &mut self,
        id: &MemberId,
        terms: Terms,
        join: Parked,
        turn: &mut Turn<'_>,
    ) {
        self.members.update(&id.0, terms);
        if let Some(older) = self.members.park_join(&id.0, join) {
            let error = answers::join_error(older.version, &id.0, ResponseError::NotCoordinator);
            turn.respond(older.request, error, Release::Now);
        }
    }

    /// Takes a member out, answers what it has parked and, if it led, names another leader (R7.3).
    pub(super) fn remove_member(&mut self, id: &MemberId, why: Removal, turn: &mut Turn<'_>) {
        let Some(member) = self.members.remove(&id.0) else {
            panic!("{id} is not a member of {} in generation {}", self.id.0, self.generation);
        };
        turn.timers.cancel(&self.session_key(id));
        let (group, member_id) = (self.id.clone(), id.clone());
        turn.observe(Observation::MemberRemoved { group, member: member_id, why });
        let unknown = ResponseError::UnknownMemberId;
        if let Some(join) = member.join {
            let answer = answers::join_error(join.version, &StrBytes::new(), unknown);
            turn.respond(join.request, answer, Release::Now);
        }
        if let Some(sync) = member.sync {
            turn.respond(sync.request, answers::sync_error(unknown), Release::Now);
        }
        if self.is_leader(&id.0) {
            self.leader = self.members.iter().next().map(|m| m.id.clone());
        }
    }

    /// Starts a member's session anew.
    pub(super) fn restart_session(&self, member: &Member, turn: &mut Turn<'_>) {
        turn.arm(self.session_key(&member.id), member.terms.session);
    }

    pub(super) fn session_key(&self, member: &MemberId) -> TimerKey {
        TimerKey::Session { group: self.id.clone(), member: member.clone() }
    }

    pub(super) fn join_key(&self) -> TimerKey {
        TimerKey::Join { group: self.id.clone() }
    }

    pub(super) fn sync_key(&self) -> TimerKey {
        TimerKey::Sync { group: self.id.clone() }
    }

    pub(super) fn pending_join_key(&self, member: &MemberId) -> TimerKey {
        TimerKey::PendingJoin { group: self.id.clone(), member: member.clone() }
    }

    /// Disarms everything that is armed for it.
    pub(super) fn cancel_timers(&self, turn: &mut Turn<'_>) {
        for member in self.members.iter() {
            turn.timers.cancel(&self.session_key(&member.id));
        }
        for pending in &self.pending_join {
            turn.timers.cancel(&self.pending_join_key(pending));
        }
        turn.timers.cancel(&self.join_key());
        turn.timers.cancel(&self.sync_key());
    }

    /// What goes to the log (R9): the group as it is, its members with the given assignments, in the
    /// order of [`Members::iter`].
    pub(super) fn metadata(&self, assignments: &[Bytes]) -> GroupMetadata {
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
            session_timeout: member.terms.session,
            rebalance_timeout: member.terms.rebalance,
            subscription: subscription.unwrap_or_default(),
            assignment: assignment.clone(),
        }
    }

    /// A look inside, for reports.
    pub(super) fn describe(&self, timers: &Timers, offsets: &OffsetStore) -> GroupDescription {
        let mut members: Vec<_> = self.members.iter().map(|m| self.look_at(m, timers)).collect();
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

    fn look_at(&self, member: &Member, timers: &Timers) -> MemberDescription {
        MemberDescription {
            id: member.id.clone(),
            joined: member.join.is_some(),
            sync_awaited: member.sync_awaited,
            session_deadline: timers.deadline(&self.session_key(&member.id)),
        }
    }
}

/// How long a new member waits for the end of its first join phase before it is taken for dead.
pub(super) const NEW_MEMBER_TIMEOUT: Duration = Duration::from_secs(300);
