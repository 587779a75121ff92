//! R6.2 and R9.1: the sync phase.

use super::bench::{REBALANCE, group, sync_request};
use super::*;
use crate::coordinator::{
    ClassicObservation, GroupState, Observation, Record, Release, Removal, TransitionReason,
};
use crate::protocol::{GroupId, MemberId, str_bytes};

/// R3.4, R4.6, R5.1, R5.5, R6.2.8, R6.2.9, R9.1.
#[test]
fn followers_wait_until_the_leaders_record_is_durable() {
    let (mut bench, ids) = Bench::completing(3);
    let early = bench.sync(&ids[1], 1, &[]);
    let leader = bench.sync(&ids[0], 1, &ids[..2]);
    assert!(bench.is_parked(early) && bench.is_parked(leader));
    let Some((_, Record::GroupMetadata(record))) = bench.log.last().cloned() else {
        panic!("no metadata");
    };
    assert_eq!((record.generation.0, record.members.len()), (1, 3));
    assert_eq!(record.leader, Some(MemberId(ids[0].clone())));

    bench.pass(secs(9));
    bench.commit();
    assert_eq!(bench.state(), GroupState::Stable);
    assert_eq!(bench.synced(early).assignment, ids[1].clone().into_bytes());
    assert_eq!(bench.responses[&leader].1, Release::Now);
    assert_eq!(bench.synced(leader).protocol_name, Some(str_bytes("range")));
    assert_eq!(bench.session_of(&ids[1]), Some(bench.now + super::bench::SESSION));

    // A late SyncGroup gets its response at once; the member that the leader left out has no
    // assignment.
    let late = bench.sync(&ids[2], 1, &[]);
    assert!(bench.synced(late).assignment.is_empty());
    assert_eq!(bench.describe().timers, [], "no SyncGroup is awaited any longer");
}

/// KIP-559.
#[test]
fn from_version_5_on_the_response_has_the_protocol() {
    let (mut bench, ids) = Bench::stable(1);
    let mut named = |version| {
        let id = bench.send("m", version, sync_request(&ids[0], 1, &[]));
        let response = bench.synced(id);
        (response.protocol_type, response.protocol_name)
    };
    assert_eq!(named(4), (None, None));
    assert_eq!(named(5), (Some(str_bytes("consumer")), Some(str_bytes("range"))));
}

/// R6.2.8, R6.2.9.
#[test]
fn assignments_of_a_follower_or_a_late_leader_are_ignored() {
    let (mut bench, ids) = Bench::completing(2);
    bench.sync(&ids[1], 1, &ids);
    bench.commit();
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    bench.sync(&ids[0], 1, &[]);
    bench.commit();
    let appended = bench.log.len();
    let late = bench.sync(&ids[0], 1, &ids);
    assert!(bench.synced(late).assignment.is_empty());
    assert_eq!(bench.log.len(), appended);
}

/// R9.1.
#[test]
fn an_assignment_for_unknown_ids_is_ignored_and_the_last_entry_for_a_member_counts() {
    let (mut bench, ids) = Bench::completing(1);
    let mut request = sync_request(&ids[0], 1, &[str_bytes("stranger"), ids[0].clone()]);
    let mut twice = request.assignments[1].clone();
    twice.assignment = bytes::Bytes::from_static(b"second");
    request.assignments.push(twice);
    let sync = bench.send("m", 5, request);
    bench.commit();
    assert_eq!(&bench.synced(sync).assignment[..], b"second");
}

