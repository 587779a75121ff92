//! Fetch, and the fetches that wait for records: a fetch that finds too little is parked until its
//! logs have grown enough or its maximum wait is over. [`super::reading`] says what a fetch finds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_protocol::messages::FetchRequest;

use crate::coordinator::RequestId;
use crate::protocol::{Request, RequestFrame, TopicName};
use crate::time::{Time, from_millis_i32};

use super::context::BrokerContext;
use super::log::Log;
use super::topics::{TopicKey, Topics};

/// The first version that names topics by id only (KIP-516).
pub(super) const BY_ID: i16 = 13;

#[derive(Default)]
pub(super) struct ParkedFetches {
    parked: BTreeMap<RequestId, (Time, Arc<RequestFrame>)>,
    deadlines: BTreeSet<(Time, RequestId)>,
}

impl ParkedFetches {
    fn park(&mut self, id: RequestId, until: Time, frame: Arc<RequestFrame>, topics: &mut Topics) {
        for_each_log(&frame, topics, |log| log.waiting.push(id));
        self.deadlines.insert((until, id));
        self.parked.insert(id, (until, frame));
    }

    /// Takes a fetch out of all lists; `None` if it is not parked.
    pub(super) fn remove(
        &mut self,
        id: RequestId,
        topics: &mut Topics,
    ) -> Option<Arc<RequestFrame>> {
        let (until, frame) = self.parked.remove(&id)?;
        self.deadlines.remove(&(until, id));
        for_each_log(&frame, topics, |log| log.waiting.retain(|&waiting| waiting != id));
        Some(frame)
    }

    /// Drops all parked fetches without a response.
    pub(super) fn clear(&mut self, topics: &mut Topics) {
        for (id, (_, frame)) in std::mem::take(&mut self.parked) {
            for_each_log(&frame, topics, |log| log.waiting.retain(|&waiting| waiting != id));
        }
        self.deadlines.clear();
    }

    /// The request of a parked fetch.
    fn frame(&self, id: RequestId) -> Option<&Arc<RequestFrame>> {
        self.parked.get(&id).map(|(_, frame)| frame)
    }

    /// The fetches that wait for a deleted topic, in order of arrival. The topic's id no longer has
    /// a name, and a fetch only waits for ids of topics that existed.
    pub(super) fn waiting_for(&self, topic: &TopicName, topics: &Topics) -> Vec<RequestId> {
        let names = |frame: &RequestFrame| {
            let by_id = frame.version >= BY_ID;
            fetch_of(frame).topics.iter().any(|wanted| match by_id {
                true => topics.name_of(wanted.topic_id).is_none(),
                false => wanted.topic == *topic,
            })
        };
        let waiting = self.parked.iter().filter(|(_, (_, frame))| names(frame));
        waiting.map(|(id, _)| *id).collect()
    }

    /// A fetch whose maximum wait is over.
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
        other => panic!("a {} request is parked as a fetch", other.api()),
    }
}

/// Calls `each` with every log that a fetch names.
fn for_each_log(frame: &RequestFrame, topics: &mut Topics, mut each: impl FnMut(&mut Log)) {
    for topic in &fetch_of(frame).topics {
        let key = TopicKey::of(&topic.topic, topic.topic_id, frame.version, BY_ID);
        for partition in &topic.partitions {
            if let Some(log) = topics.find_mut(key, partition.partition) {
                each(log);
            }
        }
    }
}

impl BrokerContext<'_, '_> {
    pub(super) fn begin_fetch(&mut self, id: RequestId, frame: &Arc<RequestFrame>) {
        let request = fetch_of(frame);
        let result = self.view().read(frame.version, request);
        let until = self.now + from_millis_i32(request.max_wait_ms);
        if until <= self.now || result.suffices(request.min_bytes) {
            return self.respond(id, result.response.into());
        }
        self.broker.fetches.park(id, until, Arc::clone(frame), &mut self.shared.topics);
    }

    /// A log that a parked fetch waits for has grown: sends the response if the fetch now has
    /// enough bytes.
    pub(super) fn retry_fetch(&mut self, id: RequestId) {
        let Some(frame) = self.broker.fetches.frame(id) else { return };
        let request = fetch_of(frame);
        let result = self.view().read(frame.version, request);
        if result.suffices(request.min_bytes) {
            self.broker.fetches.remove(id, &mut self.shared.topics);
            self.respond(id, result.response.into());
        }
    }

    /// Sends the response to a parked fetch with the records that exist now.
    pub(super) fn respond_fetch(&mut self, id: RequestId) {
        if let Some(frame) = self.broker.fetches.remove(id, &mut self.shared.topics) {
            let result = self.view().read(frame.version, fetch_of(&frame));
            self.respond(id, result.response.into());
        }
    }
}
