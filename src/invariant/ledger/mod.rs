//! The shared memory of the invariants: what the trace has said so far.
//!
//! It is fed every event once, before any invariant sees it. It knows the groups as the coordinator has
//! reported them, and for each request under way the facts that held when the broker began to handle
//! it. It judges nothing. What only one invariant needs, that invariant keeps for itself.

mod asked;
mod group;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::coordinator::{CoordinatorConfig, Observation};
use crate::protocol::subscription::decode_assignment;
use crate::protocol::{
    Generation, GroupId, IndexMap, MemberId, Request, RequestFrame, Response, ResponseError,
    ResponseFrame, TopicName, TopicPartition,
};
use crate::time::from_millis_i32;
use crate::trace::{ConnectionId, Event, Kind, Message, Place};

pub(super) use asked::leavers;
pub use asked::{Asked, Key, Standing};
pub use group::{Group, Member, Plan, Roster};

/// What the trace has said so far, the present event included.
#[derive(Debug, Default)]
pub struct Ledger {
    groups: IndexMap<GroupId, Group>,
    topics: BTreeMap<TopicName, i32>,
    consumers_started: bool,
    config: CoordinatorConfig,
    asked: IndexMap<Key, Asked>,
    step: Step,
    handed_out: Option<Vec<TopicPartition>>,
    planned: bool,
}

/// What the present event is to the groups.
#[derive(Debug, Default)]
enum Step {
    #[default]
    Other,
    Asked(Asked),
    Answered(Asked),
}

impl Ledger {
    /// The group of that number; numbers are given out by first appearance and stay.
    pub fn group(&self, index: usize) -> &Group {
        &self.groups[index]
    }

    /// The group of that id and its number.
    pub fn find(&self, id: &GroupId) -> Option<(usize, &Group)> {
        self.groups.get_full(id).map(|(index, _, group)| (index, group))
    }

    /// How many partitions each topic has, of the topics that were there before any consumer: only
    /// of those is it certain that every consumer knows them.
    pub fn topics(&self) -> &BTreeMap<TopicName, i32> {
        &self.topics
    }

    /// The coordinator's settings.
    pub fn config(&self) -> &CoordinatorConfig {
        &self.config
    }