/// R6.2.1, R6.2.2, R6.2.3, R6.2.4, R6.2.5, R6.2.6.
#[test]
fn the_checks_are_made_in_order() {
    let (mut bench, ids) = Bench::stable(1);
    let mut error_of = |request| {
        let id = bench.send("m", 5, request);
        bench.synced(id).error_code
    };
    let good = sync_request(&ids[0], 1, &[]);
    let wrong = good.clone().with_group_id(GroupId(str_bytes(""))).with_protocol_name(None);
    assert_eq!(error_of(wrong), code(E::InconsistentGroupProtocol));
    let nameless = good.clone().with_group_id(GroupId(str_bytes("")));
    assert_eq!(error_of(nameless), code(E::InvalidGroupId));
    let other = good.clone().with_group_id(GroupId(str_bytes("other")));
    assert_eq!(error_of(other), code(E::UnknownMemberId));
    let unknown = sync_request("x", 7, &[]);
    assert_eq!(error_of(unknown), code(E::UnknownMemberId));
    for generation in [0, 2, -1] {
        let request = sync_request(&ids[0], generation, &[]);
        assert_eq!(
            error_of(request.with_protocol_name(Some(str_bytes("sticky")))),
            code(E::IllegalGeneration)
        );
    }
    for request in [
        good.clone().with_protocol_name(Some(str_bytes("sticky"))),
        good.clone().with_protocol_type(Some(str_bytes("connect"))),
    ] {
        assert_eq!(error_of(request), code(E::InconsistentGroupProtocol));
    }
    assert_eq!(error_of(good), 0);
}

/// R6.2.7.
#[test]
fn while_a_join_phase_is_open_sync_is_refused() {
    let (mut bench, ids) = Bench::stable(2);
    bench.join(&ids[0]);
    let sync = bench.sync(&ids[1], 1, &[]);
    assert_eq!(bench.synced(sync).error_code, code(E::RebalanceInProgress));
}

/// R3.5.
#[test]
fn an_older_sync_of_the_same_member_fails_with_not_coordinator() {
    let (mut bench, ids) = Bench::completing(2);
    let older = bench.sync(&ids[1], 1, &[]);
    let newer = bench.sync(&ids[1], 1, &[]);
    assert_eq!(bench.synced(older).error_code, code(E::NotCoordinator));
    let leader = [bench.sync(&ids[0], 1, &ids), bench.sync(&ids[0], 1, &[])];
    assert_eq!(bench.synced(leader[0]).error_code, code(E::NotCoordinator));
    // Two records are in flight; the first decides.
    bench.commit();
    assert_eq!(bench.synced(newer).assignment, ids[1].clone().into_bytes());
    assert_eq!(bench.synced(leader[1]).assignment, ids[0].clone().into_bytes());
}

/// R4.4, R9.1, R9.5.
#[test]
fn an_assignment_that_cannot_be_stored_starts_over() {
    for (error, expected) in [
        (E::NotEnoughReplicas, E::CoordinatorNotAvailable),
        (E::NotLeaderOrFollower, E::NotCoordinator),
        (E::MessageTooLarge, E::UnknownServerError),
        (E::CorruptMessage, E::CorruptMessage),
    ] {
        let (mut bench, ids) = Bench::completing(2);
        let syncs = [bench.sync(&ids[0], 1, &ids), bench.sync(&ids[1], 1, &[])];
        bench.fail(error);
        for sync in syncs {
            assert_eq!(bench.synced(sync).error_code, code(expected));
        }
        assert_eq!(bench.state(), GroupState::PreparingRebalance);
        assert_eq!(bench.reasons().last(), Some(&TransitionReason::AssignmentNotStored));
        assert_eq!(bench.session_of(&ids[1]), Some(bench.now + super::bench::SESSION));
    }
}

/// R3.9, R4.4, R9.1. The record becomes durable later, without effect.
#[test]
fn an_assignment_that_takes_too_long_starts_over() {
    let (mut bench, ids) = Bench::completing(2);
    let follower = bench.sync(&ids[1], 1, &[]);
    bench.time_out(follower);
    assert_eq!(bench.state(), GroupState::CompletingRebalance, "a follower appends nothing");
    let leader = bench.sync(&ids[0], 1, &ids);
    bench.time_out(leader);
    for sync in [leader, follower] {
        assert_eq!(bench.synced(sync).error_code, code(E::CoordinatorNotAvailable));
    }
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.commit();
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.join(&ids[0]);
    bench.join(&ids[1]);
    assert_eq!(bench.describe().generation.0, 2);
}

