use std::time::Duration;

use super::World;
use super::world::schedule;
use crate::broker::TermState;
use crate::client::MemberState;
use crate::coordinator::GroupState;
use crate::protocol::{BrokerId, GroupId, str_bytes};
use crate::sim::Systems;
use crate::sim::schedule::{Action, NodeName, Tail};
use crate::trace::{EventKind, FaultKind, Loss, Place};

const DETECT: Duration = Duration::from_secs(9);

#[test]
fn a_coordinator_that_crashes_in_a_rebalance_is_replaced_when_the_crash_is_noticed() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    let old = world.current_leader();
    world.join(&["c1", "c2"]);
    world.seconds(1);
    let crashed = world.sim.now();
    world.crash(old);
    assert!(!world.settles(Duration::from_secs(8)), "there is no coordinator");
    world.settle();
    let new = world.after(old);
    assert_eq!(world.elections(), [(crashed + DETECT, Some(new))]);
    assert_eq!(world.leader(), Some(new));
    assert_eq!(world.terms(old, TermState::Unloaded), [crashed]);
    assert_eq!(world.terms(new, TermState::Active).len(), 1);
    for consumer in ["c1", "c2"] {
        let found = world.sim.describe_consumer(consumer).expect("a consumer that runs");
        assert_eq!(found.state, MemberState::Stable);
    }
}

#[test]
fn messages_to_a_crashed_broker_are_lost_and_its_clients_are_disconnected() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1"]);
    world.settle();
    let old = world.current_leader();
    world.events.clear();
    world.crash(old);
    world.seconds(5);
    let lost = world.times(|place, kind| {
        matches!(place, Place::Consumer(_))
            && matches!(kind, EventKind::Lost { to, why: Loss::ReceiverGone, .. } if *to == Place::Broker(old))
    });
    assert!(!lost.is_empty(), "the consumer tries to reach it, and is refused");
    let events = world.times(|place, _| place == Place::Broker(old));
    assert!(events.iter().all(|at| *at == lost[0].min(events[0])), "a dead broker is silent");
}

#[test]
fn a_broker_that_restarts_before_its_crash_is_noticed_loses_leadership() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1", "c2"]);
    world.settle();
    let old = world.current_leader();
    world.crash(old);
    world.seconds(1);
    world.restart(old);
    let restarted = world.sim.now();
    let new = world.after(old);
    assert_eq!(world.elections(), [(restarted, Some(new))]);
    world.settle();
    world.seconds(30);
    assert_eq!(world.elections().len(), 1, "it is not noticed again");
    assert_eq!(world.leader(), Some(new));
}

#[test]
fn without_a_live_broker_there_is_no_leader_until_one_restarts() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1", "c2"]);
    world.settle();
    let old = world.current_leader();
    for broker in [world.after(old), world.after(world.after(old)), old] {
        world.crash(broker);
    }
    world.seconds(10);
    assert_eq!(world.leader(), None);
    assert!(!world.settles(Duration::from_secs(60)));
    assert!(
        world
            .sim
            .waiting_for(&world.model)
            .iter()
            .any(|reason| reason.what.ends_with("has no leader"))
    );
    let first = world.after(old);
    world.restart(first);
    assert_eq!(world.leader(), Some(first));
    world.settle();
    let found = world.sim.describe_group(&GroupId(str_bytes("g"))).expect("the group");
    assert_eq!((found.state, found.members.len()), (GroupState::Stable, 2));
}

/// R3.17.
#[test]
fn a_lone_broker_leads_again_after_its_restart() {
    let (mut schedule, systems) = (schedule(), Systems::default());
    schedule.broker.count = 1;
    for down in [1, 20] {
        let mut world = World::new(&schedule, &systems);
        world.join(&["c1", "c2"]);
        world.settle();
        world.crash(BrokerId(0));
        world.seconds(down);
        world.restart(BrokerId(0));
        world.settle();
        assert_eq!(world.leader(), Some(BrokerId(0)));
    }
}

#[test]
fn a_lone_broker_loses_its_uncommitted_tail_if_the_crash_says_so() {
    let (mut schedule, systems) = (schedule(), Systems::default());
    schedule.broker.count = 1;
    for (tail, expected) in [(Tail::Kept, false), (Tail::Lost, true)] {
        let mut world = World::new(&schedule, &systems);
        world.join(&["c1"]);
        world.settle();
        world.act(Action::Stall(None));
        let topic = "orders".to_owned();
        world.act(Action::Produce { topic, partition: None, count: 4 });
        world.seconds(3);
        world.act(Action::Crash(NodeName::Broker(BrokerId(0)), tail));
        world.seconds(10);
        world.restart(BrokerId(0));
        let lost = world.times(|_, kind| {
            matches!(kind, EventKind::LeaderElected { leader: Some(_), lost: 1.., .. })
        });
        assert_eq!(!lost.is_empty(), expected, "{tail:?}");
    }
}

