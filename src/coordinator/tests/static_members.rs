//! R8.1, R8.6, R8.10, R7.8: how static members come in, stay away and go.

use kafka_protocol::messages::HeartbeatRequest;

use super::bench::{REBALANCE, SESSION, as_instance, group, join_request, sync_request};
use super::*;
use crate::coordinator::{GroupState, Observation, Removal};
use crate::protocol::{MemberId, Response, str_bytes};

/// R8.1.
#[test]
fn an_unknown_instance_is_a_member_at_once() {
    let mut bench = Bench::new();
    let join = bench.join_as("i0", "");
    assert!(bench.is_parked(join), "no MEMBER_ID_REQUIRED");
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.pass(secs(3));
    let answer = bench.joined(join);
    assert_eq!((answer.error_code, answer.generation_id), (0, 1));
    assert!(answer.member_id.starts_with("i0-"), "{}", answer.member_id);
    assert!(!answer.skip_assignment);
    assert_eq!(answer.members[0].group_instance_id, Some(str_bytes("i0")));
    assert!(bench.observed.contains(&Observation::MemberAdded {
        group: group(),
        member: MemberId(answer.member_id),
        instance: Some(str_bytes("i0")),
        session: SESSION,
        rebalance: REBALANCE,
    }));
}

/// R6.2.4, R6.3.3, R8.6.
#[test]
fn the_instance_is_looked_at_before_the_member() {
    let (mut bench, ids) = Bench::stable_static(2);
    let cases = [
        (ids[0].as_str(), Some("i0"), 0),
        (ids[0].as_str(), None, 0),
        (ids[0].as_str(), Some("i1"), code(E::FencedInstanceId)),
        ("x", Some("i1"), code(E::FencedInstanceId)),
        (ids[0].as_str(), Some("i9"), code(E::UnknownMemberId)),
        ("x", None, code(E::UnknownMemberId)),
    ];
    for (member, instance, error) in cases {
        assert_eq!(bench.beat_as(member, 1, instance), error, "{member} {instance:?}");
        let sync = sync_request(member, 1, &[]).with_group_instance_id(instance.map(str_bytes));
        let sync = bench.ask("m", 5, sync);
        assert_eq!(bench.synced(sync).error_code, error, "{member} {instance:?}");
    }
    // A fenced request does not even learn that its generation is over.
    assert_eq!(bench.beat_as("x", 0, Some("i1")), code(E::FencedInstanceId));
    let join = bench.join_as("i1", &ids[0]);
    let answer = bench.joined(join);
    assert_eq!((answer.error_code, answer.member_id), (code(E::FencedInstanceId), ids[0].clone()));
}

#[test]
fn versions_without_instance_ids_do_not_have_them() {
    let (mut bench, ids) = Bench::stable_static(1);
    let beat = HeartbeatRequest::default()
        .with_group_id(group())
        .with_generation_id(1)
        .with_member_id(ids[0].clone())
        .with_group_instance_id(Some(str_bytes("other")));
    for (version, error) in [(2, 0), (3, code(E::UnknownMemberId))] {
        let id = bench.ask("m", version, beat.clone());
        let Response::Heartbeat(answer) = bench.answer(id) else { panic!("not a heartbeat") };
        assert_eq!(answer.error_code, error);
    }
    let old = bench.ask("c", 4, as_instance(join_request(""), "i1"));
    assert_eq!(bench.joined(old).error_code, code(E::MemberIdRequired));
}

/// The list of members has no instance ids in the version of the leader.
/// (R6.1.16)
#[test]
fn an_old_leader_does_not_see_instance_ids() {
    let mut bench = Bench::new();
    let leader = bench.ask("c", 3, join_request(""));
    bench.join_as("i0", "");
    bench.pass(secs(6));
    let members = bench.joined(leader).members;
    assert_eq!(members.len(), 2);
    assert!(members.iter().all(|member| member.group_instance_id.is_none()));
}

/// R6.1.9.
#[test]
fn an_id_to_come_back_with_is_no_static_members() {
    let (mut bench, _) = Bench::stable(1);
    let first = bench.ask("p", 9, join_request(""));
    let pending = bench.joined(first).member_id;
    let join = bench.join_as("i0", &pending);
    assert_eq!(bench.joined(join).error_code, code(E::UnknownServerError));
    assert_eq!(bench.joined(join).member_id.as_str(), "");
    assert_eq!(bench.look().pending.len(), 1);
}

