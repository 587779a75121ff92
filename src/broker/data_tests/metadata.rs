//! Metadata.

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{self, MetadataRequest, MetadataResponse};

use super::*;

fn by_name(names: &[&str]) -> MetadataRequest {
    let topics =
        names.iter().map(|name| MetadataRequestTopic::default().with_name(Some(topic(name))));
    MetadataRequest::default().with_topics(Some(topics.collect()))
}

fn by_id(ids: &[Uuid]) -> MetadataRequest {
    let topics =
        ids.iter().map(|id| MetadataRequestTopic::default().with_name(None).with_topic_id(*id));
    MetadataRequest::default().with_topics(Some(topics.collect()))
}

/// Requests all topics. Version 0 expresses that differently.
fn all(version: i16) -> MetadataRequest {
    let topics = if version == 0 { Some(Vec::new()) } else { None };
    MetadataRequest::default().with_topics(topics)
}

fn ids(ids: &[messages::BrokerId]) -> Vec<i32> {
    ids.iter().map(|id| id.0).collect()
}

fn names(response: &MetadataResponse) -> Vec<(i16, Option<&str>)> {
    response
        .topics
        .iter()
        .map(|topic| (topic.error_code, topic.name.as_ref().map(|name| name.as_str())))
        .collect()
}

#[test]
fn each_version_lists_all_topics_and_brokers() {
    let endpoints = (0..3).map(|n| (str_bytes(&format!("host{n}")), 9_000 + n)).collect();
    let racks = ["r0", "r1", "r2"].map(str_bytes).to_vec();
    let mut bench = bench(ClusterConfig { endpoints, racks, ..config() });
    bench.cluster.create_topic(topic("t"), 2);
    let id = id_of(&bench, "t");
    for version in versions::<MetadataRequest>() {
        let response: MetadataResponse = call(&mut bench, B1, version, &all(version));
        let brokers: Vec<_> = response
            .brokers
            .iter()
            .map(|b| (b.node_id.0, b.host.as_str(), b.port, b.rack.as_deref()))
            .collect();
        let rack = |name| (version >= 1).then_some(name);
        let expected = [
            (0, "host0", 9_000, rack("r0")),
            (1, "host1", 9_001, rack("r1")),
            (2, "host2", 9_002, rack("r2")),
        ];
        assert_eq!(brokers, expected, "version {version}");
        let controller = if version >= 1 { 0 } else { -1 };
        assert_eq!(response.controller_id.0, controller);
        assert_eq!(response.cluster_id.as_deref(), (version >= 2).then_some("groupsim"));
        assert_eq!((response.cluster_authorized_operations, response.error_code), (i32::MIN, 0));
        assert_eq!(names(&response), [(0, Some("t"))]);
        let found = &response.topics[0];
        assert_eq!(found.topic_id, if version >= 10 { id } else { Uuid::nil() });
        assert_eq!((found.is_internal, found.topic_authorized_operations), (false, i32::MIN));
        for (number, partition) in found.partitions.iter().enumerate() {
            let first = number as i32;
            let replicas = vec![first, (first + 1) % 3, (first + 2) % 3];
            assert_eq!((partition.partition_index, partition.error_code), (first, 0));
            let epoch = if version >= 7 { 0 } else { -1 };
            assert_eq!((partition.leader_id.0, partition.leader_epoch), (0, epoch));
            assert_eq!(ids(&partition.replica_nodes), replicas);
            assert_eq!(ids(&partition.isr_nodes), replicas);
            assert!(partition.offline_replicas.is_empty());
        }
    }
}

#[test]
fn an_empty_list_requests_no_topics() {
    let mut bench = with_topics();
    for version in versions::<MetadataRequest>().skip(1) {
        let response: MetadataResponse = call(&mut bench, B0, version, &by_name(&[]));
        assert_eq!((response.topics.len(), response.brokers.len()), (0, 3), "version {version}");
    }
    // Version 0 does not allow null.
    let response: MetadataResponse = call(&mut bench, B0, 0, &all(1));
    assert_eq!((response.topics.len(), response.brokers.len()), (0, 0));
}

