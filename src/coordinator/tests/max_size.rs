//! R6.1.17, R11.5: `group.max.size`.

use super::bench::{group, join_request};
use super::*;
use crate::coordinator::{
    ClassicObservation, CoordinatorConfig, GroupState, Observation, Removal, TransitionReason,
};
use crate::protocol::{MemberId, StrBytes};

fn limited(max_size: usize) -> CoordinatorConfig {
    CoordinatorConfig { max_size, ..Default::default() }
}

/// Two members in a Stable group of at most two.
fn full() -> (Bench, Vec<StrBytes>) {
    let mut bench = Bench::with(limited(2));
    let ids: Vec<_> = (0..2).map(|_| bench.enter("m")).collect();
    bench.pass(secs(6));
    ids.iter().for_each(|id| {
        bench.sync(id, 1, &ids);
    });
    bench.commit();
    assert_eq!(bench.state(), GroupState::Stable);
    (bench, ids)
}

fn refused(bench: &Bench, join: crate::coordinator::RequestId) -> bool {
    let response = bench.joined(join);
    let full = response.error_code == code(E::GroupMaxSizeReached);
    assert!(!full || response.member_id.is_empty());
    full
}

/// R6.1.17.
#[test]
fn a_full_stable_group_admits_only_its_members() {
    let (mut bench, ids) = full();
    let unknown = bench.send("c", 9, join_request(""));
    assert!(refused(&bench, unknown));
    let instance = bench.join_as("i0", "");
    assert!(refused(&bench, instance));
    let member = bench.join(&ids[1]);
    assert_eq!(bench.joined(member).error_code, 0);
    assert_eq!(bench.state(), GroupState::Stable);
}

/// The size is checked before the identity, and a static member comes back without a member id.
/// (R6.1.17)
#[test]
fn a_full_stable_group_has_no_room_for_a_static_member_that_comes_back() {
    let mut bench = Bench::with(limited(1));
    let join = bench.join_as("i0", "");
    bench.pass(secs(3));
    assert_eq!(bench.joined(join).error_code, 0);
    let again = bench.join_as("i0", "");
    assert!(refused(&bench, again));
}

/// R6.1.17.
#[test]
fn pending_ids_do_not_count_until_they_come_back() {
    let mut bench = Bench::with(limited(1));
    let ids: Vec<_> = (0..2)
        .map(|_| {
            let first = bench.send("c", 9, join_request(""));
            bench.joined(first).member_id
        })
        .collect();
    let joins = [bench.join(&ids[0]), bench.join(&ids[1])];
    assert!(bench.is_parked(joins[0]) && refused(&bench, joins[1]));
    assert_eq!(bench.describe().pending, [], "the refused id is no longer pending");
    let again = bench.join(&ids[1]);
    assert!(refused(&bench, again));
    let mine = bench.join(&ids[0]);
    assert!(bench.is_parked(mine), "a member that has joined may join again");
    bench.pass(secs(3));
    assert_eq!(bench.joined(mine).generation_id, 1);
}

/// R4.3, R6.1.17, R11.5.
#[test]
fn in_the_join_phase_the_last_to_rejoin_loses_its_place() {
    let (bench, ids) = full();
    // The same group under a coordinator that allows only one member.
    let records: Vec<_> = bench.log.iter().map(|(_, record)| record.clone()).collect();
    let mut bench = Bench::after(limited(1), "next", bench.now, &records);
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(bench.reasons(), [TransitionReason::TooManyMembers]);
    assert_eq!(bench.heartbeat(&ids[0], 1), code(E::RebalanceInProgress));
    let first = bench.join(&ids[1]);
    assert!(bench.is_parked(first));
    let last = bench.join(&ids[0]);
    assert!(refused(&bench, last));
    assert!(bench.observed.contains(&Observation::Classic(ClassicObservation::MemberRemoved {
        group: group(),
        member: MemberId(ids[0].clone()),
        why: Removal::GroupFull,
    })));
    assert_eq!(bench.heartbeat(&ids[0], 1), code(E::UnknownMemberId));
    // The coordinator does not check whether the phase waited only for that one.
    assert!(bench.is_parked(first));
    bench.pass(secs(30));
    let response = bench.joined(first);
    assert_eq!((response.generation_id, response.members.len()), (2, 1));
    assert_eq!(response.leader, ids[1]);
}

/// R6.1.17.
#[test]
fn an_empty_group_has_room() {
    let mut bench = Bench::with(limited(1));
    let first = bench.send("c", 3, join_request(""));
    assert!(bench.is_parked(first));
    let second = bench.send("c", 3, join_request(""));
    assert!(refused(&bench, second));
    bench.pass(secs(3));
    let id = bench.joined(first).member_id;
    bench.leave(&[&id]);
    assert_eq!(bench.state(), GroupState::Empty);
    let third = bench.send("c", 3, join_request(""));
    assert!(bench.is_parked(third));
}

/// R11.5.
#[test]
fn a_loaded_group_of_the_maximum_size_does_not_rebalance() {
    let (bench, _) = full();
    let records: Vec<_> = bench.log.iter().map(|(_, record)| record.clone()).collect();
    let bench = Bench::after(limited(2), "next", bench.now, &records);
    assert_eq!((bench.state(), bench.reasons().len()), (GroupState::Stable, 0));
}