/// R6.4.4, R6.4.8, R8.10.
#[test]
fn a_static_member_leaves_by_its_instance_id_alone() {
    let (mut bench, ids) = Bench::stable_static(3);
    let fenced = code(E::FencedInstanceId);
    let (top, entries) = bench.leave_as(&[
        ("", Some("i1")),
        ("", Some("i9")),
        ("", None),
        (&ids[2], Some("i0")),
        (&ids[2], Some("i2")),
        ("", Some("i1")),
    ]);
    let unknown = code(E::UnknownMemberId);
    assert_eq!((top, entries), (0, vec![0, unknown, unknown, fenced, 0, unknown]));
    assert_eq!(bench.reasons()[3..], ["member left"]);
    let members: Vec<_> = bench.look().members.into_iter().map(|m| m.id.0).collect();
    assert_eq!(members, [ids[0].clone()]);
    // The instance id is free again: whoever brings it is added, nobody is replaced.
    let join = bench.join_as("i1", "");
    bench.join_as("i0", &ids[0]);
    assert_eq!(bench.joined(join).generation_id, 2);
}

/// R6.1.14, R6.1.15, R8.11.
#[test]
fn who_comes_back_under_its_own_id_is_an_ordinary_member() {
    let (mut bench, ids) = Bench::stable_static(2);
    let same = bench.join_as("i1", &ids[1]);
    assert_eq!((bench.joined(same).error_code, bench.state()), (0, GroupState::Stable));
    let leader = bench.join_as("i0", &ids[0]);
    assert!(bench.is_parked(leader));
    assert_eq!(bench.reasons().last(), Some(&"leader rejoined"));
}

/// R5.5, R7.3, R7.5, R8.10.
#[test]
fn an_absent_static_member_keeps_its_place_and_is_listed_to_the_leader() {
    let (mut bench, ids) = Bench::stable_static(2);
    let dynamic = bench.enter("d");
    let join = bench.join_as("i1", &ids[1]);
    for _ in 0..6 {
        bench.pass(secs(5));
        bench.beat(&ids[0], 1);
    }
    // i0 led and is away: i1, the next who is there, leads.
    let answer = bench.joined(join);
    assert_eq!((answer.generation_id, &answer.leader), (2, &ids[1]));
    let listed: Vec<_> = answer.members.into_iter().map(|m| m.member_id).collect();
    assert_eq!(listed, [ids[0].clone(), ids[1].clone(), dynamic.clone()]);
    assert!(bench.look().members.iter().all(|member| member.sync_awaited));
    assert_eq!(bench.session_of(&ids[0]), Some(bench.now + SESSION));
    // It may be given partitions, and loses its place if it does not fetch them in time.
    bench.sync(&ids[1], 2, &ids);
    bench.sync(&dynamic, 2, &[]);
    bench.commit();
    assert_eq!(bench.beat(&ids[0], 1), code(E::IllegalGeneration));
    for _ in 0..6 {
        bench.beat(&ids[0], 2);
        bench.beat(&ids[1], 2);
        bench.beat(&dynamic, 2);
        bench.pass(secs(5));
    }
    assert_eq!(bench.reasons().last(), Some(&"sync timeout"));
    assert!(bench.observed.contains(&Observation::MemberRemoved {
        group: group(),
        member: MemberId(ids[0].clone()),
        why: Removal::NotSynced,
    }));
}

/// R7.8.
#[test]
fn when_only_absent_static_members_are_left_the_join_phase_goes_on() {
    let (mut bench, ids) = Bench::stable_static(2);
    let dynamic = bench.enter("d");
    bench.leave(&[&dynamic]);
    let beat_on = |bench: &mut Bench, seconds: u64| {
        for _ in 0..seconds / 5 {
            bench.pass(secs(5));
            assert_eq!(bench.beat(&ids[0], 1), code(E::RebalanceInProgress));
            assert_eq!(bench.beat(&ids[1], 1), code(E::RebalanceInProgress));
        }
    };
    beat_on(&mut bench, 35);
    assert_eq!((bench.state(), bench.look().generation.0), (GroupState::PreparingRebalance, 1));
    assert_eq!(bench.look().members.len(), 2);
    let join = bench.join_as("i1", &ids[1]);
    assert!(bench.is_parked(join));
    beat_on(&mut bench, 20);
    bench.pass(secs(5));
    let answer = bench.joined(join);
    assert_eq!((answer.generation_id, answer.leader, answer.members.len()), (2, ids[1].clone(), 2));
}

/// R4.5, R8.10.
#[test]
fn absent_static_members_whose_sessions_run_out_leave_the_group_empty() {
    let (mut bench, _) = Bench::stable_static(2);
    let dynamic = bench.enter("d");
    bench.leave(&[&dynamic]);
    bench.pass(SESSION);
    assert_eq!((bench.state(), bench.look().generation.0), (GroupState::Empty, 2));
}