    /// The present event, if a broker begins to handle a request of a group API.
    pub fn question<'a>(&self, event: &'a Event) -> Option<(&Asked, &'a RequestFrame)> {
        match (&self.step, &event.kind) {
            (Step::Asked(asked), Kind::Received { message: Message::Request(request), .. }) => {
                Some((asked, request))
            }
            _ => None,
        }
    }

    /// The present event, if a broker answers a request of a group API.
    pub fn answer<'a>(&self, event: &'a Event) -> Option<(&Asked, &'a RequestFrame, &'a Response)> {
        match (&self.step, &event.kind) {
            (
                Step::Answered(asked),
                Kind::Sent { message: Message::Response { request, response }, .. },
            ) => Some((asked, request, &response.body)),
            _ => None,
        }
    }

    /// What the present event tells a member to own, if it is an accepted SyncGroup of its group's
    /// newest generation whose assignment decodes.
    pub fn handed_out(&self) -> Option<&[TopicPartition]> {
        self.handed_out.as_deref()
    }

    /// The plan that the present event hands in, if it is the SyncGroup of the leader of its group's
    /// newest generation during the sync phase; with what the leader knew.
    pub fn handed_in(&self) -> Option<(&Group, &Plan)> {
        match &self.step {
            Step::Asked(asked) if self.planned => {
                let group = self.group(asked.group);
                group.plans.last().map(|plan| (group, plan))
            }
            _ => None,
        }
    }

    pub(super) fn feed(&mut self, event: &Event) {
        self.step = Step::Other;
        self.handed_out = None;
        match &event.kind {
            Kind::Received { from, conn, message: Message::Request(request) } => {
                self.receive(event, *from, *conn, request);
            }
            Kind::Sent { conn, message: Message::Response { request, response }, .. } => {
                self.send((*conn, request.correlation), request, response);
            }
            Kind::Coordinator(observation) => self.observe(observation),
            Kind::TopicCreated { topic, partitions } if !self.consumers_started => {
                self.topics.insert(topic.clone(), *partitions);
            }
            Kind::ConsumerStarted { .. } => self.consumers_started = true,
            Kind::CoordinatorStarted { config } => self.start(config),
            _ => {}
        }
    }

    /// A new incarnation knows nothing of requests that an earlier one was asked, and what it knows of
    /// groups it will report.
    fn start(&mut self, config: &CoordinatorConfig) {
        self.config = config.clone();
        self.asked.clear();
        for group in self.groups.values_mut() {
            *group = Group::new(group.id.clone());
        }
    }

    fn receive(
        &mut self,
        event: &Event,
        from: Place,
        conn: ConnectionId,
        request: &Arc<RequestFrame>,
    ) {
        let Some((id, member)) = asked::subject(&request.body) else { return };
        let index = self.index_of(id);
        let group = &mut self.groups[index];
        let asked = Asked {
            key: (conn, request.correlation),
            group: index,
            from,
            local: event.local,
            state: group.state,
            generation: group.generation,
            standing: member.map_or(Standing::Stranger, |member| Standing::of(group, member)),
            known: asked::known(group, &request.body),
            next_generation: None,
        };
        self.planned = learn(group, &asked, &request.body);
        self.asked.insert(asked.key, asked);
        self.step = Step::Asked(asked);
    }

    fn send(&mut self, key: Key, request: &RequestFrame, response: &ResponseFrame) {
        let Some(asked) = self.asked.swap_remove(&key) else { return };
        let group = &mut self.groups[asked.group];
        match (&request.body, &response.body) {
            (Request::JoinGroup(_), Response::JoinGroup(answer)) => {
                if answer.error_code == ResponseError::MemberIdRequired.code() {
                    group.pending.insert(asked::member_id(&answer.member_id));
                }
                let current = Generation(answer.generation_id) == group.generation;
                if answer.error_code == 0 && current && answer.member_id == answer.leader {
                    group.roster = Roster::of(answer);
                }
            }
            (Request::SyncGroup(body), Response::SyncGroup(answer)) => {
                let current = Generation(body.generation_id) == group.generation;
                if answer.error_code == 0 && current {
                    self.handed_out = decode_assignment(&answer.assignment).ok();
                    let partitions = self.handed_out.as_deref().unwrap_or_default();
                    group.tell(&asked::member_id(&body.member_id), partitions);
                }
            }
            (Request::LeaveGroup(body), Response::LeaveGroup(_)) => {
                for id in leavers(body) {
                    group.pending.remove(id);
                }
            }
            _ => {}
        }
        self.step = Step::Answered(asked);
    }

    fn observe(&mut self, observation: &Observation) {
        let id = group_of(observation);
        let index = self.index_of(id);
        let group = &mut self.groups[index];
        group.observe(observation);
        if let Observation::GenerationBegan { generation, .. } = observation {
            for asked in self.asked.values_mut().filter(|asked| asked.group == index) {
                asked.next_generation.get_or_insert(*generation);
            }
        }
    }

    fn index_of(&mut self, id: &GroupId) -> usize {
        match self.groups.get_index_of(id) {
            Some(index) => index,
            None => self.groups.insert_full(id.clone(), Group::new(id.clone())).0,
        }
    }
}

/// Takes from a request what later events are held against. True when it hands in a plan.
fn learn(group: &mut Group, asked: &Asked, request: &Request) -> bool {
    match request {
        Request::JoinGroup(body) => {
            if let Some(member) = group.members.get_mut(&body.member_id) {
                // JoinGroup v0 has no rebalance timeout; the session timeout stands for it.
                let asked = body.rebalance_timeout_ms.max(body.session_timeout_ms);
                member.rebalance = member.rebalance.max(from_millis_i32(asked));
            }
            false
        }
        Request::SyncGroup(body) => {
            let leads = group.leader.as_ref().map(|leader| &leader.0) == Some(&body.member_id);
            let in_time = asked.state == crate::coordinator::GroupState::CompletingRebalance;
            let planned = leads && in_time && asked.is_current(body.generation_id);
            if planned {
                group.plans.push(Plan::of(body));
            }
            planned
        }
        _ => false,
    }
}

/// The group that an observation is about.
pub(super) fn group_of(observation: &Observation) -> &GroupId {
    match observation {
        Observation::State { group, .. }
        | Observation::MemberAdded { group, .. }
        | Observation::MemberRemoved { group, .. }
        | Observation::GenerationBegan { group, .. }
        | Observation::TimerFired { group, .. } => group,
    }
}

/// The member id that JoinGroup, SyncGroup, Heartbeat and OffsetCommit name.
pub(super) fn member_of(request: &Request) -> Option<MemberId> {
    asked::subject(request)?.1.map(asked::member_id)
}
