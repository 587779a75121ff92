//! The member sessions in one broker's groups, and when to check each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use crate::coordinator::{ClassicObservation, GroupState, LoadedGroup, Observation, Removal};
use crate::invariant::{Breach, breach};
use crate::model::{Group, Key, MemberStanding, Model, RequestContext};
use crate::protocol::{IndexMap, MemberId, Request, Response, ResponseError, StrBytes};
use crate::time::{Time, from_millis_i32};
use crate::trace::{Event, EventKind, FaultKind};

use super::member_session::{MemberSession, SLACK};

/// Kafka's default for the longest session timeout: half an hour.
const LONGEST_SESSION: Duration = Duration::from_secs(1_800);

#[derive(Default)]
pub(super) struct GroupSessions {
    /// By the index of the incarnation.
    groups: BTreeMap<usize, IndexMap<MemberId, MemberSession>>,
    /// Members removed as expired, for signs of life that become visible afterwards.
    expired: IndexMap<(usize, MemberId), MemberSession>,
    /// When to check which member of which group. An entry is stale unless its time is the
    /// `check_at` of the member's session.
    checks: BinaryHeap<Reverse<(Time, usize, MemberId)>>,
    paused: bool,
    resumed: Time,
    /// The JoinGroup that the broker is handling.
    joining: Option<Joining>,
}

struct Joining {
    group: usize,
    key: Key,
    session: Duration,
}

