//! Hand-built traces for the tests of invariants: one group `g`, one broker, and requests of
//! consumer 0.

pub(super) mod consumer;
mod foreign;
mod responses;
mod terms;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, OffsetCommitRequest, OffsetCommitResponse, SyncGroupRequest,
    SyncGroupResponse, join_group_response, leave_group_request, offset_commit_request,
    offset_commit_response, sync_group_request,
};

use crate::assignor::Assignor;
use crate::client::{self, ConsumerConfig};
use crate::coordinator::{
    ClassicObservation, CoordinatorConfig, GroupState, Observation, Removal, TransitionReason,
};
use crate::protocol::subscription::{Subscription, encode_assignment, encode_subscription};
use crate::protocol::{
    BrokerId, Generation, GroupId, MemberId, Request, RequestFrame, Response, ResponseFrame,
    StrBytes, TopicName, TopicPartition, str_bytes,
};
use crate::time::{Time, to_millis_i32};
use crate::trace::{ConnectionId, ConsumerRef, Event, EventKind, FaultKind, Message, Place};

use super::{Checker, Violation};
use crate::model::Model;
pub(super) use crate::model::testing::{partition, subscription};
pub(super) use responses::{error_join, heartbeat_response, join_response, leave_response};
use responses::{fetch_request, fetch_response};

const BROKER: Place = Place::Broker(BrokerId(0));

/// A trace whose events are checked as they are added. Nothing is added after a violation.
pub(super) struct TraceBuilder {
    model: Model,
    checker: Checker,
    violation: Option<Violation>,
    now: Time,
    session: Duration,
    rebalance: Duration,
    protocol: StrBytes,
    /// The protocol type in the members' JoinGroup requests.
    protocol_type: StrBytes,
    /// The version of the requests.
    version: i16,
    requests: Vec<Arc<RequestFrame>>,
    /// The broker at which the brokers' events happen.
    place: Place,
}

impl TraceBuilder {
    /// A trace judged by one invariant.
    pub(super) fn new(invariant: &str) -> TraceBuilder {
        TraceBuilder::judged_by(Checker::new(Some(&[invariant])))
    }

    fn judged_by(checker: Checker) -> TraceBuilder {
        TraceBuilder {
            model: Model::default(),
            checker,
            violation: None,
            now: Time::ZERO,
            session: Duration::from_secs(10),
            rebalance: Duration::from_secs(60),
            protocol: str_bytes("range"),
            protocol_type: str_bytes("consumer"),
            version: 7,
            requests: Vec::new(),
            place: BROKER,
        }
    }

    #[track_caller]
    pub(super) fn holds(&mut self) {
        assert_eq!(self.violation, None);
    }

    #[track_caller]
    pub(super) fn breaks(&mut self, words: &str) {
        let violation = self.violation.take().expect("no invariant is violated");
        assert!(violation.message.contains(words), "{}", violation.message);
    }

    /// The invariant is violated, by this of its rules.
    #[track_caller]
    pub(super) fn violates(&mut self, rule: &str) {
        let violation = self.violation.take().expect("no invariant is violated");
        assert_eq!(violation.rule, rule, "{}", violation.message);
    }

    /// The violation, if there is one.
    pub(super) fn broken(&mut self) -> Option<Violation> {
        self.violation.take()
    }

    fn emit(&mut self, place: Place, kind: EventKind) -> &mut Self {
        if self.violation.is_none() {
            let event = Event { at: self.now, local: self.now, place, kind };
            self.model.feed(&event);
            self.violation = self.checker.check(&self.model, &event);
        }
        self
    }

    /// Whether the trace has named this member.
    fn knows(&self, member: &MemberId) -> bool {
        self.model.find(&group()).is_some_and(|(_, group)| group.members.contains_key(member))
    }

    /// Whether the group is Empty or unknown.
    fn is_empty(&self) -> bool {
        self.model.find(&group()).is_none_or(|(_, group)| group.state == GroupState::Empty)
    }

