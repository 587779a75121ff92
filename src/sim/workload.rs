//! The workload: a producer that nothing ever happens to.
//!
//! Its records are named after their topic and counted (`orders/1`, `orders/2`, …), so that a trace shows
//! who reads what. It asks for no acknowledgement it would wait for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};

use crate::cluster::ConnectionId;
use crate::protocol::{Request, RequestFrame, TopicName, records, str_bytes};
use crate::time::Time;
use crate::trace::{Kind, Message, Place};

use super::Sim;
use super::network::Client;
use super::queue::{Due, Turn};
use super::schedule::Schedule;

pub(super) struct Workload {
    topics: Vec<Producing>,
    conn: Option<ConnectionId>,
    next_correlation: i32,
    /// Requests that have not been answered.
    in_flight: u32,
    stopped: bool,
}

struct Producing {
    name: TopicName,
    partitions: i32,
    every: Option<Duration>,
    next_partition: i32,
    produced: u64,
}

impl Workload {
    pub(super) fn new(schedule: &Schedule) -> Self {
        let topics = schedule.topics.iter().map(|topic| Producing {
            name: TopicName(str_bytes(&topic.name)),
            partitions: topic.partitions,
            every: (topic.rate > 0).then(|| Duration::from_secs(60) / topic.rate),
            next_partition: 0,
            produced: 0,
        });
        Workload {
            topics: topics.collect(),
            conn: None,
            next_correlation: 0,
            in_flight: 0,
            stopped: false,
        }
    }

    /// From now on records are produced by hand only.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether records are on their way that no log holds yet.
    pub(super) fn in_flight(&self) -> bool {
        self.in_flight > 0
    }

    pub(super) fn answered(&mut self) {
        self.in_flight -= 1;
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

impl Sim<'_> {
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
        if self.workload.stopped {
            return;
        }
        let partition = self.workload.topics[usize::from(index)].turn();
        self.produce(index, partition, 1);
        self.schedule_production(index);
    }

    /// Produces `count` records now: to one partition, or to all in turn.
    pub(super) fn produce_by_hand(&mut self, topic: &str, partition: Option<i32>, count: u32) {
        let position = self.workload.topics.iter().position(|one| one.name.0.as_str() == topic);
        let Some(index) = position.map(|index| index as u16) else { return };
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
        let batch = records::encode_batch(&topic.values(count), self.now);
        let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch));
        let request = ProduceRequest::default().with_acks(1).with_topic_data(vec![
            TopicProduceData::default()
                .with_name(topic.name.clone())
                .with_partition_data(vec![data]),
        ]);
        self.send_production(self.now, request);
    }

    fn send_production(&mut self, now: Time, request: ProduceRequest) {
        let conn = *self.workload.conn.get_or_insert_with(|| self.network.open(Client::Producer));
        let correlation = self.workload.next_correlation;
        self.workload.next_correlation = correlation.wrapping_add(1);
        self.workload.in_flight += 1;
        let message = Message::Request(Arc::new(RequestFrame {
            correlation,
            version: 9,
            client_id: str_bytes("producer"),
            body: Request::Produce(request),
        }));
        let to = self.broker.place();
        self.emit(Place::Producer, Kind::Sent { to, conn, message: message.clone() });
        let fate = self.network.send_up((now, &mut self.queue), conn, message.clone(), |_| None);
        self.note_fate(fate, (Place::Producer, to), conn, message);
    }
}
