//! The layout of responses that both the broker and the real coordinator contribute to: with
//! refused partitions, duplicate names and empty lists. Every expectation is the response of Apache
//! Kafka 4.4.0.

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
    DeleteGroupsRequest, DescribeGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, TxnOffsetCommitRequest, WriteTxnMarkersRequest,
};

use super::testing::*;
use super::*;
use crate::coordinator::Coordinator;
use crate::protocol::{BrokerId, GroupId, Request, Response, ResponseError as E, error_name};

/// A cluster with topics `t` (4 partitions) and `v` (2).
fn bench(offsets_partitions: i32) -> Bench<'static> {
    let config = ClusterConfig { offsets_partitions, ..config() };
    let mut bench = Bench::new(config, &|config, rng| Box::new(Coordinator::new(config, rng)));
    bench.cluster.create_topic(topic("t"), 4);
    bench.cluster.create_topic(topic("v"), 2);
    bench
}

/// Parses `t:0,1 nope: v:0` into topics with their partitions.
fn parts(text: &str) -> Vec<(&str, Vec<i32>)> {
    let numbers = |list: &str| list.split(',').filter_map(|number| number.parse().ok()).collect();
    let each = text.split_whitespace().map(|part| part.split_once(':').expect("topic:partitions"));
    each.map(|(name, list)| (name, numbers(list))).collect()
}

fn commit_of(group: &str, generation: i32, text: &str) -> Request {
    let topics = parts(text).into_iter().map(|(name, numbers)| {
        let partition =
            |number| OffsetCommitRequestPartition::default().with_partition_index(number);
        OffsetCommitRequestTopic::default()
            .with_name(topic(name))
            .with_partitions(numbers.into_iter().map(partition).collect())
    });
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(generation)
        .with_topics(topics.collect())
        .into()
}

fn txn_commit_of(group: &str, generation: i32, text: &str) -> Request {
    let topics = parts(text).into_iter().map(|(name, numbers)| {
        let partition =
            |number| TxnOffsetCommitRequestPartition::default().with_partition_index(number);
        TxnOffsetCommitRequestTopic::default()
            .with_name(topic(name))
            .with_partitions(numbers.into_iter().map(partition).collect())
    });
    TxnOffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(generation)
        .with_topics(topics.collect())
        .into()
}

fn delete_of(group: &str, text: &str) -> Request {
    let topics = parts(text).into_iter().map(|(name, numbers)| {
        let partition =
            |number| OffsetDeleteRequestPartition::default().with_partition_index(number);
        OffsetDeleteRequestTopic::default()
            .with_name(topic(name))
            .with_partitions(numbers.into_iter().map(partition).collect())
    });
    let request = OffsetDeleteRequest::default().with_group_id(group_id(group));
    request.with_topics(topics.collect()).into()
}

/// The response as text, `nope:0=UNKNOWN_TOPIC_OR_PARTITION t:0=NONE,1=NONE`, preceded by its
/// top-level error.
fn outcome(bench: &mut Bench<'_>, at: BrokerId, version: i16, request: Request) -> String {
    let sent = bench.send(at, version, request);
    bench.pass(ms(10));
    macro_rules! topics {
        ($topics:expr) => {{
            let each = $topics.iter().map(|topic| {
                let each = topic.partitions.iter();
                let each =
                    each.map(|p| format!("{}={}", p.partition_index, error_name(p.error_code)));
                format!("{}:{}", topic.name.as_str(), each.collect::<Vec<_>>().join(","))
            });
            each.collect::<Vec<_>>()
        }};
    }
    let parts = match bench.response(sent) {
        Response::OffsetCommit(body) => topics!(body.topics),
        Response::TxnOffsetCommit(body) => topics!(body.topics),
        Response::OffsetDelete(body) if body.error_code != 0 => {
            assert_eq!(body.topics.len(), 0);
            vec![error_name(body.error_code).to_owned()]
        }
        Response::OffsetDelete(body) => topics!(body.topics),
        Response::WriteTxnMarkers(body) => {
            let markers = body.markers.iter().map(|marker| {
                format!("{}[{}]", marker.producer_id.0, topics!(marker.topics).join(" "))
            });
            markers.collect()
        }
        Response::DeleteGroups(body) => {
            let each = body.results.iter();
            each.map(|it| format!("{}={}", it.group_id.as_str(), error_name(it.error_code)))
                .collect()
        }
        Response::DescribeGroups(body) => {
            let each = body.groups.iter();
            each.map(|it| format!("{}={}", it.group_id.as_str(), error_name(it.error_code)))
                .collect()
        }
        Response::OffsetFetch(body) => {
            let each = body.groups.iter();
            each.map(|it| format!("{}={}", it.group_id.as_str(), error_name(it.error_code)))
                .collect()
        }
        other => panic!("{other:?}"),
    };
    parts.join(" ").replace("UNKNOWN_TOPIC_OR_PARTITION", "?")
}

