//! The groups as the trace shows them so far: the state that everyone shares who judges a run.
//!
//! The model processes each event once, before any invariant sees it. It knows the groups as their
//! coordinators have reported them, and for each request in flight the facts that held when the
//! broker began to handle it. It judges nothing. State that only one invariant needs, that
//! invariant keeps itself.
//!
//! State is kept for each *incarnation* of a group. An incarnation begins with the first event of
//! the group at a broker that has none. It ends when the broker unloads the group's partition of
//! the offsets log, begins another term in it or crashes, or when the group is removed. A zombie, a
//! broker that was replaced and does not know it, goes on with its own incarnation: its requests
//! are judged by its own facts, and its observations say nothing about the incarnation at its
//! successor.

mod claims;
mod group;
mod request_context;
mod terms;
#[cfg(test)]
pub(crate) mod testing;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::broker::{Term, TermState};
use crate::coordinator::{ClassicObservation, CoordinatorConfig, Observation};
use crate::protocol::{
    BrokerId, Generation, GroupId, IndexMap, MemberId, Request, RequestFrame, Response,
    ResponseError, ResponseFrame, TopicName, TopicPartition,
};
use crate::time::from_millis_i32;
use crate::trace::{ConnectionId, Event, EventKind, FaultKind, Message, Place};

pub use claims::Claim;
pub use group::{Assigned, Group, Member, Plan, Roster};
pub use request_context::{Key, MemberStanding, RequestContext, leavers};
pub use terms::GroupTerm;
use terms::Terms;

/// The state of all groups after the present event.
#[derive(Debug, Default)]
pub struct Model {
    /// Every incarnation of every group.
    groups: Vec<Group>,
    /// The incarnations that have not ended, per broker number.
    open: Vec<IndexMap<GroupId, usize>>,
    /// The incarnation of each group with the latest epoch.
    newest: IndexMap<GroupId, usize>,
    /// The terms of all brokers.
    terms: Terms,
    /// The number of partitions of each topic that existed before the first consumer.
    topics: BTreeMap<TopicName, i32>,
    /// Topics that have been grown.
    grown: BTreeSet<TopicName>,
    consumers_started: bool,
    config: CoordinatorConfig,
    /// The context of each request that a broker is handling.
    requests: IndexMap<Key, RequestContext>,
    current: CurrentEvent,
    assigned: Option<Vec<TopicPartition>>,
    submitted: bool,
}

/// The group and request that the present event is about.
#[derive(Debug, Default)]
enum CurrentEvent {
    #[default]
    Other,
    Request(RequestContext),
    Response(RequestContext),
    Observed(usize),
}

impl Model {
    /// The incarnation with this index. Indices are assigned by first appearance and never change.
    pub fn group(&self, index: usize) -> &Group {
        &self.groups[index]
    }

    /// The incarnation at the current leader, and its index: that of the broker that the controller
    /// elected last. None while that broker has not reported the group.
    pub fn find(&self, id: &GroupId) -> Option<(usize, &Group)> {
        let index = *self.newest.get(id)?;
        let group = &self.groups[index];
        (!group.over && self.is_current_leader(index)).then_some((index, group))
    }

