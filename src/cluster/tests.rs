//! The cluster as its host sees it, with a scripted coordinator.

use std::time::Duration;

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{
    DescribeGroupsRequest, FetchRequest, FindCoordinatorRequest, JoinGroupRequest,
    ListGroupsRequest, MetadataRequest, WriteTxnMarkersRequest, fetch_request::FetchPartition,
    fetch_request::FetchTopic, write_txn_markers_request::WritableTxnMarker,
    write_txn_markers_request::WritableTxnMarkerTopic,
};

use super::testing::*;
use super::*;
use crate::coordinator::Coordinator;
use crate::protocol::{BrokerId, Response, ResponseError as E, str_bytes};

const NONE: Option<i16> = Some(0);

fn error(error: E) -> Option<i16> {
    Some(error.code())
}

fn bench(config: ClusterConfig) -> Bench<'static> {
    Bench::new(config, &|_, _| scripted())
}

/// R3.2, R3.12.
#[test]
fn the_first_request_makes_the_shard_and_heartbeats_queue_behind_an_append() {
    let mut bench = bench(config());
    assert_eq!(bench.cluster.next_deadline(B0), None);
    let left = bench.send(B0, 3, leave("g"));
    let beat = bench.send(B0, 3, heartbeat("g"));
    assert_eq!(bench.shards, [(0, Shard { partition: 0, epoch: 0 }, ShardState::Active)]);
    bench.pass(ms(1));
    assert_eq!((bench.code(left), bench.code(beat)), (None, None));
    bench.pass(ms(1));
    assert_eq!((bench.code(left), bench.code(beat)), (NONE, NONE));
}

#[test]
fn the_real_coordinator_begins_with_an_empty_log() {
    let mut bench = Bench::new(config(), &|config, rng| Box::new(Coordinator::new(config, rng)));
    let beat = bench.send(B0, 3, heartbeat("g"));
    assert_eq!(bench.code(beat), error(E::UnknownMemberId));
}

/// R3.12, R3.14.
#[test]
fn who_does_not_lead_says_so_but_for_what_is_wrong_anywhere() {
    let mut bench = bench(config());
    let elsewhere = [heartbeat("g"), join("g"), heartbeat("")];
    let sent = elsewhere.map(|request| bench.send(B1, 3, request));
    let codes = sent.map(|sent| bench.code(sent));
    let not_here = error(E::NotCoordinator);
    assert_eq!(codes, [not_here, not_here, error(E::InvalidGroupId)]);
    assert_eq!(bench.shards, []);
}

/// R3.12, R3.15.
#[test]
fn a_shard_that_loads_puts_everybody_off_but_heartbeats() {
    let mut bench = bench(config());
    bench.elect(Some(B1), Uncommitted::Kept);
    bench.learn(B1);
    let (beat, joined) = (bench.send(B1, 3, heartbeat("g")), bench.send(B1, 3, join("g")));
    let list = bench.send(B1, 4, ListGroupsRequest::default());
    let loading = error(E::CoordinatorLoadInProgress);
    assert_eq!(bench.code(beat), NONE);
    assert_eq!((bench.code(joined), bench.code(list)), (loading, loading));
    bench.pass(ms(100));
    let shard = Shard { partition: 0, epoch: 1 };
    assert_eq!(bench.shards, [(1, shard, ShardState::Loading), (1, shard, ShardState::Active)]);
    let list = bench.send(B1, 4, ListGroupsRequest::default());
    assert_eq!(bench.code(list), NONE);
}

