//! The shared memory of the invariants: what the trace has said so far.
//!
//! It is fed every event once, before any invariant sees it. It knows the groups as their coordinators have
//! reported them, and for each request under way the facts that held when the broker began to handle
//! it. It judges nothing. What only one invariant needs, that invariant keeps for itself.
//!
//! Facts are kept for each *incarnation* of a group. One begins with the first event of the group at a
//! broker that has none, and ends when the broker unloads the group's partition of the offsets log, begins
//! another term in it or crashes, or when the group is removed. A broker that was replaced and does not
//! know it, a zombie, goes on with its own incarnation: its requests are judged by its own facts, and what
//! it observes says nothing of the incarnation of its successor.

mod asked;
mod claims;
mod group;
mod terms;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::{Shard, ShardState};
use crate::coordinator::{CoordinatorConfig, Observation};
use crate::protocol::{
    BrokerId, Generation, GroupId, IndexMap, MemberId, Request, RequestFrame, Response,
    ResponseError, ResponseFrame, TopicName, TopicPartition,
};
use crate::time::from_millis_i32;
use crate::trace::{ConnectionId, Event, FaultKind, Kind, Message, Place};

pub(super) use asked::leavers;
pub use asked::{Asked, Key, Standing};
pub use claims::Claim;
pub use group::{Assigned, Group, Member, Plan, Roster};
pub use terms::Home;
use terms::Terms;

/// What the trace has said so far, the present event included.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Every incarnation of every group.
    groups: Vec<Group>,
    /// The incarnations that have not ended, of each broker by its number.
    open: Vec<IndexMap<GroupId, usize>>,
    /// The incarnation of each group with the latest epoch.
    newest: IndexMap<GroupId, usize>,
    terms: Terms,
    topics: BTreeMap<TopicName, i32>,
    grown: BTreeSet<TopicName>,
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
    Observed(usize),
}

impl Ledger {
    /// The incarnation of that number; numbers are given out by first appearance and stay.
    pub fn group(&self, index: usize) -> &Group {
        &self.groups[index]
    }

    /// The incarnation of the group that counts, and its number: that of the broker which the controller
    /// named last. None while that broker has not spoken of the group.
    pub fn find(&self, id: &GroupId) -> Option<(usize, &Group)> {
        let index = *self.newest.get(id)?;
        let group = &self.groups[index];
        (!group.over && self.reigns(index)).then_some((index, group))
    }

