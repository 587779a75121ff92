//! Tests of what the invariants remember of a generation that its coordinator has left behind, and
//! that an election may have taken away from the log (rules R11.12, R11.13).

use crate::invariant::trace_builder::TraceBuilder;

#[test]
fn a_commit_of_what_a_lost_history_assigned_in_that_generation_holds() {
    // Broker 1 loads generation 2 before it is committed, repeats its assignments, and goes on
    // to generation 3. An election takes both away, and broker 2 makes another generation 2.
    let commits = |id: &str, name: &str, uncommitted: u64| {
        let mut trace = TraceBuilder::new("no-overlap");
        trace.generation(1, &["a", "b"]);
        trace.elected(1).on(1).term_active(1).uncommitted(1, 1);
        trace.load(2, &[("a", "", &["t-0", "t-1"]), ("b", "", &["t-2"])]);
        trace.uncommitted(1, uncommitted).generation(3, &["a", "b"]).crashed();
        trace.elected(2).on(2).term_active(2);
        trace.load(1, &[("a", "", &["t-0"]), ("b", "", &["t-1"])]);
        trace.generation(2, &["a", "b"]);
        let key = trace.request_commit(id, 2, &[(name, 3)]);
        trace.committed(key, 0);
        trace
    };
    commits("a", "t-1", 1).holds();
    commits("b", "t-2", 1).holds();
    commits("b", "t-1", 1).breaks("a commit of t-1 by b");
    commits("a", "t-2", 1).breaks("a commit of t-2 by a");
    // What is committed no election takes away.
    commits("a", "t-1", 0).breaks("a commit of t-1 by a");
}

#[test]
fn a_commit_of_what_a_lost_history_assigned_before_a_replacement_holds() {
    let mut trace = TraceBuilder::new("no-overlap");
    trace.generation(1, &["a"]);
    trace.elected(1).on(1).term_active(1).uncommitted(1, 1).load(2, &[("a", "i", &["t-1"])]);
    trace.generation(3, &["a"]).replaced("i", "a", "b").crashed();
    trace.elected(2).on(2).term_active(2).load(1, &[("a", "i", &["t-0"])]);
    trace.generation(2, &["a"]);
    let key = trace.request_commit("a", 2, &[("t-1", 3)]);
    trace.committed(key, 0).holds();
}

#[test]
fn two_plans_count_after_their_coordinator_has_gone_on_to_the_next_generation() {
    let both_own = |plans: usize| {
        let mut trace = TraceBuilder::new("no-overlap");
        trace.started(0).started(1).generation(1, &["a", "b"]);
        let mut key = 0;
        for _ in 0..plans {
            key = trace.request_sync("a", 1, &[("a", &["t-0"]), ("b", &["t-1"])]);
        }
        trace.stable().assigned_in_sync(key, &["t-0"]).assigned(0, "a", 1, &["t-0"]);
        trace.generation(2, &["a", "b"]);
        trace.elected(1).on(1).term_active(1);
        trace.load(1, &[("a", "", &["t-1"]), ("b", "", &["t-0"])]);
        trace.assigned(1, "b", 1, &["t-0"]);
        trace
    };
    both_own(2).holds();
    both_own(1).breaks("both own t-0");
}

#[test]
fn a_zombie_may_repeat_an_assignment_and_go_on_before_it_arrives() {
    let repeated = |elected: bool| {
        let mut trace = TraceBuilder::new("generation");
        trace.started(0).generation(1, &["a"]);
        if elected {
            trace.elected(1).on(1).term_active(1);
        }
        trace.generation(2, &["a"]).assigned(0, "a", 2, &[]);
        trace.on(0).generation(3, &["a"]).assigned(0, "a", 1, &[]);
        trace
    };
    repeated(true).holds();
    repeated(false).breaks("generation 1 after one of 2");
}
