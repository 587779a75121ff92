//! Coordinators that get membership wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::coordinator::{GroupCoordinator, GroupState};
use crate::protocol::{GroupId, MemberId, Request, Response, ResponseError, StrBytes};
use crate::time::Time;
use bytes::Bytes;
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use super::bent::{Bend, Fate, hidden};

/// Takes a commit from whoever sends it: the generation and the member id are not compared with the
/// group's. Like KAFKA-2596, where a coordinator that did not know the group took any generation.
/// `fencing` must catch it.
pub struct ZombieCommits;

impl Bend for ZombieCommits {
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

/// Tells members that were removed that all is well. Like kafkajs#1474 seen from the other side: nobody
/// learns that it was fenced. `fencing` must catch it.
pub struct ForgivingHeartbeats;

impl Bend for ForgivingHeartbeats {
    fn response(&mut self, _request: &Request, response: &mut Response) -> Fate {
        if let Response::Heartbeat(body) = response {
            let error = ResponseError::try_from_code(body.error_code);
            if let Some(ResponseError::UnknownMemberId | ResponseError::IllegalGeneration) = error {
                body.error_code = 0;
            }
        }
        Fate::Sent
    }
}

/// Hands the first assignment of a generation to everybody. Like KAFKA-8500, where two processes were
/// given the partitions of one. `single-owner` must catch it.
#[derive(Default)]
pub struct SharedAssignment {
    first: BTreeMap<(GroupId, i32), Bytes>,
}

impl Bend for SharedAssignment {
    fn response(&mut self, request: &Request, response: &mut Response) -> Fate {
        if let (Request::SyncGroup(asked), Response::SyncGroup(body)) = (request, response)
            && body.error_code == 0
        {
            let generation = (asked.group_id.clone(), asked.generation_id);
            let assignment =
                self.first.entry(generation).or_insert_with(|| body.assignment.clone());
            body.assignment = assignment.clone();
        }
        Fate::Sent
    }
}

/// Gives a member whose session ran out another one, every time. Like KAFKA-9752, where the check that
/// ends a session could be ignored for good. `session` must catch it.
pub struct ImmortalMembers;

impl Bend for ImmortalMembers {
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

/// A heartbeat in a member's name, of which nobody hears.
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

/// Answers heartbeats of a stable group without noting them. Like KAFKA-3470, where a kind of request that
/// shows that a member lives did not count. `session` must catch it.
pub struct DeafToHeartbeats;

impl Bend for DeafToHeartbeats {
    fn instead(&mut self, inner: &dyn GroupCoordinator, request: &Request) -> Option<Response> {
        let Request::Heartbeat(body) = request else { return None };
        let group = inner.describe(&body.group_id)?;
        let current = group.generation.0 == body.generation_id
            && group.members.iter().any(|member| member.id.0 == body.member_id);
        (group.state == GroupState::Stable && current).then(|| HeartbeatResponse::default().into())
    }
}

/// Forgets every third answer to a JoinGroup that completed. Like KAFKA-20938, where a parked request was
/// overwritten and never answered. `answered` must catch it.
#[derive(Default)]
pub struct LostJoinAnswers {
    answers: u32,
}

impl Bend for LostJoinAnswers {
    fn response(&mut self, _request: &Request, response: &mut Response) -> Fate {
        match response {
            Response::JoinGroup(body) if body.error_code == 0 => every_third(&mut self.answers),
            _ => Fate::Sent,
        }
    }
}

/// Forgets every third answer to a SyncGroup that succeeded. Like redpanda#3300, where the end of a phase
/// was noticed only by some of those who waited for it. `answered` must catch it.
#[derive(Default)]
pub struct LostSyncAnswers {
    answers: u32,
}

impl Bend for LostSyncAnswers {
    fn response(&mut self, _request: &Request, response: &mut Response) -> Fate {
        match response {
            Response::SyncGroup(body) if body.error_code == 0 => every_third(&mut self.answers),
            _ => Fate::Sent,
        }
    }
}

/// Tells every eighth heartbeat that a rebalance is under way when none is: the member rejoins, and a
/// leader that rejoins drags the whole group along. Each rebalance ends well, and the next one comes.
/// Like kafka-python#2614, a storm of needless rebalances. `convergence` must catch it.
#[derive(Default)]
pub struct RestlessHeartbeats {
    heartbeats: u32,
}

impl Bend for RestlessHeartbeats {
    fn response(&mut self, _request: &Request, response: &mut Response) -> Fate {
        if let Response::Heartbeat(body) = response
            && body.error_code == 0
        {
            self.heartbeats += 1;
            if self.heartbeats.is_multiple_of(8) {
                body.error_code = ResponseError::RebalanceInProgress.code();
            }
        }
        Fate::Sent
    }
}

fn every_third(answers: &mut u32) -> Fate {
    *answers += 1;
    if answers.is_multiple_of(3) { Fate::Dropped } else { Fate::Sent }
}

/// Has no timers while a sync phase is under way, so a leader that never syncs holds the group up for
/// ever. Like KAFKA-12890, where there was no sync timer and heartbeats kept the silent member alive.
/// `answered` must catch it; `session` may be first, as that timer stands still, too.
pub struct NoSyncTimer;

impl Bend for NoSyncTimer {
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

/// Tells every member that it leads. Like KAFKA-13435, where a member was told something else about the
/// leader than the others. `generation` must catch it.
pub struct EverybodyLeads;

impl Bend for EverybodyLeads {
    fn response(&mut self, _request: &Request, response: &mut Response) -> Fate {
        if let Response::JoinGroup(body) = response
            && body.error_code == 0
        {
            body.leader = body.member_id.clone();
        }
        Fate::Sent
    }
}

/// Completes a join with the generation before. Like the answer of a static member's replacement that is
/// overtaken by a rebalance and still carries the old generation. `generation` must catch it.
pub struct GenerationBehind;

impl Bend for GenerationBehind {
    fn response(&mut self, _request: &Request, response: &mut Response) -> Fate {
        if let Response::JoinGroup(body) = response
            && body.error_code == 0
            && body.generation_id > 1
        {
            body.generation_id -= 1;
        }
        Fate::Sent
    }
}

/// Answers every SyncGroup that succeeds with REBALANCE_IN_PROGRESS, from the third generation on. Like
/// KAFKA-13406, where a leader refused each assignment of its own and the group rebalanced for ever.
/// `convergence` must catch it.
pub struct EndlessRebalance;

impl Bend for EndlessRebalance {
    fn response(&mut self, request: &Request, response: &mut Response) -> Fate {
        if let (Request::SyncGroup(asked), Response::SyncGroup(body)) = (request, response)
            && asked.generation_id > 2
            && body.error_code == 0
        {
            body.error_code = ResponseError::RebalanceInProgress.code();
            body.assignment = Bytes::new();
        }
        Fate::Sent
    }
}

/// Hands out every third member id twice. `member-identity` must catch it.
#[derive(Default)]
pub struct HandsOutIdsTwice {
    last: BTreeMap<GroupId, StrBytes>,
    newcomers: u32,
}

impl Bend for HandsOutIdsTwice {
    fn response(&mut self, request: &Request, response: &mut Response) -> Fate {
        if let (Request::JoinGroup(request), Response::JoinGroup(answer)) = (request, response)
            && answer.error_code == ResponseError::MemberIdRequired.code()
        {
            self.newcomers += 1;
            let last = self.last.get(&request.group_id);
            if let Some(last) = last.filter(|_| self.newcomers.is_multiple_of(3)) {
                answer.member_id = last.clone();
            }
            self.last.insert(request.group_id.clone(), answer.member_id.clone());
        }
        Fate::Sent
    }
}