/// R3.9. The leader has sent SyncGroup twice, and its first record is still in flight.
#[test]
fn the_first_assignment_of_a_leader_that_synced_twice_may_take_too_long() {
    let (mut bench, ids) = Bench::completing(1);
    let first = bench.sync(&ids[0], 1, &ids);
    let second = bench.sync(&ids[0], 1, &ids);
    assert_eq!(bench.synced(first).error_code, code(E::NotCoordinator));
    bench.time_out(first);
    assert_eq!(bench.synced(second).error_code, code(E::CoordinatorNotAvailable));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.commit();
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
}

/// R4.6, R9.1.
#[test]
fn the_outcome_of_an_old_assignment_has_no_effect() {
    for fails in [false, true] {
        let (mut bench, ids) = Bench::completing(2);
        bench.sync(&ids[0], 1, &ids);
        bench.join_with(&ids[1], &[("range", "new")]);
        bench.join(&ids[0]);
        assert_eq!(
            (bench.state(), bench.describe().generation.0),
            (GroupState::CompletingRebalance, 2)
        );
        let sync = bench.sync(&ids[1], 2, &[]);
        if fails {
            bench.fail(E::NotEnoughReplicas)
        } else {
            bench.commit()
        }
        assert_eq!(bench.state(), GroupState::CompletingRebalance);
        assert!(bench.is_parked(sync));
    }
}

/// R4.3, R4.4, R5.5.
#[test]
fn a_member_that_never_syncs_is_removed_when_the_sync_timer_fires() {
    for leader_syncs in [true, false] {
        let (mut bench, ids) = Bench::completing(3);
        let armed = bench.describe().timers[0].1;
        let (syncs, idle) = if leader_syncs { (0, [1, 2]) } else { (1, [0, 2]) };
        let sync = bench.sync(&ids[syncs], 1, &ids);
        bench.commit();
        while bench.now < armed - ms(1) {
            ids.iter().for_each(|id| assert_eq!(bench.heartbeat(id, 1), 0));
            bench.pass((armed - ms(1)).since(bench.now).min(secs(5)));
        }
        assert_eq!(bench.describe().members.len(), 3);
        bench.pass(ms(1));
        assert_eq!(bench.reasons().last(), Some(&TransitionReason::SyncTimeout));
        assert_eq!(bench.describe().members.len(), 1);
        for n in idle {
            assert!(bench.observed.contains(&Observation::Classic(
                ClassicObservation::MemberRemoved {
                    group: group(),
                    member: MemberId(ids[n].clone()),
                    why: Removal::NotSynced,
                }
            )));
        }
        let expected = if leader_syncs { 0 } else { code(E::RebalanceInProgress) };
        assert_eq!(bench.synced(sync).error_code, expected);
        assert_eq!(bench.describe().leader, Some(MemberId(ids[syncs].clone())));
    }
}

/// R4.5, R5.5, R9.4.
#[test]
fn when_no_member_syncs_the_group_becomes_empty() {
    let (mut bench, ids) = Bench::completing(2);
    let appended = bench.log.len();
    for _ in 0..6 {
        ids.iter().for_each(|id| assert_eq!(bench.heartbeat(id, 1), 0));
        bench.pass(REBALANCE / 6);
    }
    assert_eq!((bench.state(), bench.describe().generation.0), (GroupState::Empty, 2));
    assert_eq!(
        bench.reasons()[2..],
        [TransitionReason::SyncTimeout, TransitionReason::NoMembersLeft]
    );
    let Some((_, Record::GroupMetadata(record))) = bench.log[appended..].first() else {
        panic!("an empty group writes its record");
    };
    assert_eq!((record.generation.0, record.members.len()), (2, 0));
    assert_eq!((&record.leader, &record.protocol), (&None, &None));
    assert_eq!(record.protocol_type, Some(str_bytes("consumer")));
    let began = bench
        .observed
        .iter()
        .rfind(|o| matches!(o, Observation::Classic(ClassicObservation::GenerationBegan { .. })));
    let Some(Observation::Classic(ClassicObservation::GenerationBegan {
        members,
        leader: None,
        protocol: None,
        ..
    })) = began
    else {
        panic!("becoming empty is a generation");
    };
    assert!(members.is_empty());
}
