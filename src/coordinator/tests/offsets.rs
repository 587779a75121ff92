//! R6.5, R6.6, R9.2.

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetFetchRequest, OffsetFetchResponse};

use super::bench::{SESSION, group};
use super::offset_world::make_static;
use super::*;
use crate::coordinator::{GroupState, Inspect, Record, Release, RequestId};
use crate::protocol::{GroupId, Response, TopicName, str_bytes};
use crate::time::Time;

fn topic(name: &str) -> TopicName {
    TopicName(str_bytes(name))
}

pub(super) fn commit_request(
    member: &str,
    generation: i32,
    offsets: &[(i32, i64)],
) -> OffsetCommitRequest {
    let partition = |&(index, offset): &(i32, i64)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(str_bytes("note")))
    };
    let orders = OffsetCommitRequestTopic::default()
        .with_name(topic("orders"))
        .with_partitions(offsets.iter().map(partition).collect());
    OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(str_bytes(member))
        .with_topics(vec![orders])
}

fn commit(bench: &mut Bench, member: &str, generation: i32, offsets: &[(i32, i64)]) -> RequestId {
    bench.send("m", 9, commit_request(member, generation, offsets))
}

fn codes(bench: &Bench, id: RequestId) -> Vec<i16> {
    let Response::OffsetCommit(response) = bench.response(id) else { panic!("not a commit") };
    response.topics.iter().flat_map(|t| &t.partitions).map(|p| p.error_code).collect()
}

/// Commits one partition, lets the log commit, returns the error code.
fn committed(bench: &mut Bench, member: &str, generation: i32) -> i16 {
    let id = commit(bench, member, generation, &[(0, 5)]);
    bench.commit();
    codes(bench, id)[0]
}

fn fetch(bench: &mut Bench, stable: bool, partitions: Option<Vec<i32>>) -> OffsetFetchResponse {
    let orders = |p| {
        vec![
            OffsetFetchRequestTopics::default()
                .with_name(topic("orders"))
                .with_partition_indexes(p),
        ]
    };
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(group())
        .with_topics(partitions.map(orders));
    let request =
        OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(stable);
    let id = bench.send("m", 9, request);
    let release = if stable { Release::WhenDurable } else { Release::Now };
    assert_eq!(bench.responses[&id].1, release);
    let Response::OffsetFetch(response) = bench.response(id) else { panic!("not a fetch") };
    response
}

/// The offsets of `orders`, as (partition, offset).
fn offsets(response: &OffsetFetchResponse) -> Vec<(i32, i64)> {
    let topics = response.groups.iter().flat_map(|g| &g.topics);
    let partitions = topics.flat_map(|t| &t.partitions);
    partitions.map(|p| (p.partition_index, p.committed_offset)).collect()
}

/// R3.2, R6.5.1, R6.5.2.
#[test]
fn who_may_commit_to_a_group_that_does_not_exist() {
    let mut bench = Bench::new();
    let id = bench.send("m", 8, commit_request("", 0, &[(0, 1)]));
    assert_eq!(codes(&bench, id), [code(E::IllegalGeneration)]);
    assert_eq!(bench.responses[&id].1, Release::Now);
    assert_eq!(committed(&mut bench, "x", 0), code(E::GroupIdNotFound));
    assert!(bench.coordinator.describe(&group()).is_none());
    assert_eq!(committed(&mut bench, "", -1), 0);
    assert_eq!(bench.state(), GroupState::Empty);
    assert_eq!(bench.log.len(), 1, "a group for offsets only has no metadata");
}

/// R6.5.4, R6.5.5.
#[test]
fn who_may_commit_to_an_empty_group() {
    let mut bench = Bench::new();
    committed(&mut bench, "", -1);
    assert_eq!(committed(&mut bench, "other", -1), 0);
    assert_eq!(committed(&mut bench, "other", 0), code(E::UnknownMemberId));
    assert_eq!(committed(&mut bench, "", 0), code(E::UnknownMemberId));
}

/// R5.1, R6.5.5, R6.5.6, R6.5.7, R6.5.8.
#[test]
fn who_may_commit_to_a_group_with_members() {
    let (mut bench, ids) = Bench::completing(2);
    assert_eq!(committed(&mut bench, &ids[1], 1), code(E::RebalanceInProgress));
    assert_eq!(committed(&mut bench, &ids[1], 0), code(E::IllegalGeneration));
    bench.sync(&ids[0], 1, &ids);
    bench.commit();
    bench.pass(secs(2));
    for (member, generation, error) in [
        ("", -1, code(E::UnknownMemberId)),
        ("x", -1, code(E::UnknownMemberId)),
        ("x", 1, code(E::UnknownMemberId)),
        (ids[1].as_str(), 0, code(E::IllegalGeneration)),
        (ids[1].as_str(), 2, code(E::IllegalGeneration)),
        (ids[1].as_str(), -1, code(E::IllegalGeneration)),
    ] {
        let before = bench.session_of(&ids[1]);
        assert_eq!(committed(&mut bench, member, generation), error, "{member} {generation}");
        assert_eq!(bench.session_of(&ids[1]), before);
    }
    assert_eq!(committed(&mut bench, &ids[1], 1), 0);
    assert_eq!(bench.session_of(&ids[1]), Some(bench.now + SESSION));
    // While the next generation forms, members of the old one may still commit.
    bench.join(&ids[0]);
    bench.pass(secs(1));
    assert_eq!(committed(&mut bench, &ids[1], 1), 0);
    assert_eq!(bench.session_of(&ids[1]), Some(bench.now + SESSION));
}

