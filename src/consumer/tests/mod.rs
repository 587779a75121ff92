//! A consumer without a cluster: its answers are written by hand, and what it does is looked at.

mod brokers;
mod cooperative;
mod errors;
mod leader;
mod membership;
mod positions;
mod static_members;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, FindCoordinatorResponse, GroupId, HeartbeatResponse,
    JoinGroupRequest, JoinGroupResponse, MetadataResponse, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchResponse, SyncGroupRequest, SyncGroupResponse,
};

use super::{
    Conn, Consumer, ConsumerConfig, GroupConsumer, Input, MemberState, Observation, Output,
};
use crate::assignor::Assignor;
use crate::protocol::subscription::{Subscription, decode_subscription, encode_assignment};
use crate::protocol::{
    Api, BrokerId, Request, RequestFrame, Response, ResponseError, ResponseFrame, TopicName,
    TopicPartition, records, str_bytes,
};
use crate::rng::Rng;
use crate::time::Time;

const TOPIC: &str = "t";

/// A consumer, its clock, and what it has done.
pub(super) struct Client {
    consumer: Consumer,
    now: Time,
    /// Sent and not answered, oldest first.
    unanswered: VecDeque<(Conn, Arc<RequestFrame>)>,
    /// Every request that was ever sent.
    sent: Vec<(Conn, Request)>,
    /// Everything seen since it was last looked at.
    seen: Vec<Observation>,
    closed: bool,
    /// Topics with their numbers of partitions, and who leads them, as Metadata has it.
    topics: Vec<(&'static str, i32)>,
    data_leader: i32,
}

fn config(assignors: &[Assignor]) -> ConsumerConfig {
    let topics = vec![TopicName(str_bytes(TOPIC))];
    let group = GroupId(str_bytes("g"));
    let mut config = ConsumerConfig::new(str_bytes("c1"), group, topics);
    config.assignors = assignors.to_vec();
    config
}

fn partitions(numbers: &[i32]) -> Vec<TopicPartition> {
    numbers.iter().map(|&number| TopicPartition::new(TopicName(str_bytes(TOPIC)), number)).collect()
}

/// So many records of partition `number` from offset `first` on, as Fetch has them.
fn records_at(number: i32, first: i64, count: usize) -> PartitionData {
    let values = vec![bytes::Bytes::from_static(b"x"); count];
    let batch = records::stamped(&records::encode_batch(&values, Time::ZERO), first, 0);
    PartitionData::default().with_partition_index(number).with_records(Some(batch))
}

fn code(error: ResponseError) -> i16 {
    error.code()
}

impl Client {
    fn new(config: ConsumerConfig) -> Self {
        let now = Time::ZERO + Duration::from_secs(1);
        let mut client = Client {
            consumer: Consumer::new(config, Rng::stream(1, "consumer"), now),
            now,
            unanswered: VecDeque::new(),
            sent: Vec::new(),
            seen: Vec::new(),
            closed: false,
            topics: vec![(TOPIC, 4)],
            data_leader: 0,
        };
        client.wait(Duration::ZERO);
        client
    }

    /// One that has found the topics and, at broker 0, its coordinator.
    fn ready(config: ConsumerConfig) -> Self {
        let mut client = Client::new(config);
        client.answer_metadata();
        client.answer_find(0);
        client
    }

    /// One that has joined as a follower and owns the partitions of that number.
    fn member(config: ConsumerConfig, generation: i32, owned: &[i32]) -> Self {
        let mut client = Client::ready(config);
        client.rebalance("m1", generation, owned);
        client.seen.clear();
        client
    }

    /// A member whose application has a batch of one record in hand, for seven seconds more; a heartbeat is under way.
    fn busy(mut config: ConsumerConfig) -> Self {
        config.processing_time = Duration::from_secs(10);
        let mut client = Client::member(config, 1, &[0]);
        client.answer_offsets(5);
        client.answer_fetch(0, 5);
        client.wait(Duration::from_secs(3));
        client
    }

    /// Lets time pass, in the steps that the consumer asks for.
    fn wait(&mut self, how_long: Duration) {
        let until = self.now + how_long;
        for _ in 0..1_000 {
            let mut out = Vec::new();
            self.consumer.advance(self.now, &mut out);
            self.take(out);
            match self.consumer.next_deadline().filter(|&next| next <= until) {
                Some(next) if next > self.now => self.now = next,
                Some(_) => {}
                None => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("the consumer is busy doing nothing: {:?}", self.consumer.describe());
    }

    fn give(&mut self, input: Input) {
        let mut out = Vec::new();
        self.consumer.handle(self.now, input, &mut out);
        self.take(out);
    }

    fn take(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { conn, frame } => {
                    self.sent.push((conn, frame.body.clone()));
                    self.unanswered.push_back((conn, frame));
                }
                Output::Close { conn } => self.unanswered.retain(|(open, _)| *open != conn),
                Output::Observe(seen) => self.seen.push(seen),
                Output::Closed => self.closed = true,
            }
        }
    }

