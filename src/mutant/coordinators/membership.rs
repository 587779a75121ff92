//! Coordinators with bugs in membership.

use std::collections::{BTreeMap, BTreeSet};

use crate::coordinator::{GroupCoordinator, GroupState};
use crate::protocol::{GroupId, MemberId, Request, Response, ResponseError, StrBytes};
use crate::time::Time;
use bytes::Bytes;
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use super::interceptor::{ResponseFate, ResponseInterceptor, hidden};

/// Accepts a commit from any client: does not compare the generation and the member id with the
/// group's. Like KAFKA-2596, where a coordinator that did not know the group accepted any
/// generation. `fencing` must catch it.
pub struct ZombieCommits;

impl ResponseInterceptor for ZombieCommits {
    fn request(&mut self, inner: &dyn GroupCoordinator, request: &mut Request) {
        let Request::OffsetCommit(body) = request else { return };
        let Some(group) = inner.describe(&body.group_id) else { return };
        match group.members.first() {
            Some(member) => {
                body.generation_id_or_member_epoch = group.generation.0;
                body.member_id = member.id.0.clone();
            }
            None => {
                body.generation_id_or_member_epoch = -1;
                body.member_id = StrBytes::default();
            }
        }
    }
}

/// Responds to heartbeats of removed members without an error. Like kafkajs#1474 seen from the
/// coordinator's side: no member learns that it was fenced. `fencing` must catch it.
pub struct ForgivingHeartbeats;

impl ResponseInterceptor for ForgivingHeartbeats {
    fn response(&mut self, _request: &Request, response: &mut Response) -> ResponseFate {
        if let Response::Heartbeat(body) = response {
            let error = ResponseError::try_from_code(body.error_code);
            if let Some(ResponseError::UnknownMemberId | ResponseError::IllegalGeneration) = error {
                body.error_code = 0;
            }
        }
        ResponseFate::Sent
    }
}

/// Sends the first assignment of a generation to every member. Like KAFKA-8500, where two processes
/// received the partitions of one. `single-owner` must catch it.
#[derive(Default)]
pub struct SharedAssignment {
    first: BTreeMap<(GroupId, i32), Bytes>,
}

impl ResponseInterceptor for SharedAssignment {
    fn response(&mut self, request: &Request, response: &mut Response) -> ResponseFate {
        if let (Request::SyncGroup(request), Response::SyncGroup(body)) = (request, response)
            && body.error_code == 0
        {
            let generation = (request.group_id.clone(), request.generation_id);
            let assignment =
                self.first.entry(generation).or_insert_with(|| body.assignment.clone());
            body.assignment = assignment.clone();
        }
        ResponseFate::Sent
    }
}

/// Starts a new session for each member whose session has ended. Like KAFKA-9752, where the check
/// that ends a session could be ignored for good. `session` must catch it.
pub struct ImmortalMembers;

impl ResponseInterceptor for ImmortalMembers {
    fn advance(
        &mut self,
        inner: &mut dyn GroupCoordinator,
        groups: &BTreeSet<GroupId>,
        now: Time,
    ) -> bool {
        for id in groups {
            let Some(group) = inner.describe(id) else { continue };
            let due = |deadline: Option<Time>| deadline.is_some_and(|deadline| deadline <= now);
            for member in group.members.iter().filter(|member| due(member.session_deadline)) {
                revive(inner, now, id, &member.id, group.generation.0);
            }
        }
        true
    }
}

/// Passes in a heartbeat under a member's id whose outputs are dropped.
fn revive(
    inner: &mut dyn GroupCoordinator,
    now: Time,
    group: &GroupId,
    member: &MemberId,
    generation: i32,
) {
    let request = HeartbeatRequest::default()
        .with_group_id(group.clone())
        .with_member_id(member.0.clone())
        .with_generation_id(generation)
        .into();
    hidden(inner, now, 4, &request, &mut Vec::new());
}

/// Responds to heartbeats of a stable group without restarting the session. Like KAFKA-3470, where
/// one kind of request did not count as a sign of life. `session` must catch it.
pub struct DeafToHeartbeats;

impl ResponseInterceptor for DeafToHeartbeats {
    fn instead(&mut self, inner: &dyn GroupCoordinator, request: &Request) -> Option<Response> {
        let Request::Heartbeat(body) = request else { return None };
        let group = inner.describe(&body.group_id)?;
        let current = group.generation.0 == body.generation_id
            && group.members.iter().any(|member| member.id.0 == body.member_id);
        (group.state == GroupState::Stable && current).then(|| HeartbeatResponse::default().into())
    }
}

/// Drops every third successful JoinGroup response. Like KAFKA-20938, where a parked request was
/// overwritten and never got a response. `response-deadline` must catch it.
#[derive(Default)]
pub struct LostJoinResponses {
    responses: u32,
}

impl ResponseInterceptor for LostJoinResponses {
    fn response(&mut self, _request: &Request, response: &mut Response) -> ResponseFate {
        match response {
            Response::JoinGroup(body) if body.error_code == 0 => every_third(&mut self.responses),
            _ => ResponseFate::Sent,
        }
    }
}

