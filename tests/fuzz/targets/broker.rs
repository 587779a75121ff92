//! Arbitrary payloads of members, and arbitrary frames of clients, on a whole broker.

use std::time::Duration;

use bytes::Bytes;
use groupsim::protocol::{
    Api, CONSUMER_PROTOCOL_TYPE, Generation, GroupId, Request, Response, StrBytes, TopicName,
    str_bytes,
};
use groupsim::wire;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DescribeGroupsRequest, JoinGroupRequest, ListOffsetsRequest, OffsetCommitRequest,
    OffsetDeleteRequest, ProduceRequest, SyncGroupRequest,
};

use super::payloads::{self, partitions, repaired};
use super::served::Served;
use super::{joined, parts};

const TYPES: [&str; 3] = [CONSUMER_PROTOCOL_TYPE, "sr", "connect"];
const ASSIGNORS: [&str; 5] = ["range", "sticky", "cooperative-sticky", "stream", "v0"];

/// Invariants that a client alone can violate: the leader sends the assignment that the input
/// contains, and a member commits partitions that it does not own.
const OF_CLIENTS: [&str; 4] = ["single-owner", "no-overlap", "balance", "stickiness"];

fn group_id() -> GroupId {
    GroupId(str_bytes("g"))
}

/// A group of two members. The first two bytes of the input select its protocol type and its
/// assignor; then follow the metadata of both members, their assignments, and a record batch. The
/// group must work with any input, and only the members of a group of consumers may violate
/// invariants.
pub fn group(bytes: &[u8]) {
    let Some((&[of, assignor], rest)) = bytes.split_first_chunk() else { return };
    let protocol_type = TYPES[usize::from(of) % TYPES.len()];
    let assignor = ASSIGNORS[usize::from(assignor) % ASSIGNORS.len()];
    let mut said = parts(rest).map(Bytes::copy_from_slice);
    let mut next = || said.next().unwrap_or_default();
    let mut served = Served::new();
    let subscriptions = [next(), next()];
    let assignments = [next(), next()];
    let mut both = Members::join(&mut served, protocol_type, assignor, &subscriptions);
    both.sync(&mut served, &assignments);
    both.commit(&mut served);
    inspect(&mut served, protocol_type);
    produce(&mut served, &next());
    // Once more, with the member ids that they have now.
    both = Members::join(&mut served, protocol_type, assignor, &subscriptions);
    both.sync(&mut served, &assignments);
    both.commit(&mut served);
    served.wait(Duration::from_secs(600));
    let found = served.violation.take();
    let of_clients =
        |name: &str| protocol_type == CONSUMER_PROTOCOL_TYPE && OF_CLIENTS.contains(&name);
    assert!(found.as_ref().is_none_or(|found| of_clients(found.invariant)), "{found:?}");
}

struct Members {
    ids: [StrBytes; 2],
    leader: StrBytes,
    generation: Generation,
}

impl Members {
    /// Two members without ids join; both are in the resulting generation.
    fn join(served: &mut Served, of: &str, assignor: &str, said: &[Bytes; 2]) -> Members {
        let join = |said: &Bytes| {
            let protocol = JoinGroupRequestProtocol::default()
                .with_name(str_bytes(assignor))
                .with_metadata(said.clone());
            JoinGroupRequest::default()
                .with_group_id(group_id())
                .with_session_timeout_ms(10_000)
                .with_rebalance_timeout_ms(20_000)
                .with_protocol_type(str_bytes(of))
                .with_protocols(vec![protocol])
        };
        let mut members: Vec<StrBytes> = Vec::new();
        let (mut leader, mut generation) = (StrBytes::default(), Generation(0));
        served.send(1, 3, join(&said[0]));
        served.send(2, 3, join(&said[1]));
        for conn in [1, 2] {
            let Some(Response::JoinGroup(answer)) = served.response(conn) else {
                panic!("no response to JoinGroup");
            };
            assert_eq!(answer.error_code, 0);
            members.push(answer.member_id.clone());
            if !answer.members.is_empty() {
                for member in &answer.members {
                    assert!(said.contains(&member.metadata), "it is passed on unchanged");
                }
            }
            (leader, generation) = (answer.leader.clone(), Generation(answer.generation_id));
        }
        let [a, b] = members.try_into().expect("two members");
        Members { ids: [a, b], leader, generation }
    }

    fn sync(&self, served: &mut Served, assignments: &[Bytes; 2]) {
        for (conn, id) in (1..).zip(&self.ids) {
            let given = self.ids.iter().zip(assignments).map(|(id, assignment)| {
                SyncGroupRequestAssignment::default()
                    .with_member_id(id.clone())
                    .with_assignment(assignment.clone())
            });
            let given = if *id == self.leader { given.collect() } else { Vec::new() };
            let request = SyncGroupRequest::default()
                .with_group_id(group_id())
                .with_member_id(id.clone())
                .with_generation_id(self.generation.0)
                .with_assignments(given);
            served.send(conn, 2, request);
        }
        for conn in [1, 2] {
            let Some(Response::SyncGroup(answer)) = served.response(conn) else {
                panic!("no response to SyncGroup");
            };
            assert!(answer.error_code != 0 || assignments.contains(&answer.assignment));
        }
    }

