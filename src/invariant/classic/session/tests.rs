use crate::coordinator::GroupState::*;
use crate::coordinator::Removal::{Left, SessionExpired};
use crate::invariant::trace_builder::{
    TraceBuilder, error_join, heartbeat_response, join_response,
};

/// Members a and b with sessions of ten seconds, in generation 1 since second 0.
fn trace() -> TraceBuilder {
    let mut trace = TraceBuilder::new("session");
    trace.session(10_000).added("a").added("b").generation(1, &["a", "b"]).stable();
    trace
}

#[test]
fn a_silent_member_expires_when_its_session_ends() {
    trace().at(10_000).removed("a", SessionExpired).at(10_500).removed("b", SessionExpired).holds();
}

#[test]
fn a_member_that_expires_early_breaks() {
    trace().at(9_999).removed("a", SessionExpired).breaks("a expired at 9.999000");
}

#[test]
fn a_member_that_leaves_may_do_so_at_any_time() {
    trace().at(1).removed("a", Left).holds();
}

#[test]
fn a_heartbeat_is_a_sign_of_life_from_when_it_was_handled() {
    let mut trace = trace();
    let key = trace.at(5_000).request_heartbeat("a", 1);
    trace.at(6_000).respond(key, heartbeat_response(0));
    trace.at(10_000).removed("b", SessionExpired);
    trace.at(15_000).removed("a", SessionExpired).holds();
}

#[test]
fn a_heartbeat_whose_response_is_late_counts_all_the_same() {
    let mut trace = trace();
    let key = trace.at(5_000).request_heartbeat("a", 1);
    trace.at(10_000).removed("a", SessionExpired).holds();
    trace.respond(key, heartbeat_response(0)).breaks("had a sign of life at 5.000000");
}

#[test]
fn a_refused_heartbeat_is_no_sign_of_life() {
    let mut trace = trace();
    let key = trace.at(5_000).request_heartbeat("a", 7);
    trace.respond(key, heartbeat_response(22));
    trace.at(10_000).removed("a", SessionExpired).removed("b", SessionExpired).holds();
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut trace = trace();
    let key = trace.at(5_000).request_commit("a", 1, &[("t-0", 0)]);
    trace.committed(key, 0).at(12_000).removed("a", SessionExpired).breaks("a expired at 12");
}

#[test]
fn a_member_that_stays_too_long_breaks() {
    let mut trace = trace();
    trace.at(10_000).removed("b", SessionExpired).at(10_900).request_leave(&["x"]);
    trace.holds();
    trace.at(11_100).request_leave(&["x"]);
    trace.breaks("still has member a at 11.100000");
}

#[test]
fn heartbeats_keep_a_member() {
    let mut trace = trace();
    for second in 1..60 {
        for member in ["a", "b"] {
            let key = trace.at(second * 9_000).request_heartbeat(member, 1);
            trace.respond(key, heartbeat_response(0));
        }
    }
    trace.holds();
}

#[test]
fn a_paused_broker_has_a_second_after_it_resumes() {
    let mut trace = trace();
    trace.at(5_000).paused().at(60_000).resumed();
    trace.at(60_500).removed("a", SessionExpired).holds();
    trace.at(61_500).request_leave(&["x"]);
    trace.breaks("still has member b");
}

#[test]
fn a_parked_join_shields_until_its_response() {
    let mut trace = trace();
    trace.at(1_000).state(Stable, PreparingRebalance);
    let key = trace.request_join("a");
    trace.at(10_000).removed("b", SessionExpired).at(40_000).request_leave(&["x"]);
    trace.generation(2, &["a"]).respond(key, join_response("a", 2, "a", &[])).holds();
    trace.at(49_000).removed("a", SessionExpired).breaks("a expired at 49");
}

#[test]
fn a_parked_member_that_expires_breaks() {
    let mut trace = trace();
    trace.at(1_000).state(Stable, PreparingRebalance);
    let key = trace.request_join("a");
    trace.at(10_000).removed("a", SessionExpired).respond(key, error_join("", 25));
    trace.breaks("although a request of 1.000000 was parked");
}

#[test]
fn a_parked_sync_shields_and_is_a_sign_of_life_when_it_ends() {
    let mut trace = trace();
    trace.at(1_000).generation(2, &["a", "b"]).state(PreparingRebalance, CompletingRebalance);
    let a = trace.request_sync("a", 2, &[]);
    trace.at(11_000).removed("b", SessionExpired).at(20_000).request_leave(&["x"]);
    trace.state(CompletingRebalance, Stable).at(20_100).assigned_in_sync(a, &[]).holds();
    trace.at(29_000).removed("a", SessionExpired).breaks("a expired at 29");
}

#[test]
fn a_new_member_has_five_minutes() {
    let mut trace = TraceBuilder::new("session");
    trace.session(10_000).added("a").at(300_000).removed("a", SessionExpired).holds();
    let mut early = TraceBuilder::new("session");
    early.session(10_000).added("a").at(299_999).removed("a", SessionExpired);
    early.breaks("added at 0.000000 and in no generation since");
    let mut late = TraceBuilder::new("session");
    late.session(10_000).added("a").at(302_000).request_leave(&["x"]);
    late.breaks("still has member a");
}

#[test]
fn a_member_gets_the_session_that_it_requested() {
    let mut trace = TraceBuilder::new("session");
    trace.session(10_000).request_join("");
    trace.added("a").holds();
    trace.request_join("");
    let other = "requested a session of 10s and the coordinator gave it 7s";
    trace.session(7_000).added("b").breaks(other);
}

#[test]
fn sessions_start_anew_with_each_term() {
    let loaded = || {
        let mut trace = TraceBuilder::new("session");
        trace.generation(1, &["a"]).stable().at(8_000).elected(1).on(1).term_active(1);
        trace.load(1, &[("a", "i", &[])]);
        trace
    };
    loaded().at(18_000).removed("a", SessionExpired).holds();
    loaded().at(17_000).removed("a", SessionExpired).breaks("a expired at 17.000000");
    let mut late = loaded();
    late.at(19_100).request_heartbeat("x", 1);
    late.breaks("still has member a at 19.100000");
    let mut unloaded = loaded();
    unloaded.crashed().at(60_000).request_heartbeat("x", 1);
    unloaded.holds();
}

#[test]
fn an_id_that_replaces_another_has_a_session_of_its_own() {
    let back = || {
        let mut trace = TraceBuilder::new("session");
        trace.on(1).term_active(1).load(1, &[("a", "i", &[])]).at(8_000).replaced("i", "a", "a2");
        trace
    };
    back().at(18_000).removed("a2", SessionExpired).holds();
    back().at(17_000).removed("a2", SessionExpired).breaks("a2 expired");
}

#[test]
fn from_its_first_heartbeat_on_a_replacement_has_the_session_that_it_requested() {
    let heard = |session: u64| {
        let mut trace = trace();
        trace.added_static("s", "i").generation(2, &["a", "b", "s"]).stable();
        let key =
            trace.session(session).replaced("i", "s", "s2").at(1_000).request_heartbeat("s2", 2);
        trace.respond(key, heartbeat_response(0));
        trace
    };
    heard(30_000).at(11_000).removed("s2", SessionExpired).breaks("s2 expired at 11");
    let mut short = heard(6_000);
    short.at(7_000).removed("s2", SessionExpired).holds();
    let mut stays = heard(6_000);
    stays.at(9_000).request_heartbeat("a", 2);
    stays.breaks("still has member s2 at 9");
}