    /// Every incarnation of the group so far.
    pub fn incarnations<'a>(
        &'a self,
        id: &'a GroupId,
    ) -> impl Iterator<Item = (usize, &'a Group)> + 'a {
        self.groups.iter().enumerate().filter(move |(_, group)| group.id == *id)
    }

    /// Whether no successor has been elected for the broker of this incarnation; otherwise it is a
    /// zombie.
    pub fn is_current_leader(&self, index: usize) -> bool {
        self.terms.is_current_leader(self.groups[index].coordinator.term)
    }

    /// The terms of zombies: not ended though another leader has been elected.
    pub fn zombie_terms(&self) -> impl Iterator<Item = (BrokerId, Term)> {
        self.terms.zombie_terms()
    }

    /// The partition of the offsets log that the group is in.
    pub fn partition_of(&self, id: &GroupId) -> i32 {
        self.terms.partition_of(id)
    }

    /// Whether this generation was loaded from uncommitted records that, for all the trace shows,
    /// an election has since removed. Then the number may be issued again, to other members or to
    /// the same ones with two different assignments (rule R11.13).
    pub fn may_be_reissued(&self, id: &GroupId, generation: Generation) -> bool {
        let mut all = self.incarnations(id);
        all.any(|(_, group)| group.coordinator.unsettled && group.loaded_in == Some(generation))
    }

    /// Whether the broker coordinates the group and no successor has been elected.
    pub fn leads(&self, place: Place, id: &GroupId) -> bool {
        let Place::Broker(broker) = place else { return false };
        let coordinator = self.terms.group_term(broker, id);
        coordinator.state == TermState::Active && self.terms.is_current_leader(coordinator.term)
    }

    /// The incarnation that the present event is about, and its index, if the event is an
    /// observation of a coordinator.
    pub fn observed(&self) -> Option<(usize, &Group)> {
        match self.current {
            CurrentEvent::Observed(index) => Some((index, &self.groups[index])),
            _ => None,
        }
    }

    /// The incarnation that the present event is about, if any: an observation of its coordinator,
    /// or a request of a group API that a broker begins to handle or responds to.
    pub fn subject(&self) -> Option<&Group> {
        match &self.current {
            CurrentEvent::Request(context) | CurrentEvent::Response(context) => {
                Some(&self.groups[context.group])
            }
            CurrentEvent::Observed(index) => Some(&self.groups[*index]),
            CurrentEvent::Other => None,
        }
    }

    /// The number of partitions of each topic that existed before any consumer started: only of
    /// those is it certain that every consumer knows them.
    pub fn topics(&self) -> &BTreeMap<TopicName, i32> {
        &self.topics
    }

    /// Whether the topic is one of those and has not been grown.
    pub fn is_steady(&self, topic: &TopicName) -> bool {
        self.topics.contains_key(topic) && !self.grown.contains(topic)
    }

    /// The coordinator's settings.
    pub fn config(&self) -> &CoordinatorConfig {
        &self.config
    }

    /// The request in the present event, if a broker begins to handle one of a group API.
    pub fn request<'a>(&self, event: &'a Event) -> Option<(&RequestContext, &'a RequestFrame)> {
        match (&self.current, &event.kind) {
            (
                CurrentEvent::Request(context),
                EventKind::Received { message: Message::Request(request), .. },
            ) => Some((context, request)),
            _ => None,
        }
    }

    /// The response in the present event, if a broker sends one to a request of a group API.
    pub fn response<'a>(
        &self,
        event: &'a Event,
    ) -> Option<(&RequestContext, &'a RequestFrame, &'a Response)> {
        match (&self.current, &event.kind) {
            (
                CurrentEvent::Response(context),
                EventKind::Sent { message: Message::Response { request, response }, .. },
            ) => Some((context, request, &response.body)),
            _ => None,
        }
    }

    /// The partitions that the present event assigns to a member, if it is a successful SyncGroup
    /// response in its group's newest generation whose assignment decodes.
    pub fn assigned(&self) -> Option<&[TopicPartition]> {
        self.assigned.as_deref()
    }

    /// The plan that the present event submits, if it is the SyncGroup of the leader of its group's
    /// newest generation during the sync phase.
    pub fn submitted_plan(&self) -> Option<(&Group, &Plan)> {
        match &self.current {
            CurrentEvent::Request(context) if self.submitted => {
                let group = self.group(context.group);
                let plan = group.plans.last()?;
                (!self.is_of_another_history(context.group, plan)).then_some((group, plan))
            }
            _ => None,
        }
    }

    /// Whether a plan was made for a generation of the same number at another coordinator: it names
    /// ids that are not members of this generation, or leaves out members of it. A plan that leaves
    /// out all is the SyncGroup of a former follower that leads here. Nothing in a SyncGroup tells
    /// the two apart.
    fn is_of_another_history(&self, index: usize, plan: &Plan) -> bool {
        let group = self.group(index);
        let unknown = plan.payloads.keys().any(|member| !group.members.contains_key(member));
        let left_out = group.members.keys().any(|member| !plan.payloads.contains_key(member));
        (unknown || left_out)
            && self
                .incarnations(&group.id)
                .any(|(other, known)| other != index && known.generation >= group.generation)
    }

    /// Processes the next event of the trace.
    pub fn feed(&mut self, event: &Event) {
        self.current = CurrentEvent::Other;
        self.assigned = None;
        match &event.kind {
            EventKind::Received { from, conn, message: Message::Request(request) } => {
                self.receive(event, *from, *conn, request);
            }
            EventKind::Sent { conn, message: Message::Response { request, response }, .. } => {
                self.send((*conn, request.correlation), request, response);
            }
            EventKind::Coordinator(observation) => self.observe(event.place, observation),
            EventKind::TopicCreated { topic, partitions } if !self.consumers_started => {
                self.topics.insert(topic.clone(), *partitions);
            }
            EventKind::TopicGrown { topic, .. } => {
                self.grown.insert(topic.clone());
            }
            EventKind::TopicDeleted { topic } => {
                self.topics.remove(topic);
            }
            EventKind::ConsumerStarted { .. } => self.consumers_started = true,
            EventKind::CoordinatorStarted { config, offsets_partitions } => {
                self.start(config, *offsets_partitions);
            }
            EventKind::LeaderElected { term, .. } => self.terms.elected(*term),
            EventKind::TermChanged { term, state } => self.term_changed(event.place, *term, *state),
            EventKind::Uncommitted { term, records } => {
                self.uncommitted(event.place, *term, *records)
            }
            EventKind::FaultBegan { fault: FaultKind::Crash, .. } => self.crash(event.place),
            _ => {}
        }
    }

    /// A coordinator starts: it knows no earlier requests, and will report the groups that it
    /// knows.
    fn start(&mut self, config: &CoordinatorConfig, partitions: i32) {
        self.config = config.clone();
        self.requests.clear();
        self.terms = Terms::new(partitions);
        self.open.clear();
        self.groups.iter_mut().for_each(|group| group.over = true);
    }

    fn term_changed(&mut self, place: Place, term: Term, state: TermState) {
        let Place::Broker(broker) = place else { return };
        self.terms.moved(broker, term, state);
        let (groups, Some(open)) = (&mut self.groups, self.open.get_mut(number(broker))) else {
            return;
        };
        open.retain(|_, index| {
            let group = &mut groups[*index];
            if group.coordinator.term.partition != term.partition {
                return true;
            }
            // What began before the trace named the term belongs to it.
            let same =
                group.coordinator.term.epoch == -1 || group.coordinator.term.epoch == term.epoch;
            group.over |= !same || state == TermState::Unloaded;
            if !group.over {
                (group.coordinator.term, group.coordinator.state) = (term, state);
            }
            !group.over
        });
    }

    fn uncommitted(&mut self, place: Place, term: Term, records: u64) {
        let Place::Broker(broker) = place else { return };
        self.terms.uncommitted(broker, term, records);
        let (groups, Some(open)) = (&mut self.groups, self.open.get(number(broker))) else {
            return;
        };
        for index in open.values() {
            let coordinator = &mut groups[*index].coordinator;
            coordinator.unsettled |= coordinator.term == term && records > 0;
            coordinator.unsettled &= coordinator.term != term || records > 0;
        }
    }

    /// A broker crashes: it will not respond to the requests that it was handling.
    fn crash(&mut self, place: Place) {
        let Place::Broker(broker) = place else { return };
        self.terms.crashed(broker);
        let groups = &mut self.groups;
        if let Some(open) = self.open.get_mut(number(broker)) {
            open.drain(..).for_each(|(_, index)| groups[index].over = true);
        }
        self.requests.retain(|_, ctx| groups[ctx.group].coordinator.broker != broker);
    }

    fn receive(
        &mut self,
        event: &Event,
        from: Place,
        conn: ConnectionId,
        request: &Arc<RequestFrame>,
    ) {
        let Some((id, member)) = request_context::subject(&request.body) else { return };
        let Some(index) = self.index_of(event.place, id) else { return };
        let is_current_leader = self.is_current_leader(index);
        let group = &mut self.groups[index];
        let ctx = RequestContext {
            key: (conn, request.correlation),
            group: index,
            from,
            local: event.local,
            term: group.coordinator.state,
            is_current_leader,
            state: group.state,
            generation: group.generation,
            standing: member
                .map_or(MemberStanding::Unknown, |member| MemberStanding::of(group, member)),
            known: request_context::known(group, &request.body),
            next_generation: None,
        };
        self.submitted = learn(group, &ctx, &request.body);
        self.requests.insert(ctx.key, ctx);
        self.current = CurrentEvent::Request(ctx);
    }

    fn send(&mut self, key: Key, request: &RequestFrame, response: &ResponseFrame) {
        let Some(ctx) = self.requests.swap_remove(&key) else { return };
        let group = &mut self.groups[ctx.group];
        match (&request.body, &response.body) {
            (Request::JoinGroup(_), Response::JoinGroup(response)) => {
                if response.error_code == ResponseError::MemberIdRequired.code() {
                    group.pending.insert(request_context::member_id(&response.member_id));
                }
                let current = Generation(response.generation_id) == group.generation;
                let names_members = current && response.member_id == response.leader;
                if response.error_code == 0 && names_members && group.is_of_consumers() {
                    group.roster = Roster::of(response);
                }
            }
            (Request::SyncGroup(body), Response::SyncGroup(response)) => {
                let current = Generation(body.generation_id) == group.generation;
                if response.error_code == 0 && current {
                    let member = request_context::member_id(&body.member_id);
                    let member = group.resolve(&member).clone();
                    self.assigned = group.record_assignment(&member, &response.assignment);
                }
            }
            (Request::LeaveGroup(body), Response::LeaveGroup(_)) => {
                for (id, _) in leavers(body) {
                    group.pending.remove(id);
                }
            }
            _ => {}
        }
        self.current = CurrentEvent::Response(ctx);
    }

    fn observe(&mut self, place: Place, observation: &Observation) {
        let id = observation.group();
        let Some(index) = self.index_of(place, id) else { return };
        let group = &mut self.groups[index];
        group.observe(observation);
        let (over, epoch) = (group.over, group.coordinator.term.epoch);
        if let Observation::Classic(ClassicObservation::GenerationBegan { generation, .. }) =
            observation
        {
            for ctx in self.requests.values_mut().filter(|ctx| ctx.group == index) {
                ctx.next_generation.get_or_insert(*generation);
            }
        }
        let newest = self.newest.get_mut(id).expect("each group has an incarnation");
        if *newest != index && epoch >= self.groups[*newest].coordinator.term.epoch {
            *newest = index;
        }
        if over && let Place::Broker(broker) = place {
            self.open[number(broker)].swap_remove(id);
        }
        self.current = CurrentEvent::Observed(index);
    }

    /// The incarnation of the group at a broker, created if there is none.
    fn index_of(&mut self, place: Place, id: &GroupId) -> Option<usize> {
        let Place::Broker(broker) = place else { return None };
        if let Some(index) = self.open.get(number(broker)).and_then(|open| open.get(id)) {
            return Some(*index);
        }
        let index = self.groups.len();
        self.groups.push(Group::new(id.clone(), self.terms.group_term(broker, id)));
        self.newest.entry(id.clone()).or_insert(index);
        if self.open.len() <= number(broker) {
            self.open.resize_with(number(broker) + 1, IndexMap::default);
        }
        self.open[number(broker)].insert(id.clone(), index);
        Some(index)
    }
}

