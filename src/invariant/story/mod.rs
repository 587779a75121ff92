//! Hand-built traces for the tests of invariants: one group `g`, one broker, and requests of consumer 0.

pub(super) mod client;
mod foreign;
mod terms;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    FindCoordinatorRequest, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, OffsetCommitRequest,
    OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, SyncGroupRequest,
    SyncGroupResponse, join_group_response, leave_group_request, leave_group_response,
    offset_commit_request, offset_commit_response, offset_fetch_request, offset_fetch_response,
    sync_group_request,
};

use crate::assignor::Assignor;
use crate::consumer::{self, ConsumerConfig};
use crate::coordinator::{CoordinatorConfig, GroupState, Observation, Removal};
use crate::protocol::subscription::{Subscription, encode_assignment, encode_subscription};
use crate::protocol::{
    BrokerId, Generation, GroupId, MemberId, Request, RequestFrame, Response, ResponseFrame,
    StrBytes, TopicName, TopicPartition, str_bytes,
};
use crate::time::{Time, to_millis_i32};
use crate::trace::{ConnectionId, ConsumerRef, Event, FaultKind, Kind, Message, Place};

use super::{Checker, Violation};
pub(super) use terms::subscription;

const BROKER: Place = Place::Broker(BrokerId(0));

/// A trace that is judged while it is told.
pub(super) struct Story {
    checker: Checker,
    violation: Option<Violation>,
    now: Time,
    session: Duration,
    rebalance: Duration,
    protocol: StrBytes,
    /// Of which type the members say they are.
    protocol_type: StrBytes,
    asked: Vec<Arc<RequestFrame>>,
    /// Where brokers' events happen.
    place: Place,
}

impl Story {
    /// A story judged by one invariant.
    pub(super) fn new(invariant: &str) -> Story {
        Story::judged_by(Checker::new(Some(&[invariant])))
    }

    fn judged_by(checker: Checker) -> Story {
        Story {
            checker,
            violation: None,
            now: Time::ZERO,
            session: Duration::from_secs(10),
            rebalance: Duration::from_secs(60),
            protocol: str_bytes("range"),
            protocol_type: str_bytes("consumer"),
            asked: Vec::new(),
            place: BROKER,
        }
    }

    #[track_caller]
    pub(super) fn holds(&mut self) {
        assert_eq!(self.violation, None);
    }

    #[track_caller]
    pub(super) fn breaks(&mut self, what: &str) {
        let violation = self.violation.take().expect("nothing is broken");
        assert!(violation.message.contains(what), "{}", violation.message);
    }

    /// What is broken, if anything is.
    pub(super) fn broken(&mut self) -> Option<Violation> {
        self.violation.take()
    }

    fn tell(&mut self, place: Place, kind: Kind) -> &mut Self {
        if self.violation.is_none() {
            let event = Event { at: self.now, local: self.now, place, kind };
            self.violation = self.checker.check(&event);
        }
        self
    }

    /// From here on it is this many milliseconds.
    pub(super) fn at(&mut self, millis: u64) -> &mut Self {
        self.now = Time::from_micros(millis * 1_000);
        self
    }

    /// From here on members ask for this session timeout, in milliseconds.
    pub(super) fn session(&mut self, millis: u64) -> &mut Self {
        self.session = Duration::from_millis(millis);
        self
    }

    /// From here on members ask for this rebalance timeout, in milliseconds.
    pub(super) fn rebalance(&mut self, millis: u64) -> &mut Self {
        self.rebalance = Duration::from_millis(millis);
        self
    }

    pub(super) fn protocol(&mut self, name: &str) -> &mut Self {
        self.protocol = str_bytes(name);
        self
    }

    pub(super) fn schedule(&mut self, kind: Kind) -> &mut Self {
        self.tell(Place::Schedule, kind)
    }

    pub(super) fn broker(&mut self, kind: Kind) -> &mut Self {
        self.tell(self.place, kind)
    }

    pub(super) fn at_consumer(&mut self, index: u16, kind: Kind) -> &mut Self {
        self.tell(Place::Consumer(consumer_ref(index)), kind)
    }

    pub(super) fn consumer(&mut self, index: u16, observation: consumer::Observation) -> &mut Self {
        self.at_consumer(index, Kind::Consumer(observation))
    }

    pub(super) fn topic(&mut self, name: &str, partitions: i32) -> &mut Self {
        let topic = TopicName(str_bytes(name));
        self.schedule(Kind::TopicCreated { topic, partitions })
    }

