use crate::consumer::Observation;
use crate::coordinator::GroupState::*;
use crate::invariant::story::{Story, join_answer};
use crate::trace::{FaultKind, Kind};

/// Member a in generation 1, with a rebalance timeout of 60 s.
fn story() -> Story {
    let mut story = Story::new("answered");
    story.rebalance(60_000).added("a").generation(1, &["a"]).stable();
    story
}

#[test]
fn a_join_phase_may_take_the_rebalance_timeout() {
    let mut story = story();
    story.state(Stable, PreparingRebalance);
    story.ask_join("a");
    story.at(60_900).ask_heartbeat("b", 1);
    story.holds();
    story.at(61_100).ask_heartbeat("b", 1);
    story.breaks("still PreparingRebalance at 61.100000");
}

#[test]
fn a_member_that_may_take_longer_extends_it() {
    let mut story = story();
    story.state(Stable, PreparingRebalance).rebalance(90_000).added("b");
    story.at(90_000).ask_heartbeat("b", 1);
    story.holds();
}

#[test]
fn a_sync_phase_has_a_bound_as_well() {
    let mut story = story();
    story.state(Stable, PreparingRebalance).state(PreparingRebalance, CompletingRebalance);
    story.at(64_900).ask_heartbeat("b", 1);
    story.holds();
    story.at(65_100).schedule(Kind::Finished).breaks("still CompletingRebalance");
}

#[test]
fn a_join_that_outlasts_its_phase_breaks() {
    let mut story = story();
    story.state(Stable, PreparingRebalance);
    story.ask_join("a");
    story.generation(2, &["a"]).state(PreparingRebalance, CompletingRebalance);
    story.at(5_100).schedule(Kind::Finished).breaks("the JoinGroup that consumer 0");
}

#[test]
fn a_sync_that_outlasts_its_phase_breaks() {
    let mut story = story();
    story.state(Stable, PreparingRebalance).state(PreparingRebalance, CompletingRebalance);
    story.ask_sync("a", 1, &[]);
    story.state(CompletingRebalance, Stable);
    story.at(5_100).ask_heartbeat("b", 1);
    story.breaks("the SyncGroup that consumer 0");
}

#[test]
fn answered_requests_wait_no_more() {
    let mut story = story();
    story.state(Stable, PreparingRebalance);
    let key = story.ask_join("a");
    story.generation(2, &["a"]).state(PreparingRebalance, CompletingRebalance);
    story.answer(key, join_answer("a", 2, "a", &[]));
    story.state(CompletingRebalance, Stable).at(70_000).schedule(Kind::Finished).holds();
}

#[test]
fn whoever_gave_up_needs_no_answer() {
    let given_up = |story: &mut Story| {
        story.state(Stable, PreparingRebalance);
        story.ask_join("a");
        story.generation(2, &["a"]).state(PreparingRebalance, CompletingRebalance);
    };
    let mut crashed = story();
    given_up(&mut crashed);
    crashed.at_consumer(0, Kind::FaultBegan { fault: FaultKind::Crash, peer: None });
    crashed.at(5_100).schedule(Kind::Finished).holds();
    let mut under_way = story();
    under_way.state(Stable, PreparingRebalance).state(PreparingRebalance, CompletingRebalance);
    under_way.ask_sync_of_the_dead("a", 1);
    under_way.state(CompletingRebalance, Stable).at(5_100).schedule(Kind::Finished).holds();
    let mut lost = story();
    given_up(&mut lost);
    lost.consumer(0, Observation::CoordinatorLost { why: "request timed out" });
    lost.at(5_100).schedule(Kind::Finished).holds();
}

#[test]
fn a_paused_broker_answers_when_it_returns() {
    let mut story = story();
    story.state(Stable, PreparingRebalance);
    story.ask_join("a");
    story.at(30_000).paused().at(300_000).resumed().holds();
    story.at(304_900).ask_heartbeat("b", 1);
    story.holds();
    story.at(305_100).ask_heartbeat("b", 1);
    story.breaks("still PreparingRebalance");
}

#[test]
fn a_pause_delays_all_steps_of_the_initial_delay() {
    let mut story = Story::new("answered");
    story.rebalance(60_000).added("a").state(Empty, PreparingRebalance);
    story.at(30_000).paused().at(300_000).resumed();
    story.at(360_900).ask_heartbeat("b", 1);
    story.holds();
    story.at(361_100).ask_heartbeat("b", 1);
    story.breaks("still PreparingRebalance");
}
