//! R7.1, to the millisecond.

use super::bench::{REBALANCE, join_request, offer};
use super::*;
use crate::coordinator::{CoordinatorConfig, GroupState};
use crate::time::Time;

/// The time at which the first generation of an empty group begins, when members enter at `entries`
/// (in ms, the first at 0) and the rebalance timeout is `rebalance`.
fn began(delay: u64, rebalance: u64, entries: &[u64]) -> u64 {
    let config = CoordinatorConfig { initial_rebalance_delay: ms(delay), ..Default::default() };
    let mut bench = Bench::with(config);
    for (n, &at) in entries.iter().enumerate() {
        bench.pass(Time::from_micros(at * 1_000).since(bench.now));
        let id = join_answer({
            let first = bench.ask("m", 9, join_request(""));
            bench.answer(first)
        })
        .member_id;
        let request = join_request(&id).with_rebalance_timeout_ms(rebalance as i32);
        bench.ask(&format!("m{n}"), 9, request);
    }
    while bench.state() == GroupState::PreparingRebalance {
        bench.pass(ms(1));
    }
    assert_eq!(bench.look().members.len(), entries.len(), "everybody is in the first generation");
    bench.now.micros() / 1_000
}

/// R7.1.
#[test]
fn one_member_waits_one_step() {
    assert_eq!(began(3_000, 30_000, &[0]), 3_000);
}

/// R7.1.
#[test]
fn a_member_added_in_a_step_is_worth_another_step() {
    assert_eq!(began(3_000, 30_000, &[0, 2_900]), 6_000);
    assert_eq!(began(3_000, 30_000, &[0, 2_900, 5_900]), 9_000);
}

/// R7.1.
#[test]
fn several_in_one_step_are_worth_no_more_than_one() {
    assert_eq!(began(3_000, 30_000, &[0, 10, 20, 30]), 6_000);
}

/// R7.1.
#[test]
fn the_steps_end_with_the_rebalance_timeout() {
    // Steps of 3, 3 and then the last 1 of 7 seconds.
    assert_eq!(began(3_000, 7_000, &[0, 1_000, 4_000, 6_500]), 7_000);
    assert_eq!(began(3_000, 7_000, &[0, 1_000, 4_000]), 7_000);
    assert_eq!(began(3_000, 7_000, &[0, 1_000]), 6_000);
}

/// With a timeout shorter than the delay, the one step still has its whole length.
/// (R7.1)
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
    // B was added in the first step, which is worth a second one although b is gone.
    bench.pass(ms(5_999));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.pass(ms(1));
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    assert_eq!(bench.reasons(), ["member joined", "initial delay over"]);
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
    assert_eq!(bench.look().generation.0, 1);
}

/// A heartbeat in the delay makes a new member's timer a session timer, and so it can expire here.
/// (R5.2, R7.1)
#[test]
fn an_expired_session_ends_the_delay_when_all_others_have_joined() {
    let config = CoordinatorConfig { initial_rebalance_delay: secs(20), ..Default::default() };
    let mut bench = Bench::with(config);
    let a = bench.enter("a");
    bench.enter("b");
    assert_eq!(bench.beat(&a, 0), code(E::RebalanceInProgress));
    bench.pass(secs(10));
    assert_eq!(bench.reasons(), ["member joined", "session expired"]);
    assert_eq!(bench.look().members.len(), 1);
}

/// The session of b, added in the first step, ends that step; a then leaves, and c, who comes alone, waits
/// for a second step all the same.
/// (R7.1)
#[test]
fn who_was_added_in_a_last_step_counts_for_the_next_first_one() {
    let config = CoordinatorConfig { initial_rebalance_delay: secs(20), ..Default::default() };
    let mut bench = Bench::with(config);
    let a = bench.enter("a");
    let b = bench.enter("b");
    assert_eq!(bench.beat(&b, 0), code(E::RebalanceInProgress));
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
    bench.ask("b", 9, join_request(""));
    bench.pass(secs(10));
    assert_eq!(bench.reasons(), ["member joined", "pending member id expired"]);
}

/// R7.1, R7.2.
#[test]
fn a_pending_id_does_not_hold_the_delay_up() {
    let mut bench = Bench::new();
    bench.enter("a");
    bench.pass(secs(2));
    bench.ask("b", 9, join_request(""));
    bench.pass(secs(1));
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    assert_eq!(bench.look().pending.len(), 1);
}

/// R6.1.8, R6.1.16.
#[test]
fn the_old_versions_join_in_one_step() {
    let mut bench = Bench::new();
    let join = bench.ask("old", 0, offer(join_request(""), &[("range", "t")]));
    bench.pass(secs(3));
    let answer = bench.joined(join);
    assert_eq!((answer.error_code, answer.generation_id), (0, 1));
    assert_eq!(answer.protocol_type, None);
    assert!(answer.member_id.starts_with("old-"));
    // Its session timeout stands in for the rebalance timeout.
    assert_eq!(bench.look().timers[0].1, bench.now + super::bench::SESSION);
}
