//! The members of one broker's groups, and when to look at which.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use crate::coordinator::{GroupState, LoadedGroup, Observation, Removal};
use crate::invariant::ledger::{Asked, Group, Key, Ledger, Standing};
use crate::invariant::{Breach, breach};
use crate::protocol::{IndexMap, MemberId, Request, Response, ResponseError, StrBytes};
use crate::time::{Time, from_millis_i32};
use crate::trace::{Event, FaultKind, Kind};

use super::life::{Life, SLACK};

/// Kafka's default for the longest session there may be: half an hour.
const MOST: Duration = Duration::from_secs(1_800);

#[derive(Default)]
pub(super) struct Watch {
    /// By the number of the incarnation.
    groups: BTreeMap<usize, IndexMap<MemberId, Life>>,
    /// Members removed as expired, for signs of life that become visible afterwards.
    expired: IndexMap<(usize, MemberId), Life>,
    /// When to look at which member of which group. An entry is stale unless its time is the one that
    /// stands in the member's life.
    checks: BinaryHeap<Reverse<(Time, usize, MemberId)>>,
    paused: bool,
    resumed: Time,
    /// The JoinGroup that is being handled.
    joining: Option<Joining>,
}

struct Joining {
    group: usize,
    key: Key,
    session: Duration,
}

