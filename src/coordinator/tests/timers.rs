//! R5: when timers fire, and what they do.

use super::bench::{SESSION, group, join_request};
use super::*;
use crate::coordinator::{
    ClassicObservation, GroupCoordinator, GroupState, Inspect, Observation, Removal, TimerKind,
    TransitionReason,
};
use crate::protocol::{MemberId, StrBytes};
use crate::time::Time;

fn fired(bench: &Bench, timer: TimerKind, member: Option<&StrBytes>) -> bool {
    let member = member.map(|id| MemberId(id.clone()));
    bench.observed.contains(&Observation::Classic(ClassicObservation::TimerFired {
        group: group(),
        timer,
        member,
    }))
}

fn expired(bench: &Bench, member: &StrBytes) -> bool {
    bench.observed.contains(&Observation::Classic(ClassicObservation::MemberRemoved {
        group: group(),
        member: MemberId(member.clone()),
        why: Removal::SessionExpired,
    }))
}

/// R4.3, R5.1.
#[test]
fn a_silent_member_of_a_stable_group_is_removed_exactly_at_its_deadline() {
    let (mut bench, ids) = Bench::stable(2);
    bench.pass(secs(5));
    bench.heartbeat(&ids[0], 1);
    bench.pass(SESSION - secs(5) - ms(1));
    assert_eq!(bench.state(), GroupState::Stable);
    bench.pass(ms(1));
    assert!(expired(&bench, &ids[1]) && fired(&bench, TimerKind::Session, Some(&ids[1])));
    assert_eq!(bench.reasons().last(), Some(&TransitionReason::SessionExpired));
    assert_eq!(bench.describe().members.len(), 1);
}

/// R4.5, R5.1.
#[test]
fn when_all_are_silent_the_group_becomes_empty_and_its_generation_grows() {
    let (mut bench, _) = Bench::stable(2);
    bench.pass(SESSION);
    assert_eq!((bench.state(), bench.describe().generation.0), (GroupState::Empty, 2));
    assert_eq!(bench.describe().leader, None);
    let mut armed = 0;
    bench.coordinator.deadlines(&mut |_| armed += 1);
    assert_eq!(armed, 1, "an empty group has no timers, its coordinator has one (R10)");
}

/// R5.1, R7.2.
#[test]
fn a_silent_member_ends_the_join_phase_when_no_other_member_is_missing() {
    let (mut bench, ids) = Bench::stable(2);
    let join = bench.join(&ids[0]);
    bench.pass(SESSION);
    assert!(expired(&bench, &ids[1]));
    assert_eq!(bench.joined(join).generation_id, 2);
    assert_eq!(bench.reasons().last(), Some(&TransitionReason::SessionExpired));
}

/// R4.4, R5.1, R7.6.
#[test]
fn a_silent_member_in_the_sync_phase_starts_over() {
    let (mut bench, ids) = Bench::completing(2);
    let sync = bench.sync(&ids[0], 1, &ids);
    bench.pass(SESSION);
    assert!(expired(&bench, &ids[1]) && !expired(&bench, &ids[0]));
    assert_eq!(bench.synced(sync).error_code, code(E::RebalanceInProgress));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
}

/// R5.1.
#[test]
fn a_parked_join_or_sync_shields_its_member_and_its_response_restarts_the_session() {
    let (mut bench, ids) = Bench::stable(2);
    let join = bench.join(&ids[0]);
    for _ in 0..5 {
        bench.pass(secs(5));
        bench.heartbeat(&ids[1], 1);
    }
    assert!(!expired(&bench, &ids[0]) && bench.is_parked(join));
    assert!(
        !fired(&bench, TimerKind::Session, Some(&ids[0])),
        "a timer without effect is not observed"
    );
    assert_eq!(bench.session_of(&ids[0]), None, "the timer fired and is not armed again");
    bench.join(&ids[1]);
    assert_eq!(bench.session_of(&ids[0]), Some(bench.now + SESSION));

    let sync = bench.sync(&ids[1], 2, &[]);
    bench.pass(secs(6));
    bench.heartbeat(&ids[0], 2);
    bench.pass(secs(6));
    assert!(bench.is_parked(sync) && !expired(&bench, &ids[1]));
    bench.sync(&ids[0], 2, &ids);
    bench.commit();
    assert_eq!(bench.synced(sync).error_code, 0);
    assert_eq!(bench.session_of(&ids[1]), Some(bench.now + SESSION));
}

/// The group waits for a member with a very long rebalance timeout, and so for longer than 5
/// minutes. (R5.2)
#[test]
fn a_new_member_waits_five_minutes_and_no_longer() {
    let (mut bench, ids) = Bench::stable(1);
    let slow = join_request(&ids[0]).with_rebalance_timeout_ms(3_600_000);
    bench.send("m0", 9, slow);
    let sync = bench.sync(&ids[0], 2, &ids);
    bench.commit();
    assert_eq!(bench.synced(sync).error_code, 0);
    let new = bench.enter("new");
    let join = *bench.responses.keys().last().unwrap();
    let join = crate::coordinator::RequestId(join.0 + 1);
    let entered = bench.now;
    while bench.now < entered + secs(300) - ms(1) {
        bench.heartbeat(&ids[0], 2);
        bench.pass((entered + secs(300) - ms(1)).since(bench.now).min(secs(5)));
    }
    assert!(bench.is_parked(join));
    bench.heartbeat(&ids[0], 2);
    bench.pass(ms(1));
    assert!(expired(&bench, &new));
    let response = bench.joined(join);
    assert_eq!((response.error_code, response.member_id.as_str()), (code(E::UnknownMemberId), ""));
}

/// R5.4, R7.7.
#[test]
fn the_join_timer_is_the_longest_rebalance_timeout() {
    let (mut bench, ids) = Bench::stable(2);
    let short = join_request(&ids[0]).with_rebalance_timeout_ms(8_000);
    bench.send("m0", 9, short);
    assert_eq!(bench.describe().timers, [(TimerKind::Join, bench.now + super::bench::REBALANCE)]);
}

/// R5.3.
#[test]
fn a_pending_id_expires_after_its_session_timeout() {
    let mut bench = Bench::new();
    let first = bench.send("p", 9, join_request("").with_session_timeout_ms(7_000));
    let id = bench.joined(first).member_id;
    assert_eq!(bench.describe().timers, [(TimerKind::PendingJoin, Time::ZERO + secs(7))]);
    bench.pass(secs(7));
    assert!(fired(&bench, TimerKind::PendingJoin, Some(&id)));
    let join = bench.join(&id);
    assert_eq!(bench.joined(join).error_code, code(E::UnknownMemberId));
}

#[test]
fn the_next_deadline_is_never_late() {
    let (mut bench, ids) = Bench::stable(3);
    for round in 0..20 {
        bench.pass(secs(2));
        bench.heartbeat(&ids[round % 3], 1);
        let mut earliest = Time::NEVER;
        bench.coordinator.deadlines(&mut |at| earliest = earliest.min(at));
        if earliest != Time::NEVER {
            assert!(bench.coordinator.next_deadline().expect("something is armed") <= earliest);
        }
    }
}
