//! A broker that responds with anything: wrong errors, generations and ids, partitions that were
//! not requested, responses out of order, or none. The client may close or go on, and breaks no
//! promise of its own: [`super::super::context::always`] would panic.

use bytes::Bytes;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use kafka_protocol::messages::{LeaveGroupResponse, ListOffsetsResponse};

use super::*;

/// What a hostile broker draws its responses from.
struct Hostile {
    rng: Rng,
    /// How often a field is wrong, in thousandths.
    wrong: u64,
}

impl Hostile {
    fn is_wrong(&mut self) -> bool {
        self.rng.chance(self.wrong)
    }

    fn below(&mut self, bound: u64) -> i32 {
        self.rng.below(bound) as i32
    }

    fn error(&mut self) -> i16 {
        use ResponseError as E;
        const ERRORS: [E; 18] = [
            E::UnknownServerError,
            E::OffsetOutOfRange,
            E::UnknownTopicOrPartition,
            E::NotLeaderOrFollower,
            E::RequestTimedOut,
            E::CoordinatorLoadInProgress,
            E::CoordinatorNotAvailable,
            E::NotCoordinator,
            E::IllegalGeneration,
            E::InconsistentGroupProtocol,
            E::UnknownMemberId,
            E::RebalanceInProgress,
            E::MemberIdRequired,
            E::FencedInstanceId,
            E::GroupAuthorizationFailed,
            E::UnstableOffsetCommit,
            E::GroupIdNotFound,
            E::StaleMemberEpoch,
        ];
        match self.is_wrong() {
            true if self.rng.chance(50) => 12_345,
            true => self.rng.pick(&ERRORS).code(),
            false => 0,
        }
    }

