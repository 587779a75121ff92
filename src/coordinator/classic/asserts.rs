//! What must hold for a classic group, whatever its clients send.
//!
//! The checks differ in cost. [`ClassicGroup::assert_shape`] reads a few fields, and every request
//! affords it. [`ClassicGroup::assert_ready`] looks up the leader and the timers of the group, for
//! requests that change it. [`ClassicGroup::assert_consistent`] reads every member, and runs after
//! an input that changed the state of the group. A failure is a bug of this coordinator, never of a
//! client.

use std::fmt;

use crate::coordinator::runtime::turn::Turn;

use super::group::ClassicGroup;
use super::member::Member;
use super::state::GroupState;

/// Names the group in messages, with everything that most of them need.
impl fmt::Display for ClassicGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (group, generation, members) = (&self.id.0, self.generation, self.members.len());
        write!(f, "group {group} ({}, generation {generation}, {members} members)", self.state())
    }
}

impl ClassicGroup {
    /// Asserts what the fields of the group say of each other.
    pub(super) fn assert_shape(&self) {
        let members = &self.members;
        assert_eq!(self.leader.is_none(), members.is_empty(), "{self} is led by {:?}", self.leader);
        match self.state() {
            GroupState::Empty => assert!(members.is_empty(), "{self} has members"),
            GroupState::PreparingRebalance => {
                assert_eq!(members.parked_syncs(), 0, "{self} parks SyncGroups");
                assert!(members.all_synced(), "{self} awaits SyncGroups in the join phase");
            }
            GroupState::CompletingRebalance => {
                assert!(!members.is_empty(), "{self} has no members");
                assert_eq!(members.joined(), 0, "{self} parks JoinGroups in the sync phase");
                assert!(self.protocol.is_some(), "{self} has not chosen an assignor");
            }
            GroupState::Stable => {
                assert!(!members.is_empty(), "{self} has no members");
                assert_eq!(members.parked_syncs(), 0, "{self} parks SyncGroups");
                assert!(self.protocol.is_some(), "{self} has not chosen an assignor");
            }
            GroupState::Dead => assert_eq!(members.parked(), 0, "{self} still parks requests"),
        }
        assert!(
            self.initial_delay.is_none()
                || matches!(self.state(), GroupState::PreparingRebalance | GroupState::Dead),
            "{self} is in the initial delay"
        );
    }

    /// Asserts the shape of the group, and that its leader and its timers are there.
    pub(super) fn assert_ready(&self, turn: &Turn<'_>) {
        self.assert_shape();
        if let Some(leader) = &self.leader {
            assert!(self.members.get(&leader.0).is_some(), "{leader} leads {self} from outside");
        }
        let (state, is_armed) = (self.state(), |key| turn.timers.deadline(&key).is_some());
        assert_eq!(
            is_armed(self.join_key()),
            state == GroupState::PreparingRebalance,
            "the join timer of {self}"
        );
        assert_eq!(
            is_armed(self.sync_key()),
            state != GroupState::Dead && !self.members.all_synced(),
            "the sync timer of {self}"
        );
    }

    /// Asserts everything that must hold between two inputs. Reads the whole group.
    pub(crate) fn assert_consistent(&self, turn: &Turn<'_>) {
        self.assert_ready(turn);
        self.members.assert_consistent(self);
        self.members.iter().for_each(|member| self.assert_member(member, turn));
        for id in &self.pending_join {
            assert!(self.members.get(&id.0).is_none(), "{id} is pending and a member of {self}");
            let is_armed = turn.timers.deadline(&self.pending_join_key(id)).is_some();
            assert!(is_armed || self.state() == GroupState::Dead, "{id} is pending in {self}");
        }
        if let Some(before) = &self.in_log.previous {
            assert_eq!(*before.id(), self.id, "{self} has replaced another group");
            assert!(before.is_empty(), "{self} has replaced {}, which is not empty", before.id().0);
        }
    }

    /// Asserts what must hold for one member in the state of its group. Its session is watched,
    /// unless it waits for a response that will start its session again.
    fn assert_member(&self, member: &Member, turn: &Turn<'_>) {
        let id = &member.id;
        match self.state() {
            // Nothing but a JoinGroup changes a member here.
            GroupState::PreparingRebalance => return,
            GroupState::Empty | GroupState::Dead => return,
            GroupState::CompletingRebalance => {
                assert!(!member.is_new, "{id} has joined {self} and is still new");
            }
            GroupState::Stable => {
                assert!(!member.is_new, "{id} has joined {self} and is still new");
                if let Some(join) = &member.join {
                    let is_stored = turn.appends.awaits(join.request);
                    assert!(is_stored, "{id} waits in {self}, but not for its replacement");
                }
            }
        }
        let is_watched = turn.timers.deadline(&self.session_key(id)).is_some();
        assert!(
            is_watched || member.is_shielded() || self.in_log.creation_failed,
            "nothing watches the session of {id} in {self}"
        );
    }
}
