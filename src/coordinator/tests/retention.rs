//! R10. The broker keeps offsets for an hour and checks every ten minutes.

use std::time::Duration;

use kafka_protocol::messages::OffsetCommitRequest;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use super::bench::group;
use super::offset_world::*;
use super::*;
use crate::coordinator::{CoordinatorConfig, GroupCoordinator, GroupState, Inspect, Record};
use crate::protocol::subscription::{Subscription, encode_subscription};
use crate::protocol::{StrBytes, TopicName, str_bytes};

const fn mins(minutes: u64) -> Duration {
    secs(60 * minutes)
}

fn config() -> CoordinatorConfig {
    CoordinatorConfig {
        offsets_retention: mins(60),
        offsets_retention_check: mins(10),
        max_session_timeout: mins(10_000),
        initial_rebalance_delay: ms(0),
        ..Default::default()
    }
}

fn bench() -> Bench {
    Bench::with(config())
}

/// Advances the time while the members stay alive and the log commits.
fn live(bench: &mut Bench, ids: &[StrBytes], time: Duration) {
    let end = bench.now + time;
    while bench.now < end {
        ids.iter().for_each(|id| assert_eq!(bench.heartbeat(id, 1), 0));
        bench.pass(secs(5).min(end.since(bench.now)));
        bench.commit();
    }
}

fn idle(bench: &mut Bench, time: Duration) {
    bench.pass(time);
    bench.commit();
}

fn commit_with_retention(bench: &mut Bench, group: &str, partition: &str, retention: Duration) {
    let at = at(partition);
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(at.partition)
        .with_committed_offset(1);
    let topic =
        OffsetCommitRequestTopic::default().with_name(at.topic).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(named(group))
        .with_generation_id_or_member_epoch(-1)
        .with_retention_time_ms(retention.as_millis() as i64)
        .with_topics(vec![topic]);
    bench.send("m", 4, request);
}

/// A member's commit, in generation 1.
fn commit_as(bench: &mut Bench, member: &StrBytes, partition: &str) {
    let at = at(partition);
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(at.partition)
        .with_committed_offset(1);
    let topic =
        OffsetCommitRequestTopic::default().with_name(at.topic).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_member_id(member.clone())
        .with_generation_id_or_member_epoch(1)
        .with_topics(vec![topic]);
    let id = bench.send("m", 9, request);
    bench.commit();
    assert_eq!(codes(bench, id), [0]);
}

#[test]
fn one_timer_is_armed_and_moves_on() {
    let mut bench = bench();
    let mut armed = Vec::new();
    bench.coordinator.deadlines(&mut |deadline| armed.push(deadline));
    assert_eq!(armed, [bench.now + mins(10)]);
    bench.pass(mins(10));
    assert_eq!(bench.coordinator.next_deadline(), Some(bench.now + mins(10)));
    assert!(bench.log.is_empty() && bench.observed.is_empty());
}

/// R10.4, R10.5.
#[test]
fn a_group_that_was_only_committed_to_loses_each_offset_an_hour_after_its_commit() {
    let mut bench = bench();
    idle(&mut bench, mins(5));
    commit_to(&mut bench, "g", "t-0", 5);
    idle(&mut bench, mins(10));
    commit_to(&mut bench, "g", "t-1", 6);
    // At 65 minutes the first has expired, at 70 the broker checks.
    idle(&mut bench, mins(54));
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=5", "t-1=6"]);
    idle(&mut bench, mins(1));
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-1=6"]);
    assert_eq!(gone(&mut bench), ["g t-0 expired"]);
    // The group goes with its last offset.
    idle(&mut bench, mins(10));
    assert_eq!(gone(&mut bench), ["g expired"]);
    assert!(matches!(
        &bench.log[3..],
        [(_, Record::OffsetTombstone { .. }), (_, Record::GroupTombstone { .. })]
    ));
    assert!(bench.coordinator.groups().is_empty());
}

/// R10.4.
#[test]
fn an_offset_expires_to_the_instant() {
    for (early, kept) in [(0, 0), (1, 1)] {
        let mut bench = bench();
        // Committed exactly an hour, or a microsecond less, before the check at 70 minutes.
        bench.pass(mins(10) + Duration::from_micros(early));
        commit_to(&mut bench, "g", "t-0", 5);
        bench.commit();
        idle(&mut bench, mins(60) - Duration::from_micros(early));
        assert_eq!(offsets_of(&mut bench, "g", false).len(), kept);
    }
}

