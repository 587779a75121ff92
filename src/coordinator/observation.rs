//! What a coordinator reports of its inside, for traces and invariants.

use std::fmt;
use std::time::Duration;

use crate::protocol::{Generation, GroupId, MemberId, StrBytes, TopicPartition};

use super::classic::state::GroupState;
use super::reason::{GroupRemoval, OffsetRemoval, Removal, TransitionReason};
use super::record::GroupMetadata;

/// What happened inside a coordinator. Invariants rely on observations as they rely on messages: a
/// coordinator under test must report them truthfully, as Kafka's own does in its log.
///
/// `settle` knows a group only from its observations, so a run needs at least the transitions, the
/// members and the generations of [`ClassicObservation`], [`Observation::GroupLoaded`] and
/// [`Observation::GroupRemoved`], each when it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// Something that only happens in groups of the classic protocol.
    Classic(ClassicObservation),
    /// The coordinator found a group in the log that it has replayed. Emitted once per group, at
    /// [`Input::Loaded`](super::Input::Loaded) before anything else. Also emitted when a group is
    /// back because its removal could not be stored.
    GroupLoaded(Box<LoadedGroup>),
    /// The group is removed, with its offsets. Another group with the same id may be created from
    /// now on, even before the tombstone is durable.
    GroupRemoved {
        /// The group.
        group: GroupId,
        /// The reason.
        why: GroupRemoval,
    },
    /// A committed offset was removed, and its group was not. Observed when the removal is durable.
    OffsetRemoved {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// The reason.
        why: OffsetRemoval,
    },
}

/// What happens inside a group of the classic protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassicObservation {
    /// A group moved from one state to another.
    State {
        /// The group.
        group: GroupId,
        /// The state it left.
        from: GroupState,
        /// The state it entered.
        to: GroupState,
        /// The reason.
        why: TransitionReason,
    },
    /// A member was added to a group.
    MemberAdded {
        /// The group.
        group: GroupId,
        /// The new member.
        member: MemberId,
        /// Its static instance id (KIP-345).
        instance: Option<StrBytes>,
        /// Its session timeout.
        session: Duration,
        /// Its rebalance timeout.
        rebalance: Duration,
    },
    /// A member is no longer part of a group.
    MemberRemoved {
        /// The group.
        group: GroupId,
        /// The removed member.
        member: MemberId,
        /// The reason.
        why: Removal,
    },
    /// A static member came back under a new id, which takes the place of the old one (KIP-345).
    MemberReplaced {
        /// The group.
        group: GroupId,
        /// Its static instance id.
        instance: StrBytes,
        /// The member id that is fenced from now on.
        old: MemberId,
        /// The member id that takes its place.
        new: MemberId,
        /// The new member's session timeout.
        session: Duration,
        /// The new member's rebalance timeout.
        rebalance: Duration,
    },
    /// The replacement did not become durable and is undone: `old` has its place back, `new` has
    /// none.
    ReplacementUndone {
        /// The group.
        group: GroupId,
        /// The static instance id.
        instance: StrBytes,
        /// The member id that has its place back.
        old: MemberId,
        /// The member id that no longer has one.
        new: MemberId,
    },
    /// A join phase completed.
    GenerationBegan {
        /// The group.
        group: GroupId,
        /// The new generation.
        generation: Generation,
        /// The assignor that the members voted for; none when the group is empty.
        protocol: Option<StrBytes>,
        /// The member that computes the assignment; none when the group is empty.
        leader: Option<MemberId>,
        /// All members of the generation.
        members: Vec<MemberId>,
        /// The duration of the join phase, so that a trace can show what a rebalance cost.
        took: Duration,
    },
    /// A timer fired and had an effect.
    TimerFired {
        /// The group.
        group: GroupId,
        /// The kind of timer.
        timer: TimerKind,
        /// The member that a session or pending-join timer belongs to; none for timers of the
        /// group.
        member: Option<MemberId>,
    },
}

impl Observation {
    /// The group that the observation is about.
    pub fn group(&self) -> &GroupId {
        match self {
            Observation::Classic(classic) => classic.group(),
            Observation::GroupRemoved { group, .. } | Observation::OffsetRemoved { group, .. } => {
                group
            }
            Observation::GroupLoaded(loaded) => &loaded.metadata.group,
        }
    }
}

impl ClassicObservation {
    /// The group that the observation is about.
    pub fn group(&self) -> &GroupId {
        match self {
            ClassicObservation::State { group, .. }
            | ClassicObservation::MemberAdded { group, .. }
            | ClassicObservation::MemberRemoved { group, .. }
            | ClassicObservation::MemberReplaced { group, .. }
            | ClassicObservation::ReplacementUndone { group, .. }
            | ClassicObservation::GenerationBegan { group, .. }
            | ClassicObservation::TimerFired { group, .. } => group,
        }
    }
}

impl From<ClassicObservation> for Observation {
    fn from(classic: ClassicObservation) -> Observation {
        Observation::Classic(classic)
    }
}

/// A group as its coordinator found it in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedGroup {
    /// The group with its members and their assignments. An empty group has no members; one that
    /// only ever had offsets committed is in generation 0.
    pub metadata: GroupMetadata,
    /// Its state: Stable with members, Empty without.
    pub state: GroupState,
    /// The durable committed offsets, ordered by topic and partition.
    pub offsets: Vec<(TopicPartition, i64)>,
}

/// The kinds of timer of the classic protocol (rules R5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKind {
    /// A member's session timeout, or the five minutes of a new member.
    Session,
    /// The expiry of a member id handed out with MEMBER_ID_REQUIRED.
    PendingJoin,
    /// The end of a join phase, or of a step of the initial rebalance delay.
    Join,
    /// The end of the sync phase.
    Sync,
}

impl fmt::Display for TimerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimerKind::Session => "session",
            TimerKind::PendingJoin => "pending-join",
            TimerKind::Join => "join",
            TimerKind::Sync => "sync",
        })
    }
}
