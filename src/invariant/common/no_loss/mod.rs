//! No record is skipped and no commit is lost: a group promises its application at-least-once
//! processing.
//!
//! Scope, for each group and partition:
//! - An accepted OffsetCommit is not ahead of the records that the group had processed, by any
//!   member, from offset 0 without a gap, when the broker handled the commit. A commit of the
//!   administrator counts as processed up to its offset; one in a transaction does so from the
//!   request to commit the transaction on.
//! - OffsetFetch returns the offset of the last commit that took effect before it was handled, or
//!   −1 if there was none. These may or may not have taken effect: a commit whose response is
//!   outstanding, was never sent or leaves the outcome open; a commit of a transaction that some
//!   broker has been requested to end; and the removal of an offset, which is a commit of −1. When
//!   the end of a transaction is acknowledged without an error, its offset has been committed, as
//!   of where it was handled, or aborted, and then it never takes effect. A fetch without
//!   RequireStable may return an older offset, one that was durable when it was handled. This holds
//!   across fail-over: every later leader finds a commit that was acknowledged with NONE. What a
//!   zombie returns is not judged, because it may not know newer commits.
//! - Until a broker begins to end its transaction, an offset of a transaction has not taken effect;
//!   and if it was acknowledged with NONE, no OffsetFetch with RequireStable that is handled after
//!   that returns the partition with NONE (KIP-447), unless the offset may have been removed.
//!   Requests to a zombie, and its removals, do not count.
//! - While a group is Stable, no offset expires of a partition that is assigned to a member
//!   (KIP-211). Static members are exempt: one that comes back with another subscription keeps its
//!   assignment. So are assignors of another name, which may assign topics that no member
//!   subscribes to.
//! - No offset expires while a transaction for it has not ended. While a group that never had
//!   members has an offset, the offset expires no sooner than its retention after its commit; in a
//!   group without members that has offsets, no sooner than that after its last member left.
//!   (Unless a commit named its own retention, or a broker's clock is or was skewed.) A partition
//!   that is returned as unstable has a commit in a transaction that may not have ended.
//! - A consumer starts at the offset in its last OffsetFetch response, or at 0 if that was −1; it
//!   polls on from there without a gap.
//! - When the run has drained, a group has processed every record of each topic that still exists
//!   and that its consumers subscribe to. Consumers are the running ones, after a `quiesce` only
//!   the healed ones.
//!
//! | rule | violated when |
//! |---|---|
//! | `commit-ahead` | an accepted commit is ahead of what the group had processed |
//! | `fetched` | OffsetFetch returns an offset that is not one of the possible ones |
//! | `stable-pending` | it returns as stable an offset for which a transaction is open |
//! | `unstable` | it returns as unstable an offset for which no transaction is open |
//! | `expired-read` | an offset expires of a partition that a member of a Stable group reads |
//! | `expired-pending` | an offset expires for which a transaction has not ended |
//! | `expired-early` | an offset expires before its retention has passed |
//! | `position` | a consumer does not start at the offset that it fetched |
//! | `polled` | a consumer does not poll on from its position |
//! | `polled-nowhere` | a consumer polls a partition without a position |
//! | `drained` | the run has drained, and the group has not processed everything |
//!
//! Not said: that committed offsets never go back (Kafka has no such check); that a record is
//! processed only once.

mod commits;
mod consumer_progress;
mod expiry;
mod progress;
mod responses;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};

use crate::client::ClientObservation;
use crate::coordinator;
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, GroupId, IndexMap, Request, Response, TopicName, TopicPartition};
use crate::time::Time;
use crate::trace::{ConnectionId, ConsumerRef, Event, EventKind, FaultKind, Message, Place};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
};

use crate::invariant::Invariant;
use crate::invariant::interest::{Interest, SIDE_APIS};
use crate::model::{Key, Model, RequestContext, entry};
use commits::{Commits, Order};
use consumer_progress::ConsumerProgress;
use expiry::Expiry;
use progress::Progress;
use responses::{fetched, verdict};
use transactions::is_read;

/// Stands for an event that no request caused.
const NO_REQUEST: Key = (ConnectionId(u32::MAX), -1);

