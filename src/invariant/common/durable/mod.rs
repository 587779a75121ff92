//! What a coordinator has acknowledged to its clients is in the log, and so its successor knows it:
//! a fail-over takes nothing back.
//!
//! Scope, for each group:
//! - A generation in which a member received its assignment (SyncGroup NONE) is what the next
//!   coordinator loads, or it loads a newer one. If it loads this generation, it contains each
//!   member that received an assignment, itself or the static member that replaced it, with the
//!   assignment that it received or another one that the leader had submitted for it (R11.12), or
//!   with none if the leader had left it out (R9.1). A broker may send assignments of a generation
//!   that it loaded from a record that is not committed, because the high watermark stands still
//!   (R3.13). Those count from when the high watermark moves; until then the next election may
//!   remove the generation.
//! - The coordinator loads the offset of an OffsetCommit that was acknowledged with NONE, or that
//!   of a commit that was handled later. It may be gone only if it was removed later: by an
//!   administrator, by expiry, or with its topic or group.
//! - What an acknowledged OffsetDelete or DeleteGroups removed is not loaded, unless the broker
//!   handled a commit or a JoinGroup after it.
//! - When the COMMIT of a transaction is acknowledged without an error, the offset of an
//!   acknowledged TxnOffsetCommit of it counts as such a commit, as of when the TxnOffsetCommit was
//!   handled. When the ABORT is, the offset is not loaded.
//! - A static member whose place was taken, by an id that received this (JoinGroup NONE), is not
//!   loaded again.
//! - A group that was removed is gone or unchanged, unless a request for it was handled after that.
//! - A zombie makes nothing durable, and removes nothing. It acknowledges no commit with NONE that
//!   it began to handle after its successor was elected, and it sends no assignment of a generation
//!   that it began after that.
//!
//! The checks apply to what a coordinator loads while no successor has been elected, and to the
//! first request for a group that it has not loaded. Responses of zombies do not count for later
//! loads: they repeat what has been in the log since before.
//!
//! | rule | violated when |
//! |---|---|
//! | `group` | a group is not loaded, though a member had received an assignment |
//! | `offsets` | a group is not loaded, though a commit had been acknowledged |
//! | `generation` | an older generation is loaded than a member was assigned in |
//! | `member` | the generation is loaded without a member that was assigned in it |
//! | `assignment` | it is loaded with another assignment than the member received |
//! | `offset` | another offset is loaded than was acknowledged |
//! | `deleted` | a group is loaded that was deleted |
//! | `replaced` | a member is loaded whose place was taken |
//! | `zombie-sync` | a zombie sends an assignment of a generation that it began too late |
//! | `zombie-commit` | a zombie acknowledges a commit that it handled too late |
//!
//! Not said: that requests which were refused or never got a response had no effect; anything about
//! groups without a fail-over, which is `no-loss`'s and `generation`'s claim.

mod durable_state;
mod offsets;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};

use crate::broker::{Term, TermState};
use crate::coordinator::{ClassicObservation, Observation};
use crate::invariant::{Breach, breach};
use crate::protocol::{
    Api, Generation, GroupId, IndexMap, MemberId, Request, Response, TopicName, TopicPartition,
};
use crate::time::Time;
use crate::trace::{Event, EventKind, Message, Place};

use crate::invariant::Invariant;
use crate::invariant::interest::{GROUP_APIS, Interest, SIDE_APIS};
use crate::model::{Group, Key, Model, RequestContext, entry};
use durable_state::{DurableState, Learned, NO_REQUEST, NewestGeneration};
use transactions::Transactions;

#[derive(Default)]
pub(in crate::invariant) struct Durable {
    groups: IndexMap<GroupId, DurableState>,
    /// The time of the present event, on the run's clock.
    now: Time,
    /// Counts the events that may change what is durable.
    order: u64,
    /// Requests of administrators in flight: when they were handled.
    deletes: BTreeMap<Key, u64>,
    transactions: Transactions,
    /// When the latest term of each partition began to read the log, with its epoch. A term that
    /// has no log to read has no entry.
    read: BTreeMap<i32, (i32, u64)>,
    /// Incarnations that have been checked at their load or first request.
    checked: BTreeSet<usize>,
    /// The generations that zombies began.
    zombie_generations: BTreeSet<(usize, Generation)>,
    /// Assignments of generations whose records are not committed, with the incarnation.
    uncommitted: Vec<(usize, Learned)>,
}

