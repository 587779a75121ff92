//! R6.8, R6.6.5, R9.7.

use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::write_txn_markers_request::WritableTxnMarker;
use kafka_protocol::messages::{OffsetFetchRequest, ProducerId, WriteTxnMarkersRequest};

use super::bench::group;
use super::offset_world::*;
use super::*;
use crate::coordinator::{GroupState, Inspect, Record, Release};
use crate::protocol::{Response, StrBytes, TopicName, str_bytes};

/// Commits in a transaction with that identity, lets the log commit, returns the error code.
fn commit_as(bench: &mut Bench, version: i16, identity: (&str, Option<&str>, i32)) -> i16 {
    let (member, instance, generation) = identity;
    let request = txn_request("g", 7, "t-0", 5)
        .with_member_id(str_bytes(member))
        .with_group_instance_id(instance.map(str_bytes))
        .with_generation_id(generation);
    let id = bench.send("p", version, request);
    bench.commit();
    codes(bench, id)[0]
}

/// R6.8.1, R6.8.2.
#[test]
fn who_may_commit_in_a_transaction_to_a_group_that_does_not_exist() {
    let mut bench = Bench::new();
    for version in [3, 5] {
        assert_eq!(commit_as(&mut bench, version, ("x", None, 0)), code(E::IllegalGeneration));
    }
    assert!(bench.coordinator.groups().is_empty());
    let nameless = bench.send("p", 3, txn_request("", 7, "t-0", 5));
    assert_eq!(codes(&bench, nameless), [code(E::InvalidGroupId)]);
    assert_eq!(bench.responses[&nameless].1, Release::Now);
    assert_eq!(commit_as(&mut bench, 3, ("x", None, -1)), 0);
    assert_eq!(bench.state(), GroupState::Empty);
}

/// R6.8.3, R6.8.4.
#[test]
fn who_may_commit_in_a_transaction_to_an_empty_group() {
    let mut bench = Bench::new();
    for version in 0..=5 {
        assert_eq!(commit_as(&mut bench, version, ("", None, -1)), 0);
    }
    assert_eq!(commit_as(&mut bench, 3, ("x", Some("i"), -1)), 0);
    assert_eq!(commit_as(&mut bench, 3, ("x", None, 0)), code(E::UnknownMemberId));
}

/// R6.8.3, R6.8.4.
#[test]
fn a_consumer_with_an_identity_is_fenced_in_every_state_but_not_by_the_rebalance() {
    let (mut bench, ids) = Bench::stable(2);
    make_static(&mut bench, &ids[1], "i");
    let check = |bench: &mut Bench, ids: &[StrBytes], generation: i32| {
        let own = ids[1].as_str();
        for (identity, error) in [
            ((own, None, generation), 0),
            ((own, Some("i"), generation), 0),
            // Versions before 3 have no identity, and later ones may omit it.
            (("", None, -1), 0),
            ((own, None, generation - 1), code(E::IllegalGeneration)),
            ((own, None, generation + 1), code(E::IllegalGeneration)),
            ((own, None, -1), code(E::IllegalGeneration)),
            (("x", None, generation), code(E::UnknownMemberId)),
            (("x", None, -1), code(E::UnknownMemberId)),
            (("", None, generation), code(E::UnknownMemberId)),
            ((own, Some("j"), generation), code(E::UnknownMemberId)),
            (("x", Some("i"), generation), code(E::FencedInstanceId)),
        ] {
            let before = bench.session_of(&ids[1]);
            assert_eq!(commit_as(bench, 3, identity), error, "{identity:?} in {}", bench.state());
            assert_eq!(bench.session_of(&ids[1]), before, "no session is restarted");
        }
    };
    bench.pass(secs(1));
    check(&mut bench, &ids, 1);
    bench.join(&ids[0]);
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.pass(secs(1));
    check(&mut bench, &ids, 1);
    bench.join(&ids[1]);
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    bench.pass(secs(1));
    check(&mut bench, &ids, 2);
}

/// R6.8.5.
#[test]
fn too_long_metadata_fails_its_partition_alone() {
    let mut bench = Bench::new();
    let mut request = txn_request("g", 7, "t-0", 5);
    let mut second = request.topics[0].partitions[0].clone();
    (second.partition_index, second.committed_metadata) = (1, Some(str_bytes(&"x".repeat(4_097))));
    request.topics[0].partitions.push(second);
    let id = bench.send("p", 3, request);
    bench.commit();
    assert_eq!(codes(&bench, id), [0, code(E::OffsetMetadataTooLarge)]);
    assert_eq!(bench.log.len(), 1);
}

