//! R8.1, R8.6, R8.10, R7.8: how static members join, stay away and leave.

use kafka_protocol::messages::HeartbeatRequest;

use super::bench::{REBALANCE, SESSION, as_instance, group, join_request, sync_request};
use super::*;
use crate::coordinator::{ClassicObservation, GroupState, Observation, Removal, TransitionReason};
use crate::protocol::{MemberId, Response, str_bytes};

/// R8.1.
#[test]
fn a_new_instance_is_a_member_at_once() {
    let mut bench = Bench::new();
    let join = bench.join_as("i0", "");
    assert!(bench.is_parked(join), "no MEMBER_ID_REQUIRED");
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.pass(secs(3));
    let response = bench.joined(join);
    assert_eq!((response.error_code, response.generation_id), (0, 1));
    assert!(response.member_id.starts_with("i0-"), "{}", response.member_id);
    assert!(!response.skip_assignment);
    assert_eq!(response.members[0].group_instance_id, Some(str_bytes("i0")));
    assert!(bench.observed.contains(&Observation::Classic(ClassicObservation::MemberAdded {
        group: group(),
        member: MemberId(response.member_id),
        instance: Some(str_bytes("i0")),
        session: SESSION,
        rebalance: REBALANCE,
    })));
}

/// R6.2.4, R6.3.3, R8.6.
#[test]
fn the_instance_id_is_checked_before_the_member_id() {
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
        assert_eq!(bench.heartbeat_as(member, 1, instance), error, "{member} {instance:?}");
        let sync = sync_request(member, 1, &[]).with_group_instance_id(instance.map(str_bytes));
        let sync = bench.send("m", 5, sync);
        assert_eq!(bench.synced(sync).error_code, error, "{member} {instance:?}");
    }
    // A fenced request does not even learn that its generation is over.
    assert_eq!(bench.heartbeat_as("x", 0, Some("i1")), code(E::FencedInstanceId));
    let join = bench.join_as("i1", &ids[0]);
    let response = bench.joined(join);
    assert_eq!(
        (response.error_code, response.member_id),
        (code(E::FencedInstanceId), ids[0].clone())
    );
}

#[test]
fn versions_without_instance_ids_do_not_have_them() {
    let (mut bench, ids) = Bench::stable_static(1);
    let heartbeat = HeartbeatRequest::default()
        .with_group_id(group())
        .with_generation_id(1)
        .with_member_id(ids[0].clone())
        .with_group_instance_id(Some(str_bytes("other")));
    for (version, error) in [(2, 0), (3, code(E::UnknownMemberId))] {
        let id = bench.send("m", version, heartbeat.clone());
        let Response::Heartbeat(response) = bench.response(id) else { panic!("not a heartbeat") };
        assert_eq!(response.error_code, error);
    }
    let old = bench.send("c", 4, as_instance(join_request(""), "i1"));
    assert_eq!(bench.joined(old).error_code, code(E::MemberIdRequired));
}

/// The member list has no instance ids in the leader's version. (R6.1.16)
#[test]
fn an_old_leader_does_not_see_instance_ids() {
    let mut bench = Bench::new();
    let leader = bench.send("c", 3, join_request(""));
    bench.join_as("i0", "");
    bench.pass(secs(6));
    let members = bench.joined(leader).members;
    assert_eq!(members.len(), 2);
    assert!(members.iter().all(|member| member.group_instance_id.is_none()));
}

/// R6.1.9.
#[test]
fn a_pending_id_is_not_for_a_static_member() {
    let (mut bench, _) = Bench::stable(1);
    let first = bench.send("p", 9, join_request(""));
    let pending = bench.joined(first).member_id;
    let join = bench.join_as("i0", &pending);
    assert_eq!(bench.joined(join).error_code, code(E::UnknownServerError));
    assert_eq!(bench.joined(join).member_id.as_str(), "");
    assert_eq!(bench.describe().pending.len(), 1);
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
    assert_eq!(bench.reasons()[3..], [TransitionReason::MemberLeft]);
    let members: Vec<_> = bench.describe().members.into_iter().map(|m| m.id.0).collect();
    assert_eq!(members, [ids[0].clone()]);
    // The instance id is free again: a process with it is added and replaces no member.
    let join = bench.join_as("i1", "");
    bench.join_as("i0", &ids[0]);
    assert_eq!(bench.joined(join).generation_id, 2);
}

