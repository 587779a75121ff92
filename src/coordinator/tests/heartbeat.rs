//! R6.3, R3.2.

use kafka_protocol::messages::HeartbeatRequest;

use super::bench::{SESSION, group, join_request};
use super::*;
use crate::coordinator::{Release, RequestId};
use crate::protocol::{GroupId, str_bytes};

/// R6.3.2, R6.3.3, R6.3.4, R6.3.5, R6.3.6.
#[test]
fn a_heartbeat_gets_the_error_of_each_state() {
    let mut bench = Bench::new();
    assert_eq!(bench.heartbeat("x", 0), code(E::UnknownMemberId));
    let first = bench.send("p", 9, join_request(""));
    let pending = bench.joined(first).member_id;
    assert_eq!(bench.heartbeat(&pending, 0), code(E::UnknownMemberId), "Empty, pending id");
    bench.leave(&[&pending]);

    let (mut bench, ids) = Bench::completing(2);
    assert_eq!(bench.heartbeat(&ids[1], 1), 0, "CompletingRebalance");
    bench.sync(&ids[0], 1, &ids);
    bench.commit();
    assert_eq!(bench.heartbeat(&ids[1], 1), 0, "Stable");
    for generation in [0, 2, -1] {
        assert_eq!(bench.heartbeat(&ids[1], generation), code(E::IllegalGeneration));
        assert_eq!(bench.heartbeat("x", generation), code(E::UnknownMemberId));
    }
    bench.join(&ids[0]);
    assert_eq!(bench.heartbeat(&ids[1], 1), code(E::RebalanceInProgress), "PreparingRebalance");
}

/// R6.3.1, R6.3.2.
#[test]
fn pre_checks() {
    let mut bench = Bench::new();
    let nameless = HeartbeatRequest::default();
    let id = bench.send("m", 4, nameless);
    assert_eq!(error_of(&bench, id), code(E::InvalidGroupId));
    let other = HeartbeatRequest::default().with_group_id(GroupId(str_bytes("other")));
    let id = bench.send("m", 0, other);
    assert_eq!(error_of(&bench, id), code(E::UnknownMemberId));
}

/// R3.2.
#[test]
fn accepted_heartbeats_queue_behind_the_log_and_refused_ones_do_not() {
    let (mut bench, ids) = Bench::stable(2);
    let heartbeat = |member: &str, generation| {
        HeartbeatRequest::default()
            .with_group_id(group())
            .with_member_id(str_bytes(member))
            .with_generation_id(generation)
    };
    let [good, old] = [1, 0].map(|generation| bench.send("m", 4, heartbeat(&ids[1], generation)));
    assert_eq!(bench.responses[&good].1, Release::WhenDurable);
    assert_eq!(bench.responses[&old].1, Release::Now);
    bench.join(&ids[0]);
    let advice = bench.send("m", 4, heartbeat(&ids[1], 1));
    assert_eq!(bench.responses[&advice].1, Release::WhenDurable);
}

/// R5.1, R6.3.5, R6.3.6.
#[test]
fn only_an_accepted_heartbeat_restarts_the_session() {
    let (mut bench, ids) = Bench::stable(2);
    bench.pass(secs(4));
    let before = bench.session_of(&ids[1]);
    bench.heartbeat(&ids[1], 0);
    assert_eq!(bench.session_of(&ids[1]), before);
    bench.heartbeat(&ids[1], 1);
    assert_eq!(bench.session_of(&ids[1]), Some(bench.now + SESSION));
    bench.pass(secs(3));
    bench.join(&ids[0]);
    bench.heartbeat(&ids[1], 1);
    assert_eq!(bench.session_of(&ids[1]), Some(bench.now + SESSION), "even while it must rejoin");
    let before = bench.session_of(&ids[0]);
    bench.pass(secs(1));
    bench.join(&ids[0]);
    assert_eq!(bench.session_of(&ids[0]), before, "JoinGroup does not restart the session");
}

fn error_of(bench: &Bench, id: RequestId) -> i16 {
    let crate::protocol::Response::Heartbeat(response) = bench.response(id) else {
        panic!("not one")
    };
    response.error_code
}
