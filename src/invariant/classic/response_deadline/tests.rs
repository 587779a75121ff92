use crate::broker::TermState;
use crate::client::{ClientObservation, CoordinatorLoss};
use crate::coordinator::{GroupState::*, Removal, TimerKind};
use crate::invariant::trace_builder::{TraceBuilder, error_join, join_response};
use crate::trace::{EventKind, FaultKind};

/// Member a in generation 1, with a rebalance timeout of 60 s.
fn trace() -> TraceBuilder {
    let mut trace = TraceBuilder::new("response-deadline");
    trace.rebalance(60_000).added("a").generation(1, &["a"]).stable();
    trace
}

#[test]
fn a_join_phase_may_take_the_rebalance_timeout() {
    let mut trace = trace();
    trace.added("b").state(Stable, PreparingRebalance);
    trace.request_join("a");
    trace.at(60_900).request_heartbeat("b", 1);
    trace.holds();
    trace.at(61_100).request_heartbeat("b", 1);
    trace.breaks("still PreparingRebalance at 61.100000");
}

#[test]
fn a_join_phase_with_nothing_to_wait_for_ends() {
    let mut trace = trace();
    trace.added("b").state(Stable, PreparingRebalance);
    trace.request_join("a");
    trace.at(20_000).request_join("b");
    trace.at(20_900).request_heartbeat("a", 1);
    trace.holds();
    trace.at(21_100).request_heartbeat("a", 1);
    trace.breaks("nothing to wait for since 20.000000");
}

#[test]
fn a_join_phase_waits_for_ids_that_were_handed_out() {
    let mut trace = trace();
    let key = trace.session(10_000).request_join("");
    trace.respond(key, error_join("p", 79)).state(Stable, PreparingRebalance);
    trace.request_join("a");
    trace.at(10_900).request_heartbeat("a", 1);
    trace.holds();
    trace.at(11_100).request_heartbeat("a", 1);
    trace.breaks("nothing to wait for since 10.000000");
}

#[test]
fn a_join_phase_in_which_a_join_was_rejected_may_last() {
    let mut trace = trace();
    trace.added("b").state(Stable, PreparingRebalance);
    trace.request_join("a");
    let key = trace.request_join("");
    trace.respond(key, error_join("", 81)).removed("b", Removal::GroupFull);
    trace.at(50_000).request_heartbeat("a", 1);
    trace.holds();
}

#[test]
fn a_member_with_a_longer_timeout_extends_the_join_phase() {
    let mut trace = trace();
    trace.state(Stable, PreparingRebalance).rebalance(90_000).added("b");
    trace.at(90_000).request_heartbeat("b", 1);
    trace.holds();
}

#[test]
fn a_sync_phase_has_a_bound_as_well() {
    let mut trace = trace();
    trace.state(Stable, PreparingRebalance).state(PreparingRebalance, CompletingRebalance);
    trace.at(64_900).request_heartbeat("b", 1);
    trace.holds();
    trace.at(65_100).schedule(EventKind::Finished).breaks("still CompletingRebalance");
}

#[test]
fn a_join_that_outlasts_its_phase_breaks() {
    let mut trace = trace();
    trace.state(Stable, PreparingRebalance);
    trace.request_join("a");
    trace.generation(2, &["a"]).state(PreparingRebalance, CompletingRebalance);
    trace.at(5_100).schedule(EventKind::Finished).breaks("to the JoinGroup of consumer0.1");
}

#[test]
fn a_sync_that_outlasts_its_phase_breaks() {
    let mut trace = trace();
    trace.state(Stable, PreparingRebalance).state(PreparingRebalance, CompletingRebalance);
    trace.request_sync("a", 1, &[]);
    trace.state(CompletingRebalance, Stable);
    trace.at(5_100).request_heartbeat("b", 1);
    trace.breaks("to the SyncGroup of consumer0.1");
}

#[test]
fn a_request_with_a_response_waits_no_longer() {
    let mut trace = trace();
    trace.state(Stable, PreparingRebalance);
    let key = trace.request_join("a");
    trace.generation(2, &["a"]).state(PreparingRebalance, CompletingRebalance);
    trace.respond(key, join_response("a", 2, "a", &[]));
    trace.state(CompletingRebalance, Stable).at(70_000).schedule(EventKind::Finished).holds();
}

