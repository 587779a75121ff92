//! The requests of members of a classic group.

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

use super::{Ask, topic};
use crate::conform::script::bytes;
use crate::protocol::{StrBytes, str_bytes};

pub fn join_group(ask: &Ask<'_>) -> JoinGroupRequest {
    let offered = ask.text("protocols", "range:t");
    let version = ask.number("sv", 0);
    let offered = offered.split(';').filter(|offer| !offer.is_empty()).map(|offer| {
        let (name, topics) = offer.split_once(':').unwrap_or((offer, "t"));
        let metadata = match topics.strip_prefix("hex=") {
            Some(hex) => bytes(hex).into(),
            None => subscription(topics, version),
        };
        JoinGroupRequestProtocol::default().with_name(str_bytes(name)).with_metadata(metadata)
    });
    let mut request = JoinGroupRequest::default()
        .with_group_id(ask.group())
        .with_session_timeout_ms(ask.number("session", 10_000))
        .with_member_id(ask.member())
        .with_protocol_type(ask.text("type", "consumer"))
        .with_protocols(offered.collect());
    if ask.version >= 1 {
        request.rebalance_timeout_ms = ask.number("rebalance", 10_000);
    }
    if ask.version >= 5 {
        request.group_instance_id = ask.nullable("instance");
    }
    if ask.version >= 8 {
        request.reason = ask.nullable("reason");
    }
    request
}

/// `t+u` as the metadata of an assignor, of this version.
fn subscription(topics: &str, version: i16) -> Bytes {
    let topics = topics.split('+').filter(|topic| !topic.is_empty()).map(str_bytes).collect();
    let subscription = ConsumerProtocolSubscription::default().with_topics(topics);
    versioned(&subscription, version)
}

/// `t:0,1+u:2`, or `hex:` and any bytes.
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

/// A payload of the consumer protocol, its version in front.
fn versioned<T: Encodable>(payload: &T, version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    payload.encode(&mut bytes, version).expect("a script's names of topics have been measured");
    bytes.freeze()
}

pub fn sync_group(ask: &Ask<'_>) -> SyncGroupRequest {
    let plan = ask.options.get("assign").map_or("", String::as_str);
    let plan = plan.split(';').filter(|item| !item.is_empty()).map(|item| {
        let (member, owned) = item.split_once('=').unwrap_or((item, ""));
        SyncGroupRequestAssignment::default()
            .with_member_id(StrBytes::from_string(ask.session.value(member)))
            .with_assignment(assignment(owned))
    });
    let mut request = SyncGroupRequest::default()
        .with_group_id(ask.group())
        .with_generation_id(ask.generation())
        .with_member_id(ask.member())
        .with_assignments(plan.collect());
    if ask.version >= 3 {
        request.group_instance_id = ask.nullable("instance");
    }
    if ask.version >= 5 {
        let said = |option: &str, default: &str| match ask.has(option) {
            true => ask.nullable(option),
            false => Some(str_bytes(default)),
        };
        request.protocol_type = said("type", "consumer");
        request.protocol_name = said("protocol", "range");
    }
    request
}

pub fn heartbeat(ask: &Ask<'_>) -> HeartbeatRequest {
    let mut request = HeartbeatRequest::default()
        .with_group_id(ask.group())
        .with_generation_id(ask.generation())
        .with_member_id(ask.member());
    if ask.version >= 3 {
        request.group_instance_id = ask.nullable("instance");
    }
    request
}

pub fn leave_group(ask: &Ask<'_>) -> LeaveGroupRequest {
    let request = LeaveGroupRequest::default().with_group_id(ask.group());
    if ask.version < 3 {
        return request.with_member_id(ask.member());
    }
    let identity = |member: StrBytes, instance: Option<StrBytes>| {
        let reason = if ask.version >= 5 { ask.nullable("reason") } else { None };
        MemberIdentity::default()
            .with_member_id(member)
            .with_group_instance_id(instance)
            .with_reason(reason)
    };
    let members = match ask.options.get("members").map(String::as_str) {
        None => vec![identity(ask.member(), ask.nullable("instance"))],
        Some("@") => Vec::new(),
        Some(members) => members
            .split(';')
            .map(|item| {
                let (member, instance) = match item.split_once('/') {
                    Some((member, instance)) => (member, Some(str_bytes(instance))),
                    None => (item, None),
                };
                identity(StrBytes::from_string(ask.session.value(member)), instance)
            })
            .collect(),
    };
    request.with_members(members)
}
