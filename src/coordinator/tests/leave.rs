//! R6.4.

use kafka_protocol::messages::LeaveGroupRequest;

use super::bench::{SESSION, group, join_request};
use super::*;
use crate::coordinator::{
    ClassicObservation, GroupState, Observation, Removal, TimerKind, TransitionReason,
};
use crate::protocol::{MemberId, Response, str_bytes};

/// R4.3, R6.4.4, R6.4.5, R7.3.
#[test]
fn leaving_a_stable_group_rebalances_it() {
    let (mut bench, ids) = Bench::stable(2);
    assert_eq!(bench.leave(&[&ids[0]]), (0, vec![0]));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(bench.reasons().last(), Some(&TransitionReason::MemberLeft));
    assert_eq!(bench.describe().leader, Some(MemberId(ids[1].clone())));
    assert_eq!(bench.leave(&[&ids[0]]), (0, vec![code(E::UnknownMemberId)]));
    assert!(bench.observed.contains(&Observation::Classic(ClassicObservation::MemberRemoved {
        group: group(),
        member: MemberId(ids[0].clone()),
        why: Removal::Left,
    })));
}

/// R4.5, R4.7, R7.7.
#[test]
fn the_last_member_to_leave_empties_the_group_at_once() {
    let (mut bench, ids) = Bench::stable(1);
    bench.leave(&[&ids[0]]);
    assert_eq!((bench.state(), bench.describe().generation.0), (GroupState::Empty, 2));
    assert_eq!(
        bench.reasons()[3..],
        [TransitionReason::MemberLeft, TransitionReason::NoMembersLeft]
    );
}

/// The group's rebalance timeout is then zero, so the join phase ends at once, but through its
/// timer. (R7.7)
#[test]
fn a_pending_id_does_not_keep_a_group_without_members() {
    let (mut bench, ids) = Bench::stable(1);
    let first = bench.send("p", 9, join_request(""));
    let pending = bench.joined(first).member_id;
    bench.leave(&[&ids[0]]);
    assert!(bench.describe().timers.contains(&(TimerKind::Join, bench.now)));
    bench.pass(ms(0));
    assert_eq!(bench.state(), GroupState::Empty);
    let join = bench.join(&pending);
    bench.pass(secs(3));
    assert_eq!(bench.joined(join).generation_id, 3);
}

/// R6.4.5.
#[test]
fn leaving_in_the_join_phase_ends_it_when_no_other_member_is_missing() {
    let (mut bench, ids) = Bench::stable(2);
    let join = bench.join(&ids[0]);
    bench.leave(&[&ids[1]]);
    assert_eq!(bench.joined(join).generation_id, 2);
    assert_eq!(bench.reasons().last(), Some(&TransitionReason::MemberLeft));
}

/// R5.1, R6.4.7.
#[test]
fn parked_requests_of_a_leaving_member_fail_with_unknown_member_id() {
    let (mut bench, ids) = Bench::stable(2);
    let join = bench.join(&ids[0]);
    bench.leave(&[&ids[0]]);
    let response = bench.joined(join);
    assert_eq!((response.error_code, response.member_id.as_str()), (code(E::UnknownMemberId), ""));

    let (mut bench, ids) = Bench::completing(3);
    let syncs = [bench.sync(&ids[1], 1, &[]), bench.sync(&ids[2], 1, &[])];
    bench.leave(&[&ids[1]]);
    assert_eq!(bench.synced(syncs[0]).error_code, code(E::UnknownMemberId));
    assert_eq!(bench.synced(syncs[1]).error_code, code(E::RebalanceInProgress));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(bench.session_of(&ids[2]), Some(bench.now + SESSION));
}

/// R6.4.4, R6.4.5, R6.4.8.
#[test]
fn a_batch_is_one_rebalance_and_each_entry_has_its_own_error() {
    let (mut bench, ids) = Bench::stable(3);
    let unknown = code(E::UnknownMemberId);
    let (top, entries) = bench.leave(&[&ids[0], "x", &ids[1], &ids[0], ""]);
    assert_eq!((top, entries), (0, vec![0, unknown, 0, unknown, unknown]));
    assert_eq!(bench.reasons()[3..], [TransitionReason::MemberLeft]);
    assert_eq!(bench.describe().members.len(), 1);
    let before = bench.reasons().len();
    bench.leave(&["x"]);
    bench.leave(&[]);
    assert_eq!(bench.reasons().len(), before);
}

/// R4.3, R6.4.4, R6.4.5.
#[test]
fn a_pending_id_that_leaves_rebalances_a_stable_group() {
    let (mut bench, ids) = Bench::stable(1);
    let first = bench.send("p", 9, join_request(""));
    let pending = bench.joined(first).member_id;
    assert_eq!(bench.leave(&[&pending]), (0, vec![0]));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.pass(SESSION - ms(1));
    assert_eq!(bench.heartbeat(&ids[0], 1), code(E::RebalanceInProgress));
}

/// R6.4.6.
#[test]
fn versions_before_batches_have_a_top_level_error() {
    let (mut bench, ids) = Bench::stable(2);
    for (version, member, error) in
        [(0, str_bytes("x"), code(E::UnknownMemberId)), (2, ids[1].clone(), 0)]
    {
        let request = LeaveGroupRequest::default().with_group_id(group()).with_member_id(member);
        let id = bench.send("m", version, request);
        let Response::LeaveGroup(response) = bench.response(id) else { panic!("not a leave") };
        assert_eq!((response.error_code, response.members.len()), (error, 0));
    }
}

/// R6.4.1, R6.4.2, R6.4.6.
#[test]
fn pre_checks() {
    let mut bench = Bench::new();
    let unknown = code(E::UnknownMemberId);
    assert_eq!(bench.leave(&["x", "y"]), (0, vec![unknown, unknown]), "no such group");
    for (version, member) in [(5, ""), (1, "x")] {
        let request = LeaveGroupRequest::default().with_member_id(str_bytes(member));
        let id = bench.send("m", version, request);
        let Response::LeaveGroup(response) = bench.response(id) else { panic!("not a leave") };
        assert_eq!(response.error_code, code(E::InvalidGroupId));
    }
    let old = LeaveGroupRequest::default().with_group_id(group());
    let id = bench.send("m", 1, old);
    let Response::LeaveGroup(response) = bench.response(id) else { panic!("not a leave") };
    assert_eq!(response.error_code, unknown);
}
