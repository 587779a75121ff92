use crate::coordinator::GroupState::*;
use crate::invariant::trace_builder::{TraceBuilder, join_response};

/// Member a received its assignment in generation 2; t-0 is committed at 5.
fn trace() -> TraceBuilder {
    let mut trace = TraceBuilder::new("durable");
    trace.term_active(0).generation(2, &["a", "b"]);
    let key = trace.request_sync("a", 2, &[("a", &["t-0"]), ("b", &["t-1"])]);
    trace.stable().assigned_in_sync(key, &["t-0"]);
    let key = trace.request_commit("a", 2, &[("t-0", 5)]);
    trace.committed(key, 0);
    trace
}

fn after_fail_over() -> TraceBuilder {
    let mut trace = trace();
    trace.elected(1).on(1).term_active(1);
    trace
}

const BOTH: &[(&str, &str, &[&str])] = &[("a", "", &["t-0"]), ("b", "", &["t-1"])];

#[test]
fn the_next_coordinator_loads_what_was_acknowledged() {
    after_fail_over().load_offsets(2, BOTH, &[("t-0", 5)]).holds();
    after_fail_over().load_offsets(3, &[], &[("t-0", 5)]).holds();
}

#[test]
fn a_generation_with_an_assignment_is_not_forgotten() {
    const OLDER: &str = "loaded generation 1 though a member had been assigned in generation 2";
    after_fail_over().load_offsets(1, BOTH, &[("t-0", 5)]).breaks(OLDER);
    let other: &[(&str, &str, &[&str])] = &[("a", "", &["t-1"]), ("b", "", &[])];
    after_fail_over().load_offsets(2, other, &[("t-0", 5)]).breaks("loaded a with another");
    let gone: &[(&str, &str, &[&str])] = &[("b", "", &["t-1"])];
    after_fail_over().load_offsets(2, gone, &[("t-0", 5)]).breaks("loaded generation 2 without a");
}

/// The leader submits a second plan before the record of the first is durable, and the members
/// receive the first.
fn planned_twice(second: &[(&str, &[&str])]) -> TraceBuilder {
    let mut trace = TraceBuilder::new("durable");
    trace.term_active(0).generation(2, &["a", "b"]);
    let a = trace.request_sync("a", 2, &[("a", &["t-0"]), ("b", &["t-1"])]);
    let b = trace.request_sync("b", 2, &[]);
    trace.request_sync("a", 2, second);
    trace.stable().assigned_in_sync(a, &["t-0"]).assigned_in_sync(b, &["t-1"]);
    trace
}

/// R11.12.
#[test]
fn either_of_two_plans_may_be_loaded() {
    let loaded = |a: &[&str], b: &[&str]| {
        let mut trace = planned_twice(&[("a", &["t-1"]), ("b", &["t-0"])]);
        trace.elected(1).on(1).term_active(1).load(2, &[("a", "", a), ("b", "", b)]);
        trace
    };
    loaded(&["t-0"], &["t-1"]).holds();
    loaded(&["t-1"], &["t-0"]).holds();
    loaded(&["t-1"], &[]).breaks("loaded b with another assignment in generation 2");
    loaded(&[], &["t-0"]).breaks("loaded a with another assignment in generation 2");
}

/// R9.1, R11.12, R11.13: the second plan was made for a lost generation of the same number, with c
/// and without b, or its sender was a follower there and assigned nothing.
#[test]
fn a_member_that_the_second_plan_leaves_out_is_loaded_without_an_assignment() {
    let loaded = |second: &[(&str, &[&str])], a: &[&str], b: &[&str]| {
        let mut trace = planned_twice(second);
        trace.elected(1).on(1).term_active(1).load(2, &[("a", "", a), ("b", "", b)]);
        trace
    };
    loaded(&[("a", &["t-0"]), ("c", &["t-1"])], &["t-0"], &[]).holds();
    loaded(&[("a", &["t-0"]), ("c", &["t-1"])], &["t-0"], &["t-1"]).holds();
    loaded(&[], &[], &[]).holds();
    loaded(&[], &["t-1"], &[]).breaks("loaded a with another assignment in generation 2");
    loaded(&[("c", &["t-0"])], &["t-0"], &["t-0"]).breaks("loaded b with another");
}