/// Requested partitions and the response: partitions that the broker refuses come first and are
/// merged with the coordinator's results.
const CASES: [(&str, &str); 10] = [
    ("t:0 nope:0 t:1 nope:1 v:9,0 t:9", "nope:0=?,1=? v:9=?,0=NONE t:9=?,0=NONE,1=NONE"),
    ("nope:0 t:0 nope:1 t:1 nope:2", "nope:0=?,1=?,2=? t:0=NONE,1=NONE"),
    ("t:0 v:0 t:0 v:0 t:1", "t:0=NONE v:0=NONE t:0=NONE v:0=NONE t:1=NONE"),
    ("t:9 v:0 t:0 v:1 t:2", "t:9=?,0=NONE,2=NONE v:0=NONE,1=NONE"),
    ("t:0 v: nope:", "nope: t:0=NONE"),
    ("nope: t: v:0 nope:1", "nope:1=? v:0=NONE"),
    ("nope: u: t:1", "nope: u: t:1=NONE"),
    ("t: v:1", "v:1=NONE"),
    ("nope:0 t:9 v:", "nope:0=? t:9=?"),
    ("t: v:", ""),
];

/// R3.14.
#[test]
fn partitions_that_the_broker_refuses_come_first_and_topics_are_merged() {
    for (requested, response) in CASES {
        assert_eq!(
            outcome(&mut bench(1), B0, 8, commit_of("g", -1, requested)),
            response,
            "{requested}"
        );
        assert_eq!(
            outcome(&mut bench(1), B0, 3, txn_commit_of("g", -1, requested)),
            response,
            "{requested}"
        );
        let mut bench = bench(1);
        outcome(&mut bench, B0, 8, commit_of("g", -1, "t:0"));
        assert_eq!(outcome(&mut bench, B0, 0, delete_of("g", requested)), response, "{requested}");
    }
}

/// R3.14, R6.8.1.
#[test]
fn a_group_error_stands_in_the_partitions_that_reached_the_coordinator() {
    let mut bench = bench(1);
    let requested = "t:0 nope:0 v:0 t:9";
    let wrong = "nope:0=? t:9=?,0=ILLEGAL_GENERATION v:0=ILLEGAL_GENERATION";
    assert_eq!(outcome(&mut bench, B0, 8, commit_of("g", 3, requested)), wrong);
    assert_eq!(outcome(&mut bench, B0, 3, txn_commit_of("g", 3, requested)), wrong);
    let elsewhere = "nope:0=? t:9=?,0=NOT_COORDINATOR v:0=NOT_COORDINATOR";
    assert_eq!(outcome(&mut bench, B1, 8, commit_of("g", 3, requested)), elsewhere);
    let invalid = "nope:0=? t:9=?,0=INVALID_GROUP_ID v:0=INVALID_GROUP_ID";
    assert_eq!(outcome(&mut bench, B0, 3, txn_commit_of("", -1, requested)), invalid);
    assert_eq!(outcome(&mut bench, B1, 3, txn_commit_of("", -1, requested)), invalid);
    assert_eq!(outcome(&mut bench, B1, 3, txn_commit_of("", -1, "nope:0")), "nope:0=?");
}

/// R3.14, R3.15.
#[test]
fn the_group_is_checked_before_the_partitions_of_an_offset_delete() {
    let mut bench = bench(1);
    for requested in ["nope:0", "nope:", "t:0 nope:0", "t:", ""] {
        assert_eq!(
            outcome(&mut bench, B0, 0, delete_of("g", requested)),
            "GROUP_ID_NOT_FOUND",
            "{requested}"
        );
        assert_eq!(
            outcome(&mut bench, B0, 0, delete_of("", requested)),
            "INVALID_GROUP_ID",
            "{requested}"
        );
        assert_eq!(
            outcome(&mut bench, B1, 0, delete_of("", requested)),
            "INVALID_GROUP_ID",
            "{requested}"
        );
        assert_eq!(
            outcome(&mut bench, B1, 0, delete_of("g", requested)),
            "NOT_COORDINATOR",
            "{requested}"
        );
    }
}

/// R3.14.
#[test]
fn an_empty_commit_does_not_reach_the_coordinator() {
    let mut bench = bench(1);
    for requested in ["", "t:", "t: v:", "nope: t:", "t:9"] {
        for at in [B0, B1] {
            for request in [commit_of("g", 7, requested), txn_commit_of("g", -1, requested)] {
                let response = outcome(&mut bench, at, 3, request);
                assert!(!response.contains("NOT_COORDINATOR") && !response.contains("ILLEGAL"));
            }
        }
    }
    assert_eq!(bench.term_changes, []);
}

