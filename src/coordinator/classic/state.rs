//! The states of a classic group and the table of legal moves (rules R4).

use std::fmt;

/// The state of a classic group, under Kafka's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupState {
    /// No members. The group may have offsets. JoinGroup starts a rebalance with the initial delay;
    /// SyncGroup and Heartbeat return UNKNOWN_MEMBER_ID; OffsetCommit without a generation is
    /// accepted.
    Empty,
    /// The join phase: JoinGroup is parked, SyncGroup and Heartbeat return REBALANCE_IN_PROGRESS,
    /// OffsetCommit of the old generation is still accepted.
    PreparingRebalance,
    /// The sync phase: SyncGroup is parked until the leader's assignment is durable, Heartbeat
    /// returns NONE, OffsetCommit returns REBALANCE_IN_PROGRESS, JoinGroup with other metadata
    /// starts over.
    CompletingRebalance,
    /// Every member has, or can fetch, its assignment.
    Stable,
    /// This coordinator no longer has the group; every request returns COORDINATOR_NOT_AVAILABLE.
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

    /// The states from which a group may enter this one: the whole table.
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

    /// Whether the move from `self` to `next` is legal.
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
