//! The states of a classic group and the one table of moves between them (rules R4).

use std::fmt;

/// The state of a classic group, under Kafka's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupState {
    /// No members. Offsets may be stored. JoinGroup starts a rebalance (with the initial delay);
    /// SyncGroup and Heartbeat find no member; OffsetCommit without a generation is accepted.
    Empty,
    /// The join phase: JoinGroup is parked, SyncGroup and Heartbeat answer REBALANCE_IN_PROGRESS,
    /// OffsetCommit of the old generation is still accepted.
    PreparingRebalance,
    /// The sync phase: SyncGroup is parked until the leader's is durable, Heartbeat answers NONE,
    /// OffsetCommit answers REBALANCE_IN_PROGRESS, JoinGroup with something new starts over.
    CompletingRebalance,
    /// Everybody has (or can fetch) an assignment.
    Stable,
    /// The group is gone from this coordinator; everything answers COORDINATOR_NOT_AVAILABLE.
    Dead,
}

impl GroupState {
    /// Every state.
    pub const ALL: [GroupState; 5] = [
        GroupState::Empty,
        GroupState::PreparingRebalance,
        GroupState::CompletingRebalance,
        GroupState::Stable,
        GroupState::Dead,
    ];

    /// The states a group may come from when it enters this one: the whole table.
    pub const fn predecessors(self) -> &'static [GroupState] {
        use GroupState::*;
        match self {
            Empty => &[PreparingRebalance],
            PreparingRebalance => &[Stable, CompletingRebalance, Empty],
            CompletingRebalance => &[PreparingRebalance],
            Stable => &[CompletingRebalance],
            Dead => &GroupState::ALL,
        }
    }

    /// Whether the table has the move from `self` to `next`.
    pub fn may_become(self, next: GroupState) -> bool {
        next.predecessors().contains(&self)
    }

    /// Kafka's name of the state.
    pub const fn name(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::PreparingRebalance => "PreparingRebalance",
            GroupState::CompletingRebalance => "CompletingRebalance",
            GroupState::Stable => "Stable",
            GroupState::Dead => "Dead",
        }
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::GroupState::*;

    /// R4.7.
    #[test]
    fn a_group_never_skips_the_join_phase() {
        assert!(!Stable.may_become(Empty));
        assert!(!Stable.may_become(CompletingRebalance));
        assert!(!Empty.may_become(Stable));
        assert!(PreparingRebalance.may_become(Empty));
    }
}
