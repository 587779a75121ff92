//! Shorthand for requests about offsets and groups: partitions are those of a topic `t` or named
//! `topic-partition`, groups go by name, and results are error codes.

use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, JoinGroupRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, ProducerId, TxnOffsetCommitRequest,
    WriteTxnMarkersRequest,
};

use super::bench::join_request;
use super::*;
use crate::coordinator::group::Group;
use crate::coordinator::{GroupState, Input, Observation, RequestId};
use crate::protocol::subscription::{Subscription, encode_subscription};
use crate::protocol::{GroupId, Response, StrBytes, TopicName, TopicPartition, str_bytes};

pub(super) fn named(group: &str) -> GroupId {
    GroupId(str_bytes(group))
}

/// `t-3` is partition 3 of topic `t`.
pub(super) fn at(partition: &str) -> TopicPartition {
    let (topic, number) = partition.rsplit_once('-').expect("topic-partition");
    TopicPartition::new(TopicName(str_bytes(topic)), number.parse().expect("a number"))
}

/// Makes a member static, as if it had joined with that instance id.
pub(super) fn make_static(bench: &mut Bench, member: &StrBytes, instance: &str) {
    let Group::Classic(group) = &mut bench.coordinator.groups[&bench::group()];
    let members = &mut group.members;
    let mut member = members.remove(member).expect("a member");
    assert!(member.join.is_none() && !member.sync_awaited, "members count what waits");
    member.instance_id = Some(str_bytes(instance));
    members.add(member);
}

/// A Stable group `g` in generation 1 with one member per list of topics; returns their ids.
pub(super) fn readers(protocol_type: &str, topics: &[&[&str]]) -> (Bench, Vec<StrBytes>) {
    readers_with(Default::default(), protocol_type, topics)
}

pub(super) fn readers_with(
    config: crate::coordinator::CoordinatorConfig,
    protocol_type: &str,
    topics: &[&[&str]],
) -> (Bench, Vec<StrBytes>) {
    let mut bench = Bench::with(config);
    let ids: Vec<_> = topics.iter().map(|own| enter(&mut bench, protocol_type, own)).collect();
    while bench.state() == GroupState::PreparingRebalance {
        bench.pass(secs(3));
    }
    for id in &ids {
        let mut sync = bench::sync_request(id, 1, &ids);
        sync.protocol_type = Some(str_bytes(protocol_type));
        bench.send("m", 5, sync);
    }
    bench.commit();
    assert_eq!(bench.state(), GroupState::Stable);
    (bench, ids)
}

/// Joins a new member with those topics; returns its id.
pub(super) fn enter(bench: &mut Bench, protocol_type: &str, topics: &[&str]) -> StrBytes {
    let first = bench.send("c", 9, offer(protocol_type, topics));
    let id = bench.joined(first).member_id;
    rejoin(bench, protocol_type, &id, topics);
    id
}

/// A member joins again, with those topics.
pub(super) fn rejoin(bench: &mut Bench, protocol_type: &str, id: &StrBytes, topics: &[&str]) {
    bench.send("c", 9, offer(protocol_type, topics).with_member_id(id.clone()));
}

fn offer(protocol_type: &str, topics: &[&str]) -> JoinGroupRequest {
    let topics: Vec<_> = topics.iter().map(|topic| TopicName(str_bytes(topic))).collect();
    let mut request = join_request("").with_protocol_type(str_bytes(protocol_type));
    request.protocols[0].metadata = encode_subscription(&Subscription::to(&topics), 1);
    request
}

/// The log has been replayed.
pub(super) fn loaded(bench: &mut Bench) {
    bench.pass_in(Input::Loaded);
}

pub(super) fn commit_to(bench: &mut Bench, group: &str, partition: &str, offset: i64) -> RequestId {
    bench.send("m", 9, commit_request(group, partition, offset))
}

/// Like [`commit_to`], with a retention time of that many seconds.
pub(super) fn commit_until(
    bench: &mut Bench,
    group: &str,
    partition: &str,
    offset: i64,
    seconds: i64,
) -> RequestId {
    let request = commit_request(group, partition, offset).with_retention_time_ms(seconds * 1_000);
    bench.send("m", 4, request)
}

fn commit_request(group: &str, partition: &str, offset: i64) -> OffsetCommitRequest {
    let at = at(partition);
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(at.partition)
        .with_committed_offset(offset);
    let topic =
        OffsetCommitRequestTopic::default().with_name(at.topic).with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(named(group))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic])
}

/// A TxnOffsetCommit without a member's identity; set the fields for more.
pub(super) fn txn_request(
    group: &str,
    producer: i64,
    partition: &str,
    offset: i64,
) -> TxnOffsetCommitRequest {
    let at = at(partition);
    let partition = TxnOffsetCommitRequestPartition::default()
        .with_partition_index(at.partition)
        .with_committed_offset(offset);
    let topic =
        TxnOffsetCommitRequestTopic::default().with_name(at.topic).with_partitions(vec![partition]);
    TxnOffsetCommitRequest::default()
        .with_group_id(named(group))
        .with_producer_id(ProducerId(producer))
        .with_generation_id(-1)
        .with_topics(vec![topic])
}