/// R3.13.
#[test]
fn a_deposed_leader_goes_on_until_it_learns_but_commits_nothing() {
    let mut bench = bench(config());
    let parked = bench.send(B0, 3, join("g"));
    let elected = bench.elect(Some(B1), Uncommitted::Lost);
    assert_eq!((elected.shard.epoch, elected.lost), (1, 0));
    bench.learn(B1);

    let beat = bench.send(B0, 3, heartbeat("g"));
    assert_eq!(bench.code(beat), NONE, "nothing is outstanding");
    let left = bench.send(B0, 3, leave("g"));
    let beat = bench.send(B0, 3, heartbeat("g"));
    bench.pass(ms(200));
    assert_eq!((bench.code(left), bench.code(beat), bench.code(parked)), (None, None, None));

    bench.learn(B0);
    let gone = error(E::NotCoordinator);
    assert_eq!((bench.code(left), bench.code(beat), bench.code(parked)), (gone, gone, gone));
    assert_eq!(bench.failed, 1, "its append has failed");
    let last = bench.shards.last().copied();
    assert_eq!(last, Some((0, Shard { partition: 0, epoch: 0 }, ShardState::Unloaded)));
    assert_eq!(groups_at(&mut bench, B1), Vec::<String>::new(), "the new log has none of it");
}

/// R3.13.
#[test]
fn what_the_old_leader_had_appended_may_survive_it() {
    for (uncommitted, lost, survivors) in
        [(Uncommitted::Lost, 1, vec!["a"]), (Uncommitted::Kept, 0, vec!["a", "b"])]
    {
        let mut bench = bench(config());
        bench.send(B0, 3, leave("a"));
        bench.pass(ms(2));
        let commit = bench.send(B0, 3, leave("b"));
        assert_eq!(bench.elect(Some(B1), uncommitted).lost, lost);
        bench.pass(ms(10));
        assert_eq!(bench.code(commit), None, "the old leader sees no commit either way");
        bench.learn(B1);
        bench.learn(B0);
        bench.pass(ms(100));
        assert_eq!(groups_at(&mut bench, B1), survivors);
    }
}

/// R3.9.
#[test]
fn a_write_that_takes_too_long_is_answered_once() {
    let mut bench = bench(config());
    bench.cluster.create_topic(topic("t"), 1);
    let quiet = bench.send(B0, 3, join("g"));
    bench.cluster.stall(0, true);
    let committed = bench.send(B0, 8, commit("g", &[("t", 0)]));
    let parked = bench.send(B0, 3, join("g"));
    let beat = bench.send(B0, 3, heartbeat("g"));
    bench.pass(ms(4_999));
    assert_eq!(bench.code(beat), None);
    bench.pass(ms(1));
    let late = error(E::CoordinatorNotAvailable);
    for sent in [committed, parked, beat] {
        assert_eq!(bench.code(sent), late);
    }
    assert_eq!(bench.code(quiet), None, "nothing was appended when it came");

    // The record is committed after all, and the coordinator answers what is answered already.
    bench.cluster.stall(0, false);
    bench.pass(ms(10));
    bench.send(B0, 3, sync("g"));
    assert_eq!(bench.code(quiet), NONE);
    assert_eq!(bench.code(parked), late);
    assert_eq!(groups_at(&mut bench, B0), ["g"]);
}

/// R3.7, R5.6. The client of the parked join has its answer, and may well be gone.
#[test]
fn whoever_was_answered_by_the_host_has_joined_all_the_same() {
    let mut config = config();
    config.coordinator.initial_rebalance_delay = ms(10_000);
    let mut bench = Bench::new(config, &|config, rng| Box::new(Coordinator::new(config, rng)));
    bench.cluster.stall(0, true);
    let protocol = JoinGroupRequestProtocol::default().with_name(str_bytes("range"));
    let request = JoinGroupRequest::default()
        .with_group_id(group_id("g"))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(60_000)
        .with_protocol_type(str_bytes("consumer"));
    let parked = [1, 2].map(|_| {
        bench.pass(ms(2_000));
        bench.send(B0, 3, request.clone().with_protocols(vec![protocol.clone()]))
    });
    bench.pass(ms(5_000));
    assert_eq!(parked.map(|sent| bench.code(sent)), [error(E::CoordinatorNotAvailable); 2]);
    bench.cluster.stall(0, false);
    bench.pass(ms(20_000));
    let asked = DescribeGroupsRequest::default().with_groups(vec![group_id("g")]);
    let sent = bench.send(B0, 5, asked);
    let Response::DescribeGroups(answer) = bench.answer(sent) else { panic!("another API") };
    let found = &answer.groups[0];
    assert_eq!((found.group_state.as_str(), found.members.len()), ("CompletingRebalance", 2));
    assert_eq!(parked.map(|sent| bench.code(sent)), [error(E::CoordinatorNotAvailable); 2]);
}

