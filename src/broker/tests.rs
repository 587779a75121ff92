//! The cluster as its caller sees it, with a scripted coordinator.

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
fn the_first_request_starts_the_term_and_heartbeats_wait_for_an_earlier_append() {
    let mut bench = bench(config());
    assert_eq!(bench.cluster.next_deadline(B0), None);
    let left = bench.send(B0, 3, leave("g"));
    let beat = bench.send(B0, 3, heartbeat("g"));
    assert_eq!(bench.term_changes, [(0, Term { partition: 0, epoch: 0 }, TermState::Active)]);
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
fn a_broker_that_does_not_lead_says_so_unless_the_request_is_invalid() {
    let mut bench = bench(config());
    let elsewhere = [heartbeat("g"), join("g"), heartbeat("")];
    let sent = elsewhere.map(|request| bench.send(B1, 3, request));
    let codes = sent.map(|sent| bench.code(sent));
    let not_here = error(E::NotCoordinator);
    assert_eq!(codes, [not_here, not_here, error(E::InvalidGroupId)]);
    assert_eq!(bench.term_changes, []);
}

/// R3.12, R3.15.
#[test]
fn a_loading_coordinator_refuses_everything_but_heartbeats() {
    let mut bench = bench(config());
    bench.elect(Some(B1), Uncommitted::Kept);
    bench.learn(B1);
    let (beat, joined) = (bench.send(B1, 3, heartbeat("g")), bench.send(B1, 3, join("g")));
    let list = bench.send(B1, 4, ListGroupsRequest::default());
    let loading = error(E::CoordinatorLoadInProgress);
    assert_eq!(bench.code(beat), NONE);
    assert_eq!((bench.code(joined), bench.code(list)), (loading, loading));
    bench.pass(ms(100));
    let term = Term { partition: 0, epoch: 1 };
    assert_eq!(bench.term_changes, [(1, term, TermState::Loading), (1, term, TermState::Active)]);
    let list = bench.send(B1, 4, ListGroupsRequest::default());
    assert_eq!(bench.code(list), NONE);
}

/// R3.13.
#[test]
fn a_deposed_leader_goes_on_until_it_learns_but_commits_nothing() {
    let mut bench = bench(config());
    let parked = bench.send(B0, 3, join("g"));
    let elected = bench.elect(Some(B1), Uncommitted::Lost);
    assert_eq!((elected.term.epoch, elected.lost), (1, 0));
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
    let last = bench.term_changes.last().copied();
    assert_eq!(last, Some((0, Term { partition: 0, epoch: 0 }, TermState::Unloaded)));
    assert_eq!(
        groups_at(&mut bench, B1),
        Vec::<String>::new(),
        "the new leader's log has none of its records"
    );
}

/// R3.13.
#[test]
fn uncommitted_records_of_the_old_leader_may_survive_an_election() {
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
fn a_write_that_times_out_gets_one_response() {
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
    assert_eq!(bench.code(quiet), None, "nothing was uncommitted when it arrived");

    // The record is committed after all. The coordinator now responds to requests that already have
    // a response.
    bench.cluster.stall(0, false);
    bench.pass(ms(10));
    bench.send(B0, 3, sync("g"));
    assert_eq!(bench.code(quiet), NONE);
    assert_eq!(bench.code(parked), late);
    assert_eq!(groups_at(&mut bench, B0), ["g"]);
}

/// R3.7, R5.6. The client of the parked join has its response and may be gone.
#[test]
fn a_join_that_timed_out_at_the_broker_still_makes_a_member() {
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
    let requested = DescribeGroupsRequest::default().with_groups(vec![group_id("g")]);
    let sent = bench.send(B0, 5, requested);
    let Response::DescribeGroups(body) = bench.response(sent) else { panic!("another API") };
    let found = &body.groups[0];
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
    assert_eq!(bench.code(earlier), NONE, "it waited for the previous batch");
    assert_eq!(in_batch.map(|sent| bench.code(sent)), [None; 4]);
    bench.pass(ms(1));
    let failed = error(E::CoordinatorNotAvailable);
    assert_eq!(in_batch.map(|sent| bench.code(sent)), [failed; 4]);
    assert_eq!((bench.failed, bench.code(before)), (2, None));

    bench.cluster.refuse(0, None);
    bench.send(B0, 3, sync("b"));
    let after = bench.send(B0, 3, leave("d"));
    bench.pass(ms(12));
    assert_eq!(bench.code(after), NONE, "a failed batch delays no later request");
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
    assert_eq!(bench.term_changes.last().map(|(.., state)| *state), Some(TermState::Unloaded));
    assert!(!bench.cluster.is_up(B0));
    bench.at(B0, |cluster, now, out| cluster.start(now, B0, out));
    bench.pass(ms(100));
    assert_eq!((bench.code(first), bench.code(second)), (None, None));
    assert_eq!(groups_at(&mut bench, B0), ["a"]);
    assert_eq!(bench.cluster.data_leader(), Some(B0), "no election was needed");
}

/// R3.16.
#[test]
fn brokers_name_the_coordinator_they_know() {
    let mut bench = bench(config());
    let find = || FindCoordinatorRequest::default().with_key(str_bytes("g"));
    let found = |bench: &mut Bench<'_>, at| {
        let sent = bench.send(at, 3, find());
        let Response::FindCoordinator(body) = bench.response(sent) else { panic!("another API") };
        (body.node_id.0, body.error_code)
    };
    assert_eq!(found(&mut bench, B1), (0, 0));
    bench.elect(Some(B1), Uncommitted::Random);
    assert_eq!(found(&mut bench, B1), (0, 0), "it has not learned");
    bench.learn(B1);
    assert_eq!(found(&mut bench, B1), (1, 0));
    bench.elect(None, Uncommitted::Random);
    bench.learn(B1);
    assert_eq!(found(&mut bench, B1), (-1, E::CoordinatorNotAvailable.code()));
}

/// R3.15.
#[test]
fn groups_of_several_partitions_are_described_in_the_order_of_the_request() {
    let mut bench = bench(ClusterConfig { offsets_partitions: 3, ..config() });
    // a, d: partition 1; b: 2; c: 0.
    for (group, partition) in [("a", 1), ("b", 2), ("c", 0), ("d", 1)] {
        assert_eq!(bench.cluster.partition_of(&group_id(group)), partition);
    }
    let requested = ["d", "c", "b", "a"].map(group_id);
    let request = DescribeGroupsRequest::default().with_groups(requested.to_vec());
    let sent = bench.send(B1, 5, request);
    let Response::DescribeGroups(body) = bench.response(sent) else { panic!("another API") };
    let found: Vec<_> = body
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
    assert_eq!(bench.term_changes.len(), 2, "an unused partition is not loaded");
    assert_eq!(list(&mut bench, B0), ["a", "b"]);
}

/// R3.14.
#[test]
fn a_partition_that_does_not_exist_does_not_reach_the_coordinator() {
    let mut bench = bench(config());
    bench.cluster.create_topic(topic("t"), 2);
    let none = bench.send(B0, 8, commit("g", &[("t", 2), ("u", 0)]));
    assert_eq!(bench.code(none), error(E::UnknownTopicOrPartition));
    assert_eq!(bench.term_changes, []);
    let some = bench.send(B0, 8, commit("g", &[("u", 0), ("t", 1), ("t", -1), ("t", 0)]));
    bench.pass(ms(2));
    let Response::OffsetCommit(body) = bench.response(some) else { panic!("another API") };
    let codes: Vec<_> = body
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
fn a_deferred_part_completes_the_response_when_its_term_ends() {
    let mut bench = bench(config());
    bench.cluster.create_topic(topic("t"), 1);
    bench.cluster.stall(0, true);
    let sent = bench.send(B0, 8, commit("g", &[("t", 0), ("u", 0)]));
    bench.elect(Some(B1), Uncommitted::Lost);
    bench.learn(B0);
    let Response::OffsetCommit(body) = bench.response(sent) else { panic!("another API") };
    let each = body.topics.iter();
    let codes: Vec<_> = each.map(|it| (it.name.as_str(), it.partitions[0].error_code)).collect();
    let (unknown, gone) = (E::UnknownTopicOrPartition.code(), E::NotCoordinator.code());
    assert_eq!(codes, [("u", unknown), ("t", gone)]);
}

/// R3.12.
#[test]
fn markers_at_the_wrong_broker_get_not_leader_or_follower() {
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
    let Response::WriteTxnMarkers(body) = bench.response(sent) else { panic!("another API") };
    let partitions = body.markers[0].topics.iter().flat_map(|topic| &topic.partitions);
    let codes: Vec<i16> = partitions.map(|partition| partition.error_code).collect();
    let unknown = E::UnknownTopicOrPartition.code();
    assert_eq!(codes, [E::NotLeaderOrFollower.code(), unknown, 0, unknown]);
}

#[test]
fn fetches_that_wait_for_a_deleted_topic_get_a_response() {
    let mut bench = bench(config());
    bench.cluster.create_topic(topic("t"), 1);
    let wanted = FetchTopic::default()
        .with_topic(topic("t"))
        .with_partitions(vec![FetchPartition::default().with_partition(0)]);
    let fetch = FetchRequest::default().with_max_wait_ms(500).with_min_bytes(1);
    let fetch = fetch.with_topics(vec![wanted]);
    let code = |bench: &Bench<'_>, sent| {
        let Response::Fetch(body) = bench.response(sent) else { panic!("another API") };
        body.responses[0].partitions[0].error_code
    };
    let elsewhere = bench.send(B1, 11, fetch.clone());
    assert_eq!(code(&bench, elsewhere), E::NotLeaderOrFollower.code());
    let parked = bench.send(B0, 11, fetch);
    assert!(bench.responses.len() == 1);
    for at in [B1, B0] {
        bench.at(at, |cluster, now, out| cluster.delete_topic(now, at, &topic("t"), out));
    }
    assert_eq!(code(&bench, parked), E::UnknownTopicOrPartition.code());
}

#[test]
fn metadata_names_live_brokers_racks_and_replicas() {
    let racks = ["r0", "r1", "r2"].map(str_bytes).to_vec();
    let mut bench = bench(ClusterConfig { racks, ..config() });
    bench.cluster.create_topic(topic("t"), 2);
    bench.at(B0, |cluster, _, out| cluster.crash(B0, out));
    bench.elect(Some(B1), Uncommitted::Random);
    bench.learn(B1);
    let sent = bench.send(B1, 9, MetadataRequest::default().with_topics(None));
    let Response::Metadata(body) = bench.response(sent) else { panic!("another API") };
    let brokers: Vec<_> =
        body.brokers.iter().map(|b| (b.node_id.0, b.rack.as_deref().unwrap_or(""))).collect();
    assert_eq!(brokers, [(1, "r1"), (2, "r2")]);
    let partition = &body.topics[0].partitions[1];
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
    let Response::ListGroups(body) = bench.response(sent) else { panic!("another API") };
    let mut groups: Vec<String> = body.groups.iter().map(|g| g.group_id.0.to_string()).collect();
    groups.sort();
    groups
}

/// The groups that the coordinator of a broker knows when its load is over.
fn groups_at(bench: &mut Bench<'_>, at: BrokerId) -> Vec<String> {
    bench.pass(Duration::from_secs(1));
    list(bench, at)
}
