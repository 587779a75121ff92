//! Join phases that wait for nobody: everybody has joined, and no id that was handed out is awaited.

use std::collections::BTreeMap;

use crate::coordinator::{GroupState, Observation, Removal};
use crate::invariant::ledger::{Asked, Group, Key, Ledger};
use crate::protocol::{IndexMap, MemberId};
use crate::protocol::{Request, Response, ResponseError};
use crate::time::{Time, from_millis_i32};
use crate::trace::Event;

/// The join phases of all brokers. Groups are told apart by the number of their incarnation.
#[derive(Debug, Default)]
pub(super) struct Idle {
    phases: BTreeMap<usize, Phase>,
    /// The JoinGroup that is being handled, if nobody is known by its member id.
    entering: Option<Key>,
}

/// What is known of one incarnation.
#[derive(Debug, Default)]
struct Phase {
    /// Whose JoinGroup is not answered.
    joined: IndexMap<MemberId, Key>,
    /// Until when an id is awaited that was handed out.
    awaited: BTreeMap<MemberId, Time>,
    /// Since when it waits for nobody, and how many ids were handed out by then.
    since: Option<(Time, usize)>,
    /// Somebody was turned away: nobody looks then whether that was the last one (R6.1.17).
    turned_away: bool,
}

impl Idle {
    /// Takes the next event of a broker. Gives since when a join phase waits for nobody, if that is news.
    pub(super) fn check(&mut self, ledger: &Ledger, event: &Event) -> Option<Time> {
        let index = if let Some((asked, request)) = ledger.question(event) {
            self.asked(asked, &request.body);
            asked.group
        } else if let Some((asked, request, response)) = ledger.answer(event) {
            self.answered(asked, &request.body, response);
            asked.group
        } else if let (Some((index, _)), crate::trace::Kind::Coordinator(observation)) =
            (ledger.observed(), &event.kind)
        {
            self.observed(index, observation);
            index
        } else {
            return None;
        };
        self.look_at(index, ledger.group(index), event.local)
    }

    fn asked(&mut self, asked: &Asked, request: &Request) {
        let Request::JoinGroup(body) = request else { return };
        self.entering = None;
        if !asked.serving() {
            return;
        }
        match asked.standing.is_member() {
            true => {
                let phase = self.phases.entry(asked.group).or_default();
                phase.joined.insert(MemberId(body.member_id.clone()), asked.key);
            }
            false => self.entering = Some(asked.key),
        }
    }

    fn answered(&mut self, asked: &Asked, request: &Request, response: &Response) {
        let (Request::JoinGroup(body), Response::JoinGroup(answer)) = (request, response) else {
            return;
        };
        let phase = self.phases.entry(asked.group).or_default();
        phase.joined.retain(|_, key| *key != asked.key);
        match ResponseError::try_from_code(answer.error_code) {
            Some(ResponseError::MemberIdRequired) => {
                let until = asked.local + from_millis_i32(body.session_timeout_ms);
                phase.awaited.insert(MemberId(answer.member_id.clone()), until);
            }
            Some(ResponseError::GroupMaxSizeReached) => phase.turned_away = true,
            _ => {}
        }
    }

    fn observed(&mut self, index: usize, observation: &Observation) {
        let phase = self.phases.entry(index).or_default();
        match observation {
            Observation::MemberAdded { member, .. } => {
                phase.awaited.remove(member);
                phase.joined.extend(self.entering.take().map(|key| (member.clone(), key)));
            }
            Observation::MemberReplaced { old, new, .. } => {
                phase.joined.swap_remove(old);
                phase.joined.extend(self.entering.take().map(|key| (new.clone(), key)));
            }
            Observation::ReplacementUndone { new, .. } => {
                phase.joined.swap_remove(new);
            }
            Observation::MemberRemoved { member, why, .. } => {
                phase.joined.swap_remove(member);
                phase.turned_away |= *why == Removal::GroupFull;
            }
            Observation::State { to: GroupState::PreparingRebalance, .. } => {
                (phase.since, phase.turned_away) = (None, false);
            }
            Observation::State { to: GroupState::Dead, .. } | Observation::GroupRemoved { .. } => {
                self.phases.remove(&index);
            }
            _ => {}
        }
    }

    fn look_at(&mut self, index: usize, group: &Group, now: Time) -> Option<Time> {
        let phase = self.phases.get_mut(&index)?;
        let all = || group.members.keys().all(|member| phase.joined.contains_key(member));
        let idle = group.state == GroupState::PreparingRebalance
            && !phase.turned_away
            && !group.members.is_empty()
            && all();
        if !idle {
            phase.since = None;
            return None;
        }
        let pending = group.pending.len();
        if phase.since.is_none_or(|(_, before)| before != pending) {
            let until = |id: &MemberId| phase.awaited.get(id).copied().unwrap_or(Time::NEVER);
            let awaited = group.pending.iter().map(until).max();
            phase.since = Some((awaited.map_or(now, |until| until.max(now)), pending));
        }
        self.since(index)
    }

    /// Since when the group's join phase waits for nobody; in the future while it waits for an id.
    pub(super) fn since(&self, index: usize) -> Option<Time> {
        let (since, _) = self.phases.get(&index)?.since?;
        (since < Time::NEVER).then_some(since)
    }
}
