//! Groups of the classic protocol, the one before KIP-848: the coordinator decides who is a member,
//! and one of the members decides who reads what.
//!
//! Each request of a member has a file. They work on a `group.rs` and its `members.rs` (each a
//! `member.rs`). `rebalance.rs` moves a group from one generation to the next, `static_member.rs`
//! lets a static member take over its former place, and `state.rs` has the states and their legal
//! moves. `asserts.rs` says what must hold of a group, which this module checks before and after
//! each request that changes one.
//!
//! The other folders reach a classic group through [`super::group::Group`]: `offsets.rs` says who
//! may commit and what expires, `term.rs` loads and unloads, `describe.rs` shows. `awaited.rs` acts
//! when a record is durable, `expiry.rs` when a timer fires.

mod asserts;
pub(crate) mod awaited;
pub(crate) mod describe;
pub(crate) mod expiry;
pub(crate) mod group;
pub(super) mod heartbeat;
mod join_group;
mod leave_group;
mod member;
mod members;
mod offsets;
mod rebalance;
mod responses;
pub(crate) mod state;
mod static_member;
mod subscribed;
mod sync_group;
pub(crate) mod term;

use crate::protocol::{GroupId, Request};

use super::api::Call;
use super::group::{Group, Groups};
use super::runtime::turn::Turn;
use group::ClassicGroup;

/// Handles a request that changes the members of a group. Asserts that no response is lost or sent
/// twice: each request that was parked before, and this one, now has a response or is parked.
pub(super) fn handle(groups: &mut Groups, turn: &mut Turn<'_>, call: &Call<'_>) {
    let id = match call.request {
        Request::JoinGroup(request) => &request.group_id,
        Request::SyncGroup(request) => &request.group_id,
        Request::LeaveGroup(request) => &request.group_id,
        other => panic!("{} does not change the members of a group", other.api()),
    };
    let before = assert_ready(groups, turn, id);
    let first = turn.out.len();
    match call.request {
        Request::JoinGroup(request) => join_group::handle(groups, turn, call, request),
        Request::SyncGroup(request) => sync_group::handle(groups, turn, call, request),
        Request::LeaveGroup(request) => leave_group::handle(groups, turn, call, request),
        other => panic!("{} does not change the members of a group", other.api()),
    }
    let (responses, after) = (turn.responses_since(first), assert_ready(groups, turn, id));
    assert_eq!(
        responses + after,
        before + 1,
        "{} {:?} to group {}: {before} parked before, {after} now, {responses} responses",
        call.request.api(),
        call.id,
        id.0
    );
}

/// Asserts that the group, if it exists, can handle a request; returns the number of requests that
/// it parks.
fn assert_ready(groups: &Groups, turn: &Turn<'_>, id: &GroupId) -> usize {
    let Some(group) = find(groups, id) else { return 0 };
    group.assert_ready(turn);
    group.members.parked()
}

/// The classic group of that id.
fn find<'g>(groups: &'g Groups, id: &GroupId) -> Option<&'g ClassicGroup> {
    groups.get(id).map(|Group::Classic(group)| group)
}

/// The classic group of that id, to change it.
fn find_mut<'g>(groups: &'g mut Groups, id: &GroupId) -> Option<&'g mut ClassicGroup> {
    groups.get_mut(id).map(|Group::Classic(group)| group)
}
