use crate::marks::Marks;

use super::*;
use crate::broker::{Term, TermState};
use crate::coordinator::GroupState::*;
use crate::coordinator::{GroupRemoval, TimerKind, TransitionReason};
use crate::protocol::BrokerId;
use crate::trace::ConnectionId;
use crate::trace::testing::*;
use kafka_protocol::messages::{DescribeGroupsRequest, ListGroupsRequest};

/// The coverage of a run with these events.
fn of(events: &[Event]) -> Reached {
    let (mut model, mut coverage) = (Model::default(), Coverage::default());
    for event in events {
        coverage.observe(&model, event);
        model.feed(event);
    }
    coverage.into_reached(Marks::default())
}

fn cells(events: &[Event]) -> Vec<String> {
    of(events).cells.iter().map(|cell| cell.to_string()).collect()
}

fn beat(millis: u64) -> Event {
    received(millis, consumer(0, 1), heartbeat(&member("c1", 1), 1))
}

#[test]
fn the_state_is_the_one_before_the_event() {
    let id = member("c1", 1);
    let timer = TimerKind::Join;
    let events = [
        received(1, consumer(0, 1), join(&id)),
        moved(1, Empty, PreparingRebalance, TransitionReason::MemberJoined),
        observed(
            2,
            Observation::Classic(ClassicObservation::TimerFired {
                group: group(),
                timer,
                member: None,
            }),
        ),
        moved(2, PreparingRebalance, CompletingRebalance, TransitionReason::AllMembersJoined),
        beat(3),
        beat(4),
        // Sending a response is not an event at the coordinator.
        responded(4, consumer(0, 1), heartbeat(&id, 1), heartbeat_response(None)),
    ];
    assert_eq!(
        cells(&events),
        [
            "none × JoinGroup × none",
            "PreparingRebalance × join-timer × none",
            "CompletingRebalance × Heartbeat × none"
        ]
    );
}

#[test]
fn a_lasting_fault_counts_until_it_ends_in_any_incarnation() {
    let events = [
        fault(1, consumer(0, 1), FaultKind::Pause),
        fault(1, consumer(1, 1), FaultKind::Pause),
        fault_over(2, consumer(1, 1), FaultKind::Pause),
        beat(3),
        fault_over(4, consumer(0, 2), FaultKind::Pause),
        received(5, consumer(0, 1), join(&member("c1", 1))),
    ];
    assert_eq!(cells(&events), ["none × JoinGroup × none", "none × Heartbeat × pause"]);
}

#[test]
fn a_fault_without_a_duration_counts_for_five_seconds() {
    let crash = fault(1_000, consumer(1, 1), FaultKind::Crash);
    assert_eq!(cells(&[crash.clone(), beat(5_999)]), ["none × Heartbeat × crash"]);
    assert_eq!(cells(&[crash, beat(6_000)]), ["none × Heartbeat × none"]);
}

#[test]
fn a_message_that_is_dropped_makes_the_fault_count_anew() {
    let message = Message::Request(frame(4, heartbeat(&member("c1", 1), 1)));
    let lost = EventKind::Lost { to: BROKER, conn: ConnectionId(1), message, why: Loss::Dropped };
    let events = [
        fault(0, consumer(0, 1), FaultKind::Drop),
        event(10_000, consumer(0, 1), lost),
        beat(12_000),
    ];
    assert_eq!(cells(&events), ["none × Heartbeat × drop"]);
}

#[test]
fn every_active_family_makes_a_cell() {
    let events = [fault(0, BROKER, FaultKind::Skew), fault(1, BROKER, FaultKind::Reset), beat(2)];
    assert_eq!(cells(&events), ["none × Heartbeat × reset", "none × Heartbeat × skew"]);
}

#[test]
fn a_request_about_several_groups_reaches_a_cell_for_each() {
    let described = DescribeGroupsRequest::default()
        .with_groups(vec![group(), GroupId(crate::protocol::str_bytes("other"))]);
    let events = [
        moved(1, Empty, PreparingRebalance, TransitionReason::MemberJoined),
        received(2, Place::Admin, described),
        received(2, Place::Admin, ListGroupsRequest::default()),
    ];
    assert_eq!(
        cells(&events),
        ["none × DescribeGroups × none", "PreparingRebalance × DescribeGroups × none"]
    );
}

#[test]
fn each_broker_has_its_own_view_of_a_group() {
    let at = |broker: i32, mut event: Event| {
        event.place = Place::Broker(BrokerId(broker));
        event
    };
    let id = member("c1", 1);
    let events = [
        moved(1, Empty, PreparingRebalance, TransitionReason::MemberJoined),
        loaded(2, 1, 4, &[(&id, &[0])]),
        beat(3),
        at(1, beat(4)),
        at(2, beat(5)),
    ];
    let expected = [
        "none × Heartbeat × none",
        "PreparingRebalance × Heartbeat × none",
        "Stable × Heartbeat × none",
    ];
    assert_eq!(cells(&events), expected);
}

#[test]
fn a_broker_whose_term_is_over_has_no_groups() {
    let after = |last: Event| {
        let first = moved(1, Empty, PreparingRebalance, TransitionReason::MemberJoined);
        cells(&[first, last, beat(10_000)])
    };
    let term = |state| {
        let term = Term { partition: 0, epoch: 2 };
        event(2, BROKER, EventKind::TermChanged { term, state })
    };
    let removed = Observation::GroupRemoved { group: group(), why: GroupRemoval::Deleted };
    assert_eq!(after(script(2, "nothing")), ["PreparingRebalance × Heartbeat × none"]);
    assert_eq!(after(term(TermState::Active)), ["PreparingRebalance × Heartbeat × none"]);
    for gone in [
        moved(2, PreparingRebalance, Dead, TransitionReason::Unloaded),
        term(TermState::Unloaded),
        fault(2, BROKER, FaultKind::Crash),
        observed(2, removed),
    ] {
        assert_eq!(after(gone), ["none × Heartbeat × none"]);
    }
}

#[test]
fn the_faults_of_brokers_count_as_long_as_they_last() {
    let zombie = fault(1, BROKER, FaultKind::Zombie);
    assert_eq!(cells(&[zombie, beat(60_000)]), ["none × Heartbeat × zombie"]);
    let moved_away = fault(1, BROKER, FaultKind::Move);
    assert_eq!(cells(&[moved_away.clone(), beat(4_000)]), ["none × Heartbeat × move"]);
    assert_eq!(cells(&[moved_away, beat(60_000)]), ["none × Heartbeat × none"]);
}

#[test]
fn sets_unite() {
    let of = |event: Event| of(&[event]).cells;
    let mut both = of(beat(1));
    both.union(&of(beat(2)));
    assert_eq!(both.len(), 1);
    both.union(&of(received(1, consumer(0, 1), join(&member("c1", 1)))));
    assert_eq!(both.len(), 2);
    assert!(!both.is_empty() && Cells::default().is_empty());
}

#[test]
fn every_cell_has_a_bit_of_its_own() {
    let mut all = Cells::default();
    for (nth, cell) in Cells::all().enumerate() {
        assert!(!all.contains(cell), "{cell} shares a bit");
        let fault = cell.fault.map_or(0, |fault| fault as u16 + 1);
        all.add(cell.state, cell.event.index().expect("listed"), 1 << fault);
        assert_eq!(all.len(), nth + 1);
    }
    assert_eq!(all.len(), 6 * 14 * 14);
    assert_eq!(Cells::possible(), (6 * 10 + 3 + 5 + 1 + 2) * 14);
}
