use crate::coordinator::GroupState::*;
use crate::invariant::trace_builder::{TraceBuilder, join_response};

fn trace() -> TraceBuilder {
    TraceBuilder::new("generation")
}

#[test]
fn generations_grow() {
    trace().generation(1, &["a"]).generation(2, &["a"]).holds();
    trace().generation(2, &["a"]).generation(2, &["a"]).breaks("began generation 2 after 2");
    trace().generation(2, &["a"]).generation(1, &["a"]).breaks("began generation 1 after 2");
}

#[test]
fn another_incarnation_may_start_over() {
    trace().generation(2, &["a"]).coordinator_started().generation(1, &["a"]).holds();
}

#[test]
fn a_parked_join_receives_the_next_generation() {
    let mut trace = trace();
    trace.generation(1, &["a"]).state(Stable, PreparingRebalance);
    let join = trace.request_join("a");
    trace.generation(2, &["a"]).respond(join, join_response("a", 2, "a", &[])).holds();
}

#[test]
fn a_parked_join_that_receives_the_old_generation_breaks() {
    let mut trace = trace();
    trace.generation(1, &["a"]).state(Stable, PreparingRebalance);
    let join = trace.request_join("a");
    trace.generation(2, &["a"]).respond(join, join_response("a", 1, "a", &[]));
    trace.breaks("generation 1; the request arrived in 1 (PreparingRebalance), the next was 2");
}

#[test]
fn a_member_of_a_stable_group_may_receive_a_response_at_once() {
    let mut trace = trace();
    trace.generation(1, &["a"]).stable();
    let join = trace.request_join("a");
    trace.respond(join, join_response("a", 1, "a", &[])).holds();
}

#[test]
fn responses_agree_on_leader_assignor_and_members() {
    let responded = |response| {
        let mut trace = trace();
        let join = trace.request_join("a");
        trace.generation(1, &["a", "b"]).respond(join, response);
        trace
    };
    responded(join_response("b", 1, "a", &[])).holds();
    responded(join_response("b", 1, "b", &[])).breaks("and leader b, but a leads");
    responded(join_response("x", 1, "a", &[])).breaks("which does not include it");
    let mut other = join_response("b", 1, "a", &[]);
    if let crate::protocol::Response::JoinGroup(body) = &mut other {
        body.protocol_name = None;
    }
    responded(other).breaks("and assignor None");
}

#[test]
fn assignments_never_go_back() {
    let mut trace = trace();
    trace.started(0).generation(1, &["a"]).generation(2, &["a"]);
    trace.assigned(0, "a", 2, &[]).assigned(0, "a", 2, &[]).holds();
    trace
        .assigned(0, "a", 1, &[])
        .breaks("a took over an assignment of generation 1 after one of 2");
}

#[test]
fn an_assignment_under_a_foreign_id_breaks() {
    let mut trace = trace();
    trace.started(0).generation(1, &["a"]).assigned(0, "b", 1, &[]);
    trace.breaks("does not include it");
}

/// The assignment comes eight generations late, and an earlier term had that number, too.
#[test]
fn assignments_of_a_forgotten_generation_are_not_judged() {
    let after = |generations: std::ops::RangeInclusive<i32>| {
        let mut trace = trace();
        trace.started(0).generation(1, &["a"]);
        trace.elected(1).on(1).term_active(1).generation(1, &["b"]);
        generations.for_each(|generation| {
            trace.generation(generation, &["c"]);
        });
        trace.assigned(0, "b", 1, &[]);
        trace
    };
    after(2..=8).holds();
    after(2..=9).holds();
    let mut unknown = trace();
    unknown.started(0).generation(1, &["a"]);
    unknown.elected(1).on(1).term_active(1).generation(1, &["b"]).assigned(0, "x", 1, &[]);
    unknown.breaks("does not include it");
}

#[test]
fn a_term_continues_from_the_generation_that_it_loaded() {
    let members: &[(&str, &str, &[&str])] = &[("a", "", &[])];
    let taken_over = || {
        let mut trace = trace();
        trace.generation(2, &["a"]).generation(3, &["a", "b"]);
        trace.elected(1).on(1).term_active(1).load(2, members);
        trace
    };
    taken_over().generation(3, &["a"]).holds();
    taken_over().generation(2, &["a"]).breaks("began generation 2 after 2");
    let mut zombie = taken_over();
    zombie.generation(3, &["a"]).on(0).generation(4, &["a", "b"]).on(1).generation(4, &["a"]);
    zombie.holds();
}

#[test]
fn a_static_member_that_comes_back_receives_a_response_at_once() {
    let mut trace = trace();
    trace.added_static("a1", "i").generation(1, &["a1", "b"]).stable();
    let key = trace.request_join_static("", "i", &["range"]);
    trace.replaced("i", "a1", "a2");
    // Up to version 8 the response names the old id as leader.
    trace.respond(key, join_response("a2", 1, "a1", &[])).holds();
    let key = trace.request_join_static("", "k", &["range"]);
    trace.respond(key, join_response("x", 1, "a2", &[])).breaks("the next was none");
}

#[test]
fn an_id_that_has_its_place_back_is_in_the_generation_that_began_meanwhile() {
    let mut trace = trace();
    trace.added_static("a1", "i").replaced("i", "a1", "a2").generation(1, &["a2", "b"]);
    trace.undone("i", "a1", "a2").stable();
    let key = trace.request_join("a1");
    trace.respond(key, join_response("a1", 1, "a1", &[])).holds();
}

#[test]
fn a_leader_receives_the_metadata_of_its_members() {
    let trace = |named: &str| {
        let mut trace = trace();
        trace.request_join_static("", "i", &[named]);
        trace.added_static("a", "i").generation(1, &["a"]);
        let key = trace.request_join_static("a", "i", &[named]);
        let mut response = join_response("a", 1, "a", &["a"]);
        if let crate::protocol::Response::JoinGroup(body) = &mut response {
            body.members[0].metadata = bytes::Bytes::new();
        }
        trace.respond(key, response);
        trace
    };
    trace("range").holds();
    trace("sticky").breaks("not those of its last JoinGroup");
}
