use crate::client::ClientObservation;
use crate::invariant::trace_builder::{TraceBuilder, partition};
use crate::trace::{EventKind, FaultKind};

fn trace() -> TraceBuilder {
    let mut trace = TraceBuilder::new("no-overlap");
    trace.started(0).started(1).generation(1, &["a", "b"]);
    let a = trace.request_sync("a", 1, &[]);
    let b = trace.request_sync("b", 1, &[]);
    trace.stable().assigned_in_sync(a, &["t-0"]).assigned_in_sync(b, &["t-1"]);
    trace.assigned(0, "a", 1, &["t-0"]).assigned(1, "b", 1, &["t-1"]);
    trace
}

fn polled(name: &str) -> ClientObservation {
    ClientObservation::Polled { partition: partition(name), first: 0, values: vec![] }
}

#[test]
fn owners_poll_and_commit_their_own() {
    let mut trace = trace();
    trace.consumer(0, polled("t-0")).consumer(1, polled("t-1"));
    let key = trace.request_commit("a", 1, &[("t-0", 1)]);
    trace.committed(key, 0).holds();
}

#[test]
fn polling_what_was_revoked_breaks() {
    let mut trace = trace();
    trace.consumer(0, ClientObservation::Revoked { partitions: vec![partition("t-0")] });
    trace.consumer(0, polled("t-0")).breaks("polled t-0, which it does not own");
}

#[test]
fn taking_over_a_partition_that_was_not_assigned_breaks() {
    trace().assigned(0, "a", 1, &["t-0", "t-1"]).breaks("took over t-1 in generation 1");
}

#[test]
fn a_member_of_an_old_generation_may_go_on() {
    let mut trace = trace();
    trace.generation(2, &["b"]);
    let b = trace.request_sync("b", 2, &[]);
    trace.assigned_in_sync(b, &["t-0", "t-1"]).assigned(1, "b", 2, &["t-0", "t-1"]);
    trace.consumer(0, polled("t-0")).consumer(1, polled("t-0")).holds();
}

#[test]
fn two_incarnations_under_one_current_membership_break() {
    let mut trace = trace();
    trace.started(2).assigned(2, "a", 1, &["t-0"]).breaks("both own t-0");
}

#[test]
fn a_crash_ends_ownership() {
    let mut trace = trace();
    trace.at_consumer(
        0,
        EventKind::FaultBegan { fault: FaultKind::Crash, peer: None, direction: None },
    );
    trace.started(2).assigned(2, "a", 1, &["t-0"]).holds();
}

#[test]
fn a_consumer_that_has_closed_acts_on_nothing() {
    let closed = || {
        let mut trace = trace();
        trace.at_consumer(0, EventKind::ConsumerClosed);
        trace
    };
    closed().consumer(0, polled("t-0")).breaks("polled t-0, which it does not own");
    closed().assigned(0, "a", 2, &[]).breaks("after it had closed");
}

#[test]
fn an_accepted_commit_of_a_foreign_partition_breaks() {
    let mut refused = trace();
    let key = refused.request_commit("a", 1, &[("t-1", 1)]);
    refused.committed(key, 25).holds();
    let mut accepted = trace();
    let key = accepted.request_commit("a", 1, &[("t-1", 1)]);
    accepted.committed(key, 0).breaks("accepted a commit of t-1 by a in generation 1");
}

#[test]
fn a_consumer_that_the_next_coordinator_does_not_know_may_go_on_until_it_commits() {
    let mut trace = trace();
    trace.elected(1).on(1).term_active(1).load(1, &[("a", "", &["t-0"])]);
    trace.generation(2, &["a"]);
    let key = trace.request_sync("a", 2, &[]);
    trace.assigned_in_sync(key, &["t-0", "t-1"]).assigned(0, "a", 2, &["t-0", "t-1"]);
    trace.consumer(0, polled("t-1")).consumer(1, polled("t-1")).holds();
    let key = trace.request_commit("b", 2, &[("t-1", 1)]);
    trace.committed(key, 0).breaks("accepted a commit of t-1 by b in generation 2");
}

#[test]
fn a_cooperative_member_may_commit_what_it_revokes_under_any_assignor_name() {
    let commits = |protocol: &str, name: &str| {
        let mut trace = TraceBuilder::new("no-overlap");
        trace.protocol(protocol).generation(2, &["a", "b"]);
        trace.joined_with("a", 2, &[("a", &["t-0", "t-1"], 1), ("b", &[], -1)]);
        let key = trace.request_sync("a", 2, &[("a", &["t-0"])]);
        trace.stable().assigned_in_sync(key, &["t-0"]);
        let key = trace.request_commit("a", 2, &[(name, 3)]);
        trace.committed(key, 0);
        trace
    };
    for protocol in ["cooperative-sticky", "stream"] {
        commits(protocol, "t-1").holds();
        commits(protocol, "t-2").breaks("a commit of t-2");
    }
}

#[test]
fn commits_are_not_judged_when_an_assignment_cannot_be_decoded() {
    for protocol_type in ["connect", "consumer"] {
        let mut trace = TraceBuilder::new("no-overlap");
        trace.of_type(protocol_type).request_join("");
        trace.generation(1, &["a", "b"]);
        let a = trace.request_sync("a", 1, &[]);
        let b = trace.request_sync("b", 1, &[]);
        trace.stable().assigned_raw(a, b"{").assigned_in_sync(b, &["t-1"]);
        let key = trace.request_commit("a", 1, &[("t-1", 1)]);
        trace.committed(key, 0).holds();
        trace.elected(1).on(1).term_active(1).load(1, &[("a", "", &["t-0"])]);
        let key = trace.request_commit("a", 1, &[("t-1", 1)]);
        trace.committed(key, 0).holds();
    }
    // In the next generation all assignments decode.
    let mut trace = TraceBuilder::new("no-overlap");
    trace.generation(1, &["a", "b"]);
    let a = trace.request_sync("a", 1, &[]);
    trace.assigned_raw(a, b"{").generation(2, &["a", "b"]);
    let a = trace.request_sync("a", 2, &[]);
    trace.stable().assigned_in_sync(a, &["t-0"]);
    let key = trace.request_commit("a", 2, &[("t-1", 1)]);
    trace.committed(key, 0).breaks("a commit of t-1");
}