/// R11.12, R11.15: a plan applies to a member and to its replacement, and the replacement is lost.
#[test]
fn a_plan_applies_to_the_member_when_its_replacement_is_lost() {
    let loaded = |second: &[(&str, &[&str])], id: &str, b: &[&str]| {
        let mut trace = planned_twice(second);
        trace.replaced("i", "b", "b2");
        // A member receives its assignment while the new id has the place.
        let a = trace.request_sync("a", 2, &[]);
        trace.assigned_in_sync(a, &["t-0"]).elected(1).on(1).term_active(1);
        trace.load(2, &[("a", "", &["t-0"]), (id, "i", b)]);
        trace
    };
    for id in ["b", "b2"] {
        loaded(&[("a", &["t-0"]), ("b", &["t-2"])], id, &["t-2"]).holds();
        loaded(&[("a", &["t-0"])], id, &[]).holds();
        loaded(&[("a", &["t-0"]), ("b", &["t-2"])], id, &[]).breaks("loaded b with another");
    }
}

#[test]
fn a_group_with_an_assignment_is_not_forgotten() {
    let mut trace = after_fail_over();
    trace.request_heartbeat("a", 2);
    trace.breaks("loaded no group though a member had been assigned in generation 2");
}

#[test]
fn a_generation_without_an_assignment_may_be_issued_again() {
    let mut trace = trace();
    trace.state(Stable, PreparingRebalance).generation(3, &["a", "b"]);
    trace.elected(1).on(1).term_active(1).load_offsets(2, BOTH, &[("t-0", 5)]);
    trace.state(Stable, PreparingRebalance).generation(3, &["b"]);
    let key = trace.request_sync("b", 3, &[("b", &["t-0", "t-1"])]);
    trace.state(CompletingRebalance, Stable).assigned_in_sync(key, &["t-0", "t-1"]).holds();
}

#[test]
fn an_acknowledged_commit_is_not_forgotten() {
    let nothing = "loaded no offset for t-0, but had acknowledged offset 5";
    after_fail_over().load_offsets(2, BOTH, &[]).breaks(nothing);
    after_fail_over().load_offsets(2, BOTH, &[("t-0", 4)]).breaks("loaded offset 4");
}

#[test]
fn later_commits_and_removals_may_or_may_not_survive() {
    for found in [&[("t-0", 5)][..], &[("t-0", 7)][..]] {
        let mut trace = trace();
        trace.request_commit("a", 2, &[("t-0", 7)]);
        trace.elected(1).on(1).term_active(1).load_offsets(2, BOTH, found).holds();
    }
    let mut trace = trace();
    trace.offset_removed("t-0").elected(1).on(1).term_active(1);
    trace.load_offsets(2, BOTH, &[]).holds();
}

#[test]
fn a_group_that_was_removed_may_be_gone() {
    let mut trace = trace();
    trace.group_removed().elected(1).on(1).term_active(1).request_join("");
    trace.holds();
}

#[test]
fn a_zombie_commits_nothing() {
    let mut trace = trace();
    let early = trace.request_commit("a", 2, &[("t-0", 6)]);
    trace.elected(1).committed(early, 0).holds();
    let late = trace.request_commit("a", 2, &[("t-0", 7)]);
    trace.committed(late, 0).breaks("a zombie acknowledged a commit of t-0");
    let mut refused = after_fail_over();
    let late = refused.on(0).request_commit("a", 2, &[("t-0", 7)]);
    refused.committed(late, 16).holds();
}

#[test]
fn a_zombie_begins_no_generation_with_an_assignment() {
    let mut trace = trace();
    trace.elected(1).state(Stable, PreparingRebalance).generation(3, &["a"]);
    let key = trace.request_sync("a", 3, &[("a", &["t-0"])]);
    trace.assigned_in_sync(key, &["t-0"]).breaks("a zombie sent a an assignment in generation 3");
    let mut late = after_fail_over();
    let key = late.on(0).request_sync("b", 2, &[]);
    late.assigned_in_sync(key, &["t-1"]).holds();
}

