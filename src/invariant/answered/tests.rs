use crate::cluster::ShardState;
use crate::consumer::Observation;
use crate::coordinator::{GroupState::*, Removal, TimerKind};
use crate::invariant::story::{Story, error_join, join_answer};
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
    story.added("b").state(Stable, PreparingRebalance);
    story.ask_join("a");
    story.at(60_900).ask_heartbeat("b", 1);
    story.holds();
    story.at(61_100).ask_heartbeat("b", 1);
    story.breaks("still PreparingRebalance at 61.100000");
}

#[test]
fn a_join_phase_that_waits_for_nobody_ends() {
    let mut story = story();
    story.added("b").state(Stable, PreparingRebalance);
    story.ask_join("a");
    story.at(20_000).ask_join("b");
    story.at(20_900).ask_heartbeat("a", 1);
    story.holds();
    story.at(21_100).ask_heartbeat("a", 1);
    story.breaks("waiting for nobody since 20.000000");
}

#[test]
fn a_join_phase_waits_for_ids_that_were_handed_out() {
    let mut story = story();
    let key = story.session(10_000).ask_join("");
    story.answer(key, error_join("p", 79)).state(Stable, PreparingRebalance);
    story.ask_join("a");
    story.at(10_900).ask_heartbeat("a", 1);
    story.holds();
    story.at(11_100).ask_heartbeat("a", 1);
    story.breaks("waiting for nobody since 10.000000");
}

#[test]
fn a_join_phase_in_which_somebody_was_turned_away_may_last() {
    let mut story = story();
    story.added("b").state(Stable, PreparingRebalance);
    story.ask_join("a");
    let key = story.ask_join("");
    story.answer(key, error_join("", 81)).removed("b", Removal::GroupFull);
    story.at(50_000).ask_heartbeat("a", 1);
    story.holds();
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
    story.at(5_100).schedule(Kind::Finished).breaks("the JoinGroup that consumer0.1");
}

#[test]
fn a_sync_that_outlasts_its_phase_breaks() {
    let mut story = story();
    story.state(Stable, PreparingRebalance).state(PreparingRebalance, CompletingRebalance);
    story.ask_sync("a", 1, &[]);
    story.state(CompletingRebalance, Stable);
    story.at(5_100).ask_heartbeat("b", 1);
    story.breaks("the SyncGroup that consumer0.1");
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
    crashed
        .at_consumer(0, Kind::FaultBegan { fault: FaultKind::Crash, peer: None, direction: None });
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
    story.added("b").state(Stable, PreparingRebalance);
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

#[test]
fn what_is_parked_at_an_unload_is_answered_but_not_at_a_crash() {
    let parked = || {
        let mut story = story();
        story.shard_active(1).state(Stable, PreparingRebalance).ask_join("a");
        story
    };
    let mut unloaded = parked();
    unloaded.at(1_000).shard(1, ShardState::Unloaded).at(6_100).ask_heartbeat("b", 1);
    unloaded.breaks("the JoinGroup that consumer0.1");
    let mut crashed = parked();
    crashed.at(1_000).crashed().shard(1, ShardState::Unloaded).at(90_000).ask_heartbeat("b", 1);
    crashed.holds();
}

#[test]
fn a_zombie_and_a_log_that_stands_still_have_time() {
    let mut zombie = story();
    zombie.shard_active(0).state(Stable, PreparingRebalance).elected(1).at(90_000);
    zombie.ask_heartbeat("b", 1);
    zombie.holds();
    let stall = FaultKind::Stall;
    let mut stuck = story();
    stuck.state(Stable, PreparingRebalance).state(PreparingRebalance, CompletingRebalance);
    stuck
        .schedule(Kind::FaultBegan { fault: stall, peer: None, direction: None })
        .at(90_000)
        .ask_heartbeat("b", 1);
    stuck.schedule(Kind::FaultEnded { fault: stall, peer: None }).at(154_000).ask_heartbeat("b", 1);
    stuck.holds();
    stuck.at(156_000).ask_heartbeat("b", 1);
    stuck.breaks("still CompletingRebalance");
}

#[test]
fn a_parked_join_may_be_answered_by_the_write_timeout() {
    let mut story = story();
    story.state(Stable, PreparingRebalance);
    let key = story.ask_join("a");
    story.answer(key, crate::invariant::story::error_join("a", 15)).at(59_000);
    story.generation(2, &["a"]).state(PreparingRebalance, CompletingRebalance).holds();
}

#[test]
fn a_join_phase_that_only_absent_static_members_are_left_in_begins_again() {
    let mut story = story();
    story.added_static("s", "i").state(Stable, PreparingRebalance);
    story.at(60_000).timer_fired(TimerKind::Join).at(119_000).ask_heartbeat("b", 1);
    story.holds();
    story.at(121_100).ask_heartbeat("b", 1);
    story.breaks("still PreparingRebalance");
}
