//! Coordinators with bugs in static membership.

use std::collections::BTreeMap;

use crate::coordinator::{
    ClassicObservation, GroupCoordinator, GroupState, Observation, Output, Record,
};
use crate::protocol::{Generation, GroupId, MemberId, Request, Response, ResponseError, StrBytes};
use crate::time::Time;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{HeartbeatResponse, LeaveGroupRequest, SyncGroupResponse};

use super::interceptor::{ResponseFate, ResponseInterceptor, hidden};

/// Accepts requests of a static member's id that another has replaced. `fencing` or
/// `static-identity` must catch it.
pub struct ForgivesDisplaced;

impl ResponseInterceptor for ForgivesDisplaced {
    fn response(&mut self, _request: &Request, response: &mut Response) -> ResponseFate {
        let fenced = ResponseError::FencedInstanceId.code();
        match response {
            Response::Heartbeat(response) if response.error_code == fenced => {
                response.error_code = 0
            }
            Response::OffsetCommit(response) => {
                for entry in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                    if entry.error_code == fenced {
                        entry.error_code = 0;
                    }
                }
            }
            _ => {}
        }
        ResponseFate::Sent
    }
}

/// Reports and treats a static member that comes back as an additional member: it hides the
/// instance from the coordinator and adds it to the observation. `static-identity` must catch it.
#[derive(Default)]
pub struct SecondIdentity {
    instances: BTreeMap<MemberId, StrBytes>,
    joining: Option<StrBytes>,
}

impl ResponseInterceptor for SecondIdentity {
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
        if let Output::Observe(Observation::Classic(ClassicObservation::MemberAdded {
            member,
            instance,
            ..
        })) = output
        {
            if let Some(joining) = &self.joining {
                self.instances.insert(member.clone(), joining.clone());
            }
            *instance = self.instances.get(member).cloned();
        }
    }
}

/// Removes a static member that comes back instead of replacing its id: a rebalance in which
/// partitions move, as with every restart before KIP-345. `static-identity` must catch it.
pub struct ReplacesByRebalance;

impl ResponseInterceptor for ReplacesByRebalance {
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

/// Fences the new id of a static member that came back, and accepts the old one. `fencing` or
/// `static-identity` must catch it.
#[derive(Default)]
pub struct FencesTheNew {
    /// The old id that each new id replaced.
    replaced: BTreeMap<MemberId, MemberId>,
}

impl ResponseInterceptor for FencesTheNew {
    fn instead(&mut self, _inner: &dyn GroupCoordinator, request: &Request) -> Option<Response> {
        let fenced = ResponseError::FencedInstanceId.code();
        match request {
            Request::Heartbeat(body) => self
                .replaced
                .contains_key(&MemberId(body.member_id.clone()))
                .then(|| HeartbeatResponse::default().with_error_code(fenced).into()),
            Request::SyncGroup(body) => self
                .replaced
                .contains_key(&MemberId(body.member_id.clone()))
                .then(|| SyncGroupResponse::default().with_error_code(fenced).into()),
            _ => None,
        }
    }

    fn request(&mut self, _inner: &dyn GroupCoordinator, request: &mut Request) {
        if let Request::Heartbeat(body) = request
            && let Some((new, _)) = self.replaced.iter().find(|(_, old)| old.0 == body.member_id)
        {
            body.member_id = new.0.clone();
        }
    }

    fn output(&mut self, output: &mut Output) {
        if let Output::Observe(Observation::Classic(ClassicObservation::MemberReplaced {
            old,
            new,
            ..
        })) = output
        {
            self.replaced.insert(new.clone(), old.clone());
        }
    }
}

/// Loads a static instance under its first id in the generation when it replays the log, as if
/// replacements were not written to the log. `durable` must catch it.
#[derive(Default)]
pub struct BringsBackTheReplaced {
    first: BTreeMap<(GroupId, Generation, StrBytes), MemberId>,
}

impl ResponseInterceptor for BringsBackTheReplaced {
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