pub(super) fn txn_to(
    bench: &mut Bench,
    group: &str,
    producer: i64,
    partition: &str,
    offset: i64,
) -> RequestId {
    bench.send("p", 3, txn_request(group, producer, partition, offset))
}

pub(super) fn end_txn(bench: &mut Bench, producer: i64, commit: bool) -> RequestId {
    let topic = WritableTxnMarkerTopic::default()
        .with_name(TopicName(str_bytes("__consumer_offsets")))
        .with_partition_indexes(vec![7]);
    let marker = WritableTxnMarker::default()
        .with_producer_id(ProducerId(producer))
        .with_transaction_result(commit)
        .with_topics(vec![topic]);
    bench.send("t", 1, WriteTxnMarkersRequest::default().with_markers(vec![marker]))
}

pub(super) fn delete_offsets(bench: &mut Bench, group: &str, partitions: &[&str]) -> RequestId {
    let topic = |partition: &&str| {
        let at = at(partition);
        let partition = OffsetDeleteRequestPartition::default().with_partition_index(at.partition);
        OffsetDeleteRequestTopic::default().with_name(at.topic).with_partitions(vec![partition])
    };
    let request = OffsetDeleteRequest::default()
        .with_group_id(named(group))
        .with_topics(partitions.iter().map(topic).collect());
    bench.send("a", 0, request)
}

pub(super) fn delete_groups(bench: &mut Bench, groups: &[&str]) -> RequestId {
    let names = groups.iter().map(|name| named(name)).collect();
    bench.send("a", 2, DeleteGroupsRequest::default().with_groups_names(names))
}

pub(super) fn described(bench: &mut Bench, version: i16, group: &str) -> DescribedGroup {
    let request = DescribeGroupsRequest::default().with_groups(vec![named(group)]);
    let id = bench.send("a", version, request);
    let Response::DescribeGroups(response) = bench.response(id) else {
        panic!("not a description")
    };
    let [group] = response.groups.try_into().expect("one group");
    group
}

/// The error codes of a response, in order; the top-level one first if it is not 0.
pub(super) fn codes(bench: &Bench, id: RequestId) -> Vec<i16> {
    match bench.response(id) {
        Response::OffsetCommit(response) => {
            response.topics.iter().flat_map(|t| &t.partitions).map(|p| p.error_code).collect()
        }
        Response::TxnOffsetCommit(response) => {
            response.topics.iter().flat_map(|t| &t.partitions).map(|p| p.error_code).collect()
        }
        Response::WriteTxnMarkers(response) => {
            let topics = response.markers.iter().flat_map(|m| &m.topics);
            topics.flat_map(|t| &t.partitions).map(|p| p.error_code).collect()
        }
        Response::OffsetDelete(response) => match response.error_code {
            0 => response.topics.iter().flat_map(|t| &t.partitions).map(|p| p.error_code).collect(),
            refused => vec![refused],
        },
        Response::DeleteGroups(response) => response.results.iter().map(|r| r.error_code).collect(),
        other => panic!("no codes of {}", other.api()),
    }
}

/// Everything that the group has committed, as `t-0=5`; `t-0=unstable` where a transaction may
/// change it.
pub(super) fn offsets_of(bench: &mut Bench, group: &str, stable: bool) -> Vec<String> {
    let group = OffsetFetchRequestGroup::default().with_group_id(named(group)).with_topics(None);
    let request =
        OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(stable);
    let id = bench.send("m", 9, request);
    let Response::OffsetFetch(response) = bench.response(id) else { panic!("not a fetch") };
    let mut all = Vec::new();
    for topic in &response.groups[0].topics {
        for p in &topic.partitions {
            let (name, index) = (topic.name.0.as_str(), p.partition_index);
            all.push(match p.error_code {
                0 => format!("{name}-{index}={}", p.committed_offset),
                error => {
                    assert_eq!((error, p.committed_offset), (code(E::UnstableOffsetCommit), -1));
                    format!("{name}-{index}=unstable")
                }
            });
        }
    }
    all
}

/// The removals that were observed, as `g deleted` and `g t-0 expired`; clears them.
pub(super) fn gone(bench: &mut Bench) -> Vec<String> {
    let seen = std::mem::take(&mut bench.observed);
    let line = |observation: &Observation| match observation {
        Observation::GroupRemoved { group, why } => Some(format!("{} {why}", group.0)),
        Observation::OffsetRemoved { group, partition, why } => {
            Some(format!("{} {partition} {why}", group.0))
        }
        _ => None,
    };
    seen.iter().filter_map(line).collect()
}
