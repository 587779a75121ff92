//! The facts that held when a broker began to handle a request.
//!
//! A request is judged by these facts and not by those at the time of its response: a response that
//! waits for the log to commit may become visible long after the group has moved on.

use crate::broker::TermState;
use crate::coordinator::GroupState;
use crate::protocol::{Generation, GroupId, MemberId, Request, StrBytes};
use crate::time::Time;
use crate::trace::{ConnectionId, Place};

use super::classic::Group;

/// Identifies one request of a run: its connection and its correlation id.
pub type Key = (ConnectionId, i32);

/// What a member id was to the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberStanding {
    /// Unknown: never handed out, or no longer part of the group. Also the empty id.
    Unknown,
    /// Handed out by MEMBER_ID_REQUIRED and not used yet.
    Pending,
    /// A member that no generation includes yet.
    Fresh,
    /// A member of a generation.
    Member,
}

impl MemberStanding {
    /// The standing of `id` in `group`.
    pub fn of(group: &Group, id: &StrBytes) -> MemberStanding {
        match group.members.get(id) {
            Some(member) if member.fresh => MemberStanding::Fresh,
            Some(_) => MemberStanding::Member,
            None if group.pending.contains(id) => MemberStanding::Pending,
            None => MemberStanding::Unknown,
        }
    }

    /// Whether the id is a member, with or without a generation.
    pub fn is_member(self) -> bool {
        matches!(self, MemberStanding::Fresh | MemberStanding::Member)
    }
}

/// The facts that held when a broker began to handle a request of a group API.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext {
    /// The identity of the request.
    pub key: Key,
    /// The incarnation of the group that it is about: an argument of [`super::Model::group`].
    pub group: usize,
    /// The sender.
    pub from: Place,
    /// When the broker began to handle it, on the broker's clock.
    pub local: Time,
    /// The state of the broker's term as coordinator of the group.
    pub term: TermState,
    /// Whether no successor had been elected for this term; otherwise the broker was a zombie.
    pub is_current_leader: bool,
    /// The state of the group.
    pub state: GroupState,
    /// The newest generation of the group.
    pub generation: Generation,
    /// The standing of the member id in the request. (LeaveGroup names several: see `known`.)
    pub standing: MemberStanding,
    /// LeaveGroup: bit i is set when entry i named a member or a pending id.
    pub known: u64,
    /// The first generation that began after the request and before its response.
    pub next_generation: Option<Generation>,
}

impl RequestContext {
    /// Whether the broker was coordinator of the group, from its own point of view.
    pub fn serving(&self) -> bool {
        self.term == TermState::Active
    }

    /// Whether the request named a member of the group and its newest generation.
    pub fn is_current(&self, generation: i32) -> bool {
        self.standing.is_member() && self.generation == Generation(generation)
    }
}

/// The group and the member that a request of a group API is about.
pub(super) fn subject(request: &Request) -> Option<(&GroupId, Option<&StrBytes>)> {
    Some(match request {
        Request::Heartbeat(body) => (&body.group_id, Some(&body.member_id)),
        Request::JoinGroup(body) => (&body.group_id, Some(&body.member_id)),
        Request::SyncGroup(body) => (&body.group_id, Some(&body.member_id)),
        Request::OffsetCommit(body) => (&body.group_id, Some(&body.member_id)),
        Request::LeaveGroup(body) => (&body.group_id, None),
        Request::OffsetFetch(body) => {
            (body.groups.first().map_or(&body.group_id, |group| &group.group_id), None)
        }
        Request::DescribeGroups(_)
        | Request::ListGroups(_)
        | Request::WriteTxnMarkers(_)
        | Request::TxnOffsetCommit(_)
        | Request::DeleteGroups(_)
        | Request::OffsetDelete(_)
        | Request::Produce(_)
        | Request::Fetch(_)
        | Request::ListOffsets(_)
        | Request::Metadata(_)
        | Request::InitProducerId(_)
        | Request::DescribeConfigs(_)
        | Request::FindCoordinator(_) => return None,
    })
}

/// The ids that a LeaveGroup names, each with its static instance id, if any: one id up to version
/// 2, a list from version 3 on, which may be empty.
pub fn leavers(
    body: &kafka_protocol::messages::LeaveGroupRequest,
) -> impl Iterator<Item = (&StrBytes, Option<&StrBytes>)> {
    let is_single = body.members.is_empty() && !body.member_id.is_empty();
    let single = is_single.then_some((&body.member_id, None));
    let listed = body.members.iter();
    single
        .into_iter()
        .chain(listed.map(|member| (&member.member_id, member.group_instance_id.as_ref())))
}

/// Which of the ids in a LeaveGroup are known to the group, as bits. Ids after the 64th
/// have no bit and are not judged.
pub(super) fn known(group: &Group, request: &Request) -> u64 {
    let Request::LeaveGroup(body) = request else { return 0 };
    leavers(body).enumerate().fold(0, |bits, (index, (id, instance))| {
        // An administrator names the instance only (KIP-345).
        let named = || id.is_empty() && instance.is_some_and(|id| group.holder(id).is_some());
        match index {
            0..64 if MemberStanding::of(group, id) != MemberStanding::Unknown || named() => {
                bits | 1 << index
            }
            _ => bits,
        }
    })
}

/// The member id of a string on the wire.
pub(super) fn member_id(id: &StrBytes) -> MemberId {
    MemberId(id.clone())
}
