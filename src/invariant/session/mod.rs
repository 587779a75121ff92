//! A member that shows signs of life stays; one that does not goes: the whole of failure detection.
//!
//! Scope, on the broker's own clock. A sign of life is: the completion of a join phase that includes the
//! member; an accepted Heartbeat or OffsetCommit (with a generation), when the broker began to handle it;
//! for a parked SyncGroup that succeeds, the moment the group became Stable. The session is the
//! session timeout of the member's JoinGroup.
//! - A member joins with the session timeout it asked for.
//! - A member of a generation is removed as expired no sooner than its session after its last sign of life,
//!   and not at all while its JoinGroup or SyncGroup is parked. (An answer that shows the sign of life, or
//!   that the request had been parked, may become visible only after the removal.)
//! - A new member, which no generation includes yet, is removed as expired no sooner than five minutes
//!   after it was added, or a session after a heartbeat of its own.
//! - Neither stays more than a second longer than that, unless shielded by a parked request. A broker
//!   that was paused has a second from when it resumes.
//!
//! Not said: anything of removals for other reasons; anything of members that a coordinator loaded
//! from its log. What is uncertain counts for the coordinator: towards being early only signs of life
//! that were confirmed, towards being late every request that may have been one.

mod life;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::coordinator::{GroupState, Observation, Removal};
use crate::protocol::{IndexMap, MemberId, Request, Response, ResponseError, StrBytes};
use crate::time::{Time, from_millis_i32};
use crate::trace::{Event, FaultKind, Kind, Place};
use std::time::Duration;

use super::Invariant;
use super::ledger::{Asked, Ledger, group_of};
use life::Life;

/// How much later than due a removal may be: timers fire to the microsecond, so this is ample.
const SLACK: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Session {
    /// By the ledger's number of the group.
    groups: Vec<IndexMap<MemberId, Life>>,
    /// Members removed as expired, for signs of life that become visible afterwards.
    expired: IndexMap<MemberId, Life>,
    /// When to look at which member of which group. An entry is stale unless its time is the one that
    /// stands in the member's life.
    checks: BinaryHeap<Reverse<(Time, usize, MemberId)>>,
    paused: bool,
    resumed: Time,
    /// The session timeout of the JoinGroup that is being handled.
    joining: Option<(usize, Duration)>,
}

impl Invariant for Session {
    fn name(&self) -> &'static str {
        "session"
    }

    fn statement(&self) -> &'static str {
        "a member expires after a session without a sign of life, and soon after"
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), String> {
        if !matches!(event.place, Place::Broker(_)) {
            return Ok(());
        }
        match &event.kind {
            Kind::Received { .. } => {
                self.joining = None;
                if let Some((asked, request)) = ledger.question(event) {
                    self.asked(asked, &request.body);
                }
            }
            Kind::Sent { .. } => {
                if let Some((asked, request, response)) = ledger.answer(event) {
                    self.answered(ledger, event.local, asked, &request.body, response)?;
                }
            }
            Kind::Coordinator(observation) => self.observe(ledger, event.local, observation)?,
            Kind::CoordinatorStarted { .. } => {
                *self = Session { resumed: event.local, ..Session::default() };
            }
            _ => self.pauses(event),
        }
        // Afterwards, because the event may itself be what shields or keeps a member.
        self.overdue(ledger, event.local)
    }
}

impl Session {
    fn pauses(&mut self, event: &Event) {
        match &event.kind {
            Kind::FaultBegan { fault: FaultKind::Pause, .. } => self.paused = true,
            Kind::FaultEnded { fault: FaultKind::Pause, .. } => {
                self.paused = false;
                self.resumed = event.local;
            }
            _ => {}
        }
    }

