//! Reading: Fetch, and the application that receives records and takes time to process them.
//!
//! One Fetch is in flight at a time. The client sends it before the application begins a batch, so
//! the next batch is fetched meanwhile. The broker holds a Fetch that finds no records, so an idle
//! consumer does not spin.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use crate::protocol::{ResponseError, TopicPartition, records};
use crate::time::{Time, to_millis_i32};

use super::links::Sent;
use super::{ClientObservation, ClientOutput, Consumer, ConsumerConfig, Purpose};

/// One owned partition.
#[derive(Default)]
pub(super) struct Partition {
    /// The next offset to pass to the application; `None` until it is known.
    pub(super) position: Option<i64>,
    /// Nothing is committed: reading begins at the start of the log.
    pub(super) reset: bool,
    /// Records that were fetched and not yet passed to the application, in offset order.
    buffered: VecDeque<(i64, Bytes)>,
    /// The assignment epoch in which the partition was added. Responses to requests from earlier
    /// epochs concern an earlier ownership.
    since: u32,
}

impl Partition {
    /// A partition that was just assigned in epoch `since`.
    pub(super) fn since(since: u32) -> Self {
        Partition { since, ..Partition::default() }
    }

    /// Whether a response to a request from assignment epoch `epoch` concerns the current
    /// ownership.
    pub(super) fn was_owned_in(&self, epoch: u32) -> bool {
        self.since <= epoch
    }
}

/// What the application is doing.
pub(super) enum App {
    /// It is inside `poll()`.
    Polling,
    /// It processes a batch.
    Processing {
        /// When `poll()` returned.
        polled_at: Time,
        /// When it will have finished the batch.
        until: Time,
        /// The batch: partition, first offset, one past the last offset.
        batch: Vec<(TopicPartition, i64, i64)>,
    },
}

pub(super) struct Fetcher {
    /// Counts assignments. A response to a request from an earlier epoch says nothing about
    /// partitions that were assigned later.
    pub(super) epoch: u32,
    /// How many owned partitions have no position yet.
    pub(super) unpositioned: usize,
    /// No request for positions before this time.
    pub(super) positions_at: Time,
    /// No Fetch before this time.
    fetch_at: Time,
    /// How long the application takes for one record, if it differs from the configuration.
    processing_time: Option<Duration>,
}

impl Fetcher {
    pub(super) fn new(now: Time) -> Self {
        Fetcher {
            epoch: 0,
            unpositioned: 0,
            positions_at: now,
            fetch_at: now,
            processing_time: None,
        }
    }

    /// Begins the next assignment and returns its epoch.
    pub(super) fn begin_assignment(&mut self, now: Time) -> u32 {
        self.epoch += 1;
        self.positions_at = now;
        self.fetch_at = now;
        self.epoch
    }

    pub(super) fn end_assignment(&mut self) {
        self.epoch += 1;
        self.unpositioned = 0;
    }

    pub(super) fn positions_failed(&mut self, now: Time, config: &ConsumerConfig) {
        self.positions_at = now + config.retry_backoff;
    }

    pub(super) fn fetch_failed(&mut self, now: Time, config: &ConsumerConfig) {
        self.fetch_at = now + config.retry_backoff;
    }
}

impl Consumer {
    pub(super) fn app_is_polling(&self) -> bool {
        matches!(self.app, App::Polling)
    }

    /// Ends the application's batch if its processing time is over.
    pub(super) fn finish_batch(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        match &mut self.app {
            App::Processing { until, batch, .. } if *until <= now => {
                for (partition, first, next) in std::mem::take(batch) {
                    out.push(ClientOutput::Observe(ClientObservation::Processed {
                        partition,
                        first,
                        next,
                    }));
                }
                self.app = App::Polling;
            }
            App::Processing { .. } | App::Polling => {}
        }
    }

    /// Returns buffered records from `poll()`, if there are any.
    pub(super) fn deliver(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        // An eager member is about to give up its partitions: it must not process records beyond
        // the positions being committed.
        if self.prepare.in_flight() && !self.is_cooperative() {
            return;
        }
        let mut room = self.config.max_poll_records;
        let mut batch = Vec::new();
        for (name, partition) in &mut self.partitions {
            let taken = partition.buffered.len().min(room);
            let Some(&(first, _)) = partition.buffered.front().filter(|_| taken > 0) else {
                continue;
            };
            room -= taken;
            let values: Vec<Bytes> =
                partition.buffered.drain(..taken).map(|(_, value)| value).collect();
            let next = first + taken as i64;
            partition.position = Some(next);
            batch.push((name.clone(), first, next));
            let partition = name.clone();
            out.push(ClientOutput::Observe(ClientObservation::Polled { partition, first, values }));
        }
        let handed_out = self.config.max_poll_records - room;
        if handed_out > 0 {
            let until = now + self.processing_time() * handed_out as u32;
            self.app = App::Processing { polled_at: now, until, batch };
        }
    }

