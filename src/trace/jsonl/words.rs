//! Reads the names of closed sets: states, faults, reasons.

use std::borrow::Cow;

use serde_json::Value;

use super::fields::Field;
use super::places::Places;
use crate::assignor::Assignor;
use crate::broker::TermState;
use crate::client::TransitionReason as ClientTransition;
use crate::client::{CommitFailure, CoordinatorLoss, MemberState};
use crate::coordinator::TransitionReason as GroupTransition;
use crate::coordinator::{GroupRemoval, GroupState, OffsetRemoval, Removal, TimerKind};
use crate::trace::event::{CutWay, FaultKind, Loss};
use crate::trace::fields::{removal_name, term_state_name, timer_name};

/// Reads each type by the names under which it is written. A variant that is missing here does not
/// compile.
macro_rules! words {
    ($($type:ident by $name:path: $($variant:ident)*;)*) => {$(
        impl Field for $type {
            fn expected() -> Cow<'static, str> {
                let all: &[&str] = &[$($name($type::$variant)),*];
                format!("one of {}", all.join(", ")).into()
            }

            fn read(value: &Value, _places: &Places) -> Option<Self> {
                let _: fn($type) = |value| match value { $($type::$variant => {})* };
                let word = value.as_str()?;
                [$($type::$variant),*].into_iter().find(|value| $name(*value) == word)
            }
        }
    )*};
}

words! {
    Assignor by Assignor::name: Range RoundRobin Sticky CooperativeSticky;
    ClientTransition by ClientTransition::name: Joining Joined Synced UnknownMemberId
        IllegalGeneration Fenced AssignmentUndone PollTimeout Closing;
    CommitFailure by CommitFailure::name: NotAMember RebalanceInProgress;
    CoordinatorLoss by CoordinatorLoss::name: Disconnected RequestTimedOut SessionTimeout
        NotCoordinator Unavailable;
    CutWay by CutWay::name: ToPeer FromPeer;
    FaultKind by FaultKind::name: Partition Clog Drop Reset Pause Crash Skew Slow Move Zombie Stall
        Refuse Compact;
    GroupRemoval by GroupRemoval::name: Deleted Expired NotStored;
    GroupState by GroupState::name: Empty PreparingRebalance CompletingRebalance Stable Dead;
    GroupTransition by GroupTransition::name: MemberJoined MemberRejoined MetadataChanged
        LeaderRejoined MemberLeft SessionExpired PendingIdExpired AssignorChanged
        StaticMemberReplaced TooManyMembers AllMembersJoined JoinTimeout InitialDelayOver
        NoMembersLeft LeaderSynced SyncTimeout AssignmentNotStored Unloaded;
    Loss by Loss::name: Dropped BehindDropped ConnectionClosed ConnectionReset ReceiverGone;
    MemberState by MemberState::name: Unjoined PreparingRebalance CompletingRebalance Stable;
    OffsetRemoval by OffsetRemoval::name: Deleted Expired TopicDeleted;
    Removal by removal_name: Left SessionExpired NotRejoined NotSynced GroupFull;
    TermState by term_state_name: Loading Active Unloaded;
    TimerKind by timer_name: Session PendingJoin Join Sync;
}