#[test]
fn a_consumer_that_gave_up_needs_no_response() {
    let given_up = |trace: &mut TraceBuilder| {
        trace.state(Stable, PreparingRebalance);
        trace.request_join("a");
        trace.generation(2, &["a"]).state(PreparingRebalance, CompletingRebalance);
    };
    let mut crashed = trace();
    given_up(&mut crashed);
    crashed.at_consumer(
        0,
        EventKind::FaultBegan { fault: FaultKind::Crash, peer: None, direction: None },
    );
    crashed.at(5_100).schedule(EventKind::Finished).holds();
    let mut in_flight = trace();
    in_flight.state(Stable, PreparingRebalance).state(PreparingRebalance, CompletingRebalance);
    in_flight.request_zombie_sync("a", 1);
    in_flight.state(CompletingRebalance, Stable).at(5_100).schedule(EventKind::Finished).holds();
    let mut lost = trace();
    given_up(&mut lost);
    lost.consumer(0, ClientObservation::CoordinatorLost { why: CoordinatorLoss::RequestTimedOut });
    lost.at(5_100).schedule(EventKind::Finished).holds();
}

#[test]
fn a_paused_broker_responds_when_it_resumes() {
    let mut trace = trace();
    trace.added("b").state(Stable, PreparingRebalance);
    trace.request_join("a");
    trace.at(30_000).paused().at(300_000).resumed().holds();
    trace.at(304_900).request_heartbeat("b", 1);
    trace.holds();
    trace.at(305_100).request_heartbeat("b", 1);
    trace.breaks("still PreparingRebalance");
}

#[test]
fn a_pause_delays_all_steps_of_the_initial_delay() {
    let mut trace = TraceBuilder::new("response-deadline");
    trace.rebalance(60_000).added("a").state(Empty, PreparingRebalance);
    trace.at(30_000).paused().at(300_000).resumed();
    trace.at(360_900).request_heartbeat("b", 1);
    trace.holds();
    trace.at(361_100).request_heartbeat("b", 1);
    trace.breaks("still PreparingRebalance");
}

#[test]
fn requests_that_are_parked_at_an_unload_get_a_response_but_not_at_a_crash() {
    let parked = || {
        let mut trace = trace();
        trace.term_active(1).state(Stable, PreparingRebalance).request_join("a");
        trace
    };
    let mut unloaded = parked();
    unloaded.at(1_000).term(1, TermState::Unloaded).at(6_100).request_heartbeat("b", 1);
    unloaded.breaks("to the JoinGroup of consumer0.1");
    let mut crashed = parked();
    crashed.at(1_000).crashed().term(1, TermState::Unloaded).at(90_000).request_heartbeat("b", 1);
    crashed.holds();
}

#[test]
fn a_zombie_and_a_stalled_log_have_time() {
    let mut zombie = trace();
    zombie.term_active(0).state(Stable, PreparingRebalance).elected(1).at(90_000);
    zombie.request_heartbeat("b", 1);
    zombie.holds();
    let stall = FaultKind::Stall;
    let mut stuck = trace();
    stuck.state(Stable, PreparingRebalance).state(PreparingRebalance, CompletingRebalance);
    stuck
        .schedule(EventKind::FaultBegan { fault: stall, peer: None, direction: None })
        .at(90_000)
        .request_heartbeat("b", 1);
    stuck
        .schedule(EventKind::FaultEnded { fault: stall, peer: None })
        .at(154_000)
        .request_heartbeat("b", 1);
    stuck.holds();
    stuck.at(156_000).request_heartbeat("b", 1);
    stuck.breaks("still CompletingRebalance");
}

#[test]
fn a_parked_join_may_receive_its_response_from_the_write_timeout() {
    let mut trace = trace();
    trace.state(Stable, PreparingRebalance);
    let key = trace.request_join("a");
    trace.respond(key, crate::invariant::trace_builder::error_join("a", 15)).at(59_000);
    trace.generation(2, &["a"]).state(PreparingRebalance, CompletingRebalance).holds();
}

#[test]
fn a_join_phase_with_only_absent_static_members_left_begins_again() {
    let mut trace = trace();
    trace.added_static("s", "i").state(Stable, PreparingRebalance);
    trace.at(60_000).timer_fired(TimerKind::Join).at(119_000).request_heartbeat("b", 1);
    trace.holds();
    trace.at(121_100).request_heartbeat("b", 1);
    trace.breaks("still PreparingRebalance");
}