    /// A consumer of the topic `t` starts.
    pub(super) fn started(&mut self, index: u16) -> &mut Self {
        let topics = vec![TopicName(str_bytes("t"))];
        let mut config = ConsumerConfig::new(str_bytes("c"), group(), topics);
        config.assignors.clear();
        config.assignors.extend(Assignor::from_name(self.protocol.as_str()));
        let config = Arc::new(config);
        self.at_consumer(index, Kind::ConsumerStarted { name: "c".into(), config })
    }

    pub(super) fn assigned(
        &mut self,
        index: u16,
        id: &str,
        generation: i32,
        owned: &[&str],
    ) -> &mut Self {
        let partitions: Vec<_> = owned.iter().map(|name| partition(name)).collect();
        let (member, generation) = (member(id), Generation(generation));
        let assigned = consumer::Observation::Assigned {
            member,
            generation,
            added: partitions.clone(),
            partitions,
        };
        self.consumer(index, assigned)
    }

    pub(super) fn coordinator_started(&mut self) -> &mut Self {
        self.broker(Kind::CoordinatorStarted {
            config: CoordinatorConfig { max_size: 2, ..CoordinatorConfig::default() },
            offsets_partitions: 1,
        })
    }

    pub(super) fn paused(&mut self) -> &mut Self {
        self.broker(Kind::FaultBegan { fault: FaultKind::Pause, peer: None, direction: None })
    }

    pub(super) fn resumed(&mut self) -> &mut Self {
        self.broker(Kind::FaultEnded { fault: FaultKind::Pause, peer: None })
    }

    fn observe(&mut self, observation: Observation) -> &mut Self {
        self.broker(Kind::Coordinator(observation))
    }

    pub(super) fn state(&mut self, from: GroupState, to: GroupState) -> &mut Self {
        self.observe(Observation::State { group: group(), from, to, why: "test" })
    }

    /// The sync phase ends.
    pub(super) fn stable(&mut self) -> &mut Self {
        self.state(GroupState::CompletingRebalance, GroupState::Stable)
    }

    pub(super) fn added(&mut self, id: &str) -> &mut Self {
        let (session, rebalance) = (self.session, self.rebalance);
        let member = member(id);
        self.observe(Observation::MemberAdded {
            group: group(),
            member,
            instance: None,
            session,
            rebalance,
        })
    }

    pub(super) fn removed(&mut self, id: &str, why: Removal) -> &mut Self {
        self.observe(Observation::MemberRemoved { group: group(), member: member(id), why })
    }

    /// A generation begins and the sync phase with it; the first member leads. Members that the group
    /// does not have yet are added first.
    pub(super) fn generation(&mut self, generation: i32, ids: &[&str]) -> &mut Self {
        for id in ids {
            if !self.checker.knows(&group(), &member(id)) {
                self.added(id);
            }
        }
        self.observe(Observation::GenerationBegan {
            group: group(),
            generation: Generation(generation),
            protocol: Some(self.protocol.clone()),
            leader: ids.first().map(|id| member(id)),
            members: ids.iter().map(|id| member(id)).collect(),
            took: Duration::ZERO,
        });
        if self.checker.state(&group()) == GroupState::Empty {
            self.state(GroupState::Empty, GroupState::PreparingRebalance);
            self.state(GroupState::PreparingRebalance, GroupState::CompletingRebalance);
        }
        self
    }

    /// The broker begins to handle a request of consumer 0, on a connection of its own.
    fn ask(&mut self, body: impl Into<Request>) -> usize {
        let (frame, conn) = self.frame(body);
        let message = Message::Request(frame);
        self.at_consumer(0, Kind::Sent { to: self.place, conn, message: message.clone() });
        self.broker(Kind::Received { from: Place::Consumer(consumer_ref(0)), conn, message });
        conn.0 as usize
    }

    fn frame(&mut self, body: impl Into<Request>) -> (Arc<RequestFrame>, ConnectionId) {
        let (client_id, body) = (str_bytes("c"), body.into());
        let frame = Arc::new(RequestFrame { correlation: 7, version: 7, client_id, body });
        let conn = ConnectionId(self.asked.len() as u32);
        self.asked.push(frame.clone());
        (frame, conn)
    }

    pub(super) fn answer(&mut self, key: usize, body: Response) -> &mut Self {
        let request = self.asked[key].clone();
        let response = Arc::new(ResponseFrame { correlation: request.correlation, body });
        self.broker(Kind::Sent {
            to: Place::Consumer(consumer_ref(0)),
            conn: ConnectionId(key as u32),
            message: Message::Response { request, response },
        })
    }

    pub(super) fn ask_heartbeat(&mut self, id: &str, generation: i32) -> usize {
        self.ask(
            HeartbeatRequest::default()
                .with_group_id(group())
                .with_member_id(str_bytes(id))
                .with_generation_id(generation),
        )
    }

