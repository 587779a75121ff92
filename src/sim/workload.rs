//! The workload: a producer that no fault ever affects.
//!
//! Its records are named after their topic and numbered (`orders/1`, `orders/2`, …), so that a
//! trace shows which consumer reads which record. The producer does not wait for acknowledgements
//! before it sends more. It sends a record again if the record was not appended because the broker
//! was down or not the leader.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};

use crate::broker::ConnectionId;
use crate::protocol::{
    BrokerId, Request, RequestFrame, Response, ResponseError, ResponseFrame, TopicName, records,
    str_bytes,
};
use crate::trace::{EventKind, Message, Place};

use super::Sim;
use super::network::Client;
use super::queue::{Due, TieBreak};
use super::schedule::Schedule;

/// How long the producer waits before a retry.
const RETRY: Duration = Duration::from_millis(100);

pub(super) struct Workload {
    topics: Vec<ProducedTopic>,
    /// The open connection to each broker that records were sent to.
    connections: BTreeMap<BrokerId, ConnectionId>,
    next_correlation: i32,
    /// Requests without a response, the oldest first.
    unacknowledged: VecDeque<(ConnectionId, Arc<RequestFrame>)>,
    /// Requests to be sent again, the oldest first.
    unsent: VecDeque<ProduceRequest>,
    stopped: bool,
}

struct ProducedTopic {
    name: TopicName,
    partitions: i32,
    every: Option<Duration>,
    next_partition: i32,
    produced: u64,
    deleted: bool,
}

impl Workload {
    pub(super) fn new(schedule: &Schedule) -> Self {
        let topics = schedule.topics.iter().map(|topic| ProducedTopic {
            name: TopicName(str_bytes(&topic.name)),
            partitions: topic.partitions,
            every: (topic.rate > 0).then(|| Duration::from_secs(60) / topic.rate),
            next_partition: 0,
            produced: 0,
            deleted: false,
        });
        Workload {
            topics: topics.collect(),
            connections: BTreeMap::new(),
            next_correlation: 0,
            unacknowledged: VecDeque::new(),
            unsent: VecDeque::new(),
            stopped: false,
        }
    }

    /// Ends scheduled production. Only `produce` steps produce from now on.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether the producer has records that no log holds yet.
    pub(super) fn in_flight(&self) -> bool {
        !self.unacknowledged.is_empty() || !self.unsent.is_empty()
    }

    /// The number of partitions of a topic, if the topic exists.
    pub(super) fn partitions(&self, topic: &str) -> Option<i32> {
        self.position(topic).map(|index| self.topics[index].partitions)
    }

    /// From now on records go to the new partitions, too.
    pub(super) fn grow(&mut self, topic: &str, partitions: i32) {
        if let Some(index) = self.position(topic) {
            self.topics[index].partitions = partitions;
        }
    }

    /// Ends production to a topic.
    pub(super) fn delete(&mut self, topic: &str) {
        if let Some(index) = self.position(topic) {
            self.topics[index].deleted = true;
        }
    }

    fn position(&self, topic: &str) -> Option<usize> {
        self.topics.iter().position(|one| !one.deleted && one.name.0.as_str() == topic)
    }

    /// Removes a request whose response has arrived.
    fn acknowledged(&mut self, correlation: i32) {
        // Each connection delivers responses in the order of its requests, so only requests to
        // other brokers can be ahead of this one.
        let mut unacknowledged = self.unacknowledged.iter();
        let at = unacknowledged.position(|(_, frame)| frame.correlation == correlation);
        self.unacknowledged.remove(at.expect("a response to a request of the producer"));
    }
}

impl ProducedTopic {
    fn take_partition(&mut self) -> i32 {
        let partition = self.next_partition;
        self.next_partition = (partition + 1) % self.partitions;
        partition
    }

    fn values(&mut self, count: u32) -> Vec<Bytes> {
        let values = (1..=u64::from(count)).map(|n| self.produced + n);
        let values = values.map(|n| Bytes::from(format!("{}/{n}", self.name.0.as_str()))).collect();
        self.produced += u64::from(count);
        values
    }
}

impl Sim {
    pub(super) fn start_workload(&mut self) {
        for index in 0..self.workload.topics.len() {
            self.schedule_production(index as u16);
        }
    }

    fn schedule_production(&mut self, index: u16) {
        if let Some(every) = self.workload.topics[usize::from(index)].every {
            self.queue.schedule(self.now + every, TieBreak::Normal, Due::Produce(index));
        }
    }

