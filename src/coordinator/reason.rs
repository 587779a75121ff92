//! Why a group changed its state, and why groups, offsets and members were removed.

use std::fmt;

/// Why a group moved from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransitionReason {
    /// A new member joined.
    MemberJoined,
    /// A member joined again while the group was in its join phase.
    MemberRejoined,
    /// A member joined again with other protocols or another subscription.
    MetadataChanged,
    /// The leader joined again, which asks for a new assignment.
    LeaderRejoined,
    /// A member sent LeaveGroup.
    MemberLeft,
    /// The session of a member expired.
    SessionExpired,
    /// A member id that was handed out expired before a client joined with it.
    PendingIdExpired,
    /// A static member came back, and the members now vote for another assignor.
    AssignorChanged,
    /// A static member came back in the sync phase.
    StaticMemberReplaced,
    /// The loaded group exceeds `group.max.size`.
    TooManyMembers,
    /// Every member has joined.
    AllMembersJoined,
    /// The join phase took as long as the rebalance timeout.
    JoinTimeout,
    /// The initial rebalance delay is over.
    InitialDelayOver,
    /// The join phase ended without members.
    NoMembersLeft,
    /// The leader's assignment is durable.
    LeaderSynced,
    /// Some members did not send SyncGroup in time.
    SyncTimeout,
    /// The log refused the leader's assignment.
    AssignmentNotStored,
    /// The broker no longer leads the group's partition of the log.
    Unloaded,
}

impl TransitionReason {
    /// The text in traces.
    pub const fn name(self) -> &'static str {
        match self {
            TransitionReason::MemberJoined => "member joined",
            TransitionReason::MemberRejoined => "member rejoined",
            TransitionReason::MetadataChanged => "metadata changed",
            TransitionReason::LeaderRejoined => "leader rejoined",
            TransitionReason::MemberLeft => "member left",
            TransitionReason::SessionExpired => "session expired",
            TransitionReason::PendingIdExpired => "pending member id expired",
            TransitionReason::AssignorChanged => "assignor changed",
            TransitionReason::StaticMemberReplaced => "static member replaced",
            TransitionReason::TooManyMembers => "too many members",
            TransitionReason::AllMembersJoined => "all members joined",
            TransitionReason::JoinTimeout => "join timeout",
            TransitionReason::InitialDelayOver => "initial delay over",
            TransitionReason::NoMembersLeft => "no members left",
            TransitionReason::LeaderSynced => "leader synced",
            TransitionReason::SyncTimeout => "sync timeout",
            TransitionReason::AssignmentNotStored => "assignment append failed",
            TransitionReason::Unloaded => "unloaded",
        }
    }
}

impl fmt::Display for TransitionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a group was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupRemoval {
    /// By DeleteGroups.
    Deleted,
    /// Its last offset has expired.
    Expired,
    /// The log refused the record that created the group, so it counts as never created.
    NotStored,
}

impl GroupRemoval {
    /// The text in traces.
    pub const fn name(self) -> &'static str {
        match self {
            GroupRemoval::Deleted => "deleted",
            GroupRemoval::Expired => "expired",
            GroupRemoval::NotStored => "not stored",
        }
    }
}

impl fmt::Display for GroupRemoval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a committed offset was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OffsetRemoval {
    /// By OffsetDelete.
    Deleted,
    /// It has expired.
    Expired,
    /// Its topic was deleted.
    TopicDeleted,
}

impl OffsetRemoval {
    /// The text in traces.
    pub const fn name(self) -> &'static str {
        match self {
            OffsetRemoval::Deleted => "deleted",
            OffsetRemoval::Expired => "expired",
            OffsetRemoval::TopicDeleted => "topic deleted",
        }
    }
}

impl fmt::Display for OffsetRemoval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a member is no longer part of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Removal {
    /// It sent LeaveGroup.
    Left,
    /// Its session (or new-member) timeout ran out.
    SessionExpired,
    /// It did not rejoin before the join phase ended.
    NotRejoined,
    /// It did not send SyncGroup in time.
    NotSynced,
    /// It rejoined when the group had no room for it (KIP-389).
    GroupFull,
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Removal::Left => "left",
            Removal::SessionExpired => "session-expired",
            Removal::NotRejoined => "not-rejoined",
            Removal::NotSynced => "not-synced",
            Removal::GroupFull => "group-full",
        })
    }
}
