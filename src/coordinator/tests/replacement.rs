//! R8.2 to R8.9: a static member comes back with a new member id.

use kafka_protocol::messages::OffsetCommitRequest;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use super::bench::{SESSION, as_instance, group, join_request, offer};
use super::*;
use crate::coordinator::{
    ClassicObservation, GroupState, Observation, Record, RequestId, TransitionReason,
};
use crate::protocol::{MemberId, Response, StrBytes, str_bytes};

fn id_of(bench: &Bench, index: usize) -> StrBytes {
    let replaced = |o: &Observation| match o {
        Observation::Classic(ClassicObservation::MemberReplaced { new, .. }) => Some(new.0.clone()),
        _ => None,
    };
    bench.observed.iter().filter_map(replaced).nth(index).expect("a replacement")
}

fn undone(bench: &Bench) -> usize {
    let undone = |o: &&Observation| {
        matches!(o, Observation::Classic(ClassicObservation::ReplacementUndone { .. }))
    };
    bench.observed.iter().filter(undone).count()
}

fn come_back_with(bench: &mut Bench, instance: &str, protocols: &[(&str, &str)]) -> RequestId {
    bench.send("c", 9, as_instance(offer(join_request(""), protocols), instance))
}

/// A Stable group of one static member `i0`, which supports the assignors `a`, the chosen one, and
/// `b`; returns its id.
fn stable_in_a() -> (Bench, StrBytes) {
    let mut bench = Bench::new();
    let first = come_back_with(&mut bench, "i0", &[("a", ""), ("b", "")]);
    bench.pass(secs(3));
    bench.commit();
    let old = bench.joined(first).member_id;
    let sync = super::bench::sync_request(&old, 1, &[]).with_protocol_name(Some(str_bytes("a")));
    bench.send("c", 5, sync);
    bench.commit();
    (bench, old)
}

fn commit_request(member: &str, instance: &str) -> OffsetCommitRequest {
    let topic = OffsetCommitRequestTopic::default()
        .with_partitions(vec![OffsetCommitRequestPartition::default()]);
    OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(1)
        .with_member_id(str_bytes(member))
        .with_group_instance_id(Some(str_bytes(instance)))
        .with_topics(vec![topic])
}

/// R8.2, R8.3, R8.8.
#[test]
fn in_a_stable_group_there_is_no_rebalance_and_the_response_waits_for_the_record() {
    let (mut bench, ids) = Bench::stable_static(2);
    bench.pass(secs(4));
    let join = bench.join_as("i1", "");
    assert!(bench.is_parked(join));
    assert_eq!((bench.state(), bench.describe().generation.0), (GroupState::Stable, 1));
    let new = id_of(&bench, 0);
    assert!(new.starts_with("i1-") && new != ids[1]);
    assert_eq!(bench.session_of(&new), Some(bench.now + SESSION));
    let Record::GroupMetadata(stored) = &bench.log.last().expect("a record").1 else {
        panic!("not metadata")
    };
    let members: Vec<_> = stored.members.iter().map(|m| (&m.id.0, &m.assignment[..])).collect();
    // The bench assigned each member its own id, so the new member has the assignment of the old.
    assert_eq!(members, [(&ids[0], ids[0].as_bytes()), (&new, ids[1].as_bytes())]);

    bench.commit();
    let response = bench.joined(join);
    assert_eq!((response.error_code, response.generation_id, &response.member_id), (0, 1, &new));
    assert_eq!((&response.leader, response.members.len()), (&ids[0], 0));
    assert!(!response.skip_assignment);
    let sync = bench.sync(&new, 1, &[]);
    assert_eq!(bench.synced(sync).assignment, ids[1].as_bytes());
    assert_eq!(bench.reasons().len(), 3);
}