    /// From here on the time is this many milliseconds.
    pub(super) fn at(&mut self, millis: u64) -> &mut Self {
        self.now = Time::from_micros(millis * 1_000);
        self
    }

    /// From here on members request this session timeout, in milliseconds.
    pub(super) fn session(&mut self, millis: u64) -> &mut Self {
        self.session = Duration::from_millis(millis);
        self
    }

    /// From here on members request this rebalance timeout, in milliseconds.
    pub(super) fn rebalance(&mut self, millis: u64) -> &mut Self {
        self.rebalance = Duration::from_millis(millis);
        self
    }

    /// From here on requests have this version.
    pub(super) fn version(&mut self, version: i16) -> &mut Self {
        self.version = version;
        self
    }

    pub(super) fn protocol(&mut self, name: &str) -> &mut Self {
        self.protocol = str_bytes(name);
        self
    }

    pub(super) fn schedule(&mut self, kind: EventKind) -> &mut Self {
        self.emit(Place::Schedule, kind)
    }

    pub(super) fn broker(&mut self, kind: EventKind) -> &mut Self {
        self.emit(self.place, kind)
    }

    pub(super) fn at_consumer(&mut self, index: u16, kind: EventKind) -> &mut Self {
        self.emit(Place::Consumer(consumer_ref(index)), kind)
    }

    pub(super) fn consumer(
        &mut self,
        index: u16,
        observation: client::ClientObservation,
    ) -> &mut Self {
        self.at_consumer(index, EventKind::Consumer(observation))
    }

    pub(super) fn topic(&mut self, name: &str, partitions: i32) -> &mut Self {
        let topic = TopicName(str_bytes(name));
        self.schedule(EventKind::TopicCreated { topic, partitions })
    }

    /// A consumer of the topic `t` starts.
    pub(super) fn started(&mut self, index: u16) -> &mut Self {
        self.started_with(index, |_| ())
    }

    /// The same with other settings.
    pub(super) fn started_with(
        &mut self,
        index: u16,
        set: impl FnOnce(&mut ConsumerConfig),
    ) -> &mut Self {
        let topics = vec![TopicName(str_bytes("t"))];
        let mut config = ConsumerConfig::new(str_bytes("c"), group(), topics);
        config.assignors.clear();
        config.assignors.extend(Assignor::from_name(self.protocol.as_str()));
        set(&mut config);
        let config = Arc::new(config);
        self.at_consumer(index, EventKind::ConsumerStarted { name: "c".into(), config })
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
        let assigned = client::ClientObservation::Assigned {
            member,
            generation,
            added: partitions.clone(),
            partitions,
        };
        self.consumer(index, assigned)
    }

    pub(super) fn coordinator_started(&mut self) -> &mut Self {
        self.broker(EventKind::CoordinatorStarted {
            config: CoordinatorConfig { max_size: 2, ..CoordinatorConfig::default() },
            offsets_partitions: 1,
        })
    }

    pub(super) fn paused(&mut self) -> &mut Self {
        self.broker(EventKind::FaultBegan { fault: FaultKind::Pause, peer: None, direction: None })
    }

    pub(super) fn resumed(&mut self) -> &mut Self {
        self.broker(EventKind::FaultEnded { fault: FaultKind::Pause, peer: None })
    }

    fn observe(&mut self, observation: Observation) -> &mut Self {
        self.broker(EventKind::Coordinator(observation))
    }

    pub(super) fn state(&mut self, from: GroupState, to: GroupState) -> &mut Self {
        self.observe(Observation::Classic(ClassicObservation::State {
            group: group(),
            from,
            to,
            why: TransitionReason::MemberJoined,
        }))
    }

    /// The sync phase ends.
    pub(super) fn stable(&mut self) -> &mut Self {
        self.state(GroupState::CompletingRebalance, GroupState::Stable)
    }