/// Drops every third successful SyncGroup response. Like redpanda#3300, where the end of a phase
/// was noticed only by some of the requests that waited for it. `response-deadline` must catch it.
#[derive(Default)]
pub struct LostSyncResponses {
    responses: u32,
}

impl ResponseInterceptor for LostSyncResponses {
    fn response(&mut self, _request: &Request, response: &mut Response) -> ResponseFate {
        match response {
            Response::SyncGroup(body) if body.error_code == 0 => every_third(&mut self.responses),
            _ => ResponseFate::Sent,
        }
    }
}

/// Responds to every eighth heartbeat with REBALANCE_IN_PROGRESS when there is no rebalance: the
/// member rejoins, and a leader that rejoins triggers a rebalance of the whole group. Each
/// rebalance completes, and the next one follows. Like kafka-python#2614, a storm of needless
/// rebalances. `convergence` must catch it.
#[derive(Default)]
pub struct RestlessHeartbeats {
    heartbeats: u32,
}

impl ResponseInterceptor for RestlessHeartbeats {
    fn response(&mut self, _request: &Request, response: &mut Response) -> ResponseFate {
        if let Response::Heartbeat(body) = response
            && body.error_code == 0
        {
            self.heartbeats += 1;
            if self.heartbeats.is_multiple_of(8) {
                body.error_code = ResponseError::RebalanceInProgress.code();
            }
        }
        ResponseFate::Sent
    }
}

fn every_third(responses: &mut u32) -> ResponseFate {
    *responses += 1;
    if responses.is_multiple_of(3) { ResponseFate::Dropped } else { ResponseFate::Sent }
}

/// Stops all timers during a sync phase, so a leader that never syncs blocks the group for ever.
/// Like KAFKA-12890, where there was no sync timer and heartbeats kept the silent member alive.
/// `response-deadline` must catch it; `session` may be first, as its timer stops, too.
pub struct NoSyncTimer;

impl ResponseInterceptor for NoSyncTimer {
    fn advance(
        &mut self,
        inner: &mut dyn GroupCoordinator,
        groups: &BTreeSet<GroupId>,
        _now: Time,
    ) -> bool {
        !self.frozen(inner, groups)
    }

    fn frozen(&self, inner: &dyn GroupCoordinator, groups: &BTreeSet<GroupId>) -> bool {
        let syncing = GroupState::CompletingRebalance;
        groups.iter().filter_map(|id| inner.describe(id)).any(|group| group.state == syncing)
    }
}

/// Names each member as the leader in its own JoinGroup response. Like KAFKA-13435, where one
/// member received another leader than the others. `generation` must catch it.
pub struct AllMembersLead;

impl ResponseInterceptor for AllMembersLead {
    fn response(&mut self, _request: &Request, response: &mut Response) -> ResponseFate {
        if let Response::JoinGroup(body) = response
            && body.error_code == 0
        {
            body.leader = body.member_id.clone();
        }
        ResponseFate::Sent
    }
}

/// Completes a join with the previous generation. Like the response to a static member's
/// replacement that is overtaken by a rebalance and still carries the old generation. `generation`
/// must catch it.
pub struct GenerationBehind;

impl ResponseInterceptor for GenerationBehind {
    fn response(&mut self, _request: &Request, response: &mut Response) -> ResponseFate {
        if let Response::JoinGroup(body) = response
            && body.error_code == 0
            && body.generation_id > 1
        {
            body.generation_id -= 1;
        }
        ResponseFate::Sent
    }
}

/// Responds to every successful SyncGroup with REBALANCE_IN_PROGRESS, from the third generation on.
/// Like KAFKA-13406, where a leader refused each assignment of its own and the group rebalanced for
/// ever. `convergence` must catch it.
pub struct EndlessRebalance;

impl ResponseInterceptor for EndlessRebalance {
    fn response(&mut self, request: &Request, response: &mut Response) -> ResponseFate {
        if let (Request::SyncGroup(request), Response::SyncGroup(body)) = (request, response)
            && request.generation_id > 2
            && body.error_code == 0
        {
            body.error_code = ResponseError::RebalanceInProgress.code();
            body.assignment = Bytes::new();
        }
        ResponseFate::Sent
    }
}

/// Hands out every third member id twice: two consumers act under one id. `member-identity` must
/// catch it.
#[derive(Default)]
pub struct HandsOutIdsTwice {
    last: BTreeMap<GroupId, StrBytes>,
    newcomers: u32,
}

impl ResponseInterceptor for HandsOutIdsTwice {
    fn response(&mut self, request: &Request, response: &mut Response) -> ResponseFate {
        if let (Request::JoinGroup(request), Response::JoinGroup(response)) = (request, response)
            && response.error_code == ResponseError::MemberIdRequired.code()
        {
            self.newcomers += 1;
            let last = self.last.get(&request.group_id);
            if let Some(last) = last.filter(|_| self.newcomers.is_multiple_of(3)) {
                response.member_id = last.clone();
            }
            self.last.insert(request.group_id.clone(), response.member_id.clone());
        }
        ResponseFate::Sent
    }
}