#[test]
fn an_acknowledged_replacement_is_durable() {
    let replaced = |newest: bool| {
        let mut trace = trace();
        let key = trace.request_join_static("", "i", &["range"]);
        trace.replaced("i", "b", "b2");
        if newest {
            trace.respond(key, join_response("b2", 2, "a", &[]));
        }
        trace.elected(1).on(1).term_active(1);
        trace
    };
    let new: &[(&str, &str, &[&str])] = &[("a", "", &["t-0"]), ("b2", "i", &["t-1"])];
    replaced(true).load_offsets(2, new, &[("t-0", 5)]).holds();
    replaced(false).load_offsets(2, BOTH, &[("t-0", 5)]).holds();
    replaced(true).load_offsets(2, BOTH, &[("t-0", 5)]).breaks("loaded b after another id");
}

#[test]
fn a_zombie_removes_nothing() {
    let mut trace = trace();
    trace.elected(1).group_removed().on(1).term_active(1).request_heartbeat("a", 2);
    trace.breaks("loaded no group though a member had been assigned in generation 2");
    let mut late = after_fail_over();
    late.on(0).group_removed().on(1).load_offsets(1, BOTH, &[("t-0", 5)]);
    late.breaks("loaded generation 1 though");
}

#[test]
fn a_removal_that_is_not_in_the_log_has_no_effect() {
    let removed = || {
        let mut trace = trace();
        trace.group_removed();
        trace
    };
    removed().elected(1).on(1).term_active(1).load_offsets(2, BOTH, &[("t-0", 5)]).holds();
    let mut lost = removed();
    lost.elected(1).on(1).term_active(1).load_offsets(1, BOTH, &[("t-0", 5)]);
    lost.breaks("loaded generation 1 though");
    let mut again = removed();
    again.request_join("");
    again.elected(1).on(1).term_active(1).load_offsets(1, &[], &[]).holds();
    let mut back = removed();
    back.load_offsets(3, &[], &[("t-0", 5)]).elected(1).on(1).term_active(1).request_join("");
    back.breaks("loaded no group though a member had been assigned in generation 2");
}

#[test]
fn a_generation_from_an_uncommitted_record_may_go_with_the_next_election() {
    let newest = |committed: bool| {
        let mut trace = after_fail_over();
        trace.uncommitted(1, 2).load_offsets(3, BOTH, &[("t-0", 5)]);
        let key = trace.request_sync("a", 3, &[]);
        trace.assigned_in_sync(key, &["t-0"]);
        if committed {
            trace.uncommitted(1, 0);
        }
        trace.elected(2).on(2).term_active(2).load_offsets(2, BOTH, &[("t-0", 5)]);
        trace
    };
    newest(false).holds();
    newest(true).breaks("loaded generation 2 though a member had been assigned in generation 3");
}

#[test]
fn what_is_committed_after_a_removal_was_in_the_log_before_it() {
    let next = |removed: bool| {
        let mut trace = after_fail_over();
        trace.uncommitted(1, 2).load_offsets(3, BOTH, &[("t-0", 5)]);
        let key = trace.request_sync("a", 3, &[]);
        trace.assigned_in_sync(key, &["t-0"]);
        if removed {
            trace.group_removed();
        }
        trace.uncommitted(1, 0).elected(2).on(2).term_active(2).request_join("");
        trace
    };
    next(true).holds();
    next(false).breaks("loaded no group though a member had been assigned in generation 3");
}

#[test]
fn a_transaction_is_loaded_as_it_ended() {
    let ended = |commit: bool, code: i16, found: &[(&str, i64)]| {
        let mut trace = trace();
        let key = trace.request_txn_commit(7, "t-1", 8);
        trace.txn_committed(key, "t-1", 0);
        let end = trace.request_end_txn(7, commit);
        trace.txn_ended(end, 7, code);
        trace.elected(1).on(1).term_active(1).load_offsets(2, BOTH, found);
        trace
    };
    let (before, after) = (&[("t-0", 5)][..], &[("t-0", 5), ("t-1", 8)][..]);
    ended(true, 0, after).holds();
    ended(true, 0, before).breaks("loaded no offset for t-1, but had acknowledged offset 8");
    ended(false, 0, before).holds();
    ended(false, 0, after).breaks("loaded offset 8 for t-1, but had acknowledged no offset");
    ended(true, 6, before).holds();
    ended(true, 6, after).holds();
}