#[derive(Default)]
pub(in crate::invariant) struct NoLoss {
    order: Order,
    groups: IndexMap<GroupId, IndexMap<TopicPartition, Partition>>,
    consumers: IndexMap<ConsumerRef, ConsumerProgress>,
    core: Option<BTreeSet<ConsumerRef>>,
    /// One past the last record of each log.
    logs: BTreeMap<TopicPartition, i64>,
    /// Deleted topics, for which a broker that has not learned it may still accept records.
    gone: BTreeSet<TopicName>,
    /// The OffsetFetch requests in flight, and when they were handled.
    fetches: IndexMap<Key, Order>,
    /// Requests of administrators without a response, with the groups from which they may remove
    /// something.
    removals: BTreeMap<Key, Vec<GroupId>>,
    expiry: Expiry,
}

#[derive(Default)]
struct Partition {
    progress: Progress,
    commits: Commits,
    /// When the last accepted commit was handled.
    accepted: Option<Time>,
}

impl Invariant for NoLoss {
    fn name(&self) -> &'static str {
        "no-loss"
    }

    fn statement(&self) -> &'static str {
        "no record is skipped and no accepted commit is lost"
    }

    fn reads(&self) -> Interest {
        const OFFSETS: &[Api] = &[Api::OffsetCommit, Api::OffsetFetch];
        Interest::COORDINATOR
            .and(Interest::CONSUMER)
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .and(Interest::TOPICS)
            .and(Interest::RECORDS)
            .and(Interest::SCHEDULE)
            .requests(OFFSETS)
            .requests(SIDE_APIS)
            .responses(OFFSETS)
            .responses(SIDE_APIS)
            .receives(&[Api::OffsetFetch])
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        self.expiry.update(model, event);
        let expiry = self.check_expiry(model, event);
        let taken = self.take(model, event);
        expiry.and(taken)
    }
}

impl NoLoss {
    fn take(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        match (&event.kind, event.place) {
            (EventKind::Received { message, .. }, Place::Consumer(consumer)) => {
                self.on_delivery(consumer, message);
            }
            (EventKind::Received { message, conn, .. }, _) => {
                if let Message::Request(frame) = message {
                    let key = (*conn, frame.correlation);
                    self.on_side_request(model, event.place, key, &frame.body);
                }
                self.on_request(model, event);
            }
            (EventKind::Coordinator(observation), _) => return self.removed(model, observation),
            (EventKind::TopicDeleted { topic }, _) => {
                self.logs.retain(|id, _| id.topic != *topic);
                self.gone.insert(topic.clone());
                self.forget(topic);
            }
            (EventKind::Sent { message, conn, .. }, Place::Broker(_)) => {
                if let Message::Response { request, response } = message {
                    let key = (*conn, request.correlation);
                    self.on_side_response(model, key, &request.body, &response.body);
                }
                return self.on_response(model, event);
            }
            (EventKind::Consumer(observation), Place::Consumer(consumer)) => {
                return self.observe(consumer, observation);
            }
            (EventKind::Appended { partition, next, .. }, _)
                if !self.gone.contains(&partition.topic) =>
            {
                self.logs.insert(partition.clone(), *next);
            }
            (EventKind::ConsumerStarted { config, .. }, Place::Consumer(consumer)) => {
                let (fetched_offsets, positions) = (BTreeMap::new(), BTreeMap::new());
                self.consumers.insert(
                    consumer,
                    ConsumerProgress { config: config.clone(), fetched_offsets, positions },
                );
            }
            (
                EventKind::ConsumerClosed | EventKind::FaultBegan { fault: FaultKind::Crash, .. },
                Place::Consumer(consumer),
            ) => {
                self.consumers.shift_remove(&consumer);
            }
            (EventKind::Quiesced { core }, _) => self.core = Some(core.iter().copied().collect()),
            (EventKind::Drained { .. }, _) => return self.drained(),
            _ => {}
        }
        Ok(())
    }

    /// The broker begins to handle a request.
    fn on_request(&mut self, model: &Model, event: &Event) {
        let Some((context, request)) = model.request(event) else { return };
        match &request.body {
            Request::OffsetCommit(body) => {
                self.order += 1;
                self.on_commit_request(context, body);
            }
            Request::OffsetFetch(_) => {
                self.order += 1;
                self.fetches.insert(context.key, self.order);
            }
            _ => {}
        }
    }

