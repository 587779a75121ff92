//! Hand-built events for the tests of this ring and of those who show events or count them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest,
};

use super::event::{
    ConnectionId, ConsumerRef, Event, EventKind, FaultKind, Message, Place, Term, TermState,
};
use crate::client::ConsumerConfig;
use crate::coordinator::{
    ClassicObservation, GroupMetadata, GroupState, LoadedGroup, MemberMetadata, Observation,
    Removal, TransitionReason,
};
use crate::protocol::subscription::Subscription;
use crate::protocol::{
    BrokerId, Generation, GroupId, MemberId, Request, RequestFrame, Response, ResponseError,
    ResponseFrame, TopicName, TopicPartition, str_bytes, subscription,
};
use crate::time::Time;

pub(crate) const BROKER: Place = Place::Broker(BrokerId(0));

pub(crate) fn event(millis: u64, place: Place, kind: EventKind) -> Event {
    let at = Time::from_micros(millis * 1_000);
    Event { at, local: at, place, kind }
}

pub(crate) fn consumer(index: u16, incarnation: u16) -> Place {
    Place::Consumer(ConsumerRef { index, incarnation })
}

pub(crate) fn group() -> GroupId {
    GroupId(str_bytes("g"))
}

pub(crate) fn topic() -> TopicName {
    TopicName(str_bytes("orders"))
}

pub(crate) fn partition(number: i32) -> TopicPartition {
    TopicPartition::new(topic(), number)
}

/// The `digit`-th member id that was issued to client `client`.
pub(crate) fn member(client: &str, digit: u8) -> MemberId {
    MemberId(str_bytes(&format!("{client}-{digit:08}-0000-4000-8000-000000000000")))
}

pub(crate) fn started(millis: u64, index: u16, name: &str) -> Event {
    let config = ConsumerConfig::new(str_bytes(name), group(), vec![topic()]);
    let kind = EventKind::ConsumerStarted { name: name.into(), config: Arc::new(config) };
    event(millis, consumer(index, 1), kind)
}

pub(crate) fn script(millis: u64, text: &str) -> Event {
    event(millis, Place::Schedule, EventKind::Script { line: 1, text: text.into() })
}

pub(crate) fn fault(millis: u64, place: Place, fault: FaultKind) -> Event {
    event(millis, place, EventKind::FaultBegan { fault, peer: None, direction: None })
}

pub(crate) fn fault_over(millis: u64, place: Place, fault: FaultKind) -> Event {
    event(millis, place, EventKind::FaultEnded { fault, peer: None })
}

pub(crate) fn observed(millis: u64, seen: Observation) -> Event {
    event(millis, BROKER, EventKind::Coordinator(seen))
}

pub(crate) fn moved(millis: u64, from: GroupState, to: GroupState, why: TransitionReason) -> Event {
    observed(
        millis,
        Observation::Classic(ClassicObservation::State { group: group(), from, to, why }),
    )
}

pub(crate) fn added(millis: u64, member: MemberId) -> Event {
    let (session, rebalance) = (Duration::from_secs(10), Duration::from_secs(30));
    observed(
        millis,
        Observation::Classic(ClassicObservation::MemberAdded {
            group: group(),
            member,
            instance: None,
            session,
            rebalance,
        }),
    )
}

pub(crate) fn removed(millis: u64, member: MemberId, why: Removal) -> Event {
    observed(
        millis,
        Observation::Classic(ClassicObservation::MemberRemoved { group: group(), member, why }),
    )
}

/// Generation `generation` began; the first member leads.
pub(crate) fn began(millis: u64, generation: i32, members: &[MemberId]) -> Event {
    observed(
        millis,
        Observation::Classic(ClassicObservation::GenerationBegan {
            group: group(),
            generation: Generation(generation),
            protocol: (!members.is_empty()).then(|| str_bytes("range")),
            leader: members.first().cloned(),
            members: members.to_vec(),
            took: Duration::from_millis(3_004),
        }),
    )
}

/// The coordinator has given a static member a new id.
pub(crate) fn replaced(millis: u64, old: &MemberId, new: &MemberId) -> Event {
    observed(
        millis,
        Observation::Classic(ClassicObservation::MemberReplaced {
            group: group(),
            instance: str_bytes("i1"),
            old: old.clone(),
            new: new.clone(),
            session: Duration::from_secs(10),
            rebalance: Duration::from_secs(30),
        }),
    )
}