/// R6.1.10, R6.3.3, R6.4.4, R6.5.5, R8.2, R8.6.
#[test]
fn a_replaced_member_is_fenced() {
    let (mut bench, ids) = Bench::stable_static(2);
    bench.join_as("i1", "");
    let fenced = code(E::FencedInstanceId);
    assert_eq!(bench.heartbeat_as(&ids[1], 1, Some("i1")), fenced);
    assert_eq!(bench.leave_as(&[(&ids[1], Some("i1"))]), (0, vec![fenced]));
    let join = bench.join_as("i1", &ids[1]);
    assert_eq!(bench.joined(join).error_code, fenced);
    let commit = bench.send("c", 9, commit_request(&ids[1], "i1"));
    let Response::OffsetCommit(response) = bench.response(commit) else { panic!("not a commit") };
    assert_eq!(response.topics[0].partitions[0].error_code, fenced);
    assert_eq!(bench.heartbeat(&ids[1], 1), code(E::UnknownMemberId), "without its instance id");
    bench.pass(SESSION);
    assert!(bench.observed.iter().all(
        |o| !matches!(o, Observation::Classic(ClassicObservation::MemberRemoved { member, .. })
        if member.0 == ids[1])
    ));
}

/// R6.1.16, R8.8.
#[test]
fn a_leader_that_comes_back_skips_the_assignment() {
    let (mut bench, ids) = Bench::stable_static(2);
    let join = bench.join_as("i0", "");
    bench.commit();
    let response = bench.joined(join);
    assert!(response.skip_assignment);
    assert_eq!((&response.leader, response.members.len()), (&response.member_id, 2));
    assert_eq!(bench.describe().leader, Some(MemberId(response.member_id)));
    assert_ne!(bench.describe().leader, Some(MemberId(ids[0].clone())));
}

/// R6.1.16, R8.8.
#[test]
fn before_version_9_a_leader_that_comes_back_becomes_a_follower() {
    let (mut bench, ids) = Bench::stable_static(2);
    let join = bench.send("c", 8, as_instance(join_request(""), "i0"));
    bench.commit();
    let response = bench.joined(join);
    assert_eq!((&response.leader, response.members.len()), (&ids[0], 0));
    assert!(!response.skip_assignment);
    assert_eq!(
        bench.describe().leader,
        Some(MemberId(response.member_id)),
        "it is the leader all the same"
    );
}

/// R8.9.
#[test]
fn a_replacement_that_cannot_be_stored_is_undone() {
    let (mut bench, ids) = Bench::stable_static(2);
    bench.pass(secs(4));
    let shorter = join_request("").with_session_timeout_ms(6_000);
    let join = bench.send("c", 9, as_instance(shorter, "i0"));
    let new = id_of(&bench, 0);
    bench.pass(secs(1));
    bench.fail(E::NotEnoughReplicas);
    let response = bench.joined(join);
    assert_eq!(response.error_code, code(E::CoordinatorNotAvailable));
    assert_eq!(response.member_id.as_str(), "");
    assert_eq!((response.generation_id, response.leader.as_str()), (1, ids[0].as_str()));
    assert_eq!(response.protocol_name, Some(str_bytes("range")));
    assert_eq!(response.protocol_type, Some(str_bytes("consumer")));
    assert!(response.members.is_empty() && !response.skip_assignment);
    assert!(bench.observed.contains(&Observation::Classic(
        ClassicObservation::ReplacementUndone {
            group: group(),
            instance: str_bytes("i0"),
            old: MemberId(ids[0].clone()),
            new: MemberId(new.clone()),
        }
    )));
    assert_eq!(bench.describe().leader, Some(MemberId(ids[0].clone())));
    assert_eq!(bench.session_of(&ids[0]), Some(bench.now + SESSION));
    assert_eq!(bench.heartbeat_as(&ids[0], 1, Some("i0")), 0);
    assert_eq!(bench.heartbeat_as(&new, 1, Some("i0")), code(E::FencedInstanceId));
    assert_eq!(bench.state(), GroupState::Stable);
}

/// R3.9, R8.9. The record becomes durable later, which only a coordinator that loads it notices.
#[test]
fn a_replacement_that_takes_too_long_is_undone() {
    let (mut bench, ids) = Bench::stable_static(2);
    let join = bench.join_as("i0", "");
    bench.time_out(join);
    assert_eq!(bench.joined(join).error_code, code(E::CoordinatorNotAvailable));
    assert_eq!(undone(&bench), 1);
    bench.commit();
    assert_eq!(bench.heartbeat_as(&ids[0], 1, Some("i0")), 0);
}