    fn member(&mut self) -> &'static str {
        if self.is_wrong() { self.rng.pick::<&str>(&["", "m2"]) } else { "m1" }
    }

    fn topic(&mut self) -> TopicName {
        TopicName(str_bytes(if self.is_wrong() { "another" } else { TOPIC }))
    }

    /// All partitions; or up to five in any order, of which some occur twice or do not exist.
    fn numbers(&mut self) -> Vec<i32> {
        match self.is_wrong() {
            true => (0..self.below(6)).map(|_| self.below(7) - 1).collect(),
            false => (0..4).collect(),
        }
    }

    fn offset(&mut self) -> i64 {
        i64::from(self.below(12)) - if self.is_wrong() { 3 } else { 1 }
    }

    fn protocol_type(&mut self) -> Option<&'static str> {
        if self.is_wrong() { *self.rng.pick(&[None, Some("connect")]) } else { Some("consumer") }
    }

    fn metadata(&mut self) -> MetadataResponse {
        let brokers = (0..self.below(4))
            .map(|id| MetadataResponseBroker::default().with_node_id(id.into()))
            .collect();
        let count = if self.is_wrong() { self.below(3) } else { 1 };
        let topics = (0..count).map(|_| {
            let numbers = self.numbers().into_iter();
            let partitions = numbers.map(|number| {
                let leader = if self.is_wrong() { self.below(4) - 1 } else { 0 };
                MetadataResponsePartition::default()
                    .with_partition_index(number)
                    .with_leader_id(leader.into())
            });
            let partitions = partitions.collect();
            MetadataResponseTopic::default()
                .with_name(Some(self.topic()))
                .with_partitions(partitions)
        });
        let topics = topics.collect();
        MetadataResponse::default().with_brokers(brokers).with_topics(topics)
    }

    fn found(&mut self) -> FindCoordinatorResponse {
        let (error, node) = (self.error(), if self.is_wrong() { self.below(4) - 1 } else { 0 });
        match self.rng.chance(500) {
            true => {
                FindCoordinatorResponse::default().with_error_code(error).with_node_id(node.into())
            }
            false => FindCoordinatorResponse::default().with_coordinators(vec![
                Coordinator::default().with_error_code(error).with_node_id(node.into()),
            ]),
        }
    }

    fn joined(&mut self, assignor: Assignor) -> JoinGroupResponse {
        let members = (0..self.below(4)).map(|_| {
            let metadata = match self.rng.chance(500) {
                true => encode_subscription(&Subscription::to(&[self.topic()]), 1),
                false => Bytes::from_static(&[0, 1, 2, 3]),
            };
            JoinGroupResponseMember::default()
                .with_member_id(str_bytes(self.member()))
                .with_metadata(metadata)
        });
        let members = members.collect();
        JoinGroupResponse::default()
            .with_error_code(self.error())
            .with_member_id(str_bytes(self.member()))
            .with_leader(str_bytes(self.member()))
            .with_generation_id(self.below(5) - 1)
            .with_protocol_type(self.protocol_type().map(str_bytes))
            .with_protocol_name(Some(str_bytes(assignor.name())))
            .with_skip_assignment(self.rng.chance(100))
            .with_members(members)
    }

    fn synced(&mut self, assignor: Assignor) -> SyncGroupResponse {
        let assignment = match self.is_wrong() {
            true if self.rng.chance(500) => Bytes::new(),
            true => Bytes::from_static(&[0, 1, 2, 3]),
            false => {
                let topic = self.topic();
                let numbers = self.numbers().into_iter();
                let all: Vec<TopicPartition> =
                    numbers.map(|number| TopicPartition::new(topic.clone(), number)).collect();
                encode_assignment(&all, 1)
            }
        };
        SyncGroupResponse::default()
            .with_error_code(self.error())
            .with_protocol_type(self.protocol_type().map(str_bytes))
            .with_protocol_name((!self.is_wrong()).then(|| str_bytes(assignor.name())))
            .with_assignment(assignment)
    }

    fn committed(&mut self) -> OffsetFetchResponse {
        let (name, numbers) = (self.topic(), self.numbers().into_iter());
        let error = self.error();
        if self.rng.chance(500) {
            let partitions = numbers.map(|number| {
                OffsetFetchResponsePartition::default()
                    .with_partition_index(number)
                    .with_committed_offset(self.offset())
            });
            let partitions = partitions.collect();
            let topic =
                OffsetFetchResponseTopic::default().with_name(name).with_partitions(partitions);
            return OffsetFetchResponse::default().with_error_code(error).with_topics(vec![topic]);
        }
        let partitions = numbers.map(|number| {
            OffsetFetchResponsePartitions::default()
                .with_partition_index(number)
                .with_committed_offset(self.offset())
        });
        let partitions = partitions.collect();
        let topic =
            OffsetFetchResponseTopics::default().with_name(name).with_partitions(partitions);
        let group =
            OffsetFetchResponseGroup::default().with_error_code(error).with_topics(vec![topic]);
        OffsetFetchResponse::default().with_groups(vec![group])
    }

    fn starts(&mut self) -> ListOffsetsResponse {
        let numbers = self.numbers().into_iter();
        let partitions = numbers.map(|number| {
            ListOffsetsPartitionResponse::default()
                .with_partition_index(number)
                .with_error_code(self.error())
                .with_offset(self.offset())
        });
        let partitions = partitions.collect();
        let topic =
            ListOffsetsTopicResponse::default().with_name(self.topic()).with_partitions(partitions);
        ListOffsetsResponse::default().with_topics(vec![topic])
    }

    fn fetched(&mut self) -> FetchResponse {
        let numbers = self.numbers().into_iter();
        let partitions = numbers.map(|number| {
            let (first, count) = (self.offset().max(0), self.below(4) as usize);
            match self.error() {
                0 if count > 0 => records_at(number, first, count),
                error => {
                    PartitionData::default().with_partition_index(number).with_error_code(error)
                }
            }
        });
        let partitions = partitions.collect();
        let topic =
            FetchableTopicResponse::default().with_topic(self.topic()).with_partitions(partitions);
        FetchResponse::default().with_responses(vec![topic])
    }

    fn commits(&mut self) -> OffsetCommitResponse {
        use kafka_protocol::messages::offset_commit_response::{
            OffsetCommitResponsePartition, OffsetCommitResponseTopic,
        };
        let partition = OffsetCommitResponsePartition::default().with_error_code(self.error());
        let topic = OffsetCommitResponseTopic::default().with_partitions(vec![partition]);
        OffsetCommitResponse::default().with_topics(vec![topic])
    }

    fn respond(&mut self, request: &Request, assignor: Assignor) -> Response {
        match request {
            Request::Metadata(_) => self.metadata().into(),
            Request::FindCoordinator(_) => self.found().into(),
            Request::JoinGroup(_) => self.joined(assignor).into(),
            Request::SyncGroup(_) => self.synced(assignor).into(),
            Request::Heartbeat(_) => {
                HeartbeatResponse::default().with_error_code(self.error()).into()
            }
            Request::LeaveGroup(_) => {
                LeaveGroupResponse::default().with_error_code(self.error()).into()
            }
            Request::OffsetCommit(_) => self.commits().into(),
            Request::OffsetFetch(_) => self.committed().into(),
            Request::ListOffsets(_) => self.starts().into(),
            Request::Fetch(_) => self.fetched().into(),
            other => unreachable!("a consumer sends no {}", other.api()),
        }
    }

    /// Responds to any request in flight, twice now and then, or closes its connection.
    fn act(&mut self, client: &mut Client, assignor: Assignor) {
        let waiting: Vec<_> = client.in_flight.iter().cloned().collect();
        if waiting.is_empty() || self.rng.chance(200) {
            return client.wait(Duration::from_millis(self.rng.below(4_000)));
        }
        let (conn, request) = self.rng.pick(&waiting).clone();
        if self.rng.chance(30) {
            client.in_flight.retain(|(open, _)| *open != conn);
            return client.give(ClientInput::Disconnected { conn });
        }
        client.in_flight.retain(|(_, other)| other.correlation != request.correlation);
        let times = if self.rng.chance(30) { 2 } else { 1 };
        for _ in 0..times {
            let body = self.respond(&request.body, assignor);
            let frame = Arc::new(ResponseFrame { correlation: request.correlation, body });
            client.give(ClientInput::Response { conn, frame });
        }
    }
}

