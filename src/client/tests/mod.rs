//! Drives a consumer without a cluster: the tests write the responses by hand and check what the
//! consumer does.

mod brokers;
mod cooperative;
mod errors;
mod hostile;
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

use super::membership::Identity;
use super::{
    ClientInput, ClientObservation, ClientOutput, Conn, Consumer, ConsumerConfig, GroupConsumer,
    MemberState,
};
use crate::assignor::Assignor;
use crate::protocol::subscription::{
    Subscription, decode_subscription, encode_assignment, encode_subscription,
};
use crate::protocol::{
    Api, BrokerId, Generation, Request, RequestFrame, Response, ResponseError, ResponseFrame,
    TopicName, TopicPartition, records, str_bytes,
};
use crate::rng::Rng;
use crate::time::Time;

const TOPIC: &str = "t";

/// A consumer, its clock, and its outputs.
pub(super) struct Client {
    consumer: Consumer,
    now: Time,
    /// Requests that were sent and have no response yet, oldest first.
    in_flight: VecDeque<(Conn, Arc<RequestFrame>)>,
    /// Every request that was ever sent.
    sent: Vec<(Conn, Request)>,
    /// All observations since the last check.
    seen: Vec<ClientObservation>,
    closed: bool,
    /// The content of Metadata: topics with their partition counts, and the partitions' leader.
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

/// `count` records of partition `number` from offset `first` on, as Fetch returns them.
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
            in_flight: VecDeque::new(),
            sent: Vec::new(),
            seen: Vec::new(),
            closed: false,
            topics: vec![(TOPIC, 4)],
            data_leader: 0,
        };
        client.wait(Duration::ZERO);
        client
    }

    /// A consumer that knows the topics and its coordinator, broker 0.
    fn ready(config: ConsumerConfig) -> Self {
        let mut client = Client::new(config);
        client.respond_metadata();
        client.respond_find(0);
        client
    }

    /// A consumer that has joined as a follower and owns the given partitions.
    fn member(config: ConsumerConfig, generation: i32, owned: &[i32]) -> Self {
        let mut client = Client::ready(config);
        client.rebalance("m1", generation, owned);
        client.seen.clear();
        client
    }

    /// A member whose application processes a batch of one record for seven more seconds; a
    /// heartbeat is in flight.
    fn busy(mut config: ConsumerConfig) -> Self {
        config.processing_time = Duration::from_secs(10);
        let mut client = Client::member(config, 1, &[0]);
        client.respond_offsets(5);
        client.respond_fetch(0, 5);
        client.wait(Duration::from_secs(3));
        client
    }

    /// Lets time pass, in the steps that the consumer's deadlines require.
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
        panic!("the consumer's deadline never moves past now: {:?}", self.consumer.describe());
    }

    fn give(&mut self, input: ClientInput) {
        let mut out = Vec::new();
        self.consumer.handle(self.now, input, &mut out);
        self.take(out);
    }

    fn take(&mut self, out: Vec<ClientOutput>) {
        for output in out {
            match output {
                ClientOutput::Send { conn, frame } => {
                    self.sent.push((conn, frame.body.clone()));
                    self.in_flight.push_back((conn, frame));
                }
                ClientOutput::Close { conn } => self.in_flight.retain(|(open, _)| *open != conn),
                ClientOutput::Observe(seen) => self.seen.push(seen),
                ClientOutput::Closed => self.closed = true,
            }
        }
    }

    /// Whether a request to that API is in flight.
    fn awaits(&self, api: Api) -> bool {
        self.in_flight.iter().any(|(_, frame)| frame.body.api() == api)
    }

    /// How many requests to that API were ever sent.
    fn count(&self, api: Api) -> usize {
        self.sent.iter().filter(|(_, request)| request.api() == api).count()
    }

    /// The broker to which the oldest request in flight to that API was sent.
    fn destination(&self, api: Api) -> BrokerId {
        self.oldest(api).0.broker
    }

    fn oldest(&self, api: Api) -> &(Conn, Arc<RequestFrame>) {
        let found = self.in_flight.iter().find(|(_, frame)| frame.body.api() == api);
        found.unwrap_or_else(|| panic!("no {api} request is in flight"))
    }

    fn response(&mut self, response: impl Into<Response>) {
        let body = response.into();
        let (conn, frame) = self.oldest(body.api()).clone();
        self.in_flight.retain(|(_, waiting)| waiting.correlation != frame.correlation);
        let frame = Arc::new(ResponseFrame { correlation: frame.correlation, body });
        self.give(ClientInput::Response { conn, frame });
    }

    /// Loses the connection of the oldest request in flight to that API.
    fn disconnect(&mut self, api: Api) {
        let conn = self.oldest(api).0;
        self.in_flight.retain(|(open, _)| *open != conn);
        self.give(ClientInput::Disconnected { conn });
    }

    fn respond_metadata(&mut self) {
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
        let response = MetadataResponse::default()
            .with_topics(topics.collect())
            .with_brokers(brokers.collect());
        self.response(response);
    }

    fn respond_find(&mut self, broker: i32) {
        self.response(FindCoordinatorResponse::default().with_node_id(broker.into()));
    }

    /// Names the broker as coordinator again and again, until the reconnect backoff is over and the
    /// consumer accepts it.
    fn find_again(&mut self, broker: i32) {
        while !self.consumer.discovery.knows_coordinator() {
            if self.awaits(Api::FindCoordinator) {
                self.respond_find(broker);
            }
            self.wait(Duration::from_millis(10));
        }
    }

    fn respond_join(&mut self, error: i16, member: &str) {
        let response = JoinGroupResponse::default().with_error_code(error);
        self.response(response.with_member_id(str_bytes(member)));
    }

    fn joined(&mut self, member: &str, generation: i32, leader: &str) -> JoinGroupResponse {
        JoinGroupResponse::default()
            .with_generation_id(generation)
            .with_member_id(str_bytes(member))
            .with_leader(str_bytes(leader))
            .with_protocol_name(Some(str_bytes(self.consumer.cx.config.assignors[0].name())))
    }

    fn respond_join_as_follower(&mut self, member: &str, generation: i32) {
        let response = self.joined(member, generation, "another-member");
        self.response(response);
    }

    /// The member is the leader and only member of its group.
    fn respond_join_as_leader(&mut self, member: &str, generation: i32, skip: bool) {
        let metadata = self.join_request().protocols[0].metadata.clone();
        let itself = JoinGroupResponseMember::default()
            .with_member_id(str_bytes(member))
            .with_metadata(metadata);
        let response = self.joined(member, generation, member);
        self.response(response.with_members(vec![itself]).with_skip_assignment(skip));
    }

    fn respond_sync(&mut self, owned: &[i32]) {
        let assignment = encode_assignment(&partitions(owned), 1);
        self.response(SyncGroupResponse::default().with_assignment(assignment));
    }

    fn refuse_sync(&mut self, error: ResponseError) {
        self.response(SyncGroupResponse::default().with_error_code(code(error)));
    }

    /// A rebalance as a follower, from the join in flight to the assignment.
    fn rebalance(&mut self, member: &str, generation: i32, owned: &[i32]) {
        self.respond_join_as_follower(member, generation);
        self.respond_sync(owned);
    }

    fn respond_heartbeat(&mut self, error: i16) {
        self.response(HeartbeatResponse::default().with_error_code(error));
    }

    fn respond_commit(&mut self, error: i16) {
        use kafka_protocol::messages::offset_commit_response::{
            OffsetCommitResponsePartition, OffsetCommitResponseTopic,
        };
        let partition = OffsetCommitResponsePartition::default().with_error_code(error);
        let topic = OffsetCommitResponseTopic::default().with_partitions(vec![partition]);
        self.response(OffsetCommitResponse::default().with_topics(vec![topic]));
    }

    /// Every requested partition has this committed offset.
    fn respond_offsets(&mut self, offset: i64) {
        let Request::OffsetFetch(OffsetFetchRequest { groups, .. }) =
            &self.oldest(Api::OffsetFetch).1.body
        else {
            unreachable!()
        };
        let requested =
            groups[0].topics.iter().flatten().flat_map(|topic| &topic.partition_indexes);
        let offsets: Vec<_> = requested.map(|&number| (number, offset, 0)).collect();
        self.respond_offsets_with(&offsets);
    }

    /// Each entry: partition, committed offset, error.
    fn respond_offsets_with(&mut self, offsets: &[(i32, i64, i16)]) {
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
        self.response(OffsetFetchResponse::default().with_groups(vec![group]));
    }

    /// The positions found since the last check.
    fn positions(&mut self) -> Vec<(i32, i64)> {
        let seen = std::mem::take(&mut self.seen);
        let found = seen.into_iter().filter_map(|seen| match seen {
            ClientObservation::Positioned { partition, offset, .. } => {
                Some((partition.partition, offset))
            }
            _ => None,
        });
        found.collect()
    }

    /// A Fetch response with one record of partition `number` at `offset`.
    fn respond_fetch(&mut self, number: i32, offset: i64) {
        self.respond_fetch_with(records_at(number, offset, 1));
    }

    fn respond_fetch_with(&mut self, partition: PartitionData) {
        let topic = FetchableTopicResponse::default()
            .with_topic(TopicName(str_bytes(TOPIC)))
            .with_partitions(vec![partition]);
        self.response(FetchResponse::default().with_responses(vec![topic]));
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

    /// The subscription for the preferred assignor in the JoinGroup in flight.
    fn offered(&self) -> Subscription {
        decode_subscription(&self.join_request().protocols[0].metadata).expect("a subscription")
    }

    fn sync_request(&self) -> &SyncGroupRequest {
        match &self.oldest(Api::SyncGroup).1.body {
            Request::SyncGroup(request) => request,
            _ => unreachable!(),
        }
    }

    /// The member goes on in another generation, as if it had rejoined.
    fn set_generation(&mut self, generation: i32) {
        let identity =
            Identity { generation: Generation(generation), ..self.consumer.cx.identity().clone() };
        self.consumer.cx.set_identity(identity);
    }

    fn state(&self) -> MemberState {
        self.consumer.describe().state
    }

    fn owned(&self) -> Vec<TopicPartition> {
        self.consumer.describe().owned
    }

    /// The application's callbacks since the last check, as text.
    fn callbacks(&mut self) -> Vec<String> {
        let numbers = |partitions: &[TopicPartition]| {
            let numbers: Vec<String> =
                partitions.iter().map(|one| one.partition.to_string()).collect();
            numbers.join(",")
        };
        let seen = std::mem::take(&mut self.seen);
        let words = seen.iter().filter_map(|seen| match seen {
            ClientObservation::Revoked { partitions } => {
                Some(format!("revoked {}", numbers(partitions)))
            }
            ClientObservation::Lost { partitions } => Some(format!("lost {}", numbers(partitions))),
            ClientObservation::Assigned { partitions, added, .. } => {
                Some(format!("assigned {} of {}", numbers(added), numbers(partitions)))
            }
            ClientObservation::Fatal { error } => Some(format!("fatal {error}")),
            _ => None,
        });
        words.collect()
    }
}
