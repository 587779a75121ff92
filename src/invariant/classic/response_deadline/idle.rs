//! Join phases that have nothing to wait for: each member has joined, and no id that was handed out
//! is outstanding.

use std::collections::BTreeMap;

use crate::coordinator::{ClassicObservation, GroupState, Observation, Removal};
use crate::model::{Group, Key, Model, RequestContext};
use crate::protocol::{IndexMap, MemberId};
use crate::protocol::{Request, Response, ResponseError};
use crate::time::{Time, from_millis_i32};
use crate::trace::Event;

/// The join phases of all brokers. Groups are identified by the index of their incarnation.
#[derive(Debug, Default)]
pub(super) struct Idle {
    phases: BTreeMap<usize, Phase>,
    /// The JoinGroup that the broker is handling, if its member id is not a member.
    joining: Option<Key>,
}

/// The join phase of one incarnation.
#[derive(Debug, Default)]
struct Phase {
    /// The members whose JoinGroup has no response yet.
    joined: IndexMap<MemberId, Key>,
    /// The ids that were handed out, each with the time until which the phase may wait for it.
    outstanding: BTreeMap<MemberId, Time>,
    /// Since when the phase has nothing to wait for, and how many ids were outstanding when this
    /// was computed.
    since: Option<(Time, usize)>,
    /// Whether a JoinGroup was rejected because the group is full: the coordinator does not check
    /// then whether all others have joined (R6.1.17).
    rejected: bool,
}

impl Idle {
    /// Takes the next event of a broker. Returns since when a join phase has nothing to wait for,
    /// if there is one.
    pub(super) fn check(&mut self, model: &Model, event: &Event) -> Option<Time> {
        let index = if let Some((context, request)) = model.request(event) {
            self.on_request(context, &request.body);
            context.group
        } else if let Some((ctx, request, response)) = model.response(event) {
            self.on_response(ctx, &request.body, response);
            ctx.group
        } else if let (Some((index, _)), crate::trace::EventKind::Coordinator(observation)) =
            (model.observed(), &event.kind)
        {
            self.observed(index, observation);
            index
        } else {
            return None;
        };
        self.update(index, model.group(index), event.local)
    }

    fn on_request(&mut self, context: &RequestContext, request: &Request) {
        let Request::JoinGroup(body) = request else { return };
        self.joining = None;
        if !context.serving() {
            return;
        }
        match context.standing.is_member() {
            true => {
                let phase = self.phases.entry(context.group).or_default();
                phase.joined.insert(MemberId(body.member_id.clone()), context.key);
            }
            false => self.joining = Some(context.key),
        }
    }

    fn on_response(&mut self, context: &RequestContext, request: &Request, response: &Response) {
        let (Request::JoinGroup(body), Response::JoinGroup(response)) = (request, response) else {
            return;
        };
        let phase = self.phases.entry(context.group).or_default();
        phase.joined.retain(|_, key| *key != context.key);
        match ResponseError::try_from_code(response.error_code) {
            Some(ResponseError::MemberIdRequired) => {
                let until = context.local + from_millis_i32(body.session_timeout_ms);
                phase.outstanding.insert(MemberId(response.member_id.clone()), until);
            }
            Some(ResponseError::GroupMaxSizeReached) => phase.rejected = true,
            _ => {}
        }
    }

    fn observed(&mut self, index: usize, observation: &Observation) {
        let phase = self.phases.entry(index).or_default();
        match observation {
            Observation::Classic(ClassicObservation::MemberAdded { member, .. }) => {
                phase.outstanding.remove(member);
                phase.joined.extend(self.joining.take().map(|key| (member.clone(), key)));
            }
            Observation::Classic(ClassicObservation::MemberReplaced { old, new, .. }) => {
                phase.joined.swap_remove(old);
                phase.joined.extend(self.joining.take().map(|key| (new.clone(), key)));
            }
            Observation::Classic(ClassicObservation::ReplacementUndone { new, .. }) => {
                phase.joined.swap_remove(new);
            }
            Observation::Classic(ClassicObservation::MemberRemoved { member, why, .. }) => {
                phase.joined.swap_remove(member);
                phase.rejected |= *why == Removal::GroupFull;
            }
            Observation::Classic(ClassicObservation::State {
                to: GroupState::PreparingRebalance,
                ..
            }) => {
                (phase.since, phase.rejected) = (None, false);
            }
            Observation::Classic(ClassicObservation::State { to: GroupState::Dead, .. })
            | Observation::GroupRemoved { .. } => {
                self.phases.remove(&index);
            }
            _ => {}
        }
    }

    fn update(&mut self, index: usize, group: &Group, now: Time) -> Option<Time> {
        let phase = self.phases.get_mut(&index)?;
        let all = || group.members.keys().all(|member| phase.joined.contains_key(member));
        let idle = group.state == GroupState::PreparingRebalance
            && !phase.rejected
            && !group.members.is_empty()
            && all();
        if !idle {
            phase.since = None;
            return None;
        }
        let pending = group.pending.len();
        if phase.since.is_none_or(|(_, before)| before != pending) {
            let until = |id: &MemberId| phase.outstanding.get(id).copied().unwrap_or(Time::NEVER);
            let outstanding = group.pending.iter().map(until).max();
            phase.since = Some((outstanding.map_or(now, |until| until.max(now)), pending));
        }
        self.since(index)
    }

    /// Since when the group's join phase has nothing to wait for; in the future while it waits for
    /// an id.
    pub(super) fn since(&self, index: usize) -> Option<Time> {
        let (since, _) = self.phases.get(&index)?.since?;
        (since < Time::NEVER).then_some(since)
    }
}