/// R3.8, R3.10.
#[test]
fn the_batch_that_lingers_fails_as_one() {
    let mut bench = bench(ClusterConfig { linger: ms(10), ..config() });
    let before = bench.send(B0, 3, join("before"));
    bench.send(B0, 3, leave("a"));
    bench.pass(ms(10));
    bench.cluster.refuse(0, Some(E::NotEnoughReplicas));
    let earlier = bench.send(B0, 3, heartbeat("a"));
    let in_batch = [leave("b"), heartbeat("b"), join("b"), leave("c")];
    let in_batch = in_batch.map(|request| bench.send(B0, 3, request));
    bench.pass(ms(9));
    assert_eq!(bench.code(earlier), NONE, "it waited for the batch before");
    assert_eq!(in_batch.map(|sent| bench.code(sent)), [None; 4]);
    bench.pass(ms(1));
    let failed = error(E::CoordinatorNotAvailable);
    assert_eq!(in_batch.map(|sent| bench.code(sent)), [failed; 4]);
    assert_eq!((bench.failed, bench.code(before)), (2, None));

    bench.cluster.refuse(0, None);
    bench.send(B0, 3, sync("b"));
    let after = bench.send(B0, 3, leave("d"));
    bench.pass(ms(12));
    assert_eq!(bench.code(after), NONE, "what failed holds up nobody");
}

/// R3.8, R3.10.
#[test]
fn without_linger_only_the_request_itself_fails() {
    let mut bench = bench(config());
    let good = bench.send(B0, 3, leave("a"));
    bench.cluster.refuse(0, Some(E::KafkaStorageError));
    let bad = bench.send(B0, 3, leave("b"));
    let beat = bench.send(B0, 3, heartbeat("b"));
    assert_eq!(bench.code(bad), error(E::NotCoordinator));
    bench.pass(ms(2));
    assert_eq!((bench.code(good), bench.code(beat)), (NONE, NONE));
}

/// R3.17.
#[test]
fn a_crashed_broker_comes_back_with_its_log() {
    let mut bench = bench(config());
    let (first, second) = (bench.send(B0, 3, leave("a")), bench.send(B0, 3, join("b")));
    bench.at(B0, |cluster, _, out| cluster.crash(B0, out));
    assert_eq!(bench.shards.last().map(|(.., state)| *state), Some(ShardState::Unloaded));
    assert!(!bench.cluster.is_up(B0));
    bench.at(B0, |cluster, now, out| cluster.start(now, B0, out));
    bench.pass(ms(100));
    assert_eq!((bench.code(first), bench.code(second)), (None, None));
    assert_eq!(groups_at(&mut bench, B0), ["a"]);
    assert_eq!(bench.cluster.data_leader(), Some(B0), "nobody has missed it");
}

/// R3.16.
#[test]
fn brokers_name_the_coordinator_they_know() {
    let mut bench = bench(config());
    let find = || FindCoordinatorRequest::default().with_key(str_bytes("g"));
    let found = |bench: &mut Bench<'_>, at| {
        let sent = bench.send(at, 3, find());
        let Response::FindCoordinator(answer) = bench.answer(sent) else { panic!("another API") };
        (answer.node_id.0, answer.error_code)
    };
    assert_eq!(found(&mut bench, B1), (0, 0));
    bench.elect(Some(B1), Uncommitted::Luck);
    assert_eq!(found(&mut bench, B1), (0, 0), "it has not learned");
    bench.learn(B1);
    assert_eq!(found(&mut bench, B1), (1, 0));
    bench.elect(None, Uncommitted::Luck);
    bench.learn(B1);
    assert_eq!(found(&mut bench, B1), (-1, E::CoordinatorNotAvailable.code()));
}

