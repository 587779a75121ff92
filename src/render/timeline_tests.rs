use super::*;
use crate::coordinator::GroupState::*;
use crate::coordinator::TransitionReason;
use crate::protocol::BrokerId;
use crate::render::{Renderer, Zoom};
use crate::trace::FaultKind;
use crate::trace::testing::*;

const ALL_JOINED: TransitionReason = TransitionReason::AllMembersJoined;

/// Two members; the second one is removed; a third joins while the group is still syncing.
fn two_members_then_a_third() -> Vec<Event> {
    let (c1, c2, c3) = (member("c1", 1), member("c2", 1), member("c3", 1));
    let both = [c1.clone(), c2.clone()];
    vec![
        started(0, 0, "c1"),
        script(0, "join c1"),
        added(5, c1.clone()),
        moved(5, Empty, PreparingRebalance, TransitionReason::MemberJoined),
        added(6, c2.clone()),
        began(3_010, 1, &both),
        moved(3_010, PreparingRebalance, CompletingRebalance, ALL_JOINED),
        // A follower's assignments are ignored.
        received(3_014, consumer(1, 1), sync(1, &c2, &[(&c2, &[0, 1, 2, 3])])),
        received(3_015, consumer(0, 1), sync(1, &c1, &[(&c1, &[0, 1]), (&c2, &[2, 3])])),
        moved(3_018, CompletingRebalance, Stable, TransitionReason::LeaderSynced),
        fault(4_000, consumer(0, 1), FaultKind::Slow),
        script(5_000, "pause c2"),
        fault(5_000, consumer(0, 1), FaultKind::Pause),
        removed(15_000, c2, Removal::SessionExpired),
        moved(15_000, Stable, PreparingRebalance, TransitionReason::SessionExpired),
        began(15_500, 2, std::slice::from_ref(&c1)),
        moved(15_500, PreparingRebalance, CompletingRebalance, ALL_JOINED),
        added(15_600, c3.clone()),
        moved(15_600, CompletingRebalance, PreparingRebalance, TransitionReason::MemberJoined),
        began(16_000, 3, &[c1.clone(), c3.clone()]),
        moved(16_000, PreparingRebalance, CompletingRebalance, ALL_JOINED),
        received(16_100, consumer(0, 1), sync(3, &c1, &[(&c1, &[0, 2]), (&c3, &[1, 3])])),
        moved(16_200, CompletingRebalance, Stable, TransitionReason::LeaderSynced),
        removed(20_000, c1, Removal::Left),
        removed(20_000, c3, Removal::Left),
        moved(20_000, Stable, PreparingRebalance, TransitionReason::MemberLeft),
        moved(20_000, PreparingRebalance, Empty, TransitionReason::NoMembersLeft),
        began(20_000, 4, &[]),
        event(21_000, crate::trace::Place::Schedule, EventKind::Finished),
    ]
}

