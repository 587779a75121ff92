//! The cells that the default swarm must reach.
//!
//! Every request that all clients send meets every lasting group state, under every fault family
//! and without a fault; and every timer fires in the states it belongs to. All other cells are left
//! to chance.

use crate::coordinator::{GroupState, TimerKind};
use crate::protocol::Api;
use crate::trace::FaultKind;

use super::cells::{Cell, CellEvent};

/// The group APIs that all clients use.
const CLIENT_APIS: [Api; 6] = [
    Api::JoinGroup,
    Api::SyncGroup,
    Api::Heartbeat,
    Api::LeaveGroup,
    Api::OffsetCommit,
    Api::OffsetFetch,
];

/// The states in which a group stays for longer than an instant.
const STATES: [GroupState; 4] = [
    GroupState::Empty,
    GroupState::PreparingRebalance,
    GroupState::CompletingRebalance,
    GroupState::Stable,
];

/// The states in which each timer is armed.
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
    let requests = STATES
        .into_iter()
        .flat_map(|state| CLIENT_APIS.into_iter().map(move |api| (state, CellEvent::Request(api))));
    let timers = TIMERS.into_iter().map(|(timer, state)| (state, CellEvent::Timer(timer)));
    requests.chain(timers).flat_map(|(state, event)| {
        let faults = std::iter::once(None).chain(FaultKind::ALL.map(Some));
        faults.map(move |fault| Cell { state: Some(state), event, fault })
    })
}
