//! Nothing is lost and nothing is skipped: at-least-once is what a group promises its application.
//!
//! Scope, for each group and partition:
//! - An accepted OffsetCommit is not beyond what the group had processed, from offset 0 without a gap and
//!   whoever did it, when the broker handled the commit.
//!   What the administrator commits counts as processed up to there, in a transaction from when somebody is
//!   asked to commit it.
//! - OffsetFetch answers the offset of the last commit that took effect before it was handled, or −1 if
//!   there was none. A commit whose answer is still awaited, was never sent or leaves its fate open, one
//!   of a transaction that somebody has been asked to end, and the removal of an offset, which is a commit of
//!   −1, may or may not have taken effect. When the end of a transaction is answered without an error, it has
//!   been committed, as of where it was handled, or aborted, and then it never takes effect. A fetch without RequireStable may answer an older one, of what was durable when it was
//!   handled. This holds across fail-over: a commit that was answered NONE is found by every broker that
//!   comes to lead. What a zombie answers is not judged, because it may not know of newer commits.
//! - Until a broker is asked to end its transaction, an offset of a transaction has not taken effect; and if it
//!   was answered NONE, no OffsetFetch with RequireStable that is handled after that answers the partition with
//!   NONE (KIP-447), unless the offset may have been removed. What a zombie is asked, or removes, is nothing.
//! - While a group is Stable, no offset expires of a partition that a member was told to own (KIP-211). Static
//!   members are left out: one that comes back with another subscription keeps what it was told. So are assignors
//!   of another name, which may give what nobody subscribes to.
//! - No offset expires for which a transaction is not over. While the offset of a group that never had members is
//!   there, it expires no sooner than its retention after its commit, and a group without members that has offsets
//!   no sooner than that after its last member went. (Unless a commit named its own end, or a broker's clock is or
//!   was off.) What is told to be unstable has been committed to in a transaction that may not be over.
//! - A consumer starts where OffsetFetch last told it to, or at 0 if that was −1; it polls on from there
//!   without a gap.
//! - When the world has drained, every record of each topic that is still there and that a group's consumers subscribe to has
//!   been processed by that group. Consumers are the living ones, after a `calm` only the healed ones.
//!
//! Not said: that committed offsets never go back (Kafka has no such check); that a record is processed
//! only once.

mod answers;
mod commits;
mod expiry;
mod progress;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::consumer::{ConsumerConfig, Observation};
use crate::coordinator;
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, GroupId, IndexMap, Request, Response, TopicName, TopicPartition};
use crate::time::Time;
use crate::trace::{ConnectionId, ConsumerRef, Event, FaultKind, Kind, Message, Place};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
};

use super::Invariant;
use super::interest::{Interest, SIDE_APIS};
use super::ledger::{Asked, Key, Ledger, entry};
use answers::{fetched, verdict};
use commits::{Commits, Order};
use expiry::Expiry;
use progress::Progress;
use transactions::is_read;

/// Names what no request has caused.
const NO_REQUEST: Key = (ConnectionId(u32::MAX), -1);

#[derive(Default)]
pub(super) struct NoLoss {
    order: Order,
    groups: IndexMap<GroupId, IndexMap<TopicPartition, Partition>>,
    readers: IndexMap<ConsumerRef, Reader>,
    core: Option<BTreeSet<ConsumerRef>>,
    /// One past the last record of each log.
    logs: BTreeMap<TopicPartition, i64>,
    /// Topics that are gone, though a broker that has not heard of it may still take records for them.
    gone: BTreeSet<TopicName>,
    /// The OffsetFetch requests under way, and when they were handled.
    fetches: IndexMap<Key, Order>,
    /// Requests of administrators whose answer has not come: from which groups they may remove something.
    deleting: BTreeMap<Key, Vec<GroupId>>,
    expiry: Expiry,
}

#[derive(Default)]
struct Partition {
    progress: Progress,
    commits: Commits,
    /// When the last commit was handled that was accepted.
    accepted: Option<Time>,
}