/// Broker `broker` has loaded the group in generation `generation`; the first member leads and has
/// the instance id `i1`. Partition 0 is committed at 5.
pub(crate) fn loaded(
    millis: u64,
    broker: i32,
    generation: i32,
    given: &[(&MemberId, &[i32])],
) -> Event {
    let members = given.iter().enumerate().map(|(nth, (member, partitions))| MemberMetadata {
        id: (*member).clone(),
        instance_id: (nth == 0).then(|| str_bytes("i1")),
        client_id: str_bytes("c"),
        client_host: str_bytes("/10.1.0.1"),
        session_timeout: Duration::from_secs(10),
        rebalance_timeout: Duration::from_secs(30),
        subscription: subscription::encode_subscription(&Subscription::to(&[topic()]), 1),
        assignment: assignment(partitions),
    });
    let metadata = GroupMetadata {
        group: group(),
        protocol_type: Some(str_bytes("consumer")),
        generation: Generation(generation),
        protocol: (!given.is_empty()).then(|| str_bytes("range")),
        leader: given.first().map(|(member, _)| (*member).clone()),
        state_since: Time::ZERO,
        members: members.collect(),
    };
    let state = if given.is_empty() { GroupState::Empty } else { GroupState::Stable };
    let found = LoadedGroup { metadata, state, offsets: vec![(partition(0), 5)] };
    let kind = EventKind::Coordinator(Observation::GroupLoaded(Box::new(found)));
    event(millis, Place::Broker(BrokerId(broker)), kind)
}

/// The controller elects a leader of partition 13 of the offsets log.
pub(crate) fn elected(millis: u64, epoch: i32, leader: Option<i32>, lost: u64) -> Event {
    let term_13 = Term { partition: 13, epoch };
    let leader = leader.map(BrokerId);
    event(millis, Place::Controller, EventKind::LeaderElected { term: term_13, leader, lost })
}

pub(crate) fn term(millis: u64, broker: i32, state: TermState) -> Event {
    let term_13 = Term { partition: 13, epoch: 2 };
    event(millis, Place::Broker(BrokerId(broker)), EventKind::TermChanged { term: term_13, state })
}

pub(crate) fn assignment(partitions: &[i32]) -> Bytes {
    let partitions: Vec<_> = partitions.iter().map(|&number| partition(number)).collect();
    subscription::encode_assignment(&partitions, 1)
}

pub(crate) fn frame(version: i16, body: impl Into<Request>) -> Arc<RequestFrame> {
    let body = body.into();
    Arc::new(RequestFrame { correlation: 7, version, client_id: str_bytes("c1"), body })
}

pub(crate) fn sent(millis: u64, from: Place, to: Place, message: Message) -> Event {
    event(millis, from, EventKind::Sent { to, conn: ConnectionId(3), message })
}

pub(crate) fn received(millis: u64, from: Place, body: impl Into<Request>) -> Event {
    let message = Message::Request(frame(4, body));
    event(millis, BROKER, EventKind::Received { from, conn: ConnectionId(3), message })
}

pub(crate) fn responded(
    millis: u64,
    to: Place,
    request: impl Into<Request>,
    response: impl Into<Response>,
) -> Event {
    let response = Arc::new(ResponseFrame { correlation: 7, body: response.into() });
    sent(millis, BROKER, to, Message::Response { request: frame(4, request), response })
}

pub(crate) fn heartbeat(member: &MemberId, generation: i32) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(member.0.clone())
}

pub(crate) fn heartbeat_response(error: Option<ResponseError>) -> HeartbeatResponse {
    HeartbeatResponse::default().with_error_code(crate::protocol::error_code(error))
}

pub(crate) fn join(member: &MemberId) -> JoinGroupRequest {
    JoinGroupRequest::default()
        .with_group_id(group())
        .with_member_id(member.0.clone())
        .with_protocol_type(str_bytes("consumer"))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocols(vec![
            JoinGroupRequestProtocol::default()
                .with_name(str_bytes("range"))
                .with_metadata(subscription::encode_subscription(&Subscription::to(&[topic()]), 1)),
        ])
}

pub(crate) fn join_refused(member: &MemberId, error: ResponseError) -> JoinGroupResponse {
    JoinGroupResponse::default().with_error_code(error.code()).with_member_id(member.0.clone())
}

/// The leader's SyncGroup, with the partitions of each member.
pub(crate) fn sync(
    generation: i32,
    leader: &MemberId,
    given: &[(&MemberId, &[i32])],
) -> SyncGroupRequest {
    let assignments = given.iter().map(|(member, partitions)| {
        SyncGroupRequestAssignment::default()
            .with_member_id(member.0.clone())
            .with_assignment(assignment(partitions))
    });
    SyncGroupRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(leader.0.clone())
        .with_assignments(assignments.collect())
}
