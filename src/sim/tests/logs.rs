use std::time::Duration;

use super::World;
use super::world::schedule;
use crate::sim::Systems;
use crate::sim::schedule::{Action, RefusedWith};
use crate::trace::FaultKind;

#[test]
fn the_cluster_does_not_settle_while_its_log_is_stalled() {
    let (mut schedule, systems) = (schedule(), Systems::default());
    schedule.broker.write_timeout = Duration::from_secs(600);
    let mut world = World::new(&schedule, &systems);
    world.act(Action::Stall(None));
    world.act(Action::Stall(None));
    let (leader, stalled) = (world.current_leader(), world.sim.now());
    assert_eq!(world.began(leader, FaultKind::Stall), [stalled], "once");
    world.join(&["c1"]);
    assert!(!world.settles(Duration::from_secs(15)));
    world.act(Action::Unstall(None));
    assert_eq!(world.ended(leader, FaultKind::Stall), [world.sim.now()]);
    world.act(Action::Unstall(None));
    assert_eq!(world.ended(leader, FaultKind::Stall).len(), 1);
    world.settle();
}

#[test]
fn the_cluster_does_not_settle_while_its_log_refuses_appends() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.act(Action::Refuse(None, RefusedWith::NotEnoughReplicas));
    world.join(&["c1"]);
    assert!(!world.settles(Duration::from_secs(30)));
    world.act(Action::Accept(None));
    world.settle();
}

#[test]
fn a_stall_ends_at_the_leader_where_it_began() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1"]);
    world.settle();
    let old = world.current_leader();
    world.act(Action::Stall(None));
    world.move_to(world.after(old), 0);
    world.seconds(1);
    world.act(Action::Unstall(None));
    assert_eq!(world.ended(old, FaultKind::Stall), [world.sim.now()]);
    world.settle();
}

#[test]
fn a_compacted_log_still_holds_the_group() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1", "c2"]);
    world.settle();
    world.seconds(5);
    let old = world.current_leader();
    world.act(Action::Compact(None));
    assert_eq!(world.began(old, FaultKind::Compact), [world.sim.now()]);
    world.move_to(world.after(old), 0);
    world.settle();
}