/// R6.5.5, R8.6.
#[test]
fn an_instance_id_that_is_another_members_is_fenced() {
    let (mut bench, ids) = Bench::stable(2);
    make_static(&mut bench, &ids[0], "i0");
    make_static(&mut bench, &ids[1], "i1");
    for (member, instance, generation, error) in [
        (ids[0].as_str(), Some("i0"), 1, 0),
        // A member that omits its instance id is identified by its member id alone.
        (ids[0].as_str(), None, 1, 0),
        (ids[0].as_str(), Some("i0"), 2, code(E::IllegalGeneration)),
        (ids[0].as_str(), Some("i1"), 1, code(E::FencedInstanceId)),
        (ids[0].as_str(), Some("i1"), 9, code(E::FencedInstanceId)),
        (ids[0].as_str(), Some("i2"), 1, code(E::UnknownMemberId)),
        ("x", Some("i0"), 1, code(E::FencedInstanceId)),
        ("", Some("i2"), -1, code(E::UnknownMemberId)),
    ] {
        let request = commit_request(member, generation, &[(0, 5)])
            .with_group_instance_id(instance.map(str_bytes));
        let id = bench.send("m", 7, request);
        bench.commit();
        assert_eq!(codes(&bench, id), [error], "{member} {instance:?} {generation}");
    }
}

/// R6.5.4.
#[test]
fn a_commit_without_a_generation_to_an_empty_group_may_have_any_instance_id() {
    let mut bench = Bench::new();
    let request = commit_request("", -1, &[(0, 1)]).with_group_instance_id(Some(str_bytes("i")));
    let id = bench.send("m", 7, request);
    bench.commit();
    assert_eq!(codes(&bench, id), [0]);
}

/// R6.5.10.
#[test]
fn only_versions_2_to_4_have_a_retention_time() {
    for (version, retention_ms, expires_at) in [
        (2, 5_000, Some(secs(12))),
        (4, 5_000, Some(secs(12))),
        (4, 0, Some(secs(7))),
        (4, -1, None),
        (4, -2_000, Some(secs(5))),
        (4, i64::MIN, Some(secs(0))),
        (5, 5_000, None),
        (9, 5_000, None),
    ] {
        let mut bench = Bench::new();
        bench.pass(secs(7));
        let request = commit_request("", -1, &[(0, 1)]).with_retention_time_ms(retention_ms);
        bench.send("m", version, request);
        let Record::OffsetCommit { offset, .. } = &bench.log[0].1 else { panic!("no commit") };
        let expected = expires_at.map(|after| Time::ZERO + after);
        assert_eq!(offset.expires_at, expected, "version {version}, {retention_ms} ms");
    }
    let mut bench = Bench::new();
    bench.send("m", 4, commit_request("", -1, &[(0, 1)]).with_retention_time_ms(i64::MAX));
    let Record::OffsetCommit { offset, .. } = &bench.log[0].1 else { panic!("no commit") };
    assert!(offset.expires_at.unwrap() > Time::ZERO + secs(1_000_000_000));
}

/// R6.5.9.
#[test]
fn too_long_metadata_fails_its_partition_alone() {
    let mut bench = Bench::new();
    let mut request = commit_request("", -1, &[(0, 1), (1, 2), (2, 3), (3, 4)]);
    let partitions = &mut request.topics[0].partitions;
    partitions[1].committed_metadata = Some(str_bytes(&"x".repeat(4_097)));
    // 4,096 two-byte letters are not too long, nor is no metadata at all.
    partitions[2].committed_metadata = Some(str_bytes(&"é".repeat(4_096)));
    partitions[3].committed_metadata = None;
    let id = bench.send("m", 2, request);
    bench.commit();
    assert_eq!(codes(&bench, id), [0, code(E::OffsetMetadataTooLarge), 0, 0]);
    assert_eq!(offsets(&fetch(&mut bench, true, None)), [(0, 1), (2, 3), (3, 4)]);
}

/// R3.2.
#[test]
fn a_commit_that_stores_nothing_waits_for_the_log_like_a_heartbeat() {
    let mut bench = Bench::new();
    let id = commit(&mut bench, "", -1, &[]);
    assert_eq!(bench.responses[&id].1, Release::WhenDurable);
}