/// One client and what it has seen of a hostile broker in 200 steps.
fn run(seed: u64) -> Client {
    let wrong = [5, 20, 100, 400][seed as usize % 4];
    let mut hostile = Hostile { rng: Rng::stream(seed, "hostile"), wrong };
    let assignor = *hostile.rng.pick(&[Assignor::Range, Assignor::CooperativeSticky]);
    let mut config = config(&[assignor]);
    config.join_version = if hostile.rng.chance(300) { hostile.below(10) as i16 } else { 9 };
    config.instance_id =
        (config.join_version >= 5 && hostile.rng.chance(300)).then(|| str_bytes("i"));
    config.processing_time = Duration::from_millis(hostile.rng.below(4_000));
    config.max_poll_interval = Duration::from_secs(5);
    config.max_poll_records = 2;
    config.bootstrap = (0..3).map(BrokerId).collect();
    let mut client = Client::new(config);
    let close_at = hostile.rng.below(400);
    for step in 0..200 {
        if step == close_at {
            client.give(ClientInput::Close);
        }
        hostile.act(&mut client, assignor);
        client.consumer.describe();
    }
    client
}

#[test]
fn no_response_makes_a_client_break_its_own_promises() {
    let mut observed = Vec::new();
    for seed in 0..1_000 {
        observed.extend(run(seed).seen);
    }
    let count = |is: fn(&ClientObservation) -> bool| observed.iter().filter(|one| is(one)).count();
    let stable = |one: &ClientObservation| {
        matches!(one, ClientObservation::State { to: MemberState::Stable, .. })
    };
    // Enough of them get far enough to have promises to break.
    let counts = [
        ("stable", count(stable)),
        ("polled", count(|one| matches!(one, ClientObservation::Polled { .. }))),
        ("lost", count(|one| matches!(one, ClientObservation::Lost { .. }))),
        ("revoked", count(|one| matches!(one, ClientObservation::Revoked { .. }))),
        ("late", count(|one| matches!(one, ClientObservation::PollTimeout))),
        ("fatal", count(|one| matches!(one, ClientObservation::Fatal { .. }))),
    ];
    assert!(counts.iter().all(|&(_, times)| times >= 50), "{counts:?}");
}