/// R10.2.
#[test]
fn the_offsets_of_an_empty_group_expire_together_an_hour_after_it_became_empty() {
    let (mut bench, ids) = readers_with(config(), "consumer", &[&["t"]]);
    commit_as(&mut bench, &ids[0], "t-0");
    live(&mut bench, &ids, mins(75));
    bench.leave(&[ids[0].as_str()]);
    // A tool commits later; the time of commits does not matter. The checks are at 130 and 140
    // minutes.
    idle(&mut bench, mins(56));
    commit_to(&mut bench, "g", "t-1", 5);
    bench.commit();
    assert_eq!(offsets_of(&mut bench, "g", false).len(), 2);
    idle(&mut bench, mins(10));
    assert_eq!(gone(&mut bench), ["g expired"]);
    assert_eq!(offsets_of(&mut bench, "g", false), [] as [&str; 0]);
}

/// R10.7.
#[test]
fn the_time_without_members_does_not_add_up() {
    let (mut bench, ids) = readers_with(config(), "consumer", &[&["t"]]);
    commit_as(&mut bench, &ids[0], "t-0");
    bench.leave(&[ids[0].as_str()]);
    idle(&mut bench, mins(45));
    let again = bench.enter("c");
    bench.pass(secs(1));
    bench.leave(&[again.as_str()]);
    idle(&mut bench, mins(45));
    assert_eq!(offsets_of(&mut bench, "g", false).len(), 1);
    idle(&mut bench, mins(30));
    assert_eq!(gone(&mut bench), ["g expired"]);
}

/// R10.3.
#[test]
fn a_stable_group_keeps_offsets_of_subscribed_topics_only() {
    let (mut bench, ids) = readers_with(config(), "consumer", &[&["t"], &["u"]]);
    for partition in ["t-0", "u-0", "v-0"] {
        commit_as(&mut bench, &ids[1], partition);
    }
    live(&mut bench, &ids, mins(40));
    commit_as(&mut bench, &ids[1], "w-0");
    live(&mut bench, &ids, mins(31));
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=1", "u-0=1", "w-0=1"]);
    assert_eq!(gone(&mut bench), ["g v-0 expired"]);
    assert_eq!(bench.state(), GroupState::Stable);
}

/// R6.7.5, R10.5.
#[test]
fn a_stable_group_with_an_unknown_subscription_keeps_everything() {
    let mut bench = bench();
    let id = bench.enter("m");
    bench.pass(secs(1));
    bench.sync(&id, 1, std::slice::from_ref(&id));
    bench.commit();
    commit_as(&mut bench, &id, "v-0");
    live(&mut bench, &[id], mins(80));
    assert_eq!(offsets_of(&mut bench, "g", false).len(), 1);
    let (mut bench, ids) = readers_with(config(), "connect", &[&["t"]]);
    commit_as(&mut bench, &ids[0], "v-0");
    live(&mut bench, &ids, mins(80));
    assert_eq!(offsets_of(&mut bench, "g", false).len(), 1);
}

/// R10.5.
#[test]
fn nothing_expires_during_a_rebalance() {
    let (mut bench, ids) = readers_with(config(), "consumer", &[&["t"]]);
    commit_as(&mut bench, &ids[0], "v-0");
    live(&mut bench, &ids, mins(58));
    let mut request = bench::join_request("").with_session_timeout_ms(900_000);
    request.rebalance_timeout_ms = mins(100).as_millis() as i32;
    let first = bench.send("slow", 9, request.clone());
    let slow = bench.joined(first).member_id;
    bench.send("slow", 9, request.with_member_id(slow));
    // The member keeps sending heartbeats, gets REBALANCE_IN_PROGRESS and does not rejoin.
    for _ in 0..(4 * 60 / 5) {
        assert_eq!(bench.heartbeat(&ids[0], 1), code(E::RebalanceInProgress));
        bench.pass(secs(5));
    }
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(offsets_of(&mut bench, "g", true), ["v-0=1"]);
    bench.join(&ids[0]);
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    for _ in 0..(9 * 60 / 5) {
        assert_eq!(bench.heartbeat(&ids[0], 2), 0);
        bench.pass(secs(5));
    }
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    assert_eq!(offsets_of(&mut bench, "g", true), ["v-0=1"]);
}