impl GroupSessions {
    /// Takes the next event of the broker.
    pub(super) fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        let mut found = Ok(());
        match &event.kind {
            EventKind::Received { .. } => {
                self.joining = None;
                if let Some((context, request)) = model.request(event) {
                    self.on_request(context, &request.body);
                }
            }
            EventKind::Sent { .. } => {
                if let Some((ctx, request, response)) = model.response(event) {
                    found = self.on_response(model, event.local, ctx, &request.body, response);
                }
            }
            EventKind::Coordinator(observation) => {
                if let Some((index, group)) = model.observed() {
                    found = self.observe(group, index, event.local, observation);
                }
            }
            EventKind::CoordinatorStarted { .. } => {
                *self = GroupSessions { resumed: event.local, ..GroupSessions::default() };
            }
            _ => self.pauses(event),
        }
        // After the event, because it may itself shield or keep a member.
        found.and_then(|()| self.overdue(model, event.local))
    }

    fn pauses(&mut self, event: &Event) {
        match &event.kind {
            EventKind::FaultBegan { fault: FaultKind::Pause, .. } => self.paused = true,
            EventKind::FaultEnded { fault: FaultKind::Pause, .. } => {
                self.paused = false;
                self.resumed = event.local;
            }
            _ => {}
        }
    }

    /// Checks the members whose session may have ended.
    fn overdue(&mut self, model: &Model, now: Time) -> Result<(), Breach> {
        let resumed = self.resumed;
        while !self.paused && self.checks.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            let Some(Reverse((at, index, member))) = self.checks.pop() else { return Ok(()) };
            let Some(session) = self.session_of(index, &member.0) else { continue };
            if session.check_at != at {
                continue;
            }
            let group = model.group(index);
            if group.over {
                self.groups.remove(&index);
                continue;
            }
            let due = (session.deadline() + SLACK).max(resumed + SLACK);
            if session.shielded(group.state) {
                session.check_at = now + SLACK;
            } else if due > now {
                session.check_at = due;
            } else {
                return breach!(
                    "stays" in group.id,
                    "group {}: the coordinator still has member {member} at {now}, {session}",
                    group.id.as_str()
                );
            }
            let again = Reverse((session.check_at, index, member));
            self.checks.push(again);
        }
        Ok(())
    }

    fn session_of(&mut self, group: usize, member: &StrBytes) -> Option<&mut MemberSession> {
        self.groups.get_mut(&group)?.get_mut(member)
    }

    /// The broker begins to handle a request.
    fn on_request(&mut self, context: &RequestContext, request: &Request) {
        match request {
            Request::Heartbeat(body) if context.is_current(body.generation_id) => {
                if let Some(tracked) = self.session_of(context.group, &body.member_id) {
                    tracked.possible = context.local;
                }
            }
            Request::OffsetCommit(body)
                if context.is_current(body.generation_id_or_member_epoch) =>
            {
                if let Some(tracked) = self.session_of(context.group, &body.member_id) {
                    tracked.possible = context.local;
                }
            }
            Request::JoinGroup(body) => {
                let session = from_millis_i32(body.session_timeout_ms);
                self.joining = Some(Joining { group: context.group, key: context.key, session });
                if let Some(tracked) = self.session_of(context.group, &body.member_id) {
                    tracked.session_min = tracked.session_min.min(session);
                    tracked.session_max = tracked.session_max.max(session);
                    tracked.next_session = None;
                    tracked.joined = Some(context.key);
                }
            }
            Request::SyncGroup(body) if context.is_current(body.generation_id) => {
                if context.state == GroupState::CompletingRebalance
                    && let Some(tracked) = self.session_of(context.group, &body.member_id)
                {
                    tracked.synced = Some(context.key);
                }
            }
            _ => {}
        }
    }

    /// The broker responds to a request.
    fn on_response(
        &mut self,
        model: &Model,
        now: Time,
        context: &RequestContext,
        request: &Request,
        response: &Response,
    ) -> Result<(), Breach> {
        match (request, response) {
            (Request::Heartbeat(body), Response::Heartbeat(response)) => {
                let error = ResponseError::try_from_code(response.error_code);
                let accepted = matches!(error, None | Some(ResponseError::RebalanceInProgress));
                if accepted && context.is_current(body.generation_id) {
                    return self.on_sign_of_life(model, context, &body.member_id, context.local);
                }
            }
            (Request::OffsetCommit(body), Response::OffsetCommit(response)) => {
                let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
                if context.is_current(body.generation_id_or_member_epoch)
                    && partitions.any(|partition| partition.error_code == 0)
                {
                    return self.on_sign_of_life(model, context, &body.member_id, context.local);
                }
            }
            (Request::SyncGroup(body), Response::SyncGroup(response)) => {
                if response.error_code == 0 {
                    self.synced(now, context, &body.member_id);
                }
                return self.refused(model, context, &body.member_id, response.error_code);
            }
            (Request::JoinGroup(body), Response::JoinGroup(response)) => {
                // A static member that came back sent JoinGroup without an id.
                let known =
                    if body.member_id.is_empty() { &response.member_id } else { &body.member_id };
                // These responses come from the log when it does not accept or commit the records
                // that were appended for the request: for the group the request is still parked
                // (rules R3.8, R3.10).
                let parked = matches!(
                    ResponseError::try_from_code(response.error_code),
                    Some(
                        ResponseError::CoordinatorNotAvailable
                            | ResponseError::NotCoordinator
                            | ResponseError::UnknownServerError
                            | ResponseError::CoordinatorLoadInProgress
                            | ResponseError::CorruptMessage
                    )
                );
                if let Some(session) = self.session_of(context.group, known) {
                    session.joined.take_if(|key| *key == context.key && !parked);
                    session.possible = now;
                }
                return self.refused(model, context, &body.member_id, response.error_code);
            }
            _ => {}
        }
        Ok(())
    }

    /// A sign of life at `at` is now certain.
    fn on_sign_of_life(
        &mut self,
        model: &Model,
        context: &RequestContext,
        member: &StrBytes,
        at: Time,
    ) -> Result<(), Breach> {
        if let Some(session) = self.session_of(context.group, member) {
            session.confirm(at);
            if session.may_end_sooner() {
                self.check_sooner(context.group, member);
            }
            return Ok(());
        }
        match self.expired.get(&(context.group, MemberId(member.clone()))) {
            Some(tracked) if tracked.too_early_after(at) => breach!(
                "expired-alive",
                "group {}: {member} expired at {} although the coordinator had a sign of life at {at}",
                model.group(context.group).id.as_str(),
                tracked.check_at,
            ),
            Some(_) | None => Ok(()),
        }
    }

    /// A SyncGroup succeeded. If it had been parked, the group became Stable at that moment or
    /// shortly before.
    fn synced(&mut self, now: Time, context: &RequestContext, member: &StrBytes) {
        if let Some(session) = self.session_of(context.group, member) {
            if session.synced == Some(context.key) {
                session.synced = None;
                session.possible = now;
                session.confirmed = session.confirmed.max(Some(now));
            } else if let Some((key, at)) = session.released
                && key == context.key
            {
                session.confirmed = session.confirmed.max(Some(at));
            }
        }
    }

    /// A JoinGroup or SyncGroup of a member got the response UNKNOWN_MEMBER_ID. The id was known
    /// when the request was handled, so the request had been parked, and a member with a parked
    /// request does not expire.
    fn refused(
        &self,
        model: &Model,
        context: &RequestContext,
        member: &StrBytes,
        error: i16,
    ) -> Result<(), Breach> {
        if error != ResponseError::UnknownMemberId.code()
            || context.standing != MemberStanding::Member
        {
            return Ok(());
        }
        match self.expired.get(&(context.group, MemberId(member.clone()))) {
            Some(session) if !session.fresh && session.check_at > context.local => breach!(
                "parked",
                "group {}: {member} expired at {} although a request of {} was parked",
                model.group(context.group).id.as_str(),
                session.check_at,
                context.local
            ),
            Some(_) | None => Ok(()),
        }
    }

    fn observe(
        &mut self,
        group: &Group,
        index: usize,
        now: Time,
        observation: &Observation,
    ) -> Result<(), Breach> {
        match observation {
            Observation::Classic(ClassicObservation::MemberAdded { member, session, .. }) => {
                return self.added(now, index, member, *session);
            }
            Observation::Classic(ClassicObservation::MemberRemoved { member, why, .. }) => {
                return self.removed(now, index, member, *why, group.id.as_str());
            }
            Observation::Classic(ClassicObservation::MemberReplaced {
                old, new, session, ..
            }) => {
                self.replaced(now, index, old, new, *session);
            }
            Observation::Classic(ClassicObservation::ReplacementUndone { old, new, .. }) => {
                self.undone(now, index, old, new)
            }
            Observation::GroupLoaded(loaded) => self.loaded(now, index, loaded),
            Observation::Classic(ClassicObservation::GenerationBegan { members, .. }) => {
                self.began(now, index, members)
            }
            Observation::Classic(ClassicObservation::State { from, .. }) => {
                if let Some(members) = self.groups.get_mut(&index) {
                    members.values_mut().for_each(|tracked| tracked.leave(*from, now));
                }
            }
            Observation::GroupRemoved { .. }
            | Observation::OffsetRemoved { .. }
            | Observation::Classic(ClassicObservation::TimerFired { .. }) => {}
        }
        Ok(())
    }

    /// Sessions start anew with each term.
    fn loaded(&mut self, now: Time, index: usize, loaded: &LoadedGroup) {
        for member in &loaded.metadata.members {
            self.track(index, member.id.clone(), MemberSession::known(now, member.session_timeout));
        }
    }

    /// A static member came back under a new id: its session starts now, with the timeout that it
    /// requested.
    fn replaced(
        &mut self,
        now: Time,
        index: usize,
        old: &MemberId,
        new: &MemberId,
        session: Duration,
    ) {
        let members = self.groups.entry(index).or_default();
        let before = members.swap_remove(old);
        let fresh = before.as_ref().is_some_and(|tracked| tracked.fresh);
        let joined = self.joining.as_ref().filter(|joining| joining.group == index);
        let joined = joined.map(|joining| joining.key);
        let mut tracked = MemberSession { fresh, joined, ..MemberSession::known(now, session) };
        if let Some(before) = before {
            // The coordinator arms the timer before it takes over the new timeout.
            tracked.next_session = Some(session);
            tracked.session_min = tracked.session_min.min(before.session_min);
            tracked.session_max = tracked.session_max.max(before.session_max);
        }
        self.track(index, new.clone(), tracked);
    }

    /// The old id has its place again, and a timer of its own, whose timeout the trace does not
    /// repeat.
    fn undone(&mut self, now: Time, index: usize, old: &MemberId, new: &MemberId) {
        let members = self.groups.entry(index).or_default();
        if let Some(session) = members.swap_remove(new) {
            let tracked = MemberSession {
                confirmed: None,
                possible: now,
                joined: None,
                next_session: None,
                ..session
            };
            let (session_min, session_max) = (Duration::ZERO, LONGEST_SESSION);
            self.track(index, old.clone(), MemberSession { session_min, session_max, ..tracked });
        }
    }

    fn track(&mut self, index: usize, member: MemberId, mut session: MemberSession) {
        session.check_at = session.deadline() + SLACK;
        self.checks.push(Reverse((session.check_at, index, member.clone())));
        self.groups.entry(index).or_default().insert(member, session);
    }

    fn added(
        &mut self,
        now: Time,
        index: usize,
        member: &MemberId,
        session: Duration,
    ) -> Result<(), Breach> {
        let tracked = MemberSession::new(now, session);
        self.checks.push(Reverse((tracked.check_at, index, member.clone())));
        self.groups.entry(index).or_default().insert(member.clone(), tracked);
        match self.joining {
            Some(Joining { group, session: requested, .. })
                if group == index && requested != session =>
            {
                breach!(
                    "session-timeout",
                    "{member} requested a session of {requested:?} and the coordinator gave it {session:?}"
                )
            }
            _ => Ok(()),
        }
    }

    fn removed(
        &mut self,
        now: Time,
        index: usize,
        member: &MemberId,
        why: Removal,
        group: &str,
    ) -> Result<(), Breach> {
        let members = self.groups.entry(index).or_default();
        let Some(mut session) = members.swap_remove(member) else { return Ok(()) };
        if why != Removal::SessionExpired {
            return Ok(());
        }
        let early = now < session.earliest();
        let described = session.to_string();
        session.check_at = now;
        self.expired.insert((index, member.clone()), session);
        match early {
            true => breach!("expired", "group {group}: {member} expired at {now}, {described}"),
            false => Ok(()),
        }
    }

    fn began(&mut self, now: Time, index: usize, members: &[MemberId]) {
        for member in members {
            let Some(session) = self.session_of(index, &member.0) else { continue };
            session.begin(now);
            self.check_sooner(index, &member.0);
        }
    }

    /// Checks the member sooner if its session may end sooner than its entry says. An entry that
    /// comes sooner still corrects itself.
    fn check_sooner(&mut self, index: usize, member: &StrBytes) {
        let Some(session) = self.session_of(index, member) else { return };
        if session.may_end_sooner() {
            session.check_at = session.deadline() + SLACK;
            let entry = Reverse((session.check_at, index, MemberId(member.clone())));
            self.checks.push(entry);
        }
    }
}
