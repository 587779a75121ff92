//! R11.7: the end of a term.

use super::bench::{group, join_request};
use super::*;
use crate::coordinator::{
    ClassicObservation, GroupCoordinator, GroupState, Inspect, Observation, TransitionReason,
};
use crate::protocol::{Response, str_bytes};

fn ends(mut bench: Bench, from: GroupState) -> Bench {
    assert_eq!(bench.state(), from);
    bench.unload();
    assert_eq!(bench.without_response(), 0);
    let mut armed = 0;
    bench.coordinator.deadlines(&mut |_| armed += 1);
    assert_eq!((armed, bench.coordinator.next_deadline()), (0, None));
    assert_eq!(
        bench.observed.last(),
        Some(&Observation::Classic(ClassicObservation::State {
            group: group(),
            from,
            to: GroupState::Dead,
            why: TransitionReason::Unloaded
        }))
    );
    bench
}

/// R4.8, R11.7.
#[test]
fn an_empty_group_just_dies() {
    let mut bench = Bench::new();
    bench.send("c", 9, join_request(""));
    ends(bench, GroupState::Empty);
}

/// R11.7.
#[test]
fn parked_joins_fail_with_not_coordinator() {
    let (mut bench, ids) = Bench::stable(2);
    let join = bench.join(&ids[0]);
    let bench = ends(bench, GroupState::PreparingRebalance);
    let response = bench.joined(join);
    assert_eq!((response.error_code, &response.member_id), (code(E::NotCoordinator), &ids[0]));
}

/// R11.7.
#[test]
fn parked_syncs_fail_with_not_coordinator() {
    let (mut bench, ids) = Bench::completing(2);
    let sync = bench.sync(&ids[0], 1, &ids);
    let bench = ends(bench, GroupState::CompletingRebalance);
    assert_eq!(bench.synced(sync).error_code, code(E::NotCoordinator));
}

/// R11.7.
#[test]
fn a_replacement_in_flight_fails_with_not_coordinator() {
    let (mut bench, _) = Bench::stable_static(1);
    let join = bench.join_as("i0", "");
    let bench = ends(bench, GroupState::Stable);
    assert_eq!(bench.joined(join).error_code, code(E::NotCoordinator));
}

/// R11.7.
#[test]
fn a_commit_in_flight_fails_with_not_coordinator() {
    let (mut bench, ids) = Bench::stable(1);
    let commit = super::offsets::commit_request(&ids[0], 1, &[(0, 7), (1, 8)]);
    let commit = bench.send("m", 9, commit);
    let bench = ends(bench, GroupState::Stable);
    let Response::OffsetCommit(response) = bench.response(commit) else { panic!("not a commit") };
    let codes: Vec<_> = response.topics[0].partitions.iter().map(|p| p.error_code).collect();
    assert_eq!(codes, [code(E::NotCoordinator); 2]);
}

/// R4.8, R11.7.
#[test]
fn every_group_dies() {
    let mut bench = Bench::new();
    for name in ["g", "h", "i"] {
        let request = join_request("").with_group_id(crate::protocol::GroupId(str_bytes(name)));
        bench.send("c", 3, request);
    }
    bench.unload();
    let dead = |o: &&Observation| {
        matches!(o, Observation::Classic(ClassicObservation::State { to: GroupState::Dead, .. }))
    };
    assert_eq!((bench.observed.iter().filter(dead).count(), bench.without_response()), (3, 0));
}

/// R4.8, R6.1.5, R6.2.3, R6.3.2, R6.4.3, R6.5.3, R6.7.2, R6.7.6.
#[test]
fn a_dead_group_refuses_everything() {
    use super::offset_world::{codes, delete_groups, delete_offsets};
    let (mut bench, ids) = Bench::stable(1);
    bench.unload();
    let gone = code(E::CoordinatorNotAvailable);
    let join = bench.join(&ids[0]);
    assert_eq!(bench.joined(join).error_code, gone);
    let sync = bench.sync(&ids[0], 1, &ids);
    assert_eq!(bench.synced(sync).error_code, gone);
    assert_eq!(bench.heartbeat(&ids[0], 1), gone);
    assert_eq!(bench.leave(&[&ids[0]]).0, gone);
    let commit = bench.send("m", 9, super::offsets::commit_request(&ids[0], 1, &[(0, 7)]));
    assert_eq!(codes(&bench, commit), [gone]);
    for id in [delete_offsets(&mut bench, "g", &["t-0"]), delete_groups(&mut bench, &["g"])] {
        assert_eq!(codes(&bench, id), [code(E::GroupIdNotFound)]);
    }
}