/// R3.1, R3.3, R6.6.3, R9.2.
#[test]
fn a_commit_completes_when_all_its_records_are_durable() {
    let mut bench = Bench::new();
    let id = commit(&mut bench, "", -1, &[(0, 5), (1, 6)]);
    let appends: Vec<_> = bench.log.iter().map(|(append, _)| *append).collect();
    assert!(matches!(&bench.log[1].1, Record::OffsetCommit { partition, offset, .. }
        if partition.to_string() == "orders-1" && offset.offset == 6));
    assert_eq!(offsets(&fetch(&mut bench, true, None)), [(0, 5), (1, 6)]);
    assert_eq!(offsets(&fetch(&mut bench, false, None)), []);
    bench.settle_one(appends[0], None);
    assert!(bench.is_parked(id));
    assert_eq!(offsets(&fetch(&mut bench, false, Some(vec![0, 1]))), [(0, 5), (1, -1)]);
    bench.settle_one(appends[1], None);
    assert_eq!(codes(&bench, id), [0, 0]);
    assert_eq!(bench.responses[&id].1, Release::Now);
}

/// The broker need only report the last of several appends. (R3.3, R6.5.10)
#[test]
fn a_durable_record_makes_all_before_it_durable() {
    let mut bench = Bench::new();
    let ids = [5, 4].map(|offset| commit(&mut bench, "", -1, &[(0, offset), (1, offset)]));
    let last = bench.log.last().unwrap().0;
    bench.settle_one(last, None);
    ids.into_iter().for_each(|id| assert_eq!(codes(&bench, id), [0, 0]));
    // Offsets may go backwards: the last commit wins.
    assert_eq!(offsets(&fetch(&mut bench, false, None)), [(0, 4), (1, 4)]);
}

/// R9.2, R9.5.
#[test]
fn a_failed_commit_leaves_the_previous_one() {
    let mut bench = Bench::new();
    commit(&mut bench, "", -1, &[(0, 5), (1, 5)]);
    bench.commit();
    let id = commit(&mut bench, "", -1, &[(0, 7), (1, 7)]);
    let [first, second] = [bench.log[2].0, bench.log[3].0];
    bench.settle_one(first, None);
    bench.settle_one(second, Some(E::NotLeaderOrFollower));
    assert_eq!(codes(&bench, id), [0, code(E::NotCoordinator)]);
    assert_eq!(offsets(&fetch(&mut bench, true, None)), [(0, 7), (1, 5)]);
}

/// R6.6.1, R6.6.2.
#[test]
fn a_partition_without_a_commit_has_offset_minus_one() {
    let mut bench = Bench::new();
    let missing = fetch(&mut bench, true, Some(vec![3]));
    assert_eq!((offsets(&missing), missing.groups[0].error_code), (vec![(3, -1)], 0));
    assert_eq!(missing.groups[0].topics[0].partitions[0].committed_leader_epoch, -1);
    assert_eq!(fetch(&mut bench, true, None).groups[0].topics, []);
    commit(&mut bench, "", -1, &[(0, 5)]);
    bench.commit();
    let response = fetch(&mut bench, true, Some(vec![0, 1]));
    assert_eq!(offsets(&response), [(0, 5), (1, -1)]);
    let notes: Vec<_> = response.groups[0].topics[0]
        .partitions
        .iter()
        .map(|p| p.metadata.clone().unwrap())
        .collect();
    assert_eq!(notes, [str_bytes("note"), str_bytes("")]);
}

/// R6.6.3, R6.6.4.
#[test]
fn versions_before_lists_of_groups_fetch_one() {
    let mut bench = Bench::new();
    commit(&mut bench, "", -1, &[(0, 5)]);
    bench.commit();
    commit(&mut bench, "", -1, &[(0, 6)]);
    for version in 1..=7 {
        let orders = OffsetFetchRequestTopic::default()
            .with_name(topic("orders"))
            .with_partition_indexes(vec![0, 9]);
        let request = OffsetFetchRequest::default()
            .with_group_id(group())
            .with_topics(Some(vec![orders]))
            .with_require_stable(version == 7);
        let id = bench.send("m", version, request);
        let Response::OffsetFetch(response) = bench.response(id) else { panic!("not a fetch") };
        let found: Vec<_> =
            response.topics[0].partitions.iter().map(|p| p.committed_offset).collect();
        assert_eq!(found, [if version == 7 { 6 } else { 5 }, -1]);
        let everything = OffsetFetchRequest::default().with_group_id(group()).with_topics(None);
        let id = bench.send("m", version, everything);
        let Response::OffsetFetch(response) = bench.response(id) else { panic!("not a fetch") };
        assert_eq!(response.topics.len(), 1);
    }
}

/// R6.6.4.
#[test]
fn several_groups_have_a_result_each() {
    let mut bench = Bench::new();
    commit(&mut bench, "", -1, &[(0, 5)]);
    bench.commit();
    let group = ["other", "g"].map(|name| {
        OffsetFetchRequestGroup::default().with_group_id(GroupId(str_bytes(name))).with_topics(None)
    });
    let request = OffsetFetchRequest::default().with_groups(group.to_vec());
    let id = bench.send("m", 8, request);
    let Response::OffsetFetch(response) = bench.response(id) else { panic!("not a fetch") };
    let topics: Vec<_> = response.groups.iter().map(|g| g.topics.len()).collect();
    assert_eq!(topics, [0, 1]);
}