struct Reader {
    config: Arc<ConsumerConfig>,
    /// What OffsetFetch last told it, −1 for nothing.
    told: BTreeMap<TopicPartition, i64>,
    /// The next offset it must poll.
    positions: BTreeMap<TopicPartition, i64>,
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
            .and(Interest::LIVES)
            .and(Interest::FAULTS)
            .and(Interest::TOPICS)
            .and(Interest::RECORDS)
            .and(Interest::SCHEDULE)
            .asked(OFFSETS)
            .asked(SIDE_APIS)
            .answered(OFFSETS)
            .answered(SIDE_APIS)
            .hears(&[Api::OffsetFetch])
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        self.expiry.note(ledger, event);
        let expired = self.expires(ledger, event);
        let taken = self.take(ledger, event);
        expired.and(taken)
    }
}

impl NoLoss {
    fn take(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        match (&event.kind, event.place) {
            (Kind::Received { message, .. }, Place::Consumer(consumer)) => {
                self.told(consumer, message);
            }
            (Kind::Received { message, conn, .. }, _) => {
                if let Message::Request(frame) = message {
                    let key = (*conn, frame.correlation);
                    self.transacted(ledger, event.place, key, &frame.body);
                }
                self.asked(ledger, event);
            }
            (Kind::Coordinator(observation), _) => return self.removed(ledger, observation),
            (Kind::TopicDeleted { topic }, _) => {
                self.logs.retain(|id, _| id.topic != *topic);
                self.gone.insert(topic.clone());
                self.forget(topic);
            }
            (Kind::Sent { message, conn, .. }, Place::Broker(_)) => {
                if let Message::Response { request, response } = message {
                    let key = (*conn, request.correlation);
                    self.txn_answered(ledger, key, &request.body, &response.body);
                }
                return self.answered(ledger, event);
            }
            (Kind::Consumer(observation), Place::Consumer(consumer)) => {
                return self.observe(consumer, observation);
            }
            (Kind::Appended { partition, next, .. }, _)
                if !self.gone.contains(&partition.topic) =>
            {
                self.logs.insert(partition.clone(), *next);
            }
            (Kind::ConsumerStarted { config, .. }, Place::Consumer(consumer)) => {
                let (told, positions) = (BTreeMap::new(), BTreeMap::new());
                self.readers.insert(consumer, Reader { config: config.clone(), told, positions });
            }
            (
                Kind::ConsumerClosed | Kind::FaultBegan { fault: FaultKind::Crash, .. },
                Place::Consumer(consumer),
            ) => {
                self.readers.shift_remove(&consumer);
            }
            (Kind::Calm { core }, _) => self.core = Some(core.iter().copied().collect()),
            (Kind::Drained { .. }, _) => return self.drained(),
            _ => {}
        }
        Ok(())
    }

    /// The broker handles a request.
    fn asked(&mut self, ledger: &Ledger, event: &Event) {
        let Some((asked, request)) = ledger.question(event) else { return };
        match &request.body {
            Request::OffsetCommit(body) => {
                self.order += 1;
                self.commit_asked(asked, body);
            }
            Request::OffsetFetch(_) => {
                self.order += 1;
                self.fetches.insert(asked.key, self.order);
            }
            _ => {}
        }
    }

