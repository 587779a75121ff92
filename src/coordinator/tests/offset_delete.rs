//! OffsetDelete: R6.7.1 to R6.7.5, R9.7.

use super::bench::join_request;
use super::offset_world::*;
use super::*;
use crate::coordinator::{GroupState, Inspect, Record, Release};
use crate::protocol::str_bytes;

fn refused(bench: &mut Bench, group: &str, error: E) {
    let appended = bench.log.len();
    let id = delete_offsets(bench, group, &["t-0"]);
    assert_eq!(codes(bench, id), [code(error)]);
    assert_eq!(bench.responses[&id].1, Release::Now);
    assert_eq!(bench.log.len(), appended);
}

/// The error codes for `t-0`, `u-0`, `v-0`.
fn delete_three(bench: &mut Bench) -> Vec<i16> {
    let id = delete_offsets(bench, "g", &["t-0", "u-0", "v-0"]);
    bench.commit();
    codes(bench, id)
}

const READ: i16 = 86;

/// R6.7.1, R6.7.2.
#[test]
fn a_group_that_does_not_exist_has_no_offsets_to_delete() {
    let mut bench = Bench::new();
    refused(&mut bench, "g", E::GroupIdNotFound);
    refused(&mut bench, "", E::InvalidGroupId);
}

/// R6.7.4, R9.7.
#[test]
fn an_offset_is_removed_when_its_tombstone_is_durable() {
    let mut bench = Bench::new();
    commit_to(&mut bench, "g", "t-0", 5);
    commit_to(&mut bench, "g", "t-1", 6);
    bench.commit();
    let id = delete_offsets(&mut bench, "g", &["t-0", "t-9", "t-0"]);
    assert!(bench.is_parked(id));
    assert!(
        matches!(&bench.log[2..], [(_, Record::OffsetTombstone { partition, .. })]
        if *partition == at("t-0")),
        "one tombstone"
    );
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-1=6"]);
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=5", "t-1=6"]);
    assert_eq!(gone(&mut bench), [] as [&str; 0]);
    bench.commit();
    assert_eq!(codes(&bench, id), [0, 0, 0]);
    assert_eq!(gone(&mut bench), ["g t-0 deleted"]);
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-1=6"]);
}

/// R3.2, R6.7.4.
#[test]
fn nothing_to_delete_waits_for_the_log_like_a_heartbeat() {
    let mut bench = Bench::new();
    commit_to(&mut bench, "g", "t-0", 5);
    let id = delete_offsets(&mut bench, "g", &["t-9"]);
    assert_eq!(codes(&bench, id), [0]);
    assert_eq!(bench.responses[&id].1, Release::WhenDurable);
}

/// R6.7.4.
#[test]
fn a_pending_offset_is_removed_too() {
    let mut bench = Bench::new();
    txn_to(&mut bench, "g", 7, "t-0", 5);
    bench.commit();
    let id = delete_offsets(&mut bench, "g", &["t-0"]);
    end_txn(&mut bench, 7, true);
    bench.commit();
    assert_eq!(codes(&bench, id), [0]);
    assert_eq!(offsets_of(&mut bench, "g", true), [] as [&str; 0]);
}

/// R9.7.
#[test]
fn a_tombstone_that_could_not_be_stored_leaves_the_offset() {
    let mut bench = Bench::new();
    commit_to(&mut bench, "g", "t-0", 5);
    bench.commit();
    let id = delete_offsets(&mut bench, "g", &["t-0"]);
    bench.fail(E::NotLeaderOrFollower);
    assert_eq!(codes(&bench, id), [code(E::NotCoordinator)]);
    assert_eq!(gone(&mut bench), [] as [&str; 0]);
    for stable in [true, false] {
        assert_eq!(offsets_of(&mut bench, "g", stable), ["t-0=5"]);
    }
}

/// R6.7.4, R6.7.5.
#[test]
fn offsets_of_subscribed_topics_stay() {
    let (mut bench, ids) = readers("consumer", &[&["t"], &["t", "u"]]);
    assert_eq!(delete_three(&mut bench), [READ, READ, 0]);
    assert_eq!(code(E::GroupSubscribedToTopic), READ);
    // While the next generation forms, and while it waits for its leader.
    bench.join(&ids[0]);
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.leave(&[ids[0].as_str()]);
    assert_eq!(delete_three(&mut bench), [READ, READ, 0]);
    bench.leave(&[ids[1].as_str()]);
    assert_eq!(bench.state(), GroupState::Empty);
    assert_eq!(delete_three(&mut bench), [0, 0, 0], "no member is left that reads them");
}

/// R6.7.5.
#[test]
fn subscribed_topics_are_determined_when_a_generation_begins() {
    let (mut bench, ids) = readers("consumer", &[&["t"], &["t", "u"]]);
    bench.leave(&[ids[0].as_str(), ids[1].as_str()]);
    assert_eq!(bench.state(), GroupState::Empty);
    let members = [enter(&mut bench, "consumer", &["t"]), enter(&mut bench, "consumer", &["u"])];
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(delete_three(&mut bench), [0; 3], "the last generation had no members");
    bench.pass(secs(6));
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    assert_eq!(delete_three(&mut bench), [READ, READ, 0]);
    bench.leave(&[members[1].as_str()]);
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(delete_three(&mut bench), [READ, READ, 0], "as in the previous one");
    rejoin(&mut bench, "consumer", &members[0], &["v"]);
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    assert_eq!(delete_three(&mut bench), [0, 0, READ]);
}

/// R6.7.5.
#[test]
fn an_unknown_subscription_may_include_every_topic() {
    // "topics" is not a subscription.
    let (mut bench, _) = Bench::stable(1);
    assert_eq!(delete_three(&mut bench), [READ; 3]);
    // No generation yet, so no assignor to read the metadata by.
    let mut bench = Bench::new();
    bench.enter("m");
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(delete_three(&mut bench), [READ; 3]);
}

/// R6.7.3, R6.7.5.
#[test]
fn groups_of_other_protocol_types_must_be_empty() {
    let (mut bench, ids) = readers("connect", &[&["t"]]);
    refused(&mut bench, "g", E::NonEmptyGroup);
    bench.join(&ids[0]);
    bench.send("m", 9, join_request("").with_protocol_type(str_bytes("connect")));
    refused(&mut bench, "g", E::NonEmptyGroup);
    bench.leave(&[ids[0].as_str()]);
    bench.pass(secs(60));
    assert_eq!(bench.state(), GroupState::Empty);
    assert_eq!(delete_three(&mut bench), [0, 0, 0]);
    assert_eq!(bench.coordinator.groups().len(), 1);
}
