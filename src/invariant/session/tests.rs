use crate::coordinator::GroupState::*;
use crate::coordinator::Removal::{Left, SessionExpired};
use crate::invariant::story::{Story, error_join, heartbeat_answer, join_answer};

/// Members a and b with sessions of ten seconds, in generation 1 since second 0.
fn story() -> Story {
    let mut story = Story::new("session");
    story.session(10_000).added("a").added("b").generation(1, &["a", "b"]).stable();
    story
}

#[test]
fn a_silent_member_expires_when_its_session_ends() {
    story().at(10_000).removed("a", SessionExpired).at(10_500).removed("b", SessionExpired).holds();
}

#[test]
fn a_member_that_expires_early_breaks() {
    story().at(9_999).removed("a", SessionExpired).breaks("a expired at 9.999000");
}

#[test]
fn a_member_that_leaves_may_do_so_at_any_time() {
    story().at(1).removed("a", Left).holds();
}

#[test]
fn a_heartbeat_is_a_sign_of_life_from_when_it_was_handled() {
    let mut story = story();
    let key = story.at(5_000).ask_heartbeat("a", 1);
    story.at(6_000).answer(key, heartbeat_answer(0));
    story.at(10_000).removed("b", SessionExpired);
    story.at(15_000).removed("a", SessionExpired).holds();
}

#[test]
fn a_heartbeat_whose_answer_is_late_counts_all_the_same() {
    let mut story = story();
    let key = story.at(5_000).ask_heartbeat("a", 1);
    story.at(10_000).removed("a", SessionExpired).holds();
    story.answer(key, heartbeat_answer(0)).breaks("although it was heard at 5.000000");
}

#[test]
fn a_refused_heartbeat_is_no_sign_of_life() {
    let mut story = story();
    let key = story.at(5_000).ask_heartbeat("a", 7);
    story.answer(key, heartbeat_answer(22));
    story.at(10_000).removed("a", SessionExpired).removed("b", SessionExpired).holds();
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut story = story();
    let key = story.at(5_000).ask_commit("a", 1, &[("t-0", 0)]);
    story.committed(key, 0).at(12_000).removed("a", SessionExpired).breaks("a expired at 12");
}

#[test]
fn a_member_that_stays_too_long_breaks() {
    let mut story = story();
    story.at(10_000).removed("b", SessionExpired).at(10_900).ask_leave(&["x"]);
    story.holds();
    story.at(11_100).ask_leave(&["x"]);
    story.breaks("a is still a member at 11.100000");
}

#[test]
fn heartbeats_keep_a_member() {
    let mut story = story();
    for second in 1..60 {
        for member in ["a", "b"] {
            let key = story.at(second * 9_000).ask_heartbeat(member, 1);
            story.answer(key, heartbeat_answer(0));
        }
    }
    story.holds();
}

#[test]
fn a_paused_broker_has_a_second_from_its_return() {
    let mut story = story();
    story.at(5_000).paused().at(60_000).resumed();
    story.at(60_500).removed("a", SessionExpired).holds();
    story.at(61_500).ask_leave(&["x"]);
    story.breaks("b is still a member");
}

#[test]
fn a_parked_join_shields_until_it_is_answered() {
    let mut story = story();
    story.at(1_000).state(Stable, PreparingRebalance);
    let key = story.ask_join("a");
    story.at(10_000).removed("b", SessionExpired).at(40_000).ask_leave(&["x"]);
    story.generation(2, &["a"]).answer(key, join_answer("a", 2, "a", &[])).holds();
    story.at(49_000).removed("a", SessionExpired).breaks("a expired at 49");
}

#[test]
fn a_parked_member_that_expires_breaks() {
    let mut story = story();
    story.at(1_000).state(Stable, PreparingRebalance);
    let key = story.ask_join("a");
    story.at(10_000).removed("a", SessionExpired).answer(key, error_join("", 25));
    story.breaks("although a request of 1.000000 was parked");
}

#[test]
fn a_parked_sync_shields_and_is_a_sign_of_life_when_it_ends() {
    let mut story = story();
    story.at(1_000).generation(2, &["a", "b"]).state(PreparingRebalance, CompletingRebalance);
    let a = story.ask_sync("a", 2, &[]);
    story.at(11_000).removed("b", SessionExpired).at(20_000).ask_leave(&["x"]);
    story.state(CompletingRebalance, Stable).at(20_100).told(a, &[]).holds();
    story.at(29_000).removed("a", SessionExpired).breaks("a expired at 29");
}

#[test]
fn a_new_member_has_five_minutes() {
    let mut story = Story::new("session");
    story.session(10_000).added("a").at(300_000).removed("a", SessionExpired).holds();
    let mut early = Story::new("session");
    early.session(10_000).added("a").at(299_999).removed("a", SessionExpired);
    early.breaks("added at 0.000000 and in no generation since");
    let mut late = Story::new("session");
    late.session(10_000).added("a").at(302_000).ask_leave(&["x"]);
    late.breaks("a is still a member");
}

#[test]
fn a_member_gets_the_session_it_asked_for() {
    let mut story = Story::new("session");
    story.session(10_000).ask_join("");
    story.added("a").holds();
    story.ask_join("");
    story.session(7_000).added("b").breaks("asked for a session of 10s and was given 7s");
}

#[test]
fn sessions_start_anew_with_each_term() {
    let loaded = || {
        let mut story = Story::new("session");
        story.generation(1, &["a"]).stable().at(8_000).elected(1).on(1).shard_active(1);
        story.load(1, &[("a", "i", &[])]);
        story
    };
    loaded().at(18_000).removed("a", SessionExpired).holds();
    loaded().at(17_000).removed("a", SessionExpired).breaks("a expired at 17.000000");
    let mut late = loaded();
    late.at(19_100).ask_heartbeat("x", 1);
    late.breaks("a is still a member at 19.100000");
    let mut unloaded = loaded();
    unloaded.crashed().at(60_000).ask_heartbeat("x", 1);
    unloaded.holds();
}

#[test]
fn who_takes_a_place_has_a_session_of_its_own() {
    let back = || {
        let mut story = Story::new("session");
        story.on(1).shard_active(1).load(1, &[("a", "i", &[])]).at(8_000).replaced("i", "a", "a2");
        story
    };
    back().at(18_000).removed("a2", SessionExpired).holds();
    back().at(17_000).removed("a2", SessionExpired).breaks("a2 expired");
}

#[test]
fn from_its_first_heartbeat_on_the_session_of_an_heir_is_that_which_it_asked_for() {
    let heard = |session: u64| {
        let mut story = story();
        story.added_static("s", "i").generation(2, &["a", "b", "s"]).stable();
        let key = story.session(session).replaced("i", "s", "s2").at(1_000).ask_heartbeat("s2", 2);
        story.answer(key, heartbeat_answer(0));
        story
    };
    heard(30_000).at(11_000).removed("s2", SessionExpired).breaks("s2 expired at 11");
    let mut short = heard(6_000);
    short.at(7_000).removed("s2", SessionExpired).holds();
    let mut stays = heard(6_000);
    stays.at(9_000).ask_heartbeat("a", 2);
    stays.breaks("s2 is still a member at 9");
}