/// R3.1, R6.6.5, R6.8.5, R6.8.6, R6.8.7.
#[test]
fn an_offset_is_pending_until_the_end_of_its_transaction() {
    for (commit, after) in [(true, "t-0=8"), (false, "t-0=5")] {
        let mut bench = Bench::new();
        commit_to(&mut bench, "g", "t-0", 5);
        let id = txn_to(&mut bench, "g", 7, "t-0", 8);
        assert!(bench.is_parked(id), "the response waits for durability");
        bench.commit();
        assert_eq!(codes(&bench, id), [0]);
        assert_eq!(bench.responses[&id].1, Release::Now);
        assert_eq!(offsets_of(&mut bench, "g", true), ["t-0=unstable"]);
        assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=5"]);
        let end = end_txn(&mut bench, 7, commit);
        assert!(bench.is_parked(end), "the response waits for durability");
        assert_eq!(offsets_of(&mut bench, "g", true), [after], "visible at once (R3.1)");
        assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=5"], "not durable yet");
        bench.commit();
        assert_eq!(codes(&bench, end), [0]);
        assert_eq!(offsets_of(&mut bench, "g", false), [after]);
    }
}

/// R6.6.5.
#[test]
fn unstable_offsets_are_errors_of_partitions_in_every_version() {
    let mut bench = Bench::new();
    commit_to(&mut bench, "g", "t-0", 5);
    txn_to(&mut bench, "g", 7, "t-1", 8);
    bench.commit();
    // A partition with nothing but a pending offset is not part of everything.
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-0=5"]);
    let t = || TopicName(str_bytes("t"));
    let topic =
        OffsetFetchRequestTopic::default().with_name(t()).with_partition_indexes(vec![0, 1]);
    let single = OffsetFetchRequest::default()
        .with_group_id(group())
        .with_topics(Some(vec![topic]))
        .with_require_stable(true);
    let id = bench.send("m", 7, single);
    let Response::OffsetFetch(response) = bench.response(id) else { panic!("not a fetch") };
    let results: Vec<_> =
        response.topics[0].partitions.iter().map(|p| (p.committed_offset, p.error_code)).collect();
    assert_eq!(results, [(5, 0), (-1, code(E::UnstableOffsetCommit))]);
    for (stable, error) in [(true, code(E::UnstableOffsetCommit)), (false, 0)] {
        let topic =
            OffsetFetchRequestTopics::default().with_name(t()).with_partition_indexes(vec![0, 1]);
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(group())
            .with_topics(Some(vec![topic]));
        let several =
            OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(stable);
        let id = bench.send("m", 8, several);
        let Response::OffsetFetch(response) = bench.response(id) else { panic!("not a fetch") };
        let results: Vec<_> = response.groups[0].topics[0]
            .partitions
            .iter()
            .map(|p| (p.committed_offset, p.error_code))
            .collect();
        assert_eq!(results, [(5, 0), (-1, error)]);
    }
}

/// A plain commit between the offset and its marker is later in the log than the offset. (R6.8.6,
/// R6.8.7)
#[test]
fn a_transaction_does_not_overwrite_a_later_commit() {
    let mut bench = Bench::new();
    txn_to(&mut bench, "g", 7, "t-0", 8);
    commit_to(&mut bench, "g", "t-0", 5);
    end_txn(&mut bench, 7, true);
    bench.commit();
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=5"]);
    // Of two transactions the later offset wins, in whatever order they end.
    txn_to(&mut bench, "g", 7, "t-0", 10);
    txn_to(&mut bench, "g", 8, "t-0", 11);
    end_txn(&mut bench, 8, true);
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-0=unstable"]);
    end_txn(&mut bench, 7, true);
    bench.commit();
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-0=11"]);
}

/// R6.8.6.
#[test]
fn the_last_offset_of_a_producer_counts() {
    let mut bench = Bench::new();
    txn_to(&mut bench, "g", 7, "t-0", 10);
    txn_to(&mut bench, "g", 7, "t-0", 9);
    end_txn(&mut bench, 7, true);
    bench.commit();
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=9"]);
}

