//! Requests of members of a classic group.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::Encodable;

use super::{RequestArgs, topic};
use crate::conform::script::bytes;
use crate::protocol::{StrBytes, str_bytes};

pub fn join_group(args: &RequestArgs<'_>) -> JoinGroupRequest {
    let offered = args.text("protocols", "range:t");
    let version = args.number("sv", 0);
    let offered = offered.split(';').filter(|offer| !offer.is_empty()).map(|offer| {
        let (name, topics) = offer.split_once(':').unwrap_or((offer, "t"));
        let metadata = match topics.strip_prefix("hex=") {
            Some(hex) => bytes(hex).into(),
            None => subscription(topics, version),
        };
        JoinGroupRequestProtocol::default().with_name(str_bytes(name)).with_metadata(metadata)
    });
    let mut request = JoinGroupRequest::default()
        .with_group_id(args.group())
        .with_session_timeout_ms(args.number("session", 10_000))
        .with_member_id(args.member())
        .with_protocol_type(args.text("type", "consumer"))
        .with_protocols(offered.collect());
    if args.version >= 1 {
        request.rebalance_timeout_ms = args.number("rebalance", 10_000);
    }
    if args.version >= 5 {
        request.group_instance_id = args.nullable("instance");
    }
    if args.version >= 8 {
        request.reason = args.nullable("reason");
    }
    request
}

/// A subscription to the topics `t+u`, in this version of the consumer protocol.
fn subscription(topics: &str, version: i16) -> Bytes {
    let topics = topics.split('+').filter(|topic| !topic.is_empty()).map(str_bytes).collect();
    let subscription = ConsumerProtocolSubscription::default().with_topics(topics);
    versioned(&subscription, version)
}

/// The assignment that `t:0,1+u:2` describes, or the bytes of `hex:00ff`.
fn assignment(owned: &str) -> Bytes {
    if let Some(hex) = owned.strip_prefix("hex:") {
        return bytes(hex).into();
    }
    let topics = owned.split('+').filter(|topic| !topic.is_empty()).map(|owned| {
        let (name, partitions) = owned.split_once(':').unwrap_or((owned, ""));
        let partitions = partitions.split(',').filter_map(|number| number.parse().ok());
        TopicPartition::default().with_topic(topic(name)).with_partitions(partitions.collect())
    });
    let assignment =
        ConsumerProtocolAssignment::default().with_assigned_partitions(topics.collect());
    versioned(&assignment, 0)
}

/// A payload of the consumer protocol, preceded by its version.
fn versioned<T: Encodable>(payload: &T, version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    payload.encode(&mut bytes, version).expect("the parser has checked the lengths of topic names");
    bytes.freeze()
}

pub fn sync_group(args: &RequestArgs<'_>) -> SyncGroupRequest {
    let plan = args.options.get("assign").map_or("", String::as_str);
    let plan = plan.split(';').filter(|item| !item.is_empty()).map(|item| {
        let (member, owned) = item.split_once('=').unwrap_or((item, ""));
        SyncGroupRequestAssignment::default()
            .with_member_id(StrBytes::from_string(args.session.value(member)))
            .with_assignment(assignment(owned))
    });
    let mut request = SyncGroupRequest::default()
        .with_group_id(args.group())
        .with_generation_id(args.generation())
        .with_member_id(args.member())
        .with_assignments(plan.collect());
    if args.version >= 3 {
        request.group_instance_id = args.nullable("instance");
    }
    if args.version >= 5 {
        let given = |option: &str, default: &str| match args.has(option) {
            true => args.nullable(option),
            false => Some(str_bytes(default)),
        };
        request.protocol_type = given("type", "consumer");
        request.protocol_name = given("protocol", "range");
    }
    request
}

pub fn heartbeat(args: &RequestArgs<'_>) -> HeartbeatRequest {
    let mut request = HeartbeatRequest::default()
        .with_group_id(args.group())
        .with_generation_id(args.generation())
        .with_member_id(args.member());
    if args.version >= 3 {
        request.group_instance_id = args.nullable("instance");
    }
    request
}

pub fn leave_group(args: &RequestArgs<'_>) -> LeaveGroupRequest {
    let request = LeaveGroupRequest::default().with_group_id(args.group());
    if args.version < 3 {
        return request.with_member_id(args.member());
    }
    let identity = |member: StrBytes, instance: Option<StrBytes>| {
        let reason = if args.version >= 5 { args.nullable("reason") } else { None };
        MemberIdentity::default()
            .with_member_id(member)
            .with_group_instance_id(instance)
            .with_reason(reason)
    };
    let members = match args.options.get("members").map(String::as_str) {
        None => vec![identity(args.member(), args.nullable("instance"))],
        Some("@") => Vec::new(),
        Some(members) => members
            .split(';')
            .map(|item| {
                let (member, instance) = match item.split_once('/') {
                    Some((member, instance)) => (member, Some(str_bytes(instance))),
                    None => (item, None),
                };
                identity(StrBytes::from_string(args.session.value(member)), instance)
            })
            .collect(),
    };
    request.with_members(members)
}