/// R6.1.14, R6.1.15, R8.11.
#[test]
fn a_static_member_with_its_member_id_is_an_ordinary_member() {
    let (mut bench, ids) = Bench::stable_static(2);
    let same = bench.join_as("i1", &ids[1]);
    assert_eq!((bench.joined(same).error_code, bench.state()), (0, GroupState::Stable));
    let leader = bench.join_as("i0", &ids[0]);
    assert!(bench.is_parked(leader));
    assert_eq!(bench.reasons().last(), Some(&TransitionReason::LeaderRejoined));
}

/// R5.5, R7.3, R7.5, R8.10.
#[test]
fn an_absent_static_member_keeps_its_place_and_is_listed_to_the_leader() {
    let (mut bench, ids) = Bench::stable_static(2);
    let dynamic = bench.enter("d");
    let join = bench.join_as("i1", &ids[1]);
    for _ in 0..6 {
        bench.pass(secs(5));
        bench.heartbeat(&ids[0], 1);
    }
    // i0 led and is away: i1, the next that has joined, leads.
    let response = bench.joined(join);
    assert_eq!((response.generation_id, &response.leader), (2, &ids[1]));
    let listed: Vec<_> = response.members.into_iter().map(|m| m.member_id).collect();
    assert_eq!(listed, [ids[0].clone(), ids[1].clone(), dynamic.clone()]);
    assert!(bench.describe().members.iter().all(|member| member.sync_awaited));
    assert_eq!(bench.session_of(&ids[0]), Some(bench.now + SESSION));
    // It may be assigned partitions, and is removed if it does not send SyncGroup in time.
    bench.sync(&ids[1], 2, &ids);
    bench.sync(&dynamic, 2, &[]);
    bench.commit();
    assert_eq!(bench.heartbeat(&ids[0], 1), code(E::IllegalGeneration));
    for _ in 0..6 {
        bench.heartbeat(&ids[0], 2);
        bench.heartbeat(&ids[1], 2);
        bench.heartbeat(&dynamic, 2);
        bench.pass(secs(5));
    }
    assert_eq!(bench.reasons().last(), Some(&TransitionReason::SyncTimeout));
    assert!(bench.observed.contains(&Observation::Classic(ClassicObservation::MemberRemoved {
        group: group(),
        member: MemberId(ids[0].clone()),
        why: Removal::NotSynced,
    })));
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
            assert_eq!(bench.heartbeat(&ids[0], 1), code(E::RebalanceInProgress));
            assert_eq!(bench.heartbeat(&ids[1], 1), code(E::RebalanceInProgress));
        }
    };
    beat_on(&mut bench, 35);
    assert_eq!((bench.state(), bench.describe().generation.0), (GroupState::PreparingRebalance, 1));
    assert_eq!(bench.describe().members.len(), 2);
    let join = bench.join_as("i1", &ids[1]);
    assert!(bench.is_parked(join));
    beat_on(&mut bench, 20);
    bench.pass(secs(5));
    let response = bench.joined(join);
    assert_eq!(
        (response.generation_id, response.leader, response.members.len()),
        (2, ids[1].clone(), 2)
    );
}

/// R4.5, R8.10.
#[test]
fn absent_static_members_whose_sessions_run_out_leave_the_group_empty() {
    let (mut bench, _) = Bench::stable_static(2);
    let dynamic = bench.enter("d");
    bench.leave(&[&dynamic]);
    bench.pass(SESSION);
    assert_eq!((bench.state(), bench.describe().generation.0), (GroupState::Empty, 2));
}
