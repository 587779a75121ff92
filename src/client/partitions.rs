//! The owned partitions: for each, the next offset to pass to the application, and the records that
//! were fetched ahead of it.
//!
//! Each assignment has an *epoch*. A request for positions or records carries the epoch in which it
//! was sent, and its response says nothing about partitions that were assigned later.
//!
//! Read next: `position` and `fetch`, which request what is missing here.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::protocol::{TopicPartition, records};

use super::ClientObservation;
use super::context::{Context, always};
use super::metadata::Metadata;

#[derive(Default)]
pub(super) struct Partitions {
    owned: BTreeMap<TopicPartition, Partition>,
    /// Counts assignments.
    epoch: u32,
    /// How many owned partitions have no position yet.
    unpositioned: usize,
}

/// One owned partition.
#[derive(Default)]
struct Partition {
    /// The next offset to pass to the application; `None` until it is known.
    position: Option<i64>,
    /// Nothing is committed: reading begins at the start of the log.
    reset: bool,
    /// Records that were fetched and not yet passed to the application, in offset order.
    buffered: VecDeque<(i64, Bytes)>,
    /// The assignment epoch in which the partition was added. Responses to requests from earlier
    /// epochs concern an earlier ownership.
    since: u32,
}

impl Partition {
    fn since(since: u32) -> Self {
        Partition { since, ..Partition::default() }
    }

    /// The offset to fetch: an owned partition is fetched when all its records are handed out.
    fn wanted(&self) -> Option<i64> {
        self.position.filter(|_| self.buffered.is_empty())
    }
}

/// The records `first..next` of one partition.
pub(super) type Range = (TopicPartition, i64, i64);

impl Partitions {
    /// The owned partitions, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &TopicPartition> {
        self.owned.keys()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    /// The current assignment epoch, for requests.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether a response to a request from assignment epoch `epoch` concerns the current
    /// ownership.
    pub(super) fn owned_since(&self, name: &TopicPartition, epoch: u32) -> bool {
        self.owned.get(name).is_some_and(|partition| partition.since <= epoch)
    }

    /// The partitions with a position, each with the next offset to pass to the application.
    pub(super) fn positions(&self) -> impl Iterator<Item = (&TopicPartition, i64)> {
        self.owned.iter().filter_map(|(name, one)| Some((name, one.position?)))
    }

    pub(super) fn has_positions(&self) -> bool {
        self.positions().next().is_some()
    }

    /// Whether a position is missing.
    pub(super) fn lacks_positions(&self) -> bool {
        self.unpositioned > 0
    }

    /// The partitions whose committed offset is not known.
    pub(super) fn without_committed(&self) -> impl Iterator<Item = &TopicPartition> {
        self.without_position(false)
    }

    /// The partitions that have no committed offset, and whose start is not known.
    pub(super) fn without_start(&self) -> impl Iterator<Item = &TopicPartition> {
        self.without_position(true)
    }

    fn without_position(&self, reset: bool) -> impl Iterator<Item = &TopicPartition> {
        let missing = move |one: &Partition| one.position.is_none() && one.reset == reset;
        self.owned.iter().filter(move |(_, one)| missing(one)).map(|(name, _)| name)
    }