    pub(super) fn produce_when_due(&mut self, index: u16) {
        if self.workload.stopped || self.workload.topics[usize::from(index)].deleted {
            return;
        }
        let partition = self.workload.topics[usize::from(index)].take_partition();
        self.produce(index, partition, 1);
        self.schedule_production(index);
    }

    /// Produces `count` records now, to one partition or to all in turn.
    pub(super) fn produce_now(&mut self, topic: &str, partition: Option<i32>, count: u32) {
        let Some(index) = self.workload.position(topic) else { return };
        let index = index as u16;
        if let Some(partition) = partition {
            return self.produce(index, partition, count);
        }
        let partitions = self.workload.topics[usize::from(index)].partitions as u32;
        for number in 0..partitions.min(count) {
            let share = count / partitions + u32::from(number < count % partitions);
            let partition = self.workload.topics[usize::from(index)].take_partition();
            self.produce(index, partition, share);
        }
    }

    fn produce(&mut self, index: u16, partition: i32, count: u32) {
        let topic = &mut self.workload.topics[usize::from(index)];
        let batch = records::encode_batch(&topic.values(count), self.now + self.epoch);
        let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch));
        let request = ProduceRequest::default().with_acks(1).with_topic_data(vec![
            TopicProduceData::default()
                .with_name(topic.name.clone())
                .with_partition_data(vec![data]),
        ]);
        self.send_production(request);
    }

    /// Sends records to the broker that serves them, or keeps them until there is one.
    fn send_production(&mut self, request: ProduceRequest) {
        let Some(broker) = self.cluster.data_leader() else { return self.send_later(request) };
        let (connections, network) = (&mut self.workload.connections, &mut self.network);
        let open = connections.entry(broker);
        let conn = *open.or_insert_with(|| network.open(Client::Producer, broker));
        let correlation = self.workload.next_correlation;
        self.workload.next_correlation = correlation.wrapping_add(1);
        let frame = Arc::new(RequestFrame {
            correlation,
            version: 9,
            client_id: str_bytes("producer"),
            body: Request::Produce(request),
        });
        self.workload.unacknowledged.push_back((conn, Arc::clone(&frame)));
        let (to, message) = (Place::Broker(broker), Message::Request(frame));
        self.emit(Place::Producer, EventKind::Sent { to, conn, message: message.clone() });
        let outcome =
            self.network.send_up((self.now, &mut self.queue), conn, message.clone(), |_| None);
        self.note_outcome(outcome, (Place::Producer, to), conn, message);
    }

    fn send_later(&mut self, request: ProduceRequest) {
        if self.workload.unsent.is_empty() {
            self.queue.schedule(self.now + RETRY, TieBreak::Normal, Due::Resend);
        }
        self.workload.unsent.push_back(request);
    }

    pub(super) fn resend(&mut self) {
        for request in std::mem::take(&mut self.workload.unsent) {
            self.send_production(request);
        }
    }

    pub(super) fn on_produce_response(
        &mut self,
        conn: ConnectionId,
        request: Arc<RequestFrame>,
        response: Arc<ResponseFrame>,
    ) {
        self.workload.acknowledged(request.correlation);
        if let (Request::Produce(produce), true) = (&request.body, is_misdirected(&response)) {
            self.send_later(produce.clone());
        }
        let from = Place::Broker(self.network.broker(conn));
        let message = Message::Response { request, response };
        self.emit(Place::Producer, EventKind::Received { from, conn, message });
    }

    /// The broker is gone. A broker responds to a Produce in the same instant in which it appends,
    /// and the response arrives before the disconnect. So the remaining requests were not appended
    /// and are sent again.
    pub(super) fn producer_disconnected(&mut self, conn: ConnectionId) {
        self.workload.connections.retain(|_, open| *open != conn);
        let unacknowledged = std::mem::take(&mut self.workload.unacknowledged);
        let (gone, rest) = unacknowledged.into_iter().partition(|(on, _)| *on == conn);
        self.workload.unacknowledged = rest;
        let gone: VecDeque<(ConnectionId, Arc<RequestFrame>)> = gone;
        for (_, frame) in gone {
            if let Request::Produce(produce) = &frame.body {
                self.send_later(produce.clone());
            }
        }
    }
}

/// Whether the response comes from a broker that is not the leader of the data.
fn is_misdirected(response: &ResponseFrame) -> bool {
    let Response::Produce(produce) = &response.body else { return false };
    let mut partitions = produce.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.any(|partition| partition.error_code == ResponseError::NotLeaderOrFollower.code())
}