/// R3.15.
#[test]
fn groups_of_several_shards_are_answered_in_the_order_asked() {
    let mut bench = bench(ClusterConfig { offsets_partitions: 3, ..config() });
    // a, d: partition 1; b: 2; c: 0.
    for (group, partition) in [("a", 1), ("b", 2), ("c", 0), ("d", 1)] {
        assert_eq!(bench.cluster.partition_of(&group_id(group)), partition);
    }
    let asked = ["d", "c", "b", "a"].map(group_id);
    let request = DescribeGroupsRequest::default().with_groups(asked.to_vec());
    let sent = bench.send(B1, 5, request);
    let Response::DescribeGroups(answer) = bench.answer(sent) else { panic!("another API") };
    let found: Vec<_> = answer
        .groups
        .iter()
        .map(|group| (group.group_id.0.as_str(), group.error_code, group.group_state.as_str()))
        .collect();
    let gone = E::NotCoordinator.code();
    let expected = [("d", 0, "Scripted"), ("c", gone, ""), ("b", gone, ""), ("a", 0, "Scripted")];
    assert_eq!(found, expected);
}

/// R3.15.
#[test]
fn groups_are_listed_from_all_that_a_broker_leads() {
    let mut bench = bench(ClusterConfig { brokers: 1, offsets_partitions: 3, ..config() });
    for group in ["a", "b"] {
        bench.send(B0, 3, leave(group));
    }
    assert_eq!(bench.shards.len(), 2, "a partition that nobody has used is left alone");
    assert_eq!(list(&mut bench, B0), ["a", "b"]);
}

/// R3.14.
#[test]
fn a_partition_that_does_not_exist_does_not_reach_the_coordinator() {
    let mut bench = bench(config());
    bench.cluster.create_topic(topic("t"), 2);
    let none = bench.send(B0, 8, commit("g", &[("t", 2), ("u", 0)]));
    assert_eq!(bench.code(none), error(E::UnknownTopicOrPartition));
    assert_eq!(bench.shards, []);
    let some = bench.send(B0, 8, commit("g", &[("u", 0), ("t", 1), ("t", -1), ("t", 0)]));
    bench.pass(ms(2));
    let Response::OffsetCommit(answer) = bench.answer(some) else { panic!("another API") };
    let codes: Vec<_> = answer
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .map(|partition| (partition.partition_index, partition.error_code))
        .collect();
    let unknown = E::UnknownTopicOrPartition.code();
    assert_eq!(codes, [(0, unknown), (-1, unknown), (1, 0), (0, 0)]);
}

/// R3.13.
#[test]
fn a_part_that_is_held_when_its_shard_goes_answers_the_whole() {
    let mut bench = bench(config());
    bench.cluster.create_topic(topic("t"), 1);
    bench.cluster.stall(0, true);
    let sent = bench.send(B0, 8, commit("g", &[("t", 0), ("u", 0)]));
    bench.elect(Some(B1), Uncommitted::Lost);
    bench.learn(B0);
    let Response::OffsetCommit(answer) = bench.answer(sent) else { panic!("another API") };
    let each = answer.topics.iter();
    let codes: Vec<_> = each.map(|it| (it.name.as_str(), it.partitions[0].error_code)).collect();
    let (unknown, gone) = (E::UnknownTopicOrPartition.code(), E::NotCoordinator.code());
    assert_eq!(codes, [("u", unknown), ("t", gone)]);
}

