//! LeaveGroup on the client's side.

use kafka_protocol::messages::LeaveGroupRequest;
use kafka_protocol::messages::leave_group_request::MemberIdentity;

use crate::client::MemberState;
use crate::client::context::Context;
use crate::client::links::Sent;
use crate::client::membership::Membership;
use crate::protocol::{Api, BrokerId};

/// Sends LeaveGroup if the client is a member and knows the coordinator; returns whether it did. A
/// static member never leaves: it may return before its session expires (rule R13.5.3).
pub(in crate::client) fn leave(
    cx: &mut Context,
    coordinator: Option<BrokerId>,
    membership: &Membership,
) -> bool {
    let member = cx.identity().member.0.clone();
    let gone = member.is_empty() || membership.state() == MemberState::Unjoined;
    let is_static = cx.config.instance_id.is_some();
    let Some(coordinator) = coordinator.filter(|_| !gone && !is_static) else { return false };
    let request = LeaveGroupRequest::default().with_group_id(cx.config.group.clone());
    let request = match cx.version_of(Api::LeaveGroup) {
        0..=2 => request.with_member_id(member),
        _ => request.with_members(vec![MemberIdentity::default().with_member_id(member)]),
    };
    cx.send(coordinator, Sent::Leave, request);
    true
}