impl Invariant for Durable {
    fn name(&self) -> &'static str {
        "durable"
    }

    fn statement(&self) -> &'static str {
        "everything that was acknowledged to a client survives a fail-over"
    }

    fn reads(&self) -> Interest {
        const PROMISING: &[Api] = &[Api::SyncGroup, Api::OffsetCommit, Api::JoinGroup];
        Interest::COORDINATOR
            .and(Interest::TERMS)
            .and(Interest::TOPICS)
            .requests(GROUP_APIS)
            .requests(SIDE_APIS)
            .responses(PROMISING)
            .responses(SIDE_APIS)
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        self.now = event.at;
        match &event.kind {
            EventKind::Received { conn, message: Message::Request(frame), .. } => {
                self.order += 1;
                let mut found = Ok(());
                match model.request(event) {
                    Some((context, _)) => {
                        let (group, serving) =
                            (context.group, context.serving() && context.is_current_leader);
                        if serving {
                            found = self.check_first_request(model, group);
                        }
                        self.on_request(model, context, &frame.body);
                    }
                    None => {
                        let key = (*conn, frame.correlation);
                        self.on_admin_request(model, event.place, key, &frame.body);
                    }
                }
                found
            }
            EventKind::Sent { conn, message: Message::Response { request, response }, .. } => {
                match model.response(event) {
                    Some((ctx, _, _)) => {
                        self.on_response(model, ctx, &request.body, &response.body)
                    }
                    None => {
                        let key = (*conn, request.correlation);
                        self.on_admin_response(key, &request.body, &response.body);
                        self.on_txn_response(model, key, &response.body);
                        Ok(())
                    }
                }
            }
            EventKind::Coordinator(observation) => match model.observed() {
                Some((index, group)) => self.observe(model, index, group, observation),
                None => Ok(()),
            },
            EventKind::TopicDeleted { topic } => {
                self.topic_deleted(topic);
                Ok(())
            }
            EventKind::TermChanged { term, state: TermState::Loading } => {
                self.order += 1;
                self.read.insert(term.partition, (term.epoch, self.order));
                Ok(())
            }
            EventKind::Uncommitted { term, records: 0 } => {
                self.committed(model, event.place, *term);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Durable {
    /// From here on the offsets of the topic may be gone, even if the coordinator dies before it
    /// reports so.
    fn topic_deleted(&mut self, topic: &TopicName) {
        self.order += 1;
        let all = self.groups.values_mut().flat_map(|state| &mut state.offsets);
        for (_, offsets) in all.filter(|(partition, _)| partition.topic == *topic) {
            offsets.handle(self.order, NO_REQUEST, None);
        }
    }

    /// The records that a term has loaded are committed, so the assignments that it sent of them
    /// count.
    fn committed(&mut self, model: &Model, place: Place, term: Term) {
        for (index, learned) in std::mem::take(&mut self.uncommitted) {
            let Group { id, coordinator, .. } = model.group(index);
            match coordinator.term == term && Place::Broker(coordinator.broker) == place {
                true => self.state(id).learn(learned),
                false => self.uncommitted.push((index, learned)),
            }
        }
    }

    /// Commits before this time may have expired, by the fastest clock of the run.
    fn expired_before(&self, model: &Model) -> Time {
        self.now - model.config().offsets_retention * 3 / 4
    }

    fn state(&mut self, group: &GroupId) -> &mut DurableState {
        entry(&mut self.groups, group)
    }

    /// Checks the first request for an incarnation: what it should have loaded, it has loaded.
    fn check_first_request(&mut self, model: &Model, index: usize) -> Result<(), Breach> {
        let group = model.group(index);
        // An incarnation before its term has an epoch is the first ever, and has nothing to load.
        let is_first_term = group.coordinator.term.epoch < 0;
        if !self.checked.insert(index) || is_first_term || group.loaded {
            return Ok(());
        }
        let Some((_, read)) = self
            .read
            .get(&group.coordinator.term.partition)
            .copied()
            .filter(|(epoch, _)| *epoch == group.coordinator.term.epoch)
        else {
            return Ok(());
        };
        let id = group.id.as_str();
        let deadline = self.expired_before(model);
        let state = self.state(&group.id);
        if let Some(NewestGeneration { generation, removed: None, .. }) = &state.newest {
            return breach!(
                "group",
                "group {id}: the coordinator loaded no group though a member had been assigned in \
                 generation {generation}"
            );
        }
        // What a producer has committed since is not a request that creates an incarnation.
        let before = state.offsets.iter().filter(|(_, offsets)| offsets.done_before(read));
        before.into_iter().try_for_each(|(partition, offsets)| match offsets.gone_by(deadline) {
            true => Ok(()),
            false => {
                breach!(
                    "offsets",
                    "group {id}: the coordinator loaded no group though a commit of {partition} had been \
                     acknowledged"
                )
            }
        })
    }

    fn on_request(&mut self, model: &Model, context: &RequestContext, request: &Request) {
        let order = self.order;
        match request {
            Request::JoinGroup(body) if context.is_current_leader => {
                self.state(&body.group_id).touched = order;
            }
            Request::OffsetCommit(body) if context.is_current_leader => {
                // A commit with its own retention may expire soon after, even if the coordinator
                // dies before it reports so.
                let ends = body.retention_time_ms != -1;
                self.order += u64::from(ends);
                let state = self.state(&model.group(context.group).id);
                state.touched = order;
                for topic in &body.topics {
                    for entry in &topic.partitions {
                        let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                        let offsets = state.offsets.entry(id).or_default();
                        offsets.handle(order, context.key, Some(entry.committed_offset));
                        if ends {
                            offsets.handle(order + 1, NO_REQUEST, None);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// A broker begins to handle a request of an administrator or a producer.
    fn on_admin_request(&mut self, model: &Model, place: Place, key: Key, request: &Request) {
        let order = self.order;
        match request {
            Request::OffsetDelete(body) if model.leads(place, &body.group_id) => {
                self.deletes.insert(key, order);
                let state = self.state(&body.group_id);
                for topic in &body.topics {
                    for entry in &topic.partitions {
                        let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                        state.offsets.entry(id).or_default().handle(order, key, None);
                    }
                }
            }
            Request::DeleteGroups(_) => {
                self.deletes.insert(key, order);
            }
            Request::TxnOffsetCommit(body) if model.leads(place, &body.group_id) => {
                self.on_txn_commit(key, body);
            }
            Request::WriteTxnMarkers(body) => self.transactions.end(model, place, key, body),
            _ => {}
        }
    }

    fn on_response(
        &mut self,
        model: &Model,
        context: &RequestContext,
        request: &Request,
        response: &Response,
    ) -> Result<(), Breach> {
        let group = model.group(context.group);
        let id = group.id.as_str();
        let is_current_leader = model.is_current_leader(context.group);
        match (request, response) {
            (Request::SyncGroup(body), Response::SyncGroup(response))
                if response.error_code == 0 =>
            {
                let generation = Generation(body.generation_id);
                if self.zombie_generations.contains(&(context.group, generation)) {
                    return breach!(
                        "zombie-sync",
                        "group {id}: a zombie sent {} an assignment in generation {generation}, which it \
                         began after another leader was elected",
                        body.member_id
                    );
                }
                if is_current_leader && generation == group.generation {
                    let learned = Learned {
                        generation,
                        member: MemberId(body.member_id.clone()),
                        assignment: response.assignment.clone(),
                        plans: group.plans.iter().map(|plan| plan.recorded.clone()).collect(),
                        removed: None,
                    };
                    match group.coordinator.unsettled && group.loaded_in == Some(generation) {
                        true => self.uncommitted.push((context.group, learned)),
                        false => self.state(&group.id).learn(learned),
                    }
                }
            }
            (Request::OffsetCommit(body), Response::OffsetCommit(response)) => {
                for topic in &response.topics {
                    for entry in topic.partitions.iter().filter(|entry| entry.error_code == 0) {
                        let index = entry.partition_index;
                        let partition = TopicPartition::new(topic.name.clone(), index);
                        if !context.is_current_leader {
                            return breach!(
                                "zombie-commit",
                                "group {id}: a zombie acknowledged a commit of {partition} by {:?} \
                                 that it handled after another leader was elected",
                                body.member_id
                            );
                        }
                        let now = self.now;
                        self.state(&group.id).done(now, &partition, context.key);
                    }
                }
            }
            (Request::JoinGroup(_), Response::JoinGroup(response)) if response.error_code == 0 => {
                let new = MemberId(response.member_id.clone());
                let old = group.displaced.iter().filter(|(_, by)| **by == new);
                let old: Vec<MemberId> = old.map(|(old, _)| old.clone()).collect();
                if is_current_leader && !old.is_empty() && group.members.contains_key(&new) {
                    // Only in Stable has the replacement a record of its own.
                    let stable = context.state == crate::coordinator::GroupState::Stable
                        && response.generation_id == context.generation.0;
                    if stable {
                        self.state(&group.id).displaced.extend(old);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A broker responds to an administrator.
    fn on_admin_response(&mut self, key: Key, request: &Request, response: &Response) {
        let Some(handled) = self.deletes.remove(&key) else { return };
        match (request, response) {
            (Request::OffsetDelete(body), Response::OffsetDelete(response))
                if response.error_code == 0 =>
            {
                let now = self.now;
                let state = self.state(&body.group_id);
                for topic in &response.topics {
                    for entry in topic.partitions.iter().filter(|entry| entry.error_code == 0) {
                        let index = entry.partition_index;
                        state.done(now, &TopicPartition::new(topic.name.clone(), index), key);
                    }
                }
            }
            (Request::DeleteGroups(_), Response::DeleteGroups(response)) => {
                for result in response.results.iter().filter(|result| result.error_code == 0) {
                    self.state(&result.group_id).deleted = Some(handled);
                }
            }
            _ => {}
        }
    }

    fn observe(
        &mut self,
        model: &Model,
        index: usize,
        group: &Group,
        observation: &Observation,
    ) -> Result<(), Breach> {
        let is_current_leader = model.is_current_leader(index);
        self.order += 1;
        let order = self.order;
        match observation {
            Observation::GroupLoaded(loaded) if is_current_leader => {
                self.checked.insert(index);
                let expired_before = self.expired_before(model);
                let state = self.state(&group.id);
                let found = state
                    .loaded(loaded, expired_before)
                    .map_err(|breach| breach.within(format_args!("group {}:", group.id.as_str())));
                state.is_back(loaded);
                found
            }
            Observation::Classic(ClassicObservation::GenerationBegan { generation, .. })
                if !is_current_leader =>
            {
                self.zombie_generations.insert((index, *generation));
                Ok(())
            }
            Observation::Classic(ClassicObservation::MemberReplaced { old, new, .. })
                if is_current_leader =>
            {
                let replaced = &mut self.state(&group.id).replaced;
                replaced.entry(old.clone()).or_default().insert(new.clone());
                Ok(())
            }
            Observation::OffsetRemoved { partition, .. } if is_current_leader => {
                let offsets = self.state(&group.id).offsets.entry(partition.clone()).or_default();
                offsets.handle(order, NO_REQUEST, None);
                Ok(())
            }
            Observation::GroupRemoved { .. } if is_current_leader => {
                // What is committed later was in the log before the removal.
                for (_, learned) in self.uncommitted.iter_mut().filter(|(of, _)| *of == index) {
                    learned.removed.get_or_insert(order);
                }
                self.state(&group.id).removed(order);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