impl Watch {
    /// Takes the next event of the broker.
    pub(super) fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        let mut found = Ok(());
        match &event.kind {
            Kind::Received { .. } => {
                self.joining = None;
                if let Some((asked, request)) = ledger.question(event) {
                    self.asked(asked, &request.body);
                }
            }
            Kind::Sent { .. } => {
                if let Some((asked, request, response)) = ledger.answer(event) {
                    found = self.answered(ledger, event.local, asked, &request.body, response);
                }
            }
            Kind::Coordinator(observation) => {
                if let Some((index, group)) = ledger.observed() {
                    found = self.observe(group, index, event.local, observation);
                }
            }
            Kind::CoordinatorStarted { .. } => {
                *self = Watch { resumed: event.local, ..Watch::default() };
            }
            _ => self.pauses(event),
        }
        // Afterwards, because the event may itself be what shields or keeps a member.
        found.and_then(|()| self.overdue(ledger, event.local))
    }

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
    fn overdue(&mut self, ledger: &Ledger, now: Time) -> Result<(), Breach> {
        let resumed = self.resumed;
        while !self.paused && self.checks.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            let Some(Reverse((at, index, member))) = self.checks.pop() else { return Ok(()) };
            let Some(life) = self.life(index, &member.0) else { continue };
            if life.check_at != at {
                continue;
            }
            let group = ledger.group(index);
            if group.over {
                self.groups.remove(&index);
                continue;
            }
            let due = (life.deadline() + SLACK).max(resumed + SLACK);
            if life.shielded(group.state) {
                life.check_at = now + SLACK;
            } else if due > now {
                life.check_at = due;
            } else {
                return breach!(
                    "stays" in group.id, "group {}: {member} is still a member at {now}, {life}",
                    group.id.as_str()
                );
            }
            let again = Reverse((life.check_at, index, member));
            self.checks.push(again);
        }
        Ok(())
    }

    fn life(&mut self, group: usize, member: &StrBytes) -> Option<&mut Life> {
        self.groups.get_mut(&group)?.get_mut(member)
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
                self.joining = Some(Joining { group: asked.group, key: asked.key, session });
                if let Some(life) = self.life(asked.group, &body.member_id) {
                    life.session_min = life.session_min.min(session);
                    life.session_max = life.session_max.max(session);
                    life.next_session = None;
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
    ) -> Result<(), Breach> {
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
                // A static member that came back asked without an id.
                let known =
                    if body.member_id.is_empty() { &answer.member_id } else { &body.member_id };
                // So the log answers that does not take or commit what was appended along with it: for the
                // group the request is still parked (rules R3.8, R3.10).
                let parked = matches!(
                    ResponseError::try_from_code(answer.error_code),
                    Some(
                        ResponseError::CoordinatorNotAvailable
                            | ResponseError::NotCoordinator
                            | ResponseError::UnknownServerError
                            | ResponseError::CoordinatorLoadInProgress
                            | ResponseError::CorruptMessage
                    )
                );
                if let Some(life) = self.life(asked.group, known) {
                    life.joined.take_if(|key| *key == asked.key && !parked);
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
    ) -> Result<(), Breach> {
        if let Some(life) = self.life(asked.group, member) {
            life.is_heard(at);
            if life.may_end_sooner() {
                self.look_sooner(asked.group, member);
            }
            return Ok(());
        }
        match self.expired.get(&(asked.group, MemberId(member.clone()))) {
            Some(life) if life.too_early_after(at) => breach!(
                "heard",
                "group {}: {member} expired at {} although it was heard at {at}",
                ledger.group(asked.group).id.as_str(),
                life.check_at,
            ),
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
    ) -> Result<(), Breach> {
        if error != ResponseError::UnknownMemberId.code() || asked.standing != Standing::Member {
            return Ok(());
        }
        match self.expired.get(&(asked.group, MemberId(member.clone()))) {
            Some(life) if !life.fresh && life.check_at > asked.local => breach!(
                "parked",
                "group {}: {member} expired at {} although a request of {} was parked",
                ledger.group(asked.group).id.as_str(),
                life.check_at,
                asked.local
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
            Observation::MemberAdded { member, session, .. } => {
                return self.added(now, index, member, *session);
            }
            Observation::MemberRemoved { member, why, .. } => {
                return self.removed(now, index, member, *why, group.id.as_str());
            }
            Observation::MemberReplaced { old, new, session, .. } => {
                self.replaced(now, index, old, new, *session);
            }
            Observation::ReplacementUndone { old, new, .. } => self.undone(now, index, old, new),
            Observation::GroupLoaded(loaded) => self.loaded(now, index, loaded),
            Observation::GenerationBegan { members, .. } => self.began(now, index, members),
            Observation::State { from, .. } => {
                if let Some(members) = self.groups.get_mut(&index) {
                    members.values_mut().for_each(|life| life.leave(*from, now));
                }
            }
            Observation::GroupRemoved { .. }
            | Observation::OffsetRemoved { .. }
            | Observation::TimerFired { .. } => {}
        }
        Ok(())
    }

    /// Sessions start anew with each term.
    fn loaded(&mut self, now: Time, index: usize, loaded: &LoadedGroup) {
        for member in &loaded.metadata.members {
            self.watch(index, member.id.clone(), Life::known(now, member.session_timeout));
        }
    }

    /// A static member came back under a new id: with the session it asked for, from now on.
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
        let fresh = before.as_ref().is_some_and(|life| life.fresh);
        let joined = self.joining.as_ref().filter(|joining| joining.group == index);
        let joined = joined.map(|joining| joining.key);
        let mut life = Life { fresh, joined, ..Life::known(now, session) };
        if let Some(before) = before {
            // The timer is armed before the new terms are taken over.
            life.next_session = Some(session);
            life.session_min = life.session_min.min(before.session_min);
            life.session_max = life.session_max.max(before.session_max);
        }
        self.watch(index, new.clone(), life);
    }

    /// The old id has its place again, and a timer of its own: how long is not said again.
    fn undone(&mut self, now: Time, index: usize, old: &MemberId, new: &MemberId) {
        let members = self.groups.entry(index).or_default();
        if let Some(life) = members.swap_remove(new) {
            let life =
                Life { certain: None, hopeful: now, joined: None, next_session: None, ..life };
            let (session_min, session_max) = (Duration::ZERO, MOST);
            self.watch(index, old.clone(), Life { session_min, session_max, ..life });
        }
    }

    fn watch(&mut self, index: usize, member: MemberId, mut life: Life) {
        life.check_at = life.deadline() + SLACK;
        self.checks.push(Reverse((life.check_at, index, member.clone())));
        self.groups.entry(index).or_default().insert(member, life);
    }

    fn added(
        &mut self,
        now: Time,
        index: usize,
        member: &MemberId,
        session: Duration,
    ) -> Result<(), Breach> {
        let life = Life::new(now, session);
        self.checks.push(Reverse((life.check_at, index, member.clone())));
        self.groups.entry(index).or_default().insert(member.clone(), life);
        match self.joining {
            Some(Joining { group, session: asked, .. }) if group == index && asked != session => {
                breach!(
                    "asked",
                    "{member} asked for a session of {asked:?} and was given {session:?}"
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
        let Some(mut life) = members.swap_remove(member) else { return Ok(()) };
        if why != Removal::SessionExpired {
            return Ok(());
        }
        let early = now < life.earliest();
        let described = life.to_string();
        life.check_at = now;
        self.expired.insert((index, member.clone()), life);
        match early {
            true => breach!("expired", "group {group}: {member} expired at {now}, {described}"),
            false => Ok(()),
        }
    }

    fn began(&mut self, now: Time, index: usize, members: &[MemberId]) {
        for member in members {
            let Some(life) = self.life(index, &member.0) else { continue };
            life.begin(now);
            self.look_sooner(index, &member.0);
        }
    }

    /// Its session may end sooner than was thought. An entry that comes sooner still will find out by itself.
    fn look_sooner(&mut self, index: usize, member: &StrBytes) {
        let Some(life) = self.life(index, member) else { return };
        if life.may_end_sooner() {
            life.check_at = life.deadline() + SLACK;
            let entry = Reverse((life.check_at, index, MemberId(member.clone())));
            self.checks.push(entry);
        }
    }
}