    pub(super) fn added(&mut self, id: &str) -> &mut Self {
        let (session, rebalance) = (self.session, self.rebalance);
        let member = member(id);
        self.observe(Observation::Classic(ClassicObservation::MemberAdded {
            group: group(),
            member,
            instance: None,
            session,
            rebalance,
        }))
    }

    pub(super) fn removed(&mut self, id: &str, why: Removal) -> &mut Self {
        self.observe(Observation::Classic(ClassicObservation::MemberRemoved {
            group: group(),
            member: member(id),
            why,
        }))
    }

    /// A generation begins, and with it its sync phase; the first member leads. Members that the
    /// group does not have yet are added first.
    pub(super) fn generation(&mut self, generation: i32, ids: &[&str]) -> &mut Self {
        for id in ids {
            if !self.knows(&member(id)) {
                self.added(id);
            }
        }
        self.observe(Observation::Classic(ClassicObservation::GenerationBegan {
            group: group(),
            generation: Generation(generation),
            protocol: Some(self.protocol.clone()),
            leader: ids.first().map(|id| member(id)),
            members: ids.iter().map(|id| member(id)).collect(),
            took: Duration::ZERO,
        }));
        if self.is_empty() {
            self.state(GroupState::Empty, GroupState::PreparingRebalance);
            self.state(GroupState::PreparingRebalance, GroupState::CompletingRebalance);
        }
        self
    }

    /// The broker begins to handle a request of consumer 0, on a connection of its own.
    fn request(&mut self, body: impl Into<Request>) -> usize {
        let (frame, conn) = self.frame(body);
        let message = Message::Request(frame);
        self.at_consumer(0, EventKind::Sent { to: self.place, conn, message: message.clone() });
        self.broker(EventKind::Received { from: Place::Consumer(consumer_ref(0)), conn, message });
        conn.0 as usize
    }

    fn frame(&mut self, body: impl Into<Request>) -> (Arc<RequestFrame>, ConnectionId) {
        let (client_id, body) = (str_bytes("c"), body.into());
        let (correlation, version) = (7, self.version);
        let frame = Arc::new(RequestFrame { correlation, version, client_id, body });
        let conn = ConnectionId(self.requests.len() as u32);
        self.requests.push(frame.clone());
        (frame, conn)
    }

    pub(super) fn respond(&mut self, key: usize, body: Response) -> &mut Self {
        let request = self.requests[key].clone();
        let response = Arc::new(ResponseFrame { correlation: request.correlation, body });
        self.broker(EventKind::Sent {
            to: Place::Consumer(consumer_ref(0)),
            conn: ConnectionId(key as u32),
            message: Message::Response { request, response },
        })
    }

    pub(super) fn request_heartbeat(&mut self, id: &str, generation: i32) -> usize {
        self.request(
            HeartbeatRequest::default()
                .with_group_id(group())
                .with_member_id(str_bytes(id))
                .with_generation_id(generation),
        )
    }

    pub(super) fn request_join(&mut self, id: &str) -> usize {
        let session = to_millis_i32(self.session);
        let rebalance = to_millis_i32(self.rebalance);
        self.request(
            JoinGroupRequest::default()
                .with_group_id(group())
                .with_member_id(str_bytes(id))
                .with_session_timeout_ms(session)
                .with_rebalance_timeout_ms(rebalance)
                .with_protocol_type(self.protocol_type.clone()),
        )
    }

    /// The broker handles a JoinGroup after the events of `meanwhile`, which follow its sending.
    pub(super) fn request_join_late(
        &mut self,
        id: &str,
        meanwhile: impl FnOnce(&mut TraceBuilder),
    ) {
        let body = JoinGroupRequest::default().with_group_id(group()).with_member_id(str_bytes(id));
        let (frame, conn) = self.frame(body);
        let message = Message::Request(frame);
        self.at_consumer(0, EventKind::Sent { to: self.place, conn, message: message.clone() });
        meanwhile(self);
        self.broker(EventKind::Received { from: Place::Consumer(consumer_ref(0)), conn, message });
    }