    pub(super) fn ask_join(&mut self, id: &str) -> usize {
        let session = to_millis_i32(self.session);
        let rebalance = to_millis_i32(self.rebalance);
        self.ask(
            JoinGroupRequest::default()
                .with_group_id(group())
                .with_member_id(str_bytes(id))
                .with_session_timeout_ms(session)
                .with_rebalance_timeout_ms(rebalance)
                .with_protocol_type(self.protocol_type.clone()),
        )
    }

    /// A JoinGroup is handled long after it was sent.
    pub(super) fn ask_join_late(&mut self, id: &str, meanwhile: impl FnOnce(&mut Story)) {
        let body = JoinGroupRequest::default().with_group_id(group()).with_member_id(str_bytes(id));
        let (frame, conn) = self.frame(body);
        let message = Message::Request(frame);
        self.at_consumer(0, Kind::Sent { to: self.place, conn, message: message.clone() });
        meanwhile(self);
        self.broker(Kind::Received { from: Place::Consumer(consumer_ref(0)), conn, message });
    }

    /// The leader is told the members of its generation, who all subscribe to `t`.
    pub(super) fn joined(&mut self, leader: &str, generation: i32, members: &[&str]) -> &mut Self {
        let members: Vec<_> = members.iter().map(|id| (*id, subscribed())).collect();
        self.joined_raw(leader, generation, &as_bytes(&members))
    }

    pub(super) fn ask_sync(
        &mut self,
        id: &str,
        generation: i32,
        plan: &[(&str, &[&str])],
    ) -> usize {
        let plan: Vec<_> = plan.iter().map(|(id, owned)| (*id, assignment(owned))).collect();
        self.ask_sync_raw(id, generation, &as_bytes(&plan))
    }

    /// A SyncGroup is handled that consumer 0 sent before it crashed.
    pub(super) fn ask_sync_of_the_dead(&mut self, id: &str, generation: i32) {
        let body = SyncGroupRequest::default()
            .with_group_id(group())
            .with_member_id(str_bytes(id))
            .with_generation_id(generation);
        let (frame, conn) = self.frame(body);
        let message = Message::Request(frame);
        self.at_consumer(0, Kind::Sent { to: self.place, conn, message: message.clone() });
        self.at_consumer(
            0,
            Kind::FaultBegan { fault: FaultKind::Crash, peer: None, direction: None },
        );
        self.broker(Kind::Received { from: Place::Consumer(consumer_ref(0)), conn, message });
    }

    /// A SyncGroup succeeds.
    pub(super) fn told(&mut self, key: usize, owned: &[&str]) -> &mut Self {
        self.told_raw(key, &assignment(owned))
    }

    pub(super) fn ask_leave(&mut self, ids: &[&str]) -> usize {
        let members = ids
            .iter()
            .map(|id| leave_group_request::MemberIdentity::default().with_member_id(str_bytes(id)));
        let body = LeaveGroupRequest::default().with_group_id(group());
        self.ask(body.with_members(members.collect()))
    }

    pub(super) fn ask_commit(
        &mut self,
        id: &str,
        generation: i32,
        offsets: &[(&str, i64)],
    ) -> usize {
        let topics = offsets.iter().map(|(name, offset)| {
            let TopicPartition { topic, partition } = partition(name);
            let entry = offset_commit_request::OffsetCommitRequestPartition::default()
                .with_partition_index(partition)
                .with_committed_offset(*offset);
            offset_commit_request::OffsetCommitRequestTopic::default()
                .with_name(topic)
                .with_partitions(vec![entry])
        });
        let body = OffsetCommitRequest::default()
            .with_group_id(group())
            .with_member_id(str_bytes(id))
            .with_generation_id_or_member_epoch(generation)
            .with_topics(topics.collect());
        self.ask(body)
    }

    /// A commit is answered, with the same code for each partition.
    pub(super) fn committed(&mut self, key: usize, code: i16) -> &mut Self {
        let Request::OffsetCommit(body) = &self.asked[key].body else { panic!("no commit: {key}") };
        let topics = body.topics.iter().map(|topic| {
            let entries = topic.partitions.iter().map(|entry| {
                offset_commit_response::OffsetCommitResponsePartition::default()
                    .with_partition_index(entry.partition_index)
                    .with_error_code(code)
            });
            offset_commit_response::OffsetCommitResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(entries.collect())
        });
        let answer = OffsetCommitResponse::default().with_topics(topics.collect());
        self.answer(key, answer.into())
    }