    /// The partitions to fetch, each with its position: those whose buffer is empty and that have a
    /// leader.
    pub(super) fn fetchable<'a>(
        &'a self,
        metadata: &'a Metadata,
    ) -> impl Iterator<Item = (&'a TopicPartition, i64)> {
        let wanted = self.owned.iter().filter_map(|(name, one)| Some((name, one.wanted()?)));
        wanted.filter(|(name, _)| metadata.has_leader(name))
    }

    /// Adds the assigned partitions and begins a new epoch. Returns those that were not owned
    /// before.
    pub(super) fn assign(
        &mut self,
        cx: &Context,
        assigned: &[TopicPartition],
    ) -> Vec<TopicPartition> {
        let added: Vec<TopicPartition> =
            assigned.iter().filter(|one| !self.owned.contains_key(one)).cloned().collect();
        self.epoch += 1;
        let since = self.epoch;
        self.owned.extend(added.iter().map(|one| (one.clone(), Partition::since(since))));
        self.unpositioned = self.owned.values().filter(|one| one.position.is_none()).count();
        always!(
            cx,
            self.owned.len() <= assigned.len()
                && self.names().all(|owned| assigned.binary_search(owned).is_ok()),
            "owns a partition outside of its assignment {assigned:?}"
        );
        added
    }

    /// Takes out the partitions that are not assigned any more.
    pub(super) fn take_all_but(&mut self, kept: &[TopicPartition]) -> Vec<TopicPartition> {
        let revoked: Vec<TopicPartition> =
            self.names().filter(|owned| kept.binary_search(owned).is_err()).cloned().collect();
        for partition in &revoked {
            self.owned.remove(partition);
        }
        revoked
    }

    /// Takes out all partitions and begins a new epoch.
    pub(super) fn take_all(&mut self) -> Vec<TopicPartition> {
        self.epoch += 1;
        self.unpositioned = 0;
        std::mem::take(&mut self.owned).into_keys().collect()
    }

    /// Reading begins at the start of the log, because nothing is committed.
    pub(super) fn await_start(&mut self, name: &TopicPartition) {
        if let Some(partition) = self.owned.get_mut(name) {
            partition.reset = true;
        }
    }

    /// Reading begins at `offset`, unless the partition has a position.
    pub(super) fn position(
        &mut self,
        cx: &mut Context,
        name: TopicPartition,
        offset: i64,
        committed: bool,
    ) {
        let Some(partition) = self.owned.get_mut(&name) else { return };
        if partition.position.is_some() {
            return;
        }
        always!(
            cx,
            self.unpositioned > 0 && partition.buffered.is_empty(),
            "has records of {name} before its position"
        );
        always!(cx, !committed || offset >= 0, "has {name} committed at {offset}");
        partition.position = Some(offset);
        partition.reset = false;
        self.unpositioned -= 1;
        let partition = name;
        cx.observe(ClientObservation::Positioned { partition, offset, committed });
    }

    /// Reads the partition from the start of its log: its position is out of range.
    pub(super) fn start_over(&mut self, name: &TopicPartition) {
        if let Some(partition) = self.owned.get_mut(name) {
            self.unpositioned += usize::from(partition.position.is_some());
            *partition = Partition { reset: true, ..Partition::since(partition.since) };
        }
    }

    /// Keeps fetched records until the application polls.
    pub(super) fn buffer(&mut self, cx: &Context, name: &TopicPartition, records: Option<&Bytes>) {
        let Some(records) = records.filter(|records| !records.is_empty()) else { return };
        let Some(partition) = self.owned.get_mut(name) else { return };
        let Some(position) = partition.position else { return };
        let read = records::decode_records(records)
            .unwrap_or_else(|error| cx.broken(format_args!("{name}: {error}")));
        // Brokers send whole batches, so the first record may precede the position.
        partition.buffered.extend(read.into_iter().filter(|(offset, _)| *offset >= position));
    }

    /// Hands out buffered records, at most `max.poll.records`: `poll()` returns them.
    pub(super) fn hand_out(&mut self, cx: &mut Context) -> Vec<Range> {
        let mut room = cx.config.max_poll_records;
        let mut batch = Vec::new();
        for (name, partition) in &mut self.owned {
            let taken = partition.buffered.len().min(room);
            let Some(&(first, _)) = partition.buffered.front().filter(|_| taken > 0) else {
                continue;
            };
            always!(
                cx,
                partition.position.is_some(),
                "hands out records of {name}, which has no position"
            );
            room -= taken;
            let values: Vec<Bytes> =
                partition.buffered.drain(..taken).map(|(_, value)| value).collect();
            let next = first + taken as i64;
            partition.position = Some(next);
            batch.push((name.clone(), first, next));
            let partition = name.clone();
            cx.observe(ClientObservation::Polled { partition, first, values });
        }
        batch
    }

    /// What must hold between two inputs.
    pub(super) fn check(&self, cx: &Context) {
        always!(
            cx,
            self.unpositioned <= self.owned.len(),
            "lacks {} positions and owns {} partitions",
            self.unpositioned,
            self.owned.len()
        );
    }
}
