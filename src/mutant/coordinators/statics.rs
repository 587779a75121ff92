//! Coordinators that get static members wrong.

use std::collections::BTreeMap;

use crate::coordinator::{GroupCoordinator, GroupState, Observation, Output, Record};
use crate::protocol::{Generation, GroupId, MemberId, Request, Response, ResponseError, StrBytes};
use crate::time::Time;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{HeartbeatResponse, LeaveGroupRequest, SyncGroupResponse};

use super::bent::{Bend, Fate, hidden};

/// Answers a displaced static member as if it had its place still. `fencing` or `static-identity` must catch
/// it.
pub struct ForgivesDisplaced;

impl Bend for ForgivesDisplaced {
    fn response(&mut self, _request: &Request, response: &mut Response) -> Fate {
        let fenced = ResponseError::FencedInstanceId.code();
        match response {
            Response::Heartbeat(answer) if answer.error_code == fenced => answer.error_code = 0,
            Response::OffsetCommit(answer) => {
                for entry in answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                    if entry.error_code == fenced {
                        entry.error_code = 0;
                    }
                }
            }
            _ => {}
        }
        Fate::Sent
    }
}

/// Reports and treats a static member that comes back as one more: it hides the instance from the
/// coordinator and adds it to the observation. `static-identity` must catch it.
#[derive(Default)]
pub struct SecondIdentity {
    instances: BTreeMap<MemberId, StrBytes>,
    joining: Option<StrBytes>,
}

impl Bend for SecondIdentity {
    fn request(&mut self, _inner: &dyn GroupCoordinator, request: &mut Request) {
        match request {
            Request::JoinGroup(body) => self.joining = body.group_instance_id.take(),
            Request::SyncGroup(body) => body.group_instance_id = None,
            Request::Heartbeat(body) => body.group_instance_id = None,
            Request::OffsetCommit(body) => body.group_instance_id = None,
            _ => {}
        }
    }

    fn output(&mut self, output: &mut Output) {
        if let Output::Observe(Observation::MemberAdded { member, instance, .. }) = output {
            if let Some(joining) = &self.joining {
                self.instances.insert(member.clone(), joining.clone());
            }
            *instance = self.instances.get(member).cloned();
        }
    }
}

/// Removes the member whose place is taken, in place of replacing it: a rebalance in which partitions move,
/// as with every restart before KIP-345. `static-identity` must catch it.
pub struct ReplacesByRebalance;

impl Bend for ReplacesByRebalance {
    fn before(
        &mut self,
        inner: &mut dyn GroupCoordinator,
        now: Time,
        request: &Request,
        out: &mut Vec<Output>,
    ) {
        let Request::JoinGroup(body) = request else { return };
        let stable = inner.describe(&body.group_id).is_some_and(|g| g.state == GroupState::Stable);
        if stable && body.member_id.is_empty() && body.group_instance_id.is_some() {
            let place =
                MemberIdentity::default().with_group_instance_id(body.group_instance_id.clone());
            let leave = LeaveGroupRequest::default()
                .with_group_id(body.group_id.clone())
                .with_members(vec![place]);
            hidden(inner, now, 5, &leave.into(), out);
        }
    }
}

/// Fences the one who came back, and goes on with the one whose place it took. `fencing` or `static-identity` must catch it.
#[derive(Default)]
pub struct FencesTheNew {
    /// Who took whose place.
    taken: BTreeMap<MemberId, MemberId>,
}

impl Bend for FencesTheNew {
    fn instead(&mut self, _inner: &dyn GroupCoordinator, request: &Request) -> Option<Response> {
        let fenced = ResponseError::FencedInstanceId.code();
        match request {
            Request::Heartbeat(body) => self
                .taken
                .contains_key(&MemberId(body.member_id.clone()))
                .then(|| HeartbeatResponse::default().with_error_code(fenced).into()),
            Request::SyncGroup(body) => self
                .taken
                .contains_key(&MemberId(body.member_id.clone()))
                .then(|| SyncGroupResponse::default().with_error_code(fenced).into()),
            _ => None,
        }
    }

    fn request(&mut self, _inner: &dyn GroupCoordinator, request: &mut Request) {
        if let Request::Heartbeat(body) = request
            && let Some((new, _)) = self.taken.iter().find(|(_, old)| old.0 == body.member_id)
        {
            body.member_id = new.0.clone();
        }
    }

    fn output(&mut self, output: &mut Output) {
        if let Output::Observe(Observation::MemberReplaced { old, new, .. }) = output {
            self.taken.insert(new.clone(), old.clone());
        }
    }
}

/// Takes the first id of a static instance in a generation for its id when it replays the log, as if replacements
/// were not written down. `durable` must catch it.
#[derive(Default)]
pub struct BringsBackTheReplaced {
    first: BTreeMap<(GroupId, Generation, StrBytes), MemberId>,
}

impl Bend for BringsBackTheReplaced {
    fn record(&mut self, record: &Record) -> Option<Record> {
        let mut record = record.clone();
        if let Record::GroupMetadata(group) = &mut record {
            let (id, generation) = (group.group.clone(), group.generation);
            for member in &mut group.members {
                let Some(instance) = member.instance_id.clone() else { continue };
                let first = self.first.entry((id.clone(), generation, instance));
                let first = first.or_insert_with(|| member.id.clone());
                if group.leader.as_ref() == Some(&member.id) {
                    group.leader = Some(first.clone());
                }
                member.id = first.clone();
            }
        }
        Some(record)
    }
}