/// R8.2, R8.9.
#[test]
fn only_the_newest_replacement_can_be_undone() {
    let (mut bench, ids) = Bench::stable_static(1);
    let first = bench.join_as("i0", "");
    let second = bench.join_as("i0", "");
    assert_eq!(bench.joined(first).error_code, code(E::FencedInstanceId));
    let (one, two) = (id_of(&bench, 0), id_of(&bench, 1));
    let appends: Vec<_> = bench.log.iter().rev().take(2).map(|(id, _)| *id).collect();
    bench.settle_one(appends[1], Some(E::NotEnoughReplicas));
    assert_eq!(undone(&bench), 0);
    bench.settle_one(appends[0], Some(E::NotEnoughReplicas));
    assert_eq!(bench.joined(second).error_code, code(E::CoordinatorNotAvailable));
    assert_eq!(undone(&bench), 1);
    assert_eq!(bench.heartbeat_as(&one, 1, Some("i0")), 0);
    assert_eq!(bench.heartbeat_as(&two, 1, Some("i0")), code(E::FencedInstanceId));
    assert_eq!(bench.heartbeat_as(&ids[0], 1, Some("i0")), code(E::FencedInstanceId));
}

/// R8.9.
#[test]
fn a_replacement_that_has_left_is_not_undone() {
    let (mut bench, ids) = Bench::stable_static(2);
    let join = bench.join_as("i1", "");
    bench.leave_as(&[("", Some("i1"))]);
    assert_eq!(bench.joined(join).error_code, code(E::UnknownMemberId));
    bench.fail(E::NotEnoughReplicas);
    assert_eq!(undone(&bench), 0);
    assert_eq!(bench.heartbeat_as(&ids[1], 1, Some("i1")), code(E::UnknownMemberId));
}

/// Old join parameters that no longer share an assignor with the other members are not restored:
/// the group must be able to agree on one. (R8.9)
#[test]
fn undoing_does_not_restore_assignors_that_no_other_member_shares() {
    let (mut bench, old) = stable_in_a();
    // Its new parameters still choose a, but d shares an assignor only with them.
    come_back_with(&mut bench, "i0", &[("a", ""), ("c", "")]);
    let join = bench.send("d", 3, offer(join_request(""), &[("c", "")]));
    assert_eq!(bench.joined(join).protocol_name, Some(str_bytes("c")), "both have joined");
    bench.fail(E::NotEnoughReplicas);
    assert_eq!(undone(&bench), 1);
    let new = bench.joined(join).member_id;
    let again = bench.send("d", 3, offer(join_request(&new), &[("c", "x")]));
    bench.send("c", 9, as_instance(offer(join_request(&old), &[("c", "")]), "i0"));
    assert_eq!(bench.joined(again).protocol_name, Some(str_bytes("c")));
}

/// R8.9.
#[test]
fn undoing_restores_the_previous_assignors() {
    let (mut bench, _) = stable_in_a();
    come_back_with(&mut bench, "i0", &[("a", ""), ("b", ""), ("c", "")]);
    bench.fail(E::NotEnoughReplicas);
    assert_eq!(undone(&bench), 1);
    let join = bench.send("d", 3, offer(join_request(""), &[("c", "")]));
    assert_eq!(bench.joined(join).error_code, code(E::InconsistentGroupProtocol));
}

/// R8.7, R8.9.
#[test]
fn a_sync_awaited_before_a_replacement_is_awaited_after_its_undoing() {
    let (mut bench, ids) = Bench::completing_static(2);
    bench.sync(&ids[0], 1, &ids);
    bench.commit();
    bench.join_as("i1", "");
    bench.fail(E::NotEnoughReplicas);
    assert_eq!((undone(&bench), bench.describe().timers.len()), (1, 1), "the sync timer");
    let sync = bench.sync(&ids[1], 1, &[]);
    assert_eq!(bench.synced(sync).assignment, ids[1].as_bytes());
    assert_eq!(bench.describe().timers, [], "all members have synced");
}