#[test]
fn an_unaware_leader_acts_as_a_zombie_and_is_ignored() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1", "c2"]);
    world.settle();
    let (old, moved) = (world.current_leader(), world.sim.now());
    let new = world.after(old);
    world.move_to(new, 10);
    assert_eq!(world.began(new, FaultKind::Move), [moved]);
    assert_eq!(world.began(old, FaultKind::Zombie), [moved]);
    world.seconds(9);
    assert_eq!(world.terms(new, TermState::Active).len(), 1);
    assert_eq!(world.terms(old, TermState::Unloaded), []);
    world.seconds(2);
    let until = moved + Duration::from_secs(10);
    assert_eq!(world.ended(old, FaultKind::Zombie), [until]);
    assert_eq!(world.terms(old, TermState::Unloaded), [until]);
    world.settle();
    world.seconds(60);
    world.settle();
}

#[test]
fn an_unaware_leader_does_not_learn_of_its_move_from_an_older_decision() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1"]);
    world.settle();
    let old = world.current_leader();
    world.move_to(old, 0);
    let moved = world.sim.now();
    world.move_to(world.after(old), 10);
    world.seconds(30);
    assert_eq!(world.ended(old, FaultKind::Zombie), [moved + Duration::from_secs(10)]);
    world.settle();
}

#[test]
fn a_paused_broker_learns_of_decisions_when_it_resumes() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1", "c2"]);
    world.settle();
    let old = world.current_leader();
    world.act(Action::Pause(NodeName::Broker(old)));
    world.move_to(world.after(old), 0);
    world.seconds(5);
    assert_eq!(world.terms(old, TermState::Unloaded), []);
    world.act(Action::Resume(NodeName::Broker(old)));
    assert_eq!(world.terms(old, TermState::Unloaded), [world.sim.now()]);
    world.settle();
}

#[test]
fn a_move_to_the_leader_itself_starts_a_new_term() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1", "c2"]);
    world.settle();
    let leader = world.current_leader();
    world.move_to(leader, 5);
    world.seconds(1);
    assert_eq!(world.began(leader, FaultKind::Zombie), [], "no other broker leads");
    assert_eq!(world.terms(leader, TermState::Active).len(), 2);
    world.settle();
}

#[test]
fn quiesce_ends_all_faults() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1", "c2"]);
    world.settle();
    let old = world.current_leader();
    let (new, third) = (world.after(old), world.after(world.after(old)));
    world.act(Action::Stall(None));
    world.act(Action::Skew(NodeName::Broker(third), 1_000));
    world.act(Action::Crash(NodeName::Broker(third), Tail::Lost));
    world.move_to(new, 600);
    world.act(Action::Pause(NodeName::Broker(new)));
    world.seconds(30);
    world.act(Action::Quiesce(None));
    for (broker, fault) in [
        (third, FaultKind::Crash),
        (third, FaultKind::Skew),
        (old, FaultKind::Zombie),
        (old, FaultKind::Stall),
        (new, FaultKind::Pause),
    ] {
        assert_eq!(world.ended(broker, fault), [world.sim.now()], "{fault} at {broker}");
    }
    world.settle();
}

#[test]
fn an_impossible_action_on_a_broker_is_refused_with_its_reason() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    let node = |id| NodeName::Broker(BrokerId(id));
    let tail = Tail::Random;
    let refused = |done: Result<(), crate::sim::Impossible>| done.unwrap_err().0;
    assert_eq!(refused(world.try_to(Action::Crash(node(7), tail))), "there is no broker b7");
    assert_eq!(refused(world.try_to(Action::Restart(node(1)))), "b1 is running already");
    world.crash(BrokerId(1));
    assert_eq!(refused(world.try_to(Action::Crash(node(1), tail))), "b1 is not running");
    assert_eq!(refused(world.try_to(Action::Pause(node(1)))), "b1 is not running");
    let (to, unaware) = (Some(BrokerId(1)), Duration::ZERO);
    let to_the_dead = Action::Move { group: None, to, unaware, tail };
    assert_eq!(refused(world.try_to(to_the_dead)), "b1 is not running");
}