#[test]
fn each_generation_has_one_line() {
    let expected = [
        "   0.000000  ── join c1",
        "   3.018000  g        generation 1  c1*=2 c2=2  moved=0  took=3.013s  why=\"member joined\" joined=c1,c2",
        "   4.000000  c1.1     fault-began slow",
        "   5.000000  ── pause c2",
        "  15.600000  g        generation 2  c1*  never assigned  why=\"session expired\" expired=c2",
        "  16.200000  g        generation 3  c1*=2 c3=2  moved=3  took=600ms  why=\"member joined\" joined=c3",
        "  20.000000  g        generation 4  empty  took=0s  why=\"member left\" left=c1,c3",
        "  21.000000  sim      finished",
    ];
    let text = Renderer::render_all(Zoom::Timeline, &two_members_then_a_third());
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_generation_without_an_assignment_at_the_end_has_a_line() {
    let mut events = two_members_then_a_third();
    events.truncate(6);
    events.push(event(3_100, crate::trace::Place::Schedule, EventKind::Finished));
    let text = Renderer::render_all(Zoom::Timeline, &events);
    assert!(text.contains("generation 1  c1* c2  never assigned"), "{text}");
}

/// The leader's broker crashes; another broker loads the group; the old one, which was only
/// partitioned, continues with its own view.
#[test]
fn a_fail_over_names_the_leader_and_the_loaded_group() {
    let (c1, c2, next) = (member("c1", 1), member("c2", 1), member("c1", 2));
    let both = [c1.clone(), c2.clone()];
    let at = |broker: i32, mut event: Event| {
        event.place = Place::Broker(BrokerId(broker));
        event
    };
    let events = [
        moved(5, Empty, PreparingRebalance, TransitionReason::MemberJoined),
        began(3_000, 1, &both),
        script(4_000, "crash b0"),
        fault(4_000, BROKER, FaultKind::Crash),
        elected(5_000, 2, Some(1), 3),
        term(5_001, 1, crate::broker::TermState::Loading),
        loaded(5_002, 1, 4, &[(&c1, &[0, 1]), (&c2, &[2, 3])]),
        at(1, replaced(6_000, &c1, &next)),
        at(1, moved(7_000, Stable, PreparingRebalance, TransitionReason::MemberJoined)),
        at(1, began(8_000, 5, &[next.clone(), c2.clone()])),
        at(1, moved(8_000, PreparingRebalance, CompletingRebalance, ALL_JOINED)),
        at(1, received(8_100, consumer(0, 1), sync(5, &next, &[(&next, &[0, 1]), (&c2, &[2, 3])]))),
        at(1, moved(8_200, CompletingRebalance, Stable, TransitionReason::LeaderSynced)),
        at(2, moved(8_300, Stable, Dead, TransitionReason::Unloaded)),
        event(9_000, Place::Schedule, EventKind::Finished),
    ];
    let expected = [
        "   4.000000  ── crash b0",
        "   4.000000  g        generation 1  c1* c2  never assigned  why=\"member joined\"",
        "   5.000000  controller leader elected __consumer_offsets-13 epoch=2 leader=b1 lost=3",
        "   5.002000  g        loaded generation 4  c1*=2 c2=2",
        "   8.200000  g        generation 5  c1#2*=2 c2=2  moved=0  took=1.2s  why=\"member joined\" replaced=c1#2",
        "   8.300000  g        dead  why=\"unloaded\"",
        "   9.000000  sim      finished",
    ];
    let text = Renderer::render_all(Zoom::Timeline, &events);
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn an_empty_group_is_loaded_without_members() {
    let text = Renderer::render_all(Zoom::Timeline, &[loaded(1, 1, 7, &[])]);
    assert_eq!(text, "   0.001000  g        loaded generation 7  empty\n");
}

#[test]
fn an_undone_replacement_leaves_no_change_behind() {
    let (old, new) = (member("c1", 1), member("c1", 2));
    let undone = Observation::Classic(ClassicObservation::ReplacementUndone {
        group: group(),
        instance: crate::protocol::str_bytes("i1"),
        old: old.clone(),
        new: new.clone(),
    });
    let mut events = two_members_then_a_third();
    events.truncate(10);
    events.extend([
        replaced(4_000, &old, &new),
        observed(4_001, undone),
        moved(5_000, Stable, PreparingRebalance, TransitionReason::MemberRejoined),
        began(6_000, 2, &[old.clone(), member("c2", 1)]),
        moved(6_000, PreparingRebalance, CompletingRebalance, ALL_JOINED),
        received(6_001, consumer(0, 1), sync(2, &old, &[(&old, &[0, 1])])),
        moved(6_002, CompletingRebalance, Stable, TransitionReason::LeaderSynced),
    ]);
    let text = Renderer::render_all(Zoom::Timeline, &events);
    assert!(text.ends_with("moved=0  took=1.002s  why=\"member rejoined\"\n"), "{text}");
}

/// The assignments of another protocol type could decode as partitions by chance.
#[test]
fn a_group_of_another_protocol_type_is_shown_with_its_members_only() {
    let (c1, c2) = (member("c1", 1), member("c2", 1));
    let joins = |id| join(id).with_protocol_type(crate::protocol::str_bytes("connect"));
    let events = [
        received(5, consumer(0, 1), joins(&c1)),
        added(5, c1.clone()),
        moved(5, Empty, PreparingRebalance, TransitionReason::MemberJoined),
        received(6, consumer(1, 1), joins(&c2)),
        added(6, c2.clone()),
        began(3_010, 1, &[c1.clone(), c2.clone()]),
        moved(3_010, PreparingRebalance, CompletingRebalance, ALL_JOINED),
        received(3_015, consumer(0, 1), sync(1, &c1, &[(&c1, &[0, 1]), (&c2, &[2, 3])])),
        moved(3_018, CompletingRebalance, Stable, TransitionReason::LeaderSynced),
    ];
    let text = Renderer::render_all(Zoom::Timeline, &events);
    let line = "   3.018000  g        generation 1  c1* c2  took=3.013s  why=\"member joined\" joined=c1,c2";
    assert_eq!(text.lines().collect::<Vec<_>>(), [line]);
}