/// R4.3, R8.3, R8.4.
#[test]
fn another_choice_of_assignor_is_a_rebalance() {
    let (mut bench, ids) = Bench::stable_static(1);
    let both = come_back_with(&mut bench, "i0", &[("range", "x"), ("sticky", "")]);
    bench.commit();
    let holder = bench.joined(both).member_id;
    assert_eq!(bench.state(), GroupState::Stable, "range is still chosen, whatever the metadata");
    assert_ne!(holder, ids[0]);
    let other = come_back_with(&mut bench, "i0", &[("sticky", ""), ("range", "x")]);
    let response = bench.joined(other);
    assert_eq!((response.generation_id, response.protocol_name), (2, Some(str_bytes("sticky"))));
    assert_eq!(
        bench.reasons()[3..],
        [TransitionReason::AssignorChanged, TransitionReason::AllMembersJoined]
    );
}

/// R4.4, R8.2, R8.4.
#[test]
fn in_the_sync_phase_it_is_a_rebalance_and_the_parked_sync_is_fenced() {
    let (mut bench, ids) = Bench::completing_static(2);
    let old = bench.sync(&ids[1], 1, &[]);
    let leader = bench.sync(&ids[0], 1, &ids);
    let join = bench.join_as("i1", "");
    assert_eq!(bench.synced(old).error_code, code(E::FencedInstanceId));
    assert_eq!(bench.synced(leader).error_code, code(E::RebalanceInProgress));
    assert_eq!(bench.reasons().last(), Some(&TransitionReason::StaticMemberReplaced));
    bench.commit();
    bench.join_as("i0", &ids[0]);
    assert_eq!(bench.joined(join).generation_id, 2);
}

/// R8.2, R8.5.
#[test]
fn in_the_join_phase_the_parked_join_is_fenced_and_the_new_one_counts() {
    let (mut bench, ids) = Bench::stable_static(2);
    let old = bench.join_as("i0", &ids[0]);
    let new = bench.join_as("i0", "");
    let response = bench.joined(old);
    assert_eq!(
        (response.error_code, response.member_id),
        (code(E::FencedInstanceId), ids[0].clone())
    );
    assert!(bench.is_parked(new));
    bench.join_as("i1", "");
    let response = bench.joined(new);
    assert_eq!((response.generation_id, response.members.len()), (2, 2));
    assert!(!response.skip_assignment);
}

/// R8.5.
#[test]
fn the_initial_delay_is_not_cut_short() {
    let mut bench = Bench::new();
    let old = bench.join_as("i0", "");
    bench.pass(secs(1));
    let new = bench.join_as("i0", "");
    assert_eq!(bench.joined(old).error_code, code(E::FencedInstanceId));
    bench.pass(secs(2) - ms(1));
    assert!(bench.is_parked(new));
    bench.pass(ms(1));
    assert_eq!(
        bench.joined(new).generation_id,
        1,
        "a replacement does not count as an added member"
    );
}

/// No process has the old id any more, yet the sync timer waits for its SyncGroup. (R5.5, R8.7)
#[test]
fn replaced_before_its_sync_a_member_leaves_the_sync_timer_behind() {
    let (mut bench, ids) = Bench::completing_static(2);
    bench.sync(&ids[0], 1, &ids);
    bench.commit();
    let join = bench.join_as("i1", "");
    bench.commit();
    let new = bench.joined(join).member_id;
    let sync = bench.sync(&new, 1, &[]);
    assert_eq!(bench.synced(sync).error_code, 0);
    assert_eq!(bench.describe().timers.len(), 1, "the sync timer");
    for _ in 0..6 {
        bench.heartbeat(&ids[0], 1);
        bench.heartbeat(&new, 1);
        bench.pass(secs(5));
    }
    assert_eq!(bench.reasons().last(), Some(&TransitionReason::SyncTimeout));
    assert_eq!(bench.describe().members.len(), 2, "no member is removed");
}