/// R3.12.
#[test]
fn markers_are_told_of_leaders_rather_than_coordinators() {
    let mut bench = bench(config());
    bench.cluster.create_topic(topic("t"), 1);
    let named = |name, partitions: &[i32]| {
        WritableTxnMarkerTopic::default()
            .with_name(topic(name))
            .with_partition_indexes(partitions.to_vec())
    };
    let topics = vec![named("__consumer_offsets", &[0, 1]), named("t", &[0, 1])];
    let marker = WritableTxnMarker::default().with_topics(topics);
    let request = WriteTxnMarkersRequest::default().with_markers(vec![marker]);
    let sent = bench.send(B1, 1, request);
    let Response::WriteTxnMarkers(answer) = bench.answer(sent) else { panic!("another API") };
    let partitions = answer.markers[0].topics.iter().flat_map(|topic| &topic.partitions);
    let codes: Vec<i16> = partitions.map(|partition| partition.error_code).collect();
    let unknown = E::UnknownTopicOrPartition.code();
    assert_eq!(codes, [E::NotLeaderOrFollower.code(), unknown, 0, unknown]);
}

#[test]
fn fetches_of_a_topic_that_goes_are_answered() {
    let mut bench = bench(config());
    bench.cluster.create_topic(topic("t"), 1);
    let wanted = FetchTopic::default()
        .with_topic(topic("t"))
        .with_partitions(vec![FetchPartition::default().with_partition(0)]);
    let fetch = FetchRequest::default().with_max_wait_ms(500).with_min_bytes(1);
    let fetch = fetch.with_topics(vec![wanted]);
    let code = |bench: &Bench<'_>, sent| {
        let Response::Fetch(answer) = bench.answer(sent) else { panic!("another API") };
        answer.responses[0].partitions[0].error_code
    };
    let elsewhere = bench.send(B1, 11, fetch.clone());
    assert_eq!(code(&bench, elsewhere), E::NotLeaderOrFollower.code());
    let parked = bench.send(B0, 11, fetch);
    assert!(bench.answers.len() == 1);
    for at in [B1, B0] {
        bench.at(at, |cluster, now, out| cluster.delete_topic(now, at, &topic("t"), out));
    }
    assert_eq!(code(&bench, parked), E::UnknownTopicOrPartition.code());
}

#[test]
fn metadata_names_racks_replicas_and_who_is_up() {
    let racks = ["r0", "r1", "r2"].map(str_bytes).to_vec();
    let mut bench = bench(ClusterConfig { racks, ..config() });
    bench.cluster.create_topic(topic("t"), 2);
    bench.at(B0, |cluster, _, out| cluster.crash(B0, out));
    bench.elect(Some(B1), Uncommitted::Luck);
    bench.learn(B1);
    let sent = bench.send(B1, 9, MetadataRequest::default().with_topics(None));
    let Response::Metadata(answer) = bench.answer(sent) else { panic!("another API") };
    let brokers: Vec<_> =
        answer.brokers.iter().map(|b| (b.node_id.0, b.rack.as_deref().unwrap_or(""))).collect();
    assert_eq!(brokers, [(1, "r1"), (2, "r2")]);
    let partition = &answer.topics[0].partitions[1];
    let ids = |ids: &[kafka_protocol::messages::BrokerId]| -> Vec<i32> {
        ids.iter().map(|id| id.0).collect()
    };
    assert_eq!((partition.leader_id.0, partition.leader_epoch), (1, 1));
    assert_eq!(ids(&partition.replica_nodes), [1, 2, 0]);
    assert_eq!(
        (ids(&partition.isr_nodes), ids(&partition.offline_replicas)),
        (vec![1, 2], vec![0])
    );
}

fn list(bench: &mut Bench<'_>, at: BrokerId) -> Vec<String> {
    let sent = bench.send(at, 4, ListGroupsRequest::default());
    let Response::ListGroups(answer) = bench.answer(sent) else { panic!("another API") };
    let mut groups: Vec<String> = answer.groups.iter().map(|g| g.group_id.0.to_string()).collect();
    groups.sort();
    groups
}

/// The groups that the coordinator of a broker knows once its load is over.
fn groups_at(bench: &mut Bench<'_>, at: BrokerId) -> Vec<String> {
    bench.pass(Duration::from_secs(1));
    list(bench, at)
}