    /// Every incarnation of the group so far.
    pub fn incarnations<'a>(
        &'a self,
        id: &'a GroupId,
    ) -> impl Iterator<Item = (usize, &'a Group)> + 'a {
        self.groups.iter().enumerate().filter(move |(_, group)| group.id == *id)
    }

    /// Whether nobody has been named to succeed the broker of this incarnation; else it is a zombie.
    pub fn reigns(&self, index: usize) -> bool {
        self.terms.reigns(self.groups[index].home.shard)
    }

    /// The terms that are not over though another leader has been named: zombies.
    pub fn overstayed(&self) -> impl Iterator<Item = (BrokerId, Shard)> {
        self.terms.overstayed()
    }

    /// The partition of the offsets log that the group is in.
    pub fn partition_of(&self, id: &GroupId) -> i32 {
        self.terms.partition_of(id)
    }

    /// Whether a generation was loaded from records that were not committed, and that an election has taken away
    /// since, for all the trace says: then it may be issued again, to others or to the same members, and be
    /// told with two different assignments (rule R11.13).
    pub fn may_come_twice(&self, id: &GroupId, generation: Generation) -> bool {
        let mut all = self.incarnations(id);
        all.any(|(_, group)| group.home.unsettled && group.loaded_in == Some(generation))
    }

    /// Whether a broker coordinates the group and nobody has been named to succeed it.
    pub fn leads(&self, place: Place, id: &GroupId) -> bool {
        let Place::Broker(broker) = place else { return false };
        let home = self.terms.home(broker, id);
        home.state == ShardState::Active && self.terms.reigns(home.shard)
    }

    /// The incarnation that the present event is about, and its number, if it is an observation of a
    /// coordinator.
    pub fn observed(&self) -> Option<(usize, &Group)> {
        match self.step {
            Step::Observed(index) => Some((index, &self.groups[index])),
            _ => None,
        }
    }

    /// The incarnation that the present event is about, if it is about one: an observation of its coordinator, or a
    /// request of a group API that a broker takes up or answers.
    pub(super) fn subject(&self) -> Option<&Group> {
        match &self.step {
            Step::Asked(asked) | Step::Answered(asked) => Some(&self.groups[asked.group]),
            Step::Observed(index) => Some(&self.groups[*index]),
            Step::Other => None,
        }
    }

    /// How many partitions each topic has, of the topics that were there before any consumer: only
    /// of those is it certain that every consumer knows them.
    pub fn topics(&self) -> &BTreeMap<TopicName, i32> {
        &self.topics
    }

    /// Whether the topic is one of those, and has as many partitions as at first.
    pub fn is_steady(&self, topic: &TopicName) -> bool {
        self.topics.contains_key(topic) && !self.grown.contains(topic)
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
    /// newest generation whose assignment can be read.
    pub fn handed_out(&self) -> Option<&[TopicPartition]> {
        self.handed_out.as_deref()
    }

    /// The plan that the present event hands in, if it is the SyncGroup of the leader of its group's
    /// newest generation during the sync phase; with what the leader knew.
    pub fn handed_in(&self) -> Option<(&Group, &Plan)> {
        match &self.step {
            Step::Asked(asked) if self.planned => {
                let group = self.group(asked.group);
                let plan = group.plans.last()?;
                (!self.is_of_another_history(asked.group, plan)).then_some((group, plan))
            }
            _ => None,
        }
    }

    /// Whether a plan was made for a generation of the same number that another coordinator had begun: it
    /// names members that this generation does not have, or leaves out some that it has, if not all, as the SyncGroup
    /// of one who was a follower there and leads here. Nothing in a SyncGroup tells the two apart.
    fn is_of_another_history(&self, index: usize, plan: &Plan) -> bool {
        let group = self.group(index);
        let strangers = plan.payloads.keys().any(|member| !group.members.contains_key(member));
        let left_out = group.members.keys().any(|member| !plan.payloads.contains_key(member));
        (strangers || left_out)
            && self
                .incarnations(&group.id)
                .any(|(other, known)| other != index && known.generation >= group.generation)
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
            Kind::Coordinator(observation) => self.observe(event.place, observation),
            Kind::TopicCreated { topic, partitions } if !self.consumers_started => {
                self.topics.insert(topic.clone(), *partitions);
            }
            Kind::TopicGrown { topic, .. } => {
                self.grown.insert(topic.clone());
            }
            Kind::TopicDeleted { topic } => {
                self.topics.remove(topic);
            }
            Kind::ConsumerStarted { .. } => self.consumers_started = true,
            Kind::CoordinatorStarted { config, offsets_partitions } => {
                self.start(config, *offsets_partitions);
            }
            Kind::LeaderElected { shard, .. } => self.terms.elected(*shard),
            Kind::Shard { shard, state } => self.shard(event.place, *shard, *state),
            Kind::Uncommitted { shard, records } => self.uncommitted(event.place, *shard, *records),
            Kind::FaultBegan { fault: FaultKind::Crash, .. } => self.crash(event.place),
            _ => {}
        }
    }

    /// Coordinators know nothing of requests that earlier ones were asked, and what they know of groups
    /// they will report.
    fn start(&mut self, config: &CoordinatorConfig, partitions: i32) {
        self.config = config.clone();
        self.asked.clear();
        self.terms = Terms::new(partitions);
        self.open.clear();
        self.groups.iter_mut().for_each(|group| group.over = true);
    }

    fn shard(&mut self, place: Place, shard: Shard, state: ShardState) {
        let Place::Broker(broker) = place else { return };
        self.terms.moved(broker, shard, state);
        let (groups, Some(open)) = (&mut self.groups, self.open.get_mut(number(broker))) else {
            return;
        };
        open.retain(|_, index| {
            let group = &mut groups[*index];
            if group.home.shard.partition != shard.partition {
                return true;
            }
            // What began before the trace named the term belongs to it.
            let same = group.home.shard.epoch == -1 || group.home.shard.epoch == shard.epoch;
            group.over |= !same || state == ShardState::Unloaded;
            if !group.over {
                (group.home.shard, group.home.state) = (shard, state);
            }
            !group.over
        });
    }

    fn uncommitted(&mut self, place: Place, shard: Shard, records: u64) {
        let Place::Broker(broker) = place else { return };
        self.terms.uncommitted(broker, shard, records);
        let (groups, Some(open)) = (&mut self.groups, self.open.get(number(broker))) else {
            return;
        };
        for index in open.values() {
            let home = &mut groups[*index].home;
            home.unsettled |= home.shard == shard && records > 0;
            home.unsettled &= home.shard != shard || records > 0;
        }
    }

    /// What a broker that crashes was asked it will not answer.
    fn crash(&mut self, place: Place) {
        let Place::Broker(broker) = place else { return };
        self.terms.crashed(broker);
        let groups = &mut self.groups;
        if let Some(open) = self.open.get_mut(number(broker)) {
            open.drain(..).for_each(|(_, index)| groups[index].over = true);
        }
        self.asked.retain(|_, asked| groups[asked.group].home.broker != broker);
    }

    fn receive(
        &mut self,
        event: &Event,
        from: Place,
        conn: ConnectionId,
        request: &Arc<RequestFrame>,
    ) {
        let Some((id, member)) = asked::subject(&request.body) else { return };
        let Some(index) = self.index_of(event.place, id) else { return };
        let reigns = self.reigns(index);
        let group = &mut self.groups[index];
        let asked = Asked {
            key: (conn, request.correlation),
            group: index,
            from,
            local: event.local,
            term: group.home.state,
            reigns,
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
                let told = current && answer.member_id == answer.leader;
                if answer.error_code == 0 && told && group.is_of_consumers() {
                    group.roster = Roster::of(answer);
                }
            }
            (Request::SyncGroup(body), Response::SyncGroup(answer)) => {
                let current = Generation(body.generation_id) == group.generation;
                if answer.error_code == 0 && current {
                    let member = asked::member_id(&body.member_id);
                    let member = group.resolve(&member).clone();
                    self.handed_out = group.tell(&member, &answer.assignment);
                }
            }
            (Request::LeaveGroup(body), Response::LeaveGroup(_)) => {
                for (id, _) in leavers(body) {
                    group.pending.remove(id);
                }
            }
            _ => {}
        }
        self.step = Step::Answered(asked);
    }

    fn observe(&mut self, place: Place, observation: &Observation) {
        let id = observation.group();
        let Some(index) = self.index_of(place, id) else { return };
        let group = &mut self.groups[index];
        group.observe(observation);
        let (over, epoch) = (group.over, group.home.shard.epoch);
        if let Observation::GenerationBegan { generation, .. } = observation {
            for asked in self.asked.values_mut().filter(|asked| asked.group == index) {
                asked.next_generation.get_or_insert(*generation);
            }
        }
        let newest = self.newest.get_mut(id).expect("each group has an incarnation");
        if *newest != index && epoch >= self.groups[*newest].home.shard.epoch {
            *newest = index;
        }
        if over && let Place::Broker(broker) = place {
            self.open[number(broker)].swap_remove(id);
        }
        self.step = Step::Observed(index);
    }

    /// The incarnation of the group at a broker.
    fn index_of(&mut self, place: Place, id: &GroupId) -> Option<usize> {
        let Place::Broker(broker) = place else { return None };
        if let Some(index) = self.open.get(number(broker)).and_then(|open| open.get(id)) {
            return Some(*index);
        }
        let index = self.groups.len();
        self.groups.push(Group::new(id.clone(), self.terms.home(broker, id)));
        self.newest.entry(id.clone()).or_insert(index);
        if self.open.len() <= number(broker) {
            self.open.resize_with(number(broker) + 1, IndexMap::default);
        }
        self.open[number(broker)].insert(id.clone(), index);
        Some(index)
    }
}

/// What is kept of a group, fresh if nothing is. Clones the id only then.
pub(super) fn entry<'a, V: Default>(
    groups: &'a mut IndexMap<GroupId, V>,
    id: &GroupId,
) -> &'a mut V {
    let index = match groups.get_index_of(id) {
        Some(index) => index,
        None => groups.insert_full(id.clone(), V::default()).0,
    };
    &mut groups[index]
}

/// The broker's place in a list of brokers.
pub(super) fn number(broker: BrokerId) -> usize {
    usize::try_from(broker.0).unwrap_or(0)
}

/// Takes from a request what later events are held against. True when it hands in a plan.
fn learn(group: &mut Group, asked: &Asked, request: &Request) -> bool {
    match request {
        Request::JoinGroup(body) => {
            group.offered_type.clone_from(&body.protocol_type);
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
                let plan = Plan::of(body, group);
                group.plans.push(plan);
            }
            planned
        }
        _ => false,
    }
}

/// The member id that JoinGroup, SyncGroup, Heartbeat and OffsetCommit name.
pub(super) fn member_of(request: &Request) -> Option<MemberId> {
    asked::subject(request)?.1.map(asked::member_id)
}