    /// Whether a request to that API waits for its answer.
    fn awaits(&self, api: Api) -> bool {
        self.unanswered.iter().any(|(_, frame)| frame.body.api() == api)
    }

    /// How many requests to that API were ever sent.
    fn count(&self, api: Api) -> usize {
        self.sent.iter().filter(|(_, request)| request.api() == api).count()
    }

    /// Where the oldest unanswered request to that API went.
    fn asked(&self, api: Api) -> BrokerId {
        self.oldest(api).0.broker
    }

    fn oldest(&self, api: Api) -> &(Conn, Arc<RequestFrame>) {
        let found = self.unanswered.iter().find(|(_, frame)| frame.body.api() == api);
        found.unwrap_or_else(|| panic!("no {api} waits for an answer"))
    }

    fn answer(&mut self, response: impl Into<Response>) {
        let body = response.into();
        let (conn, frame) = self.oldest(body.api()).clone();
        self.unanswered.retain(|(_, waiting)| waiting.correlation != frame.correlation);
        let frame = Arc::new(ResponseFrame { correlation: frame.correlation, body });
        self.give(Input::Response { conn, frame });
    }

    /// The connection on which the oldest unanswered request to that API went is gone.
    fn disconnect(&mut self, api: Api) {
        let conn = self.oldest(api).0;
        self.unanswered.retain(|(open, _)| *open != conn);
        self.give(Input::Disconnected { conn });
    }

    fn answer_metadata(&mut self) {
        let brokers = (0..3).map(|id| {
            MetadataResponseBroker::default()
                .with_node_id(id.into())
                .with_rack(Some(str_bytes(&format!("r{id}"))))
        });
        let leader = self.data_leader;
        let topics = self.topics.iter().map(|&(name, count)| {
            let partitions = (0..count).map(|number| {
                MetadataResponsePartition::default()
                    .with_partition_index(number)
                    .with_leader_id(leader.into())
                    .with_replica_nodes(vec![leader.into()])
            });
            MetadataResponseTopic::default()
                .with_name(Some(TopicName(str_bytes(name))))
                .with_partitions(partitions.collect())
        });
        let answer = MetadataResponse::default()
            .with_topics(topics.collect())
            .with_brokers(brokers.collect());
        self.answer(answer);
    }

    fn answer_find(&mut self, broker: i32) {
        self.answer(FindCoordinatorResponse::default().with_node_id(broker.into()));
    }

    /// The same for a coordinator that was lost: it is named again and again until it may be connected to.
    fn find_again(&mut self, broker: i32) {
        while self.consumer.discovery.coordinator.is_none() {
            if self.awaits(Api::FindCoordinator) {
                self.answer_find(broker);
            }
            self.wait(Duration::from_millis(10));
        }
    }

    fn answer_join(&mut self, error: i16, member: &str) {
        let answer = JoinGroupResponse::default().with_error_code(error);
        self.answer(answer.with_member_id(str_bytes(member)));
    }

    fn joined(&mut self, member: &str, generation: i32, leader: &str) -> JoinGroupResponse {
        JoinGroupResponse::default()
            .with_generation_id(generation)
            .with_member_id(str_bytes(member))
            .with_leader(str_bytes(leader))
            .with_protocol_name(Some(str_bytes(self.consumer.config.assignors[0].name())))
    }

    fn answer_join_as_follower(&mut self, member: &str, generation: i32) {
        let answer = self.joined(member, generation, "somebody");
        self.answer(answer);
    }

    /// The member is the leader of a group of itself alone.
    fn answer_join_as_leader(&mut self, member: &str, generation: i32, skip: bool) {
        let metadata = self.join_request().protocols[0].metadata.clone();
        let itself = JoinGroupResponseMember::default()
            .with_member_id(str_bytes(member))
            .with_metadata(metadata);
        let answer = self.joined(member, generation, member);
        self.answer(answer.with_members(vec![itself]).with_skip_assignment(skip));
    }

    fn answer_sync(&mut self, owned: &[i32]) {
        let assignment = encode_assignment(&partitions(owned), 1);
        self.answer(SyncGroupResponse::default().with_assignment(assignment));
    }

    fn refuse_sync(&mut self, error: ResponseError) {
        self.answer(SyncGroupResponse::default().with_error_code(code(error)));
    }

    /// A rebalance as a follower from the join in flight to the assignment.
    fn rebalance(&mut self, member: &str, generation: i32, owned: &[i32]) {
        self.answer_join_as_follower(member, generation);
        self.answer_sync(owned);
    }

