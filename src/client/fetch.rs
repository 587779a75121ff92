//! Fetch: the records of the owned partitions.
//!
//! One Fetch is in flight at a time. The client sends it before the application begins a batch, so
//! the next batch is fetched meanwhile. The broker holds a Fetch that finds no records, so an idle
//! consumer does not spin.

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use crate::protocol::{ResponseError, TopicPartition};
use crate::time::{Time, to_millis_i32};

use super::Purpose;
use super::context::{Context, always};
use super::links::Sent;
use super::metadata::Metadata;
use super::partitions::Partitions;

pub(super) struct Fetcher {
    /// No Fetch before this time.
    due: Time,
}

impl Fetcher {
    pub(super) fn new(now: Time) -> Self {
        Fetcher { due: now }
    }

    /// Makes the next Fetch due: there is a new assignment.
    pub(super) fn restart(&mut self, now: Time) {
        self.due = now;
    }

    /// Handles a Fetch that failed or got no response.
    pub(super) fn failed(&mut self, cx: &Context) {
        self.due = cx.now + cx.config.retry_backoff;
    }

    /// Fetches the next records for the partitions whose buffer is empty.
    pub(super) fn request(&self, cx: &mut Context, partitions: &Partitions, metadata: &Metadata) {
        if self.fetch_at(cx, metadata) > cx.now || in_flight(cx) {
            return;
        }
        let topics = topics(partitions, metadata);
        // Only partitions with a leader are fetched.
        let Some(leader) = metadata.leader().filter(|_| !topics.is_empty()) else { return };
        let request = FetchRequest::default()
            .with_max_wait_ms(to_millis_i32(cx.config.fetch_max_wait))
            .with_min_bytes(1)
            .with_max_bytes(50 << 20)
            .with_session_epoch(-1)
            .with_topics(topics);
        cx.send(leader, Sent::Fetch(partitions.epoch()), request);
    }

    pub(super) fn deadline(
        &self,
        cx: &Context,
        partitions: &Partitions,
        metadata: &Metadata,
    ) -> Time {
        let wants = !in_flight(cx) && partitions.fetchable(metadata).next().is_some();
        if wants { self.fetch_at(cx, metadata) } else { Time::NEVER }
    }

    fn fetch_at(&self, cx: &Context, metadata: &Metadata) -> Time {
        self.due.max(metadata.leader_connects_at(cx))
    }

    pub(super) fn on_response(
        &mut self,
        cx: &mut Context,
        epoch: u32,
        response: &FetchResponse,
        partitions: &mut Partitions,
        metadata: &mut Metadata,
    ) {
        always!(cx, epoch <= partitions.epoch(), "fetched in the later assignment epoch {epoch}");
        for topic in &response.responses {
            for one in &topic.partitions {
                let name = TopicPartition::new(topic.topic.clone(), one.partition_index);
                if !partitions.owned_since(&name, epoch) {
                    continue;
                }
                match ResponseError::try_from_code(one.error_code) {
                    None => partitions.buffer(cx, &name, one.records.as_ref()),
                    Some(ResponseError::OffsetOutOfRange) => partitions.start_over(&name),
                    Some(error) => {
                        self.failed(cx);
                        metadata.doubt_leader(cx, error);
                    }
                }
            }
        }
    }
}

fn topics(partitions: &Partitions, metadata: &Metadata) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (name, position) in partitions.fetchable(metadata) {
        let wanted = FetchPartition::default()
            .with_partition(name.partition)
            .with_fetch_offset(position)
            .with_partition_max_bytes(1 << 20);
        match topics.last_mut() {
            Some(last) if last.topic == name.topic => last.partitions.push(wanted),
            _ => topics.push(
                FetchTopic::default().with_topic(name.topic.clone()).with_partitions(vec![wanted]),
            ),
        }
    }
    topics
}

fn in_flight(cx: &Context) -> bool {
    cx.links.awaits(Purpose::Data, |sent| matches!(sent, Sent::Fetch(_)))
}