    pub(super) fn ask_fetch(&mut self, names: &[&str]) -> usize {
        let body = fetch_request(names);
        self.ask(body)
    }

    pub(super) fn fetched(&mut self, key: usize, offsets: &[(&str, i64)]) -> &mut Self {
        self.answer(key, fetch_answer(offsets).into())
    }

    /// A consumer hears an answer to OffsetFetch.
    pub(super) fn heard(&mut self, index: u16, offsets: &[(&str, i64)]) -> &mut Self {
        let names: Vec<&str> = offsets.iter().map(|(name, _)| *name).collect();
        let (correlation, client_id) = (7, str_bytes("c"));
        let body = fetch_request(&names).into();
        let request = Arc::new(RequestFrame { correlation, version: 7, client_id, body });
        let body = fetch_answer(offsets).into();
        let response = Arc::new(ResponseFrame { correlation, body });
        let message = Message::Response { request, response };
        self.at_consumer(index, Kind::Received { from: BROKER, conn: ConnectionId(9_999), message })
    }
}

fn group() -> GroupId {
    GroupId(str_bytes("g"))
}

fn member(id: &str) -> MemberId {
    MemberId(str_bytes(id))
}

/// The first life of a consumer.
pub(super) fn consumer_ref(index: u16) -> ConsumerRef {
    ConsumerRef { index, incarnation: 1 }
}

/// The partition of that name: `t-0`.
pub(super) fn partition(name: &str) -> TopicPartition {
    let (topic, partition) = name.rsplit_once('-').expect("a partition is named topic-number");
    let partition = partition.parse().expect("a partition is named topic-number");
    TopicPartition::new(TopicName(str_bytes(topic)), partition)
}

fn assignment(owned: &[&str]) -> Bytes {
    let mut owned: Vec<TopicPartition> = owned.iter().map(|name| partition(name)).collect();
    owned.sort();
    if owned.is_empty() { Bytes::new() } else { encode_assignment(&owned, 1) }
}

/// A plain subscription to `t`.
fn subscribed() -> Bytes {
    encode_subscription(&Subscription::to(&[TopicName(str_bytes("t"))]), 1)
}

fn as_bytes<'a>(members: &'a [(&'a str, Bytes)]) -> Vec<(&'a str, &'a [u8])> {
    members.iter().map(|(id, bytes)| (*id, &bytes[..])).collect()
}

/// A successful answer to JoinGroup; the members are those that the leader is told.
pub(super) fn join_answer(id: &str, generation: i32, leader: &str, members: &[&str]) -> Response {
    let members = members.iter().map(|member| {
        join_group_response::JoinGroupResponseMember::default()
            .with_member_id(str_bytes(member))
            .with_metadata(subscribed())
    });
    JoinGroupResponse::default()
        .with_member_id(str_bytes(id))
        .with_generation_id(generation)
        .with_leader(str_bytes(leader))
        .with_protocol_name(Some(str_bytes("range")))
        .with_members(members.collect())
        .into()
}

/// A refusal of JoinGroup.
pub(super) fn error_join(id: &str, code: i16) -> Response {
    let body = JoinGroupResponse::default().with_member_id(str_bytes(id)).with_error_code(code);
    body.with_generation_id(-1).into()
}

pub(super) fn heartbeat_answer(code: i16) -> Response {
    HeartbeatResponse::default().with_error_code(code).into()
}

/// An answer to LeaveGroup with a code for each member.
pub(super) fn leave_answer(codes: &[i16]) -> Response {
    let members = codes
        .iter()
        .map(|code| leave_group_response::MemberResponse::default().with_error_code(*code));
    LeaveGroupResponse::default().with_members(members.collect()).into()
}

fn fetch_request(names: &[&str]) -> OffsetFetchRequest {
    let topics = names.iter().map(|name| {
        let TopicPartition { topic, partition } = partition(name);
        offset_fetch_request::OffsetFetchRequestTopic::default()
            .with_name(topic)
            .with_partition_indexes(vec![partition])
    });
    OffsetFetchRequest::default()
        .with_group_id(group())
        .with_require_stable(true)
        .with_topics(Some(topics.collect()))
}

fn fetch_answer(offsets: &[(&str, i64)]) -> OffsetFetchResponse {
    let topics = offsets.iter().map(|(name, offset)| {
        let TopicPartition { topic, partition } = partition(name);
        let entry = offset_fetch_response::OffsetFetchResponsePartition::default()
            .with_partition_index(partition)
            .with_committed_offset(*offset);
        offset_fetch_response::OffsetFetchResponseTopic::default()
            .with_name(topic)
            .with_partitions(vec![entry])
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}