    fn answer_heartbeat(&mut self, error: i16) {
        self.answer(HeartbeatResponse::default().with_error_code(error));
    }

    fn answer_commit(&mut self, error: i16) {
        use kafka_protocol::messages::offset_commit_response::{
            OffsetCommitResponsePartition, OffsetCommitResponseTopic,
        };
        let partition = OffsetCommitResponsePartition::default().with_error_code(error);
        let topic = OffsetCommitResponseTopic::default().with_partitions(vec![partition]);
        self.answer(OffsetCommitResponse::default().with_topics(vec![topic]));
    }

    /// Every partition that was asked for has this offset committed.
    fn answer_offsets(&mut self, offset: i64) {
        let Request::OffsetFetch(OffsetFetchRequest { groups, .. }) =
            &self.oldest(Api::OffsetFetch).1.body
        else {
            unreachable!()
        };
        let asked = groups[0].topics.iter().flatten().flat_map(|topic| &topic.partition_indexes);
        let offsets: Vec<_> = asked.map(|&number| (number, offset, 0)).collect();
        self.answer_offsets_with(&offsets);
    }

    /// Partition, what is committed for it, and its error.
    fn answer_offsets_with(&mut self, offsets: &[(i32, i64, i16)]) {
        let partitions = offsets.iter().map(|&(number, offset, error)| {
            OffsetFetchResponsePartitions::default()
                .with_partition_index(number)
                .with_committed_offset(offset)
                .with_error_code(error)
        });
        let topic = OffsetFetchResponseTopics::default()
            .with_name(TopicName(str_bytes(TOPIC)))
            .with_partitions(partitions.collect());
        let group = OffsetFetchResponseGroup::default().with_topics(vec![topic]);
        self.answer(OffsetFetchResponse::default().with_groups(vec![group]));
    }

    /// The positions found since they were last looked at.
    fn positions(&mut self) -> Vec<(i32, i64)> {
        let seen = std::mem::take(&mut self.seen);
        let found = seen.into_iter().filter_map(|seen| match seen {
            Observation::Positioned { partition, offset, .. } => {
                Some((partition.partition, offset))
            }
            _ => None,
        });
        found.collect()
    }

    /// One record of partition `number` at `offset`.
    fn answer_fetch(&mut self, number: i32, offset: i64) {
        self.answer_fetch_with(records_at(number, offset, 1));
    }

    fn answer_fetch_with(&mut self, partition: PartitionData) {
        let topic = FetchableTopicResponse::default()
            .with_topic(TopicName(str_bytes(TOPIC)))
            .with_partitions(vec![partition]);
        self.answer(FetchResponse::default().with_responses(vec![topic]));
    }

    /// The partitions of the Fetch in flight.
    fn fetched(&self) -> Vec<i32> {
        let Request::Fetch(FetchRequest { topics, .. }) = &self.oldest(Api::Fetch).1.body else {
            unreachable!()
        };
        topics.iter().flat_map(|topic| topic.partitions.iter().map(|one| one.partition)).collect()
    }

    fn join_request(&self) -> &JoinGroupRequest {
        match &self.oldest(Api::JoinGroup).1.body {
            Request::JoinGroup(request) => request,
            _ => unreachable!(),
        }
    }

    /// What the JoinGroup in flight says for its most wanted assignor.
    fn offered(&self) -> Subscription {
        decode_subscription(&self.join_request().protocols[0].metadata).expect("a subscription")
    }

    fn sync_request(&self) -> &SyncGroupRequest {
        match &self.oldest(Api::SyncGroup).1.body {
            Request::SyncGroup(request) => request,
            _ => unreachable!(),
        }
    }

    fn state(&self) -> MemberState {
        self.consumer.describe().state
    }

    fn owned(&self) -> Vec<TopicPartition> {
        self.consumer.describe().owned
    }

    /// The callbacks of the application since they were last looked at, in words.
    fn callbacks(&mut self) -> Vec<String> {
        let numbers = |partitions: &[TopicPartition]| {
            let numbers: Vec<String> =
                partitions.iter().map(|one| one.partition.to_string()).collect();
            numbers.join(",")
        };
        let seen = std::mem::take(&mut self.seen);
        let words = seen.iter().filter_map(|seen| match seen {
            Observation::Revoked { partitions } => Some(format!("revoked {}", numbers(partitions))),
            Observation::Lost { partitions } => Some(format!("lost {}", numbers(partitions))),
            Observation::Assigned { partitions, added, .. } => {
                Some(format!("assigned {} of {}", numbers(added), numbers(partitions)))
            }
            Observation::Fatal { error } => Some(format!("fatal {error}")),
            _ => None,
        });
        words.collect()
    }
}