    /// Looks at the members whose time may have come.
    fn overdue(&mut self, ledger: &Ledger, now: Time) -> Result<(), String> {
        while !self.paused && self.checks.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            let Some(Reverse((at, index, member))) = self.checks.pop() else { return Ok(()) };
            let Some(life) = self.groups[index].get_mut(&member) else { continue };
            if life.check_at != at {
                continue;
            }
            let group = ledger.group(index);
            let due = (life.deadline() + SLACK).max(self.resumed + SLACK);
            if life.shielded(group.state) {
                life.check_at = now + SLACK;
            } else if due > now {
                life.check_at = due;
            } else {
                return Err(format!(
                    "group {}: {member} is still a member at {now}, {life}",
                    group.id.as_str()
                ));
            }
            self.checks.push(Reverse((life.check_at, index, member)));
        }
        Ok(())
    }

    fn life(&mut self, group: usize, member: &StrBytes) -> Option<&mut Life> {
        self.groups.get_mut(group)?.get_mut(member)
    }

    /// The broker begins to handle a request.
    fn asked(&mut self, asked: &Asked, request: &Request) {
        match request {
            Request::Heartbeat(body) if asked.is_current(body.generation_id) => {
                if let Some(life) = self.life(asked.group, &body.member_id) {
                    life.hopeful = asked.local;
                }
            }
            Request::OffsetCommit(body) if asked.is_current(body.generation_id_or_member_epoch) => {
                if let Some(life) = self.life(asked.group, &body.member_id) {
                    life.hopeful = asked.local;
                }
            }
            Request::JoinGroup(body) => {
                let session = from_millis_i32(body.session_timeout_ms);
                self.joining = Some((asked.group, session));
                if let Some(life) = self.life(asked.group, &body.member_id) {
                    life.session_min = life.session_min.min(session);
                    life.session_max = life.session_max.max(session);
                    life.joined = Some(asked.key);
                }
            }
            Request::SyncGroup(body) if asked.is_current(body.generation_id) => {
                if asked.state == GroupState::CompletingRebalance
                    && let Some(life) = self.life(asked.group, &body.member_id)
                {
                    life.synced = Some(asked.key);
                }
            }
            _ => {}
        }
    }

    /// The broker answers a request.
    fn answered(
        &mut self,
        ledger: &Ledger,
        now: Time,
        asked: &Asked,
        request: &Request,
        response: &Response,
    ) -> Result<(), String> {
        match (request, response) {
            (Request::Heartbeat(body), Response::Heartbeat(answer)) => {
                let error = ResponseError::try_from_code(answer.error_code);
                let accepted = matches!(error, None | Some(ResponseError::RebalanceInProgress));
                if accepted && asked.is_current(body.generation_id) {
                    return self.confirmed(ledger, asked, &body.member_id, asked.local);
                }
            }
            (Request::OffsetCommit(body), Response::OffsetCommit(answer)) => {
                let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                if asked.is_current(body.generation_id_or_member_epoch)
                    && partitions.any(|partition| partition.error_code == 0)
                {
                    return self.confirmed(ledger, asked, &body.member_id, asked.local);
                }
            }
            (Request::SyncGroup(body), Response::SyncGroup(answer)) => {
                if answer.error_code == 0 {
                    self.synced(now, asked, &body.member_id);
                }
                return self.refused(ledger, asked, &body.member_id, answer.error_code);
            }
            (Request::JoinGroup(body), Response::JoinGroup(answer)) => {
                if let Some(life) = self.life(asked.group, &body.member_id) {
                    life.joined.take_if(|key| *key == asked.key);
                    life.hopeful = now;
                }
                return self.refused(ledger, asked, &body.member_id, answer.error_code);
            }
            _ => {}
        }
        Ok(())
    }

    /// A sign of life at `at` is certain now.
    fn confirmed(
        &mut self,
        ledger: &Ledger,
        asked: &Asked,
        member: &StrBytes,
        at: Time,
    ) -> Result<(), String> {
        if let Some(life) = self.life(asked.group, member) {
            life.certain = life.certain.max(Some(at));
            return Ok(());
        }
        match self.expired.get(member) {
            Some(life) if life.too_early_after(at) => Err(format!(
                "group {}: {member} expired at {} although it was heard at {at}",
                ledger.group(asked.group).id.as_str(),
                life.check_at,
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// A SyncGroup succeeded. If it had been parked, the group became Stable at that moment or shortly
    /// before.
    fn synced(&mut self, now: Time, asked: &Asked, member: &StrBytes) {
        if let Some(life) = self.life(asked.group, member) {
            if life.synced == Some(asked.key) {
                life.synced = None;
                life.hopeful = now;
                life.certain = life.certain.max(Some(now));
            } else if let Some((key, at)) = life.released
                && key == asked.key
            {
                life.certain = life.certain.max(Some(at));
            }
        }
    }

    /// A JoinGroup or SyncGroup of a member was answered UNKNOWN_MEMBER_ID. The id was known when the
    /// request was evaluated, so the request had been parked, and nothing parked expires.
    fn refused(
        &self,
        ledger: &Ledger,
        asked: &Asked,
        member: &StrBytes,
        error: i16,
    ) -> Result<(), String> {
        if error != ResponseError::UnknownMemberId.code()
            || asked.standing != super::ledger::Standing::Member
        {
            return Ok(());
        }
        match self.expired.get(member) {
            Some(life) if !life.fresh && life.check_at > asked.local => Err(format!(
                "group {}: {member} expired at {} although a request of {} was parked",
                ledger.group(asked.group).id.as_str(),
                life.check_at,
                asked.local
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn observe(
        &mut self,
        ledger: &Ledger,
        now: Time,
        observation: &Observation,
    ) -> Result<(), String> {
        let Some((index, group)) = ledger.find(group_of(observation)) else { return Ok(()) };
        if self.groups.len() <= index {
            self.groups.resize_with(index + 1, IndexMap::default);
        }
        match observation {
            Observation::MemberAdded { member, session, .. } => {
                self.added(now, index, member, *session)
            }
            Observation::MemberRemoved { member, why, .. } => {
                self.removed(now, index, member, *why, group.id.as_str())
            }
            Observation::GenerationBegan { members, .. } => {
                self.began(now, index, members);
                Ok(())
            }
            Observation::State { from, .. } => {
                self.groups[index].values_mut().for_each(|life| life.leave(*from, now));
                Ok(())
            }
            Observation::TimerFired { .. } => Ok(()),
        }
    }

    fn added(
        &mut self,
        now: Time,
        index: usize,
        member: &MemberId,
        session: Duration,
    ) -> Result<(), String> {
        let life = Life::new(now, session);
        self.checks.push(Reverse((life.check_at, index, member.clone())));
        self.groups[index].insert(member.clone(), life);
        match self.joining {
            Some((group, asked)) if group == index && asked != session => {
                Err(format!("{member} asked for a session of {asked:?} and was given {session:?}"))
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
    ) -> Result<(), String> {
        let Some(mut life) = self.groups[index].swap_remove(member) else { return Ok(()) };
        if why != Removal::SessionExpired {
            return Ok(());
        }
        let early = now < life.earliest();
        let described = life.to_string();
        life.check_at = now;
        self.expired.insert(member.clone(), life);
        match early {
            true => Err(format!("group {group}: {member} expired at {now}, {described}")),
            false => Ok(()),
        }
    }

    fn began(&mut self, now: Time, index: usize, members: &[MemberId]) {
        for member in members {
            let Some(life) = self.groups[index].get_mut(member) else { continue };
            life.begin(now);
            let due = life.deadline() + SLACK;
            // An entry that comes sooner will find out by itself.
            if due < life.check_at {
                life.check_at = due;
                self.checks.push(Reverse((due, index, member.clone())));
            }
        }
    }
}

#[cfg(test)]
mod tests;