    fn on_commit_request(&mut self, context: &RequestContext, body: &OffsetCommitRequest) {
        let partitions = entry(&mut self.groups, &body.group_id);
        for topic in &body.topics {
            for requested in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), requested.partition_index);
                let partition = partitions.entry(id).or_default();
                let (processed, offset) = (partition.progress.prefix(), requested.committed_offset);
                // The trace does not show what they have processed, and they commit what they like.
                if matches!(context.from, Place::Admin | Place::Client(_)) {
                    partition.progress.add(0, offset);
                }
                let processed = processed.max(partition.progress.prefix());
                partition.commits.attempt(self.order, context.key, offset, processed);
            }
        }
    }

    /// From here on the offsets of a deleted topic may be gone, even if the coordinator dies before
    /// it reports so.
    fn forget(&mut self, topic: &TopicName) {
        self.order += 1;
        let all = self.groups.values_mut().flat_map(|partitions| partitions.iter_mut());
        for (_, partition) in all.filter(|(id, _)| id.topic == *topic) {
            partition.commits.leave_pending_open();
            partition.commits.attempt(self.order, NO_REQUEST, -1, 0);
        }
    }

    /// The offsets that a coordinator loads from the log may be the committed ones, even if no
    /// client received a response: a coordinator may have removed an offset and died before it
    /// responded. Whether they may is `durable`'s claim. If the end of the log is not committed
    /// yet, it may hold removals that no coordinator has reported.
    fn loaded(&mut self, loaded: &coordinator::LoadedGroup, unsettled: bool) {
        self.order += 1;
        for (id, partition) in entry(&mut self.groups, &loaded.metadata.group) {
            let mut found = loaded.offsets.iter().filter(|(at, _)| at == id);
            let offset = found.next().map_or(-1, |(_, offset)| *offset);
            partition.commits.attempt(self.order, NO_REQUEST, offset, 0);
            if unsettled {
                partition.commits.attempt(self.order, NO_REQUEST, -1, 0);
            }
        }
    }

    /// A coordinator removes offsets; whether for good depends on the log. What a zombie removes
    /// does not count.
    fn removed(
        &mut self,
        model: &Model,
        observation: &coordinator::Observation,
    ) -> Result<(), Breach> {
        let seen = model
            .observed()
            .map(|(index, of)| (model.is_current_leader(index), of.coordinator.unsettled));
        let (is_current_leader, unsettled) = seen.unwrap_or_default();
        let (group, only, read) = match observation {
            coordinator::Observation::OffsetRemoved { group, partition, why } => {
                let read = model.observed().is_some_and(|(_, known)| is_read(known, partition));
                (group, Some(partition), *why == coordinator::OffsetRemoval::Expired && read)
            }
            coordinator::Observation::GroupRemoved { group, .. } => (group, None, false),
            coordinator::Observation::GroupLoaded(loaded) if is_current_leader => {
                self.loaded(loaded, unsettled);
                return Ok(());
            }
            _ => return Ok(()),
        };
        if is_current_leader {
            self.order += 1;
            for (id, partition) in entry(&mut self.groups, group) {
                if only.is_none_or(|only| only == id) {
                    partition.commits.remove(self.order, NO_REQUEST);
                }
            }
        }
        match only.filter(|_| read) {
            Some(partition) => {
                let id = group.as_str();
                breach!(
                    "expired-read",
                    "group {id}: the offset of {partition} expired, which a member is assigned"
                )
            }
            None => Ok(()),
        }
    }

    /// The broker responds to a request.
    fn on_response(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        let Some((context, request, response)) = model.response(event) else { return Ok(()) };
        match (&request.body, response) {
            (Request::OffsetCommit(body), Response::OffsetCommit(response)) => {
                self.order += 1;
                self.on_commit_response(context, body, response)
            }
            (Request::OffsetFetch(body), Response::OffsetFetch(response)) => {
                let Some(handled) = self.fetches.swap_remove(&context.key) else { return Ok(()) };
                if !context.is_current_leader || !model.is_current_leader(context.group) {
                    return Ok(());
                }
                self.on_fetch_response(handled, request.version, body, response)
            }
            _ => Ok(()),
        }
    }

    fn on_commit_response(
        &mut self,
        context: &RequestContext,
        body: &OffsetCommitRequest,
        response: &OffsetCommitResponse,
    ) -> Result<(), Breach> {
        let partitions = entry(&mut self.groups, &body.group_id);
        let mut ahead = Ok(());
        for topic in &response.topics {
            for entry in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                let Some(partition) = partitions.get_mut(&id) else { continue };
                let verdict = verdict(entry.error_code);
                let accepted = partition.commits.on_response(self.order, context.key, verdict);
                let Some((offset, processed)) = accepted else { continue };
                partition.accepted = partition.accepted.max(Some(context.local));
                if offset > processed && ahead.is_ok() {
                    ahead = breach!(
                        "commit-ahead",
                        "group {}: {} committed {id} at {offset} in generation {}, but the group had \
                         processed only records before {processed}",
                        body.group_id.as_str(),
                        body.member_id,
                        body.generation_id_or_member_epoch
                    );
                }
            }
        }
        ahead
    }

    fn on_fetch_response(
        &self,
        handled: Order,
        version: i16,
        request: &OffsetFetchRequest,
        response: &OffsetFetchResponse,
    ) -> Result<(), Breach> {
        self.check_unstable(request, response)?;
        // RequireStable came with version 7; before that a broker returns what is durable.
        let newest = request.require_stable && version >= 7;
        for (group, id, offset) in fetched(request, response) {
            let partition = self.groups.get(group).and_then(|known| known.get(&id));
            let possible = match partition {
                None => Some(vec![-1]),
                Some(partition) => partition.commits.possible(handled, newest),
            };
            let unstable = partition.and_then(|partition| partition.commits.unstable(handled));
            if let Some(pending) = unstable.filter(|_| newest && !self.may_remove(group)) {
                return breach!(
                    "stable-pending",
                    "group {}: OffsetFetch of {id} returned {offset} as stable, but a transaction that \
                     commits {pending} has not ended",
                    group.as_str()
                );
            }
            match possible {
                Some(possible) if !possible.contains(&offset) => {
                    return breach!(
                        "fetched",
                        "group {}: OffsetFetch of {id} returned {offset}, but the committed offset is one \
                         of {possible:?}",
                        group.as_str()
                    );
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// A consumer receives the committed offsets.
    fn on_delivery(&mut self, consumer: ConsumerRef, message: &Message) {
        if let Message::Response { request, response } = message
            && let (Request::OffsetFetch(request), Response::OffsetFetch(response)) =
                (&request.body, &response.body)
            && let Some(progress) = self.consumers.get_mut(&consumer)
        {
            for (_, id, offset) in fetched(request, response) {
                progress.fetched_offsets.insert(id, offset);
            }
        }
    }

    fn observe(
        &mut self,
        consumer: ConsumerRef,
        observation: &ClientObservation,
    ) -> Result<(), Breach> {
        let Some(progress) = self.consumers.get_mut(&consumer) else { return Ok(()) };
        match observation {
            ClientObservation::Positioned { partition, offset, committed } => {
                let end = self.logs.get(partition).copied().unwrap_or(0);
                progress.position(consumer, partition, (*offset, *committed), end)
            }
            ClientObservation::Polled { partition, first, values } => {
                progress.poll(consumer, partition, *first, values.len())
            }
            ClientObservation::Processed { partition, first, next } => {
                let group = entry(&mut self.groups, &progress.config.group);
                group.entry(partition.clone()).or_default().progress.add(*first, *next);
                Ok(())
            }
            ClientObservation::Revoked { partitions } | ClientObservation::Lost { partitions } => {
                for partition in partitions {
                    progress.positions.remove(partition);
                }
                Ok(())
            }
            ClientObservation::State { .. }
            | ClientObservation::CoordinatorLost { .. }
            | ClientObservation::Assigned { .. }
            | ClientObservation::CommitFailed { .. }
            | ClientObservation::PollTimeout
            | ClientObservation::Fatal { .. } => Ok(()),
        }
    }

    fn drained(&self) -> Result<(), Breach> {
        let mut subscribed: BTreeSet<(&GroupId, &TopicName)> = BTreeSet::new();
        for (consumer, progress) in &self.consumers {
            if self.core.as_ref().is_none_or(|core| core.contains(consumer)) {
                subscribed.extend(
                    progress.config.topics.iter().map(|topic| (&progress.config.group, topic)),
                );
            }
        }
        for (group, topic) in subscribed {
            for (id, next) in self.logs.iter().filter(|(id, _)| id.topic == *topic) {
                let partition = self.groups.get(group).and_then(|known| known.get(id));
                let processed = partition.map_or(0, |partition| partition.progress.prefix());
                if processed < *next {
                    return breach!(
                        "drained" in group, "group {}: the run drained, but the group has processed only \
                         records before {processed} of {id}, which ends at {next}",
                        group.as_str()
                    );
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