/// The state kept for a group, created if there is none. Clones the id only then.
pub fn entry<'a, V: Default>(groups: &'a mut IndexMap<GroupId, V>, id: &GroupId) -> &'a mut V {
    let index = match groups.get_index_of(id) {
        Some(index) => index,
        None => groups.insert_full(id.clone(), V::default()).0,
    };
    &mut groups[index]
}

/// The broker's index in a list of brokers.
pub fn number(broker: BrokerId) -> usize {
    usize::try_from(broker.0).unwrap_or(0)
}

/// Updates the group with what a request reveals. Returns whether it submits a plan.
fn learn(group: &mut Group, context: &RequestContext, request: &Request) -> bool {
    match request {
        Request::JoinGroup(body) => {
            group.joining_type.clone_from(&body.protocol_type);
            if let Some(member) = group.members.get_mut(&body.member_id) {
                // JoinGroup v0 has no rebalance timeout; the session timeout stands for it.
                let requested = body.rebalance_timeout_ms.max(body.session_timeout_ms);
                member.rebalance = member.rebalance.max(from_millis_i32(requested));
            }
            false
        }
        Request::SyncGroup(body) => {
            let leads = group.leader.as_ref().map(|leader| &leader.0) == Some(&body.member_id);
            let in_time = context.state == crate::coordinator::GroupState::CompletingRebalance;
            let submitted = leads && in_time && context.is_current(body.generation_id);
            if submitted {
                let plan = Plan::of(body, group);
                group.plans.push(plan);
            }
            submitted
        }
        _ => false,
    }
}

/// The member id in a JoinGroup, SyncGroup, Heartbeat or OffsetCommit.
pub fn member_of(request: &Request) -> Option<MemberId> {
    request_context::subject(request)?.1.map(request_context::member_id)
}
