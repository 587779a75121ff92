//! R7.1, to the millisecond.

use super::bench::{REBALANCE, join_request, offer};
use super::*;
use crate::coordinator::{CoordinatorConfig, GroupState, TransitionReason};
use crate::time::Time;

/// When the first generation of an empty group begins if members join at `entries` (in ms, the
/// first at 0) and the rebalance timeout is `rebalance`.
fn began(delay: u64, rebalance: u64, entries: &[u64]) -> u64 {
    let config = CoordinatorConfig { initial_rebalance_delay: ms(delay), ..Default::default() };
    let mut bench = Bench::with(config);
    for (n, &at) in entries.iter().enumerate() {
        bench.pass(Time::from_micros(at * 1_000).since(bench.now));
        let id = join_response({
            let first = bench.send("m", 9, join_request(""));
            bench.response(first)
        })
        .member_id;
        let request = join_request(&id).with_rebalance_timeout_ms(rebalance as i32);
        bench.send(&format!("m{n}"), 9, request);
    }
    while bench.state() == GroupState::PreparingRebalance {
        bench.pass(ms(1));
    }
    assert_eq!(bench.describe().members.len(), entries.len(), "all are in the first generation");
    bench.now.micros() / 1_000
}

/// R7.1.
#[test]
fn one_member_waits_one_step() {
    assert_eq!(began(3_000, 30_000, &[0]), 3_000);
}

/// R7.1.
#[test]
fn a_member_added_in_a_step_extends_the_delay() {
    assert_eq!(began(3_000, 30_000, &[0, 2_900]), 6_000);
    assert_eq!(began(3_000, 30_000, &[0, 2_900, 5_900]), 9_000);
}

/// R7.1.
#[test]
fn several_in_one_step_extend_the_delay_once() {
    assert_eq!(began(3_000, 30_000, &[0, 10, 20, 30]), 6_000);
}

/// R7.1.
#[test]
fn the_steps_end_with_the_rebalance_timeout() {
    // Steps of 3 s, 3 s and the last 1 s of 7 s.
    assert_eq!(began(3_000, 7_000, &[0, 1_000, 4_000, 6_500]), 7_000);
    assert_eq!(began(3_000, 7_000, &[0, 1_000, 4_000]), 7_000);
    assert_eq!(began(3_000, 7_000, &[0, 1_000]), 6_000);
}

/// With a rebalance timeout shorter than the delay, the one step still has its full length. (R7.1)
#[test]
fn a_short_rebalance_timeout_does_not_shorten_the_first_step() {
    assert_eq!(began(3_000, 1_000, &[0, 500]), 3_000);
}

/// R5.4, R7.1.
#[test]
fn no_delay_still_goes_through_the_timer() {
    let config = CoordinatorConfig { initial_rebalance_delay: ms(0), ..Default::default() };
    let mut bench = Bench::with(config);
    bench.enter("m");
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.pass(ms(0));
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
}

/// R6.4.5, R7.1.
#[test]
fn neither_join_nor_leave_ends_the_delay() {
    let mut bench = Bench::new();
    let a = bench.enter("a");
    let b = bench.enter("b");
    bench.join(&a);
    assert_eq!(bench.leave(&[&b]), (0, vec![0]));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    // B was added in the first step, which extends the delay although b has left.
    bench.pass(ms(5_999));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.pass(ms(1));
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    assert_eq!(
        bench.reasons(),
        [TransitionReason::MemberJoined, TransitionReason::InitialDelayOver]
    );
}

/// R4.5, R7.1.
#[test]
fn the_last_member_that_leaves_during_the_delay_leaves_an_empty_group_at_its_end() {
    let mut bench = Bench::new();
    let a = bench.enter("a");
    bench.leave(&[&a]);
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.pass(secs(3));
    assert_eq!(bench.state(), GroupState::Empty);
    assert_eq!(bench.describe().generation.0, 1);
}

/// A heartbeat during the delay turns a new member's timer into a session timer, which can expire
/// here. (R5.2, R7.1)
#[test]
fn an_expired_session_ends_the_delay_when_all_others_have_joined() {
    let config = CoordinatorConfig { initial_rebalance_delay: secs(20), ..Default::default() };
    let mut bench = Bench::with(config);
    let a = bench.enter("a");
    bench.enter("b");
    assert_eq!(bench.heartbeat(&a, 0), code(E::RebalanceInProgress));
    bench.pass(secs(10));
    assert_eq!(bench.reasons(), [TransitionReason::MemberJoined, TransitionReason::SessionExpired]);
    assert_eq!(bench.describe().members.len(), 1);
}

/// The expiry of b, added in the first step, ends that step; a then leaves, and c, which joins
/// alone, still waits for a second step. (R7.1)
#[test]
fn a_member_added_in_the_last_step_counts_for_the_first_step_of_the_next_delay() {
    let config = CoordinatorConfig { initial_rebalance_delay: secs(20), ..Default::default() };
    let mut bench = Bench::with(config);
    let a = bench.enter("a");
    let b = bench.enter("b");
    assert_eq!(bench.heartbeat(&b, 0), code(E::RebalanceInProgress));
    bench.pass(secs(10));
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    bench.leave(&[&a]);
    assert_eq!(bench.state(), GroupState::Empty);
    bench.enter("c");
    bench.pass(secs(20));
    assert_eq!(bench.state(), GroupState::PreparingRebalance, "there is a second step");
    bench.pass(REBALANCE - secs(20));
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
}

/// R5.3, R7.1.
#[test]
fn an_expired_pending_id_ends_the_delay_when_all_have_joined() {
    let config = CoordinatorConfig { initial_rebalance_delay: secs(20), ..Default::default() };
    let mut bench = Bench::with(config);
    bench.enter("a");
    bench.send("b", 9, join_request(""));
    bench.pass(secs(10));
    assert_eq!(
        bench.reasons(),
        [TransitionReason::MemberJoined, TransitionReason::PendingIdExpired]
    );
}

/// R7.1, R7.2.
#[test]
fn a_pending_id_does_not_extend_the_delay() {
    let mut bench = Bench::new();
    bench.enter("a");
    bench.pass(secs(2));
    bench.send("b", 9, join_request(""));
    bench.pass(secs(1));
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    assert_eq!(bench.describe().pending.len(), 1);
}

/// R6.1.8, R6.1.16.
#[test]
fn the_old_versions_join_in_one_step() {
    let mut bench = Bench::new();
    let join = bench.send("old", 0, offer(join_request(""), &[("range", "t")]));
    bench.pass(secs(3));
    let response = bench.joined(join);
    assert_eq!((response.error_code, response.generation_id), (0, 1));
    assert_eq!(response.protocol_type, None);
    assert!(response.member_id.starts_with("old-"));
    // Its session timeout is also its rebalance timeout.
    assert_eq!(bench.describe().timers[0].1, bench.now + super::bench::SESSION);
}