    /// The first member commits, whatever its assignment.
    fn commit(&self, served: &mut Served) {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(5);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(str_bytes("orders")))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id())
            .with_member_id(self.ids[0].clone())
            .with_generation_id_or_member_epoch(self.generation.0)
            .with_topics(vec![topic]);
        assert!(served.request(1, 5, request).is_some());
    }
}

/// The requests of an administrator who inspects the group.
fn inspect(served: &mut Served, protocol_type: &str) {
    let describe = DescribeGroupsRequest::default().with_groups(vec![group_id()]);
    let Some(Response::DescribeGroups(answer)) = served.request(3, 5, describe) else {
        panic!("no response to DescribeGroups");
    };
    assert_eq!(answer.groups[0].protocol_type.as_str(), protocol_type);
    let partition = OffsetDeleteRequestPartition::default();
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(TopicName(str_bytes("orders")))
        .with_partitions(vec![partition]);
    let delete = OffsetDeleteRequest::default().with_group_id(group_id()).with_topics(vec![topic]);
    let Some(Response::OffsetDelete(answer)) = served.request(3, 0, delete) else {
        panic!("no response to OffsetDelete");
    };
    // NON_EMPTY_GROUP.
    assert_eq!(answer.error_code == 68, protocol_type != CONSUMER_PROTOCOL_TYPE);
}

/// Writes a batch, and looks up its records by their timestamps.
fn produce(served: &mut Served, batch: &Bytes) {
    let topic = || TopicName(str_bytes("orders"));
    let data = PartitionProduceData::default().with_records(Some(repaired(batch)));
    let data = TopicProduceData::default().with_name(topic()).with_partition_data(vec![data]);
    let request = ProduceRequest::default().with_acks(1).with_topic_data(vec![data]);
    assert!(served.request(4, 7, request).is_some());
    for timestamp in [i64::MIN, -3, -2, -1, 0, i64::MAX] {
        let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
        let topic = ListOffsetsTopic::default().with_name(topic()).with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_topics(vec![topic]);
        assert!(served.request(4, 7, request).is_some());
    }
}

pub fn groups() -> Vec<Vec<u8>> {
    let subscriptions = payloads::subscriptions();
    let assignments = payloads::assignments();
    let batches = payloads::batches();
    let json: [&[u8]; 2] = [br#"{"host":"a","port":8081}"#, br#"{"error":0,"leader":"sr-1"}"#];
    let mut seeds = Vec::new();
    for of in 0..TYPES.len() {
        for assignor in 0..ASSIGNORS.len() {
            let head = [of as u8, assignor as u8];
            for subscription in &subscriptions {
                let said =
                    [subscription, subscription, &assignments[0], &assignments[1], &batches[1]];
                let said = joined(said.into_iter().map(Vec::as_slice));
                seeds.push([&head[..], &said].concat());
            }
            let said = joined([json[0], json[0], json[1], json[1], &batches[0]]);
            seeds.push([&head[..], &said].concat());
        }
    }
    seeds
}

/// Clients that send frames one after the other, on four connections. The first byte of each frame
/// selects the connection, the second the time to wait before.
pub fn frames(bytes: &[u8]) {
    let mut served = Served::new();
    for part in parts(bytes).take(64) {
        let Some((&[conn, wait], frame)) = part.split_first_chunk() else { continue };
        served.wait(Duration::from_millis(u64::from(wait) * u64::from(wait)));
        served.frame(u32::from(conn % 4), frame);
    }
    served.wait(Duration::from_secs(600));
    let found = served.violation.take();
    assert!(found.as_ref().is_none_or(|found| OF_CLIENTS.contains(&found.invariant)), "{found:?}");
}

/// Requests of each API to an existing group, in its oldest and its newest version.
pub fn conversations() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for api in Api::ALL {
        for version in [*wire::versions(*api).start(), *wire::versions(*api).end()] {
            let frames = [join_frame(), commit_frame()].into_iter();
            let frames = frames.chain(super::wire::request_frames(*api, version));
            let frames: Vec<Vec<u8>> = frames.map(|frame| [&[1, 9][..], &frame].concat()).collect();
            seeds.push(joined(frames.iter().map(Vec::as_slice)));
        }
    }
    seeds
}

fn join_frame() -> Vec<u8> {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(str_bytes("range"))
        .with_metadata(payloads::subscriptions()[0].clone().into());
    let request = JoinGroupRequest::default()
        .with_group_id(GroupId::default())
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(20_000)
        .with_protocol_type(str_bytes(CONSUMER_PROTOCOL_TYPE))
        .with_protocols(vec![protocol]);
    encoded(3, request.with_group_id(group_id()).into())
}

fn commit_frame() -> Vec<u8> {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(5);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(partitions()[0].topic.clone())
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(str_bytes("h")))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    encoded(2, request.into())
}

fn encoded(version: i16, body: Request) -> Vec<u8> {
    let client_id = str_bytes("x");
    let frame = groupsim::protocol::RequestFrame { correlation: 7, version, client_id, body };
    wire::encode_request(&frame).expect("a request that its version can carry").to_vec()
}
