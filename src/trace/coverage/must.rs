//! The cells that the default swarm must reach.
//!
//! What every client asks for meets every state that a group can be in for longer than an instant, with every
//! family of faults about, and with none; and every timer fires in the states it belongs to. What is beyond that is
//! luck.

use crate::coordinator::{GroupState, TimerKind};
use crate::protocol::Api;
use crate::trace::event::FaultKind;

use super::cells::{Cell, CellEvent};

/// What all clients ask for.
const ASKED: [Api; 6] = [
    Api::JoinGroup,
    Api::SyncGroup,
    Api::Heartbeat,
    Api::LeaveGroup,
    Api::OffsetCommit,
    Api::OffsetFetch,
];

/// The states that last.
const STATES: [GroupState; 4] = [
    GroupState::Empty,
    GroupState::PreparingRebalance,
    GroupState::CompletingRebalance,
    GroupState::Stable,
];

/// Where each timer belongs.
const TIMERS: [(TimerKind, GroupState); 6] = [
    (TimerKind::Session, GroupState::PreparingRebalance),
    (TimerKind::Session, GroupState::CompletingRebalance),
    (TimerKind::Session, GroupState::Stable),
    (TimerKind::PendingJoin, GroupState::PreparingRebalance),
    (TimerKind::Join, GroupState::PreparingRebalance),
    (TimerKind::Sync, GroupState::CompletingRebalance),
];

/// Every cell that must be reached.
pub fn must_reach() -> impl Iterator<Item = Cell> {
    let asked = STATES
        .into_iter()
        .flat_map(|state| ASKED.into_iter().map(move |api| (state, CellEvent::Request(api))));
    let timers = TIMERS.into_iter().map(|(timer, state)| (state, CellEvent::Timer(timer)));
    asked.chain(timers).flat_map(|(state, event)| {
        let faults = std::iter::once(None).chain(FaultKind::ALL.map(Some));
        faults.map(move |fault| Cell { state: Some(state), event, fault })
    })
}