#[test]
fn a_missing_topic_is_reported_by_name_and_not_created() {
    let mut bench = with_topics();
    let (unknown, illegal) = (E::UnknownTopicOrPartition.code(), E::InvalidTopicException.code());
    for version in versions::<MetadataRequest>() {
        let request = by_name(&["x", "u", "no good", "x", ".."]);
        let response: MetadataResponse = call(&mut bench, B0, version, &request);
        let expected = [
            (unknown, Some("x")),
            (0, Some("u")),
            (illegal, Some("no good")),
            (illegal, Some("..")),
        ];
        assert_eq!(names(&response), expected, "version {version}");
        assert!(response.topics[0].topic_id.is_nil() && response.topics[0].partitions.is_empty());
    }
}

#[test]
fn topics_are_requested_by_id_from_version_12_on() {
    let mut bench = with_topics();
    let (old, kept) = (id_of(&bench, "t"), id_of(&bench, "u"));
    bench.at(B0, |cluster, now, out| cluster.delete_topic(now, B0, &topic("t"), out));
    bench.cluster.create_topic(topic("t"), 1);
    let new = id_of(&bench, "t");
    assert!(old != new && !new.is_nil());
    for version in 12..=13 {
        let request = by_id(&[old, kept, new, kept]);
        let response: MetadataResponse = call(&mut bench, B0, version, &request);
        let unknown = E::UnknownTopicId.code();
        assert_eq!(names(&response), [(unknown, None), (0, Some("u")), (0, Some("t"))]);
        let found: Vec<Uuid> = response.topics.iter().map(|topic| topic.topic_id).collect();
        assert_eq!(found, [old, kept, new]);
    }
    for version in 10..=11 {
        let named = MetadataRequestTopic::default().with_name(Some(topic("u"))).with_topic_id(kept);
        let nameless = MetadataRequestTopic::default().with_name(None);
        for request in [named, nameless] {
            let request = MetadataRequest::default().with_topics(Some(vec![request]));
            let response: MetadataResponse = call(&mut bench, B0, version, &request);
            assert_eq!(response.topics[0].error_code, E::InvalidRequest.code());
            assert!(response.topics[0].name.is_some(), "version {version} has no null for it");
        }
    }
}

#[test]
fn replicas_that_are_down_are_offline_and_unknown_to_the_oldest_clients() {
    let mut bench = bench(config());
    bench.cluster.create_topic(topic("t"), 1);
    bench.at(B0, |cluster, _, out| cluster.crash(B0, out));
    bench.learn(B1);
    for version in versions::<MetadataRequest>() {
        let response: MetadataResponse = call(&mut bench, B1, version, &all(version));
        let partition = &response.topics[0].partitions[0];
        assert_eq!(partition.leader_id.0, 1);
        assert_eq!(ids(&partition.isr_nodes), [1, 2]);
        let (replicas, error) = match version {
            0 => (vec![1, 2], E::ReplicaNotAvailable.code()),
            _ => (vec![0, 1, 2], 0),
        };
        assert_eq!((ids(&partition.replica_nodes), partition.error_code), (replicas, error));
        let offline = if version >= 5 { vec![0] } else { vec![] };
        assert_eq!(ids(&partition.offline_replicas), offline);
    }
}

#[test]
fn the_leader_is_a_replica() {
    let mut bench = bench(ClusterConfig { brokers: 5, ..config() });
    bench.cluster.create_topic(topic("t"), 5);
    let response: MetadataResponse = call(&mut bench, B1, 13, &all(13));
    let replicas = response.topics[0].partitions.iter().map(|p| ids(&p.replica_nodes));
    let expected = [[0, 1, 2], [1, 2, 0], [2, 3, 0], [3, 4, 0], [4, 0, 1]];
    assert_eq!(replicas.collect::<Vec<_>>(), expected);
    assert!(response.topics[0].partitions.iter().all(|p| p.isr_nodes == p.replica_nodes));
}
