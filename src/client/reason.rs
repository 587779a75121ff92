//! Why a member changed its state, lost its coordinator, or failed a commit.

use std::fmt;

/// Why a member moved from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransitionReason {
    /// It sends JoinGroup.
    Joining,
    /// Its JoinGroup was successful.
    Joined,
    /// Its SyncGroup was successful.
    Synced,
    /// The coordinator does not know its member id.
    UnknownMemberId,
    /// Its generation is not the group's.
    IllegalGeneration,
    /// Another process holds its instance id.
    Fenced,
    /// The membership under which it received its assignment is over.
    AssignmentUndone,
    /// The application took longer than `max.poll.interval.ms`.
    PollTimeout,
    /// The consumer closes.
    Closing,
}

impl TransitionReason {
    /// The text in traces.
    pub const fn name(self) -> &'static str {
        match self {
            TransitionReason::Joining => "joining",
            TransitionReason::Joined => "joined",
            TransitionReason::Synced => "synced",
            TransitionReason::UnknownMemberId => "unknown member id",
            TransitionReason::IllegalGeneration => "illegal generation",
            TransitionReason::Fenced => "fenced",
            TransitionReason::AssignmentUndone => "assignment undone",
            TransitionReason::PollTimeout => "poll timeout",
            TransitionReason::Closing => "closing",
        }
    }
}

impl fmt::Display for TransitionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a consumer no longer knows its coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoordinatorLoss {
    /// The broker closed the connection.
    Disconnected,
    /// A request got no response in time.
    RequestTimedOut,
    /// No heartbeat was successful for as long as the session timeout.
    SessionTimeout,
    /// The broker says that it is not the coordinator, or not available.
    NotCoordinator,
    /// The coordinator that was found was lost a moment ago.
    Unavailable,
}

impl CoordinatorLoss {
    /// The text in traces.
    pub const fn name(self) -> &'static str {
        match self {
            CoordinatorLoss::Disconnected => "disconnected",
            CoordinatorLoss::RequestTimedOut => "request timed out",
            CoordinatorLoss::SessionTimeout => "session timeout",
            CoordinatorLoss::NotCoordinator => "not the coordinator",
            CoordinatorLoss::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for CoordinatorLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a commit failed without a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommitFailure {
    /// The consumer is not a member of its group.
    NotAMember,
    /// The group rebalances.
    RebalanceInProgress,
}

impl CommitFailure {
    /// The text in traces.
    pub const fn name(self) -> &'static str {
        match self {
            CommitFailure::NotAMember => "not a member",
            CommitFailure::RebalanceInProgress => "rebalance in progress",
        }
    }
}

impl fmt::Display for CommitFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
