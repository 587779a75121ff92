//! Fetch, and the fetches that wait for records: a fetch that finds nothing is parked until one of its
//! logs grows or its time is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use crate::coordinator::RequestId;
use crate::protocol::{Request, RequestFrame, ResponseError, TopicName};
use crate::time::{Time, from_millis_i32};

use super::topics::{Log, Topics};
use super::turn::Turn;

#[derive(Default)]
pub(super) struct ParkedFetches {
    parked: BTreeMap<RequestId, (Time, Arc<RequestFrame>)>,
    deadlines: BTreeSet<(Time, RequestId)>,
}

impl ParkedFetches {
    fn park(&mut self, id: RequestId, until: Time, frame: Arc<RequestFrame>, topics: &mut Topics) {
        each_log(&frame, topics, |log| log.waiting.push(id));
        self.deadlines.insert((until, id));
        self.parked.insert(id, (until, frame));
    }

    /// Takes a fetch out of all lists it is in; none if it is not parked.
    pub(super) fn remove(
        &mut self,
        id: RequestId,
        topics: &mut Topics,
    ) -> Option<Arc<RequestFrame>> {
        let (until, frame) = self.parked.remove(&id)?;
        self.deadlines.remove(&(until, id));
        each_log(&frame, topics, |log| log.waiting.retain(|&waiting| waiting != id));
        Some(frame)
    }

    /// Nobody waits any longer, and nobody is answered.
    pub(super) fn clear(&mut self, topics: &mut Topics) {
        for (id, (_, frame)) in std::mem::take(&mut self.parked) {
            each_log(&frame, topics, |log| log.waiting.retain(|&waiting| waiting != id));
        }
        self.deadlines.clear();
    }

    /// The fetches that wait for a topic, in the order in which they came.
    pub(super) fn waiting_for(&self, topic: &TopicName) -> Vec<RequestId> {
        let names = |frame: &RequestFrame| fetch_of(frame).topics.iter().any(|t| t.topic == *topic);
        let waiting = self.parked.iter().filter(|(_, (_, frame))| names(frame));
        waiting.map(|(id, _)| *id).collect()
    }

    /// A fetch that has waited long enough.
    pub(super) fn expired(&self, now: Time) -> Option<RequestId> {
        self.deadlines.first().filter(|(until, _)| *until <= now).map(|&(_, id)| id)
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|&(until, _)| until)
    }
}

/// The request of a frame that is known to be a Fetch.
fn fetch_of(frame: &RequestFrame) -> &FetchRequest {
    match &frame.body {
        Request::Fetch(request) => request,
        other => panic!("a {} request was parked among the fetches", other.api()),
    }
}

/// Does something with every log that a fetch names.
fn each_log(frame: &RequestFrame, topics: &mut Topics, mut each: impl FnMut(&mut Log)) {
    for topic in &fetch_of(frame).topics {
        for partition in &topic.partitions {
            if let Some(log) = topics.find_mut(&topic.topic, partition.partition) {
                each(log);
            }
        }
    }
}

impl Turn<'_, '_> {
    pub(super) fn begin_fetch(&mut self, id: RequestId, frame: &Arc<RequestFrame>) {
        let request = fetch_of(frame);
        let (response, found) = self.read(request);
        let until = self.now + from_millis_i32(request.max_wait_ms);
        if found || until <= self.now {
            return self.respond(id, response.into());
        }
        self.broker.fetches.park(id, until, Arc::clone(frame), &mut self.shared.topics);
    }

    /// Answers a parked fetch with whatever there is by now.
    pub(super) fn answer_fetch(&mut self, id: RequestId) {
        if let Some(frame) = self.broker.fetches.remove(id, &mut self.shared.topics) {
            let (response, _) = self.read(fetch_of(&frame));
            self.respond(id, response.into());
        }
    }

    /// What a fetch finds, and whether that is anything worth answering at once (an error is).
    fn read(&self, request: &FetchRequest) -> (FetchResponse, bool) {
        let mut found = false;
        let mut responses = Vec::new();
        for topic in &request.topics {
            let mut partitions = Vec::new();
            for wanted in &topic.partitions {
                let answer = PartitionData::default().with_partition_index(wanted.partition);
                let max_bytes = usize::try_from(wanted.partition_max_bytes).unwrap_or(0);
                let read = self.read_partition(
                    &topic.topic,
                    wanted.partition,
                    wanted.fetch_offset,
                    max_bytes,
                );
                // Only partitions with something to say are answered, as in an incremental fetch.
                partitions.extend(match read {
                    Ok((records, _)) if records.is_empty() => None,
                    Ok((records, end)) => Some(
                        answer
                            .with_high_watermark(end)
                            .with_last_stable_offset(end)
                            .with_records(Some(records)),
                    ),
                    Err(error) => Some(answer.with_error_code(error.code())),
                });
            }
            if !partitions.is_empty() {
                found = true;
                responses.push(
                    FetchableTopicResponse::default()
                        .with_topic(topic.topic.clone())
                        .with_partitions(partitions),
                );
            }
        }
        (FetchResponse::default().with_responses(responses), found)
    }

    fn read_partition(
        &self,
        topic: &TopicName,
        partition: i32,
        offset: i64,
        max_bytes: usize,
    ) -> Result<(Bytes, i64), ResponseError> {
        let log = self
            .shared
            .topics
            .find(topic, partition)
            .ok_or(ResponseError::UnknownTopicOrPartition)?;
        let end = log.end();
        if offset < 0 || offset > end {
            return Err(ResponseError::OffsetOutOfRange);
        }
        Ok((log.read(offset, max_bytes), end))
    }
}
