//! The workload: a producer that nothing ever happens to.
//!
//! Its records are named after their topic and counted (`orders/1`, `orders/2`, …), so that a trace shows
//! who reads what. It waits for no acknowledgement before it sends on, but sends again what was not
//! appended: because its broker was gone, or did not lead.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};

use crate::cluster::ConnectionId;
use crate::protocol::{
    BrokerId, Request, RequestFrame, Response, ResponseError, ResponseFrame, TopicName, records,
    str_bytes,
};
use crate::trace::{Kind, Message, Place};

use super::Sim;
use super::network::Client;
use super::queue::{Due, Turn};
use super::schedule::Schedule;

/// How long the producer waits before it tries again.
const RETRY: Duration = Duration::from_millis(100);

pub(super) struct Workload {
    topics: Vec<Producing>,
    /// The open connection to each broker that records were sent to.
    connections: BTreeMap<BrokerId, ConnectionId>,
    next_correlation: i32,
    /// Requests that have not been answered, the oldest first.
    unanswered: VecDeque<(ConnectionId, Arc<RequestFrame>)>,
    /// Requests that have to be sent again, the oldest first.
    unsent: VecDeque<ProduceRequest>,
    stopped: bool,
}

struct Producing {
    name: TopicName,
    partitions: i32,
    every: Option<Duration>,
    next_partition: i32,
    produced: u64,
    deleted: bool,
}

impl Workload {
    pub(super) fn new(schedule: &Schedule) -> Self {
        let topics = schedule.topics.iter().map(|topic| Producing {
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
            unanswered: VecDeque::new(),
            unsent: VecDeque::new(),
            stopped: false,
        }
    }

    /// From now on records are produced by hand only.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether records are on their way that no log holds yet.
    pub(super) fn in_flight(&self) -> bool {
        !self.unanswered.is_empty() || !self.unsent.is_empty()
    }

    /// How many partitions a topic has, if there is one of that name.
    pub(super) fn partitions(&self, topic: &str) -> Option<i32> {
        self.position(topic).map(|index| self.topics[index].partitions)
    }

    /// From now on records go to the new partitions too.
    pub(super) fn grow(&mut self, topic: &str, partitions: i32) {
        if let Some(index) = self.position(topic) {
            self.topics[index].partitions = partitions;
        }
    }

    /// Nothing is produced to a topic any more.
    pub(super) fn delete(&mut self, topic: &str) {
        if let Some(index) = self.position(topic) {
            self.topics[index].deleted = true;
        }
    }

    fn position(&self, topic: &str) -> Option<usize> {
        self.topics.iter().position(|one| !one.deleted && one.name.0.as_str() == topic)
    }

    /// Takes the request out that has been answered.
    fn answered(&mut self, correlation: i32) {
        // Answers come in the order of the requests of a connection, so it is the first but for the rest
        // that was sent to another broker.
        let mut unanswered = self.unanswered.iter();
        let at = unanswered.position(|(_, frame)| frame.correlation == correlation);
        self.unanswered.remove(at.expect("an answer to a request of the producer"));
    }
}

impl Producing {
    fn turn(&mut self) -> i32 {
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
            self.queue.schedule(self.now + every, Turn::Normal, Due::Produce(index));
        }
    }

    pub(super) fn produce_on_time(&mut self, index: u16) {
        if self.workload.stopped || self.workload.topics[usize::from(index)].deleted {
            return;
        }
        let partition = self.workload.topics[usize::from(index)].turn();
        self.produce(index, partition, 1);
        self.schedule_production(index);
    }

    /// Produces `count` records now: to one partition, or to all in turn.
    pub(super) fn produce_by_hand(&mut self, topic: &str, partition: Option<i32>, count: u32) {
        let Some(index) = self.workload.position(topic) else { return };
        let index = index as u16;
        if let Some(partition) = partition {
            return self.produce(index, partition, count);
        }
        let partitions = self.workload.topics[usize::from(index)].partitions as u32;
        for number in 0..partitions.min(count) {
            let share = count / partitions + u32::from(number < count % partitions);
            let partition = self.workload.topics[usize::from(index)].turn();
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
        self.workload.unanswered.push_back((conn, Arc::clone(&frame)));
        let (to, message) = (Place::Broker(broker), Message::Request(frame));
        self.emit(Place::Producer, Kind::Sent { to, conn, message: message.clone() });
        let fate =
            self.network.send_up((self.now, &mut self.queue), conn, message.clone(), |_| None);
        self.note_fate(fate, (Place::Producer, to), conn, message);
    }

    fn send_later(&mut self, request: ProduceRequest) {
        if self.workload.unsent.is_empty() {
            self.queue.schedule(self.now + RETRY, Turn::Normal, Due::Resend);
        }
        self.workload.unsent.push_back(request);
    }

    pub(super) fn resend(&mut self) {
        for request in std::mem::take(&mut self.workload.unsent) {
            self.send_production(request);
        }
    }

    pub(super) fn production_answered(
        &mut self,
        conn: ConnectionId,
        request: Arc<RequestFrame>,
        response: Arc<ResponseFrame>,
    ) {
        self.workload.answered(request.correlation);
        if let (Request::Produce(asked), true) = (&request.body, is_misdirected(&response)) {
            self.send_later(asked.clone());
        }
        let from = Place::Broker(self.network.broker(conn));
        let message = Message::Response { request, response };
        self.emit(Place::Producer, Kind::Received { from, conn, message });
    }

    /// The broker is gone. Whatever it has appended it has answered in the same moment, and what it has
    /// answered arrived before this: the rest was not appended, and is sent again.
    pub(super) fn producer_disconnected(&mut self, conn: ConnectionId) {
        self.workload.connections.retain(|_, open| *open != conn);
        let unanswered = std::mem::take(&mut self.workload.unanswered);
        let (gone, rest) = unanswered.into_iter().partition(|(on, _)| *on == conn);
        self.workload.unanswered = rest;
        let gone: VecDeque<(ConnectionId, Arc<RequestFrame>)> = gone;
        for (_, frame) in gone {
            if let Request::Produce(asked) = &frame.body {
                self.send_later(asked.clone());
            }
        }
    }
}

/// Whether the answer comes from a broker that does not serve the records.
fn is_misdirected(response: &ResponseFrame) -> bool {
    let Response::Produce(answer) = &response.body else { return false };
    let mut partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.any(|partition| partition.error_code == ResponseError::NotLeaderOrFollower.code())
}