/// R3.15.
#[test]
fn a_group_named_twice_is_deleted_once_and_described_as_often_as_it_is_named() {
    let ids = |names: &str| -> Vec<GroupId> { names.split(' ').map(group_id).collect() };
    for offsets_partitions in [1, 3] {
        let mut bench = bench(offsets_partitions);
        // a, d: partition 1 of 3, which B1 leads; b: 2; c: 0, which B0 leads.
        let here = if offsets_partitions == 1 { "NONE" } else { "NOT_COORDINATOR" };
        for group in ["a", "b", "c", "d"] {
            outcome(&mut bench, B0, 8, commit_of(group, -1, "t:0"));
        }
        for (names, response) in [
            ("x x x", "x=?"),
            ("c c", "c=NONE"),
            ("a b c d d", "a=HERE b=HERE c=GONE d=HERE"),
            ("c c a a", "c=GONE a=AGAIN"),
        ] {
            let request = DeleteGroupsRequest::default().with_groups_names(ids(names));
            let found = outcome(&mut bench, B0, 2, request.into());
            let again = if here == "NONE" { "GROUP_ID_NOT_FOUND" } else { here };
            let elsewhere = bench.cluster.partition_of(&group_id("x")) != 0;
            let x = if elsewhere { "NOT_COORDINATOR" } else { "GROUP_ID_NOT_FOUND" };
            let reply = response.replace("HERE", here).replace("AGAIN", again).replace('?', x);
            assert_eq!(found, reply.replace("GONE", "GROUP_ID_NOT_FOUND"), "{names}");
        }
        let request = DescribeGroupsRequest::default().with_groups(ids("c c c"));
        assert_eq!(outcome(&mut bench, B0, 5, request.into()), "c=NONE c=NONE c=NONE");
        let group = |id: GroupId| OffsetFetchRequestGroup::default().with_group_id(id);
        let groups = ids("c c").into_iter().map(group).collect();
        let request = OffsetFetchRequest::default().with_groups(groups);
        assert_eq!(outcome(&mut bench, B0, 8, request.into()), "c=NONE c=NONE");
    }
}

fn marker(producer: i64, epoch: i16, text: &str) -> WritableTxnMarker {
    let named = |(name, numbers): (&str, Vec<i32>)| {
        let name = if name == "o" { "__consumer_offsets" } else { name };
        WritableTxnMarkerTopic::default().with_name(topic(name)).with_partition_indexes(numbers)
    };
    WritableTxnMarker::default()
        .with_producer_id(producer.into())
        .with_producer_epoch(epoch)
        .with_topics(parts(text).into_iter().map(named).collect())
}

/// R3.15, R6.8.8.
#[test]
fn the_response_has_one_entry_for_each_producer_and_partition_of_the_markers() {
    for (markers, response) in [
        (vec![marker(7, 0, "o:0"), marker(7, 0, "o:0")], "7[o:0=NONE]"),
        (vec![marker(7, 0, "o:0 o:0"), marker(8, 0, "o:0")], "7[o:0=NONE] 8[o:0=NONE]"),
        (vec![marker(7, 0, "o:0,0")], "7[o:0=NONE]"),
        (vec![marker(7, 0, "o:0"), marker(7, 0, "o:7")], "7[o:0=NONE,7=?]"),
        (vec![marker(7, 0, "o:7"), marker(7, 0, "o:7")], "7[o:7=?]"),
        (vec![marker(7, 0, "")], ""),
        (vec![marker(7, 0, "o:")], ""),
        (vec![marker(7, 0, ""), marker(7, 0, "o:0")], "7[o:0=NONE]"),
        (vec![marker(7, 0, "nope:0 nope:0 t:0")], "7[nope:0=? t:0=NONE]"),
        (vec![marker(-1, 0, "o:0")], "-1[o:0=UNKNOWN_SERVER_ERROR]"),
        (vec![marker(7, -1, "o:0,9")], "7[o:0=UNKNOWN_SERVER_ERROR,9=?]"),
        (vec![], ""),
    ] {
        let request = WriteTxnMarkersRequest::default().with_markers(markers);
        let found = outcome(&mut bench(1), B0, 1, request.into());
        assert_eq!(found.replace("__consumer_offsets", "o"), response);
    }
}

/// R6.8.5.
#[test]
fn old_producers_get_not_available_from_a_loading_coordinator() {
    let mut bench = bench(1);
    bench.elect(Some(B1), Uncommitted::Kept);
    for (version, error) in [
        (0, E::CoordinatorNotAvailable),
        (1, E::CoordinatorNotAvailable),
        (2, E::CoordinatorLoadInProgress),
        (5, E::CoordinatorLoadInProgress),
    ] {
        bench.learn(B1);
        let sent = bench.send(B1, version, txn_commit_of("g", -1, "t:0 nope:0"));
        let Response::TxnOffsetCommit(reply) = bench.response(sent) else { panic!("another API") };
        let codes: Vec<_> = reply.topics.iter().map(|it| it.partitions[0].error_code).collect();
        assert_eq!(codes, [E::UnknownTopicOrPartition.code(), error.code()], "version {version}");
    }
}
