use bytes::Bytes;

use super::tests::lines;
use super::*;
use crate::client::ClientObservation as Consumer;
use crate::client::CoordinatorLoss;
use crate::coordinator::{GroupState, TransitionReason};
use crate::protocol::ResponseError;
use crate::trace::FaultKind;
use crate::trace::testing::*;

fn polled(millis: u64, number: i32, offsets: Range<i64>) -> Event {
    let values = offsets.clone().map(|offset| Bytes::from(format!("v{offset}"))).collect();
    let seen = Consumer::Polled { partition: partition(number), first: offsets.start, values };
    event(millis, consumer(0, 1), EventKind::Consumer(seen))
}

fn revoked(millis: u64) -> Event {
    let seen = Consumer::Revoked { partitions: vec![partition(0), partition(1)] };
    event(millis, consumer(0, 1), EventKind::Consumer(seen))
}

fn coordinator_lost(millis: u64) -> Event {
    let seen = Consumer::CoordinatorLost { why: CoordinatorLoss::Disconnected };
    event(millis, consumer(0, 1), EventKind::Consumer(seen))
}

fn refused(millis: u64) -> Event {
    let error = Some(ResponseError::RebalanceInProgress);
    let id = member("c1", 1);
    responded(millis, consumer(0, 1), heartbeat(&id, 1), heartbeat_response(error))
}

fn shown(events: &[Event]) -> Vec<String> {
    lines(Zoom::Group, events).lines().map(|line| line.trim_start().to_owned()).collect()
}

#[test]
fn polls_without_a_gap_are_one_line_when_something_else_happens() {
    let events = [
        polled(1_000, 0, 0..2),
        polled(1_100, 1, 0..1),
        polled(1_200, 0, 2..3),
        polled(1_300, 1, 1..4),
        polled(1_400, 0, 3..4),
        revoked(2_000),
    ];
    let expected = [
        "1.000000  c1.1     polled orders-0@0 v0,v1",
        "1.100000  c1.1     polled orders-1@0 v0",
        "2.000000  c1.1     polled orders-0@2..4,orders-1@1..4 ×3 until 1.400000",
        "2.000000  c1.1     revoked orders-0,orders-1",
    ];
    assert_eq!(shown(&events), expected);
}

#[test]
fn a_poll_that_reads_again_has_its_own_line() {
    let events = [polled(1_000, 0, 0..2), polled(1_100, 0, 2..3), polled(1_200, 0, 1..3)];
    let expected = [
        "1.000000  c1.1     polled orders-0@0 v0,v1",
        "1.200000  c1.1     polled orders-0@2..3 again at 1.100000",
        "1.200000  c1.1     polled orders-0@1 v1,v2",
    ];
    assert_eq!(shown(&events), expected);
}

#[test]
fn records_that_the_script_produced_are_shown_when_polled() {
    let events = [polled(1_000, 0, 0..1), script(2_000, "produce orders"), polled(2_100, 0, 1..2)];
    assert_eq!(shown(&events)[2], "2.100000  c1.1     polled orders-0@1 v1");
}

#[test]
fn refusals_are_counted_until_the_group_moves_on() {
    use GroupState::{CompletingRebalance, PreparingRebalance};
    let events = [
        refused(1_000),
        refused(4_000),
        refused(7_000),
        moved(9_000, PreparingRebalance, CompletingRebalance, TransitionReason::AllMembersJoined),
        refused(10_000),
    ];
    let lines = shown(&events);
    assert_eq!(lines[0], "1.000000  b0       → c1.1 Heartbeat REBALANCE_IN_PROGRESS");
    assert_eq!(lines[1], format!("9{} ×2 until 7.000000", &lines[0][1..]));
    assert_eq!(lines[3], format!("10{}", &lines[0][1..]));
}

#[test]
fn a_later_loss_has_its_own_line() {
    let events = [
        coordinator_lost(1_000),
        coordinator_lost(1_500),
        coordinator_lost(2_000),
        coordinator_lost(20_000),
    ];
    let expected = [
        "1.000000  c1.1     coordinator-lost why=disconnected",
        "20.000000  c1.1     coordinator-lost why=disconnected ×2 until 2.000000",
        "20.000000  c1.1     coordinator-lost why=disconnected",
    ];
    assert_eq!(shown(&events), expected);
}

#[test]
fn a_fault_ends_the_folded_lines_before_it() {
    let pause = fault(3_000, consumer(0, 1), FaultKind::Pause);
    let lines = shown(&[polled(1_000, 0, 0..1), polled(2_000, 0, 1..2), pause]);
    assert_eq!(lines[1], "3.000000  c1.1     polled orders-0@1..2 again at 2.000000");
}

#[test]
fn a_truncated_trace_shows_all_folded_lines() {
    let (mut renderer, mut out) = (Renderer::new(Zoom::Group), String::new());
    for event in [polled(1_000, 0, 0..1), polled(2_000, 0, 1..2)] {
        renderer.render(&event, &Model::default(), &mut out);
    }
    out.clear();
    renderer.finish(&mut out);
    assert_eq!(out.trim_start(), "2.000000  consumer0.1 polled orders-0@1..2 again at 2.000000\n");
    out.clear();
    renderer.finish(&mut out);
    assert_eq!(out, "");
}

#[test]
fn nothing_is_folded_at_wire_zoom() {
    let events = [polled(1_000, 0, 0..1), polled(1_100, 0, 1..2), polled(1_200, 0, 2..3)];
    assert_eq!(lines(Zoom::Wire, &events).lines().count(), 3);
}