    fn commit_asked(&mut self, asked: &Asked, body: &OffsetCommitRequest) {
        let partitions = entry(&mut self.groups, &body.group_id);
        for topic in &body.topics {
            for wanted in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), wanted.partition_index);
                let partition = partitions.entry(id).or_default();
                let (processed, offset) = (partition.progress.prefix(), wanted.committed_offset);
                // Nobody sees what they have processed, and they commit what they like.
                if matches!(asked.from, Place::Admin | Place::Client(_)) {
                    partition.progress.add(0, offset);
                }
                let processed = processed.max(partition.progress.prefix());
                partition.commits.attempt(self.order, asked.key, offset, processed);
            }
        }
    }

    /// From here on the offsets of a topic that is gone may be gone too, though nobody may live to say so.
    fn forget(&mut self, topic: &TopicName) {
        self.order += 1;
        let all = self.groups.values_mut().flat_map(|partitions| partitions.iter_mut());
        for (_, partition) in all.filter(|(id, _)| id.topic == *topic) {
            partition.commits.settle();
            partition.commits.attempt(self.order, NO_REQUEST, -1, 0);
        }
    }

    /// What was found in the log may be what is committed, also where nobody was told: a removal, say, whose
    /// coordinator did not live to answer. Whether it may be so is `durable`'s to judge.
    /// If the end of the log is not committed yet, it may hold removals that nobody has told of.
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

    /// A coordinator forgets offsets; whether for good depends on the log. What a zombie forgets is there.
    fn removed(
        &mut self,
        ledger: &Ledger,
        observation: &coordinator::Observation,
    ) -> Result<(), Breach> {
        let seen = ledger.observed().map(|(index, of)| (ledger.reigns(index), of.home.unsettled));
        let (reigns, unsettled) = seen.unwrap_or_default();
        let (group, only, read) = match observation {
            coordinator::Observation::OffsetRemoved { group, partition, why } => {
                let read = ledger.observed().is_some_and(|(_, known)| is_read(known, partition));
                (group, Some(partition), *why == "expired" && read)
            }
            coordinator::Observation::GroupRemoved { group, .. } => (group, None, false),
            coordinator::Observation::GroupLoaded(loaded) if reigns => {
                self.loaded(loaded, unsettled);
                return Ok(());
            }
            _ => return Ok(()),
        };
        if reigns {
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
                    "group {id}: the offset of {partition} expired, which is read"
                )
            }
            None => Ok(()),
        }
    }

    /// The broker answers a request.
    fn answered(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        let Some((asked, request, response)) = ledger.answer(event) else { return Ok(()) };
        match (&request.body, response) {
            (Request::OffsetCommit(body), Response::OffsetCommit(answer)) => {
                self.order += 1;
                self.commit_answered(asked, body, answer)
            }
            (Request::OffsetFetch(body), Response::OffsetFetch(answer)) => {
                let Some(handled) = self.fetches.swap_remove(&asked.key) else { return Ok(()) };
                if !asked.reigns || !ledger.reigns(asked.group) {
                    return Ok(());
                }
                self.fetch_answered(handled, request.version, body, answer)
            }
            _ => Ok(()),
        }
    }

    fn commit_answered(
        &mut self,
        asked: &Asked,
        body: &OffsetCommitRequest,
        answer: &OffsetCommitResponse,
    ) -> Result<(), Breach> {
        let partitions = entry(&mut self.groups, &body.group_id);
        let mut ahead = Ok(());
        for topic in &answer.topics {
            for entry in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                let Some(partition) = partitions.get_mut(&id) else { continue };
                let verdict = verdict(entry.error_code);
                let accepted = partition.commits.answer(self.order, asked.key, verdict);
                let Some((offset, processed)) = accepted else { continue };
                partition.accepted = partition.accepted.max(Some(asked.local));
                if offset > processed && ahead.is_ok() {
                    ahead = breach!(
                        "commit-ahead",
                        "group {}: {} committed {id} at {offset} in generation {}, but only records \
                         before {processed} had been processed",
                        body.group_id.as_str(),
                        body.member_id,
                        body.generation_id_or_member_epoch
                    );
                }
            }
        }
        ahead
    }

    fn fetch_answered(
        &self,
        handled: Order,
        version: i16,
        request: &OffsetFetchRequest,
        answer: &OffsetFetchResponse,
    ) -> Result<(), Breach> {
        self.is_unstable(request, answer)?;
        // RequireStable came with version 7; before that a broker answers what is durable.
        let newest = request.require_stable && version >= 7;
        for (group, id, offset) in fetched(request, answer) {
            let partition = self.groups.get(group).and_then(|known| known.get(&id));
            let possible = match partition {
                None => Some(vec![-1]),
                Some(partition) => partition.commits.possible(handled, newest),
            };
            let unstable = partition.and_then(|partition| partition.commits.unstable(handled));
            if let Some(pending) = unstable.filter(|_| newest && !self.may_remove(group)) {
                return breach!(
                    "stable-pending",
                    "group {}: OffsetFetch of {id} answered {offset} as stable, but a transaction that \
                     commits {pending} is not over",
                    group.as_str()
                );
            }
            match possible {
                Some(possible) if !possible.contains(&offset) => {
                    return breach!(
                        "fetched",
                        "group {}: OffsetFetch of {id} answered {offset}, but committed was {possible:?}",
                        group.as_str()
                    );
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// A consumer hears what is committed.
    fn told(&mut self, consumer: ConsumerRef, message: &Message) {
        if let Message::Response { request, response } = message
            && let (Request::OffsetFetch(request), Response::OffsetFetch(answer)) =
                (&request.body, &response.body)
            && let Some(reader) = self.readers.get_mut(&consumer)
        {
            for (_, id, offset) in fetched(request, answer) {
                reader.told.insert(id, offset);
            }
        }
    }

    fn observe(&mut self, consumer: ConsumerRef, observation: &Observation) -> Result<(), Breach> {
        let Some(reader) = self.readers.get_mut(&consumer) else { return Ok(()) };
        match observation {
            Observation::Positioned { partition, offset, committed } => {
                let end = self.logs.get(partition).copied().unwrap_or(0);
                reader.position(consumer, partition, (*offset, *committed), end)
            }
            Observation::Polled { partition, first, values } => {
                reader.poll(consumer, partition, *first, values.len())
            }
            Observation::Processed { partition, first, next } => {
                let group = entry(&mut self.groups, &reader.config.group);
                group.entry(partition.clone()).or_default().progress.add(*first, *next);
                Ok(())
            }
            Observation::Revoked { partitions } | Observation::Lost { partitions } => {
                for partition in partitions {
                    reader.positions.remove(partition);
                }
                Ok(())
            }
            Observation::State { .. }
            | Observation::CoordinatorLost { .. }
            | Observation::Assigned { .. }
            | Observation::CommitFailed { .. }
            | Observation::PollTimeout
            | Observation::Fatal { .. } => Ok(()),
        }
    }

    fn drained(&self) -> Result<(), Breach> {
        let mut wanted: BTreeSet<(&GroupId, &TopicName)> = BTreeSet::new();
        for (consumer, reader) in &self.readers {
            if self.core.as_ref().is_none_or(|core| core.contains(consumer)) {
                wanted
                    .extend(reader.config.topics.iter().map(|topic| (&reader.config.group, topic)));
            }
        }
        for (group, topic) in wanted {
            for (id, next) in self.logs.iter().filter(|(id, _)| id.topic == *topic) {
                let partition = self.groups.get(group).and_then(|known| known.get(id));
                let processed = partition.map_or(0, |partition| partition.progress.prefix());
                if processed < *next {
                    return breach!(
                        "drained" in group, "group {}: drained, but of {id} only records before {processed} were \
                         processed, of {next}",
                        group.as_str()
                    );
                }
            }
        }
        Ok(())
    }
}

impl Reader {
    fn position(
        &mut self,
        consumer: ConsumerRef,
        partition: &TopicPartition,
        (offset, committed): (i64, bool),
        end: i64,
    ) -> Result<(), Breach> {
        self.positions.insert(partition.clone(), offset);
        // What was committed beyond the end of the log (by hand, or of a topic that was there before) is no place
        // to read from: the client begins anew.
        let beyond = |told: &i64| *told > end;
        let told = self.told.get(partition).copied().filter(|told| committed || !beyond(told));
        let expected = if committed { told.filter(|told| *told >= 0) } else { Some(0) };
        if committed != told.is_some_and(|told| told >= 0) || expected != Some(offset) {
            let told = told.map_or("nothing".to_owned(), |told| told.to_string());
            return breach!(
                "position",
                "{} starts {partition} at {offset} (committed: {committed}), but was told {told}",
                self.describe(consumer)
            );
        }
        Ok(())
    }

    fn poll(
        &mut self,
        consumer: ConsumerRef,
        partition: &TopicPartition,
        first: i64,
        count: usize,
    ) -> Result<(), Breach> {
        match self.positions.get_mut(partition) {
            Some(position) if *position == first => {
                *position = first + count as i64;
                Ok(())
            }
            Some(position) => {
                let position = *position;
                let reader = self.describe(consumer);
                breach!("polled", "{reader} polled {partition} from {first}, but was at {position}")
            }
            None => {
                let reader = self.describe(consumer);
                breach!(
                    "polled-nowhere",
                    "{reader} polled {partition} from {first} without a position"
                )
            }
        }
    }

    fn describe(&self, consumer: ConsumerRef) -> String {
        format!("group {}: {consumer}", self.config.group.as_str())
    }
}

#[cfg(test)]
mod tests;