/// R10.1.
#[test]
fn a_commit_may_have_a_retention_time() {
    let mut bench = bench();
    commit_with_retention(&mut bench, "g", "t-0", mins(15));
    commit_with_retention(&mut bench, "g", "t-1", mins(300));
    commit_to(&mut bench, "g", "t-2", 1);
    bench.commit();
    idle(&mut bench, mins(10));
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=1", "t-1=1", "t-2=1"]);
    idle(&mut bench, mins(10));
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-1=1", "t-2=1"]);
    idle(&mut bench, mins(60));
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-1=1"]);
    idle(&mut bench, mins(220));
    assert_eq!(gone(&mut bench), ["g t-0 expired", "g t-2 expired", "g expired"]);
}

/// R10.1, R10.3.
#[test]
fn a_subscribed_topic_keeps_its_offset_past_the_retention_time() {
    let (mut bench, ids) = readers_with(config(), "consumer", &[&["t"]]);
    bench.leave(&[ids[0].as_str()]);
    bench.commit();
    commit_with_retention(&mut bench, "g", "t-0", secs(1));
    bench.commit();
    let mut request = bench::join_request("");
    request.protocols[0].metadata =
        encode_subscription(&Subscription::to(&[TopicName(str_bytes("t"))]), 1);
    let first = bench.send("c", 9, request.clone());
    let id = bench.joined(first).member_id;
    bench.send("c", 9, request.with_member_id(id.clone()));
    bench.pass(secs(1));
    bench.sync(&id, 3, std::slice::from_ref(&id));
    bench.commit();
    for _ in 0..(20 * 60 / 5) {
        assert_eq!(bench.heartbeat(&id, 3), 0);
        idle(&mut bench, secs(5));
    }
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=1"]);
}

/// R10.5.
#[test]
fn nothing_expires_while_a_transaction_is_open() {
    let mut bench = bench();
    commit_to(&mut bench, "g", "t-0", 5);
    commit_to(&mut bench, "g", "t-1", 5);
    txn_to(&mut bench, "g", 7, "t-0", 6);
    idle(&mut bench, mins(80));
    assert_eq!(gone(&mut bench), ["g t-1 expired"]);
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=5"]);
    end_txn(&mut bench, 7, false);
    idle(&mut bench, mins(10));
    assert_eq!(gone(&mut bench), ["g expired"]);
    // A group with nothing but a pending offset stays as well.
    txn_to(&mut bench, "g", 8, "t-0", 6);
    idle(&mut bench, mins(80));
    assert_eq!(gone(&mut bench), [] as [&str; 0]);
    end_txn(&mut bench, 8, false);
    idle(&mut bench, mins(10));
    assert_eq!(gone(&mut bench), ["g expired"]);
}

/// R10.5.
#[test]
fn an_empty_group_without_offsets_is_removed_at_the_next_check() {
    let (mut bench, ids) = readers_with(config(), "consumer", &[&["t"]]);
    live(&mut bench, &ids, mins(9));
    bench.leave(&[ids[0].as_str()]);
    idle(&mut bench, mins(1));
    assert_eq!(gone(&mut bench), ["g expired"]);
    assert_eq!(bench.coordinator.next_deadline().map(|d| d > bench.now), Some(true));
}

/// R9.7, R9.8.
#[test]
fn an_expiry_that_could_not_be_stored_is_tried_again() {
    let mut bench = bench();
    commit_to(&mut bench, "g", "t-0", 5);
    idle(&mut bench, mins(59));
    bench.pass(mins(1));
    bench.fail(E::NotEnoughReplicas);
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=5"]);
    assert_eq!(bench.state(), GroupState::Empty);
    idle(&mut bench, mins(10));
    assert_eq!(offsets_of(&mut bench, "g", false), [] as [&str; 0]);
    assert_eq!(gone(&mut bench), ["g expired", "g expired"]);
}

/// R10.6.
#[test]
fn a_deleted_topic_takes_its_offsets_along() {
    let (mut bench, ids) = readers_with(config(), "consumer", &[&["t"]]);
    commit_as(&mut bench, &ids[0], "t-0");
    commit_as(&mut bench, &ids[0], "u-0");
    commit_to(&mut bench, "a", "t-3", 1);
    txn_to(&mut bench, "a", 7, "t-4", 1);
    bench.commit();
    let before = bench.log.len();
    bench.delete_topic("t");
    assert_eq!(offsets_of(&mut bench, "g", true), ["u-0=1"]);
    bench.commit();
    let mut all = gone(&mut bench);
    all.sort();
    assert_eq!(all, ["a t-3 topic deleted", "a t-4 topic deleted", "g t-0 topic deleted"]);
    assert_eq!(bench.log.len(), before + 3);
    assert_eq!(bench.coordinator.groups().len(), 2, "the groups stay");
    assert_eq!(bench.state(), GroupState::Stable);
}