    fn processing_time(&self) -> Duration {
        self.fetcher.processing_time.unwrap_or(self.config.processing_time)
    }

    /// Changes the application's pace. This applies to the current batch, too, if it makes the
    /// batch end sooner.
    pub(super) fn set_processing_time(&mut self, now: Time, each: Duration) {
        self.fetcher.processing_time = Some(each);
        if let App::Processing { until, batch, .. } = &mut self.app {
            let records: i64 = batch.iter().map(|(_, first, next)| next - first).sum();
            *until = (*until).min(now + each * records as u32);
        }
    }

    /// Fetches the next records for the partitions whose buffer is empty.
    pub(super) fn fetch(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        if self.fetch_at() > now || self.fetch_in_flight() {
            return;
        }
        let topics = self.fetchable();
        if topics.is_empty() {
            return;
        }
        let request = FetchRequest::default()
            .with_max_wait_ms(to_millis_i32(self.config.fetch_max_wait))
            .with_min_bytes(1)
            .with_max_bytes(50 << 20)
            .with_session_epoch(-1)
            .with_topics(topics);
        self.send(now, Purpose::Data, Sent::Fetch(self.fetcher.epoch), request, out);
    }

    fn fetchable(&self) -> Vec<FetchTopic> {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for (name, partition) in &self.partitions {
            let Some(position) = partition.position.filter(|_| partition.buffered.is_empty())
            else {
                continue;
            };
            if !self.metadata.has_leader(name) {
                continue;
            }
            let wanted = FetchPartition::default()
                .with_partition(name.partition)
                .with_fetch_offset(position)
                .with_partition_max_bytes(1 << 20);
            match topics.last_mut() {
                Some(last) if last.topic == name.topic => last.partitions.push(wanted),
                _ => topics.push(
                    FetchTopic::default()
                        .with_topic(name.topic.clone())
                        .with_partitions(vec![wanted]),
                ),
            }
        }
        topics
    }

    pub(super) fn fetch_deadline(&self) -> Time {
        let wanted = |(name, partition): (&TopicPartition, &Partition)| {
            partition.position.is_some()
                && partition.buffered.is_empty()
                && self.metadata.has_leader(name)
        };
        let wants = !self.fetch_in_flight() && self.partitions.iter().any(wanted);
        if wants { self.fetch_at() } else { Time::NEVER }
    }

    fn fetch_at(&self) -> Time {
        self.fetcher.fetch_at.max(self.data_connects_at())
    }

    fn fetch_in_flight(&self) -> bool {
        self.links.awaits(Purpose::Data, |sent| matches!(sent, Sent::Fetch(_)))
    }

    pub(super) fn on_fetch(&mut self, now: Time, epoch: u32, response: &FetchResponse) {
        for topic in &response.responses {
            for one in &topic.partitions {
                let name = TopicPartition::new(topic.topic.clone(), one.partition_index);
                if !self.partitions.get(&name).is_some_and(|it| it.was_owned_in(epoch)) {
                    continue;
                }
                match ResponseError::try_from_code(one.error_code) {
                    None => self.buffer(&name, one.records.as_ref()),
                    Some(ResponseError::OffsetOutOfRange) => self.reset_position(&name),
                    Some(error) => {
                        self.fetcher.fetch_failed(now, &self.config);
                        self.doubt_leader(now, error);
                    }
                }
            }
        }
    }

    /// Handles an error for one partition. Where the error may mean that another broker leads the
    /// partition, or none, the client refreshes the metadata (rule R13.6.3).
    pub(super) fn doubt_leader(&mut self, now: Time, error: ResponseError) {
        use ResponseError as E;
        match error {
            E::NotLeaderOrFollower
            | E::LeaderNotAvailable
            | E::ReplicaNotAvailable
            | E::FencedLeaderEpoch
            | E::KafkaStorageError
            | E::UnknownTopicOrPartition => self.refresh_metadata(now),
            _ => {}
        }
    }

    fn buffer(&mut self, name: &TopicPartition, records: Option<&Bytes>) {
        let Some(records) = records.filter(|records| !records.is_empty()) else { return };
        let Some(partition) = self.partitions.get_mut(name) else { return };
        let Some(position) = partition.position else { return };
        // Brokers send whole batches, so the first record may precede the position.
        let read = records::decode_records(records).unwrap_or_else(|error| {
            panic!("consumer {}: {name}: {error}", self.config.client_id.as_str())
        });
        partition.buffered.extend(read.into_iter().filter(|(offset, _)| *offset >= position));
    }

    fn reset_position(&mut self, name: &TopicPartition) {
        if let Some(partition) = self.partitions.get_mut(name) {
            self.fetcher.unpositioned += usize::from(partition.position.is_some());
            *partition = Partition { reset: true, ..Partition::since(partition.since) };
        }
    }
}