    /// The leader's JoinGroup response names the members of its generation, which all subscribe to
    /// `t`.
    pub(super) fn joined(&mut self, leader: &str, generation: i32, members: &[&str]) -> &mut Self {
        let members: Vec<_> = members.iter().map(|id| (*id, subscribed())).collect();
        self.joined_raw(leader, generation, &as_bytes(&members))
    }

    pub(super) fn request_sync(
        &mut self,
        id: &str,
        generation: i32,
        plan: &[(&str, &[&str])],
    ) -> usize {
        let plan: Vec<_> = plan.iter().map(|(id, owned)| (*id, assignment(owned))).collect();
        self.request_sync_raw(id, generation, &as_bytes(&plan))
    }

    /// The broker handles a SyncGroup that consumer 0 sent before it crashed.
    pub(super) fn request_zombie_sync(&mut self, id: &str, generation: i32) {
        let body = SyncGroupRequest::default()
            .with_group_id(group())
            .with_member_id(str_bytes(id))
            .with_generation_id(generation);
        let (frame, conn) = self.frame(body);
        let message = Message::Request(frame);
        self.at_consumer(0, EventKind::Sent { to: self.place, conn, message: message.clone() });
        self.at_consumer(
            0,
            EventKind::FaultBegan { fault: FaultKind::Crash, peer: None, direction: None },
        );
        self.broker(EventKind::Received { from: Place::Consumer(consumer_ref(0)), conn, message });
    }

    /// A SyncGroup succeeds.
    pub(super) fn assigned_in_sync(&mut self, key: usize, owned: &[&str]) -> &mut Self {
        self.assigned_raw(key, &assignment(owned))
    }

    pub(super) fn request_leave(&mut self, ids: &[&str]) -> usize {
        let members = ids
            .iter()
            .map(|id| leave_group_request::MemberIdentity::default().with_member_id(str_bytes(id)));
        let body = LeaveGroupRequest::default().with_group_id(group());
        self.request(body.with_members(members.collect()))
    }

    pub(super) fn request_commit(
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
        self.request(body)
    }

    /// The broker responds to a commit, with the same code for each partition.
    pub(super) fn committed(&mut self, key: usize, code: i16) -> &mut Self {
        let Request::OffsetCommit(body) = &self.requests[key].body else {
            panic!("request {key} is no OffsetCommit")
        };
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
        let response = OffsetCommitResponse::default().with_topics(topics.collect());
        self.respond(key, response.into())
    }

    pub(super) fn request_fetch(&mut self, names: &[&str]) -> usize {
        let body = fetch_request(names);
        self.request(body)
    }

    pub(super) fn fetched(&mut self, key: usize, offsets: &[(&str, i64)]) -> &mut Self {
        self.respond(key, fetch_response(offsets).into())
    }

    /// A consumer receives a response to OffsetFetch.
    pub(super) fn receives_offsets(&mut self, index: u16, offsets: &[(&str, i64)]) -> &mut Self {
        let names: Vec<&str> = offsets.iter().map(|(name, _)| *name).collect();
        let (correlation, client_id) = (7, str_bytes("c"));
        let body = fetch_request(&names).into();
        let request = Arc::new(RequestFrame { correlation, version: 7, client_id, body });
        let body = fetch_response(offsets).into();
        let response = Arc::new(ResponseFrame { correlation, body });
        let message = Message::Response { request, response };
        self.at_consumer(
            index,
            EventKind::Received { from: BROKER, conn: ConnectionId(9_999), message },
        )
    }
}

fn group() -> GroupId {
    GroupId(str_bytes("g"))
}

fn member(id: &str) -> MemberId {
    MemberId(str_bytes(id))
}

/// The first incarnation of a consumer.
pub(super) fn consumer_ref(index: u16) -> ConsumerRef {
    ConsumerRef { index, incarnation: 1 }
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