/// R6.8.7.
#[test]
fn a_marker_ends_the_transaction_in_every_group_and_no_other_transaction() {
    let mut bench = Bench::new();
    txn_to(&mut bench, "g", 7, "t-0", 1);
    txn_to(&mut bench, "g2", 7, "t-1", 2);
    txn_to(&mut bench, "g2", 8, "t-2", 3);
    commit_to(&mut bench, "g2", "t-2", 1);
    end_txn(&mut bench, 7, true);
    bench.commit();
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-0=1"]);
    assert_eq!(offsets_of(&mut bench, "g2", true), ["t-1=2", "t-2=unstable"]);
    let markers = bench.log.iter().filter(|(_, r)| matches!(r, Record::TxnMarker { .. })).count();
    assert_eq!(markers, 1, "one record for all of them");
}

/// R6.8.8.
#[test]
fn markers_have_a_result_for_each_of_their_partitions() {
    let mut bench = Bench::new();
    let empty = bench.send("t", 1, WriteTxnMarkersRequest::default());
    assert_eq!(bench.responses[&empty].1, Release::WhenDurable);
    // A producer without pending offsets gets its marker too.
    let first = end_txn(&mut bench, 9, true);
    bench.commit();
    assert_eq!(codes(&bench, first), [0]);
    assert!(matches!(&bench.log[0].1, Record::TxnMarker { producer, committed: true }
        if producer.0 == 9));
    let marker = |producer, partitions: &[i32]| {
        let topic =
            kafka_protocol::messages::write_txn_markers_request::WritableTxnMarkerTopic::default()
                .with_name(TopicName(str_bytes("__consumer_offsets")))
                .with_partition_indexes(partitions.to_vec());
        WritableTxnMarker::default().with_producer_id(ProducerId(producer)).with_topics(vec![topic])
    };
    let request =
        WriteTxnMarkersRequest::default().with_markers(vec![marker(1, &[0, 1]), marker(2, &[2])]);
    let id = bench.send("t", 1, request);
    let [one, two] = [bench.log[1].0, bench.log[2].0];
    bench.settle_one(one, Some(E::NotEnoughReplicas));
    bench.settle_one(two, None);
    let refused = code(E::NotEnoughReplicas);
    assert_eq!(codes(&bench, id), [refused, refused, 0]);
    let Response::WriteTxnMarkers(response) = bench.response(id) else { panic!("not markers") };
    let producers: Vec<_> = response.markers.iter().map(|m| m.producer_id.0).collect();
    assert_eq!(producers, [1, 2]);
}

/// R9.7.
#[test]
fn a_change_that_could_not_be_stored_is_undone() {
    let mut bench = Bench::new();
    commit_to(&mut bench, "g", "t-0", 5);
    bench.commit();
    let id = txn_to(&mut bench, "g", 7, "t-0", 8);
    bench.fail(E::NotLeaderOrFollower);
    assert_eq!(codes(&bench, id), [code(E::NotCoordinator)]);
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-0=5"], "nothing is pending any more");
    txn_to(&mut bench, "g", 7, "t-0", 8);
    bench.commit();
    let end = end_txn(&mut bench, 7, true);
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-0=8"]);
    bench.fail(E::NotEnoughReplicas);
    assert_eq!(codes(&bench, end), [code(E::NotEnoughReplicas)]);
    assert_eq!(
        offsets_of(&mut bench, "g", true),
        ["t-0=unstable"],
        "the transaction is open again"
    );
    end_txn(&mut bench, 7, true);
    bench.commit();
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-0=8"]);
}

/// One of two offsets that a marker ends was not stored: the marker still ends the other. (R9.7)
#[test]
fn a_failed_offset_does_not_fail_the_marker_after_it() {
    let mut bench = Bench::new();
    txn_to(&mut bench, "g", 7, "t-0", 8);
    txn_to(&mut bench, "g", 7, "t-1", 9);
    end_txn(&mut bench, 7, true);
    let appends: Vec<_> = bench.log.iter().map(|(append, _)| *append).collect();
    bench.settle_one(appends[0], Some(E::NotEnoughReplicas));
    bench.settle_one(appends[2], None);
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-1=9"]);
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-1=9"]);
}