/// R8.8.
#[test]
fn a_rebalance_before_the_commit_makes_it_join_again() {
    let (mut bench, ids) = Bench::stable_static(2);
    let join = bench.join_as("i1", "");
    let leader = bench.join_as("i0", &ids[0]);
    // Both JoinGroups are parked, and the join phase counts the replacement as joined.
    assert_eq!((bench.joined(join).generation_id, bench.joined(leader).generation_id), (2, 2));

    let (mut bench, ids) = Bench::stable_static(3);
    let join = bench.join_as("i1", "");
    bench.join_as("i0", &ids[0]);
    bench.commit();
    let response = bench.joined(join);
    assert_eq!(
        (response.error_code, response.generation_id),
        (0, 1),
        "the generation that is over"
    );
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.join_as("i2", &ids[2]);
    assert_eq!(bench.state(), GroupState::PreparingRebalance, "it has not joined this one");
    let again = bench.join_as("i1", &response.member_id);
    assert_eq!(bench.joined(again).generation_id, 2);
}

/// R8.8.
#[test]
fn a_leader_with_a_rebalance_before_the_commit_stays_parked() {
    let (mut bench, ids) = Bench::stable_static(2);
    let join = bench.join_as("i0", "");
    bench.send("c", 9, as_instance(offer(join_request(&ids[1]), &[("range", "new")]), "i1"));
    // That closed the phase; now the same with a member missing:
    assert_eq!(bench.joined(join).generation_id, 2);
    let (mut bench, ids) = Bench::stable_static(3);
    let join = bench.join_as("i0", "");
    bench.send("c", 9, as_instance(offer(join_request(&ids[1]), &[("range", "new")]), "i1"));
    bench.commit();
    assert!(bench.is_parked(join));
    bench.join_as("i2", &ids[2]);
    let response = bench.joined(join);
    assert_eq!((response.generation_id, response.members.len()), (2, 3));
}

/// R8.9.
#[test]
fn a_replacement_undone_in_the_join_phase_has_not_joined() {
    let (mut bench, ids) = Bench::stable_static(3);
    let join = bench.join_as("i1", "");
    bench.join_as("i0", &ids[0]);
    bench.fail(E::NotLeaderOrFollower);
    assert_eq!(bench.joined(join).error_code, code(E::NotCoordinator));
    bench.join_as("i2", &ids[2]);
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    let old = bench.join_as("i1", &ids[1]);
    assert_eq!(bench.joined(old).generation_id, 2);
}

/// R8.9.
#[test]
fn undone_after_the_join_phase_the_old_id_is_the_member_of_the_generation() {
    let (mut bench, ids) = Bench::stable_static(2);
    let join = bench.join_as("i1", "");
    bench.join_as("i0", &ids[0]);
    let new = bench.joined(join).member_id;
    let sync = bench.sync(&new, 2, &[]);
    bench.fail(E::NotEnoughReplicas);
    assert_eq!(bench.synced(sync).error_code, code(E::FencedInstanceId));
    bench.sync(&ids[0], 2, &[ids[1].clone()]);
    bench.commit();
    let sync = bench.sync(&ids[1], 2, &[]);
    assert_eq!(bench.synced(sync).assignment, ids[1].as_bytes());
}

/// A member with a parked JoinGroup is shielded when its session expires, and the response restarts
/// the session. (R5.1, R8.8)
#[test]
fn a_record_that_takes_longer_than_the_session_leaves_the_session_timer_armed() {
    let (mut bench, ids) = Bench::stable_static(2);
    let join = bench.join_as("i1", "");
    for _ in 0..3 {
        bench.pass(secs(4));
        bench.heartbeat(&ids[0], 1);
    }
    bench.commit();
    let new = bench.joined(join).member_id;
    assert_eq!(bench.session_of(&new), Some(bench.now + SESSION));
    bench.pass(secs(1));
    bench.heartbeat_as(&new, 1, Some("i1"));
    assert_eq!(bench.session_of(&new), Some(bench.now + SESSION));
}
