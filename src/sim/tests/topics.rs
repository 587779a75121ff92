use std::collections::BTreeMap;
use std::time::Duration;

use super::World;
use super::world::schedule;
use crate::protocol::{BrokerId, TopicName, TopicPartition, str_bytes};
use crate::sim::Systems;
use crate::sim::schedule::Action;
use crate::trace::EventKind;

fn produce(world: &mut World, count: u32) {
    let topic = "orders".to_owned();
    world.act(Action::Produce { topic, partition: None, count });
}

#[test]
fn no_record_is_lost_or_duplicated_when_the_data_leader_crashes() {
    let (mut schedule, systems) = (schedule(), Systems::default());
    schedule.topics[0].rate = 60 * 200;
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1"]);
    world.seconds(2);
    world.crash(BrokerId(0));
    world.seconds(1);
    world.restart(BrokerId(0));
    world.seconds(2);
    world.crash(BrokerId(1));
    world.seconds(20);
    world.act(Action::Quiesce(None));
    world.drain();
    let mut ends: BTreeMap<TopicPartition, i64> = BTreeMap::new();
    for event in &world.events {
        if let EventKind::Appended { partition, first, next } = &event.kind {
            let end = ends.entry(partition.clone()).or_default();
            assert_eq!(end, first);
            *end = *next;
        }
    }
    assert_eq!(ends.values().sum::<i64>(), 25 * 200);
}

#[test]
fn records_wait_for_a_data_leader() {
    let (mut schedule, systems) = (schedule(), Systems::default());
    schedule.broker.count = 1;
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1"]);
    world.settle();
    world.crash(BrokerId(0));
    produce(&mut world, 8);
    world.seconds(20);
    assert!(!world.sim.drained(&world.model));
    world.restart(BrokerId(0));
    world.drain();
    assert_eq!(
        world.model.progress().prefix(&TopicPartition::new(TopicName(str_bytes("orders")), 3)),
        2
    );
}

#[test]
fn a_topic_that_has_grown_is_drained_to_its_last_partition() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1", "c2"]);
    world.settle();
    let topic = || "orders".to_owned();
    world.act(Action::Grow { topic: topic(), partitions: 6 });
    produce(&mut world, 12);
    // Consumers refresh their metadata every five minutes.
    assert!(world.runs_while(Duration::from_secs(600), |sim, model| !sim.drained(model)));
    assert_eq!(
        world.model.progress().prefix(&TopicPartition::new(TopicName(str_bytes("orders")), 5)),
        2
    );
    let again = world.try_to(Action::Grow { topic: topic(), partitions: 6 });
    assert!(again.is_err());
}

#[test]
fn a_deleted_topic_needs_no_draining() {
    let (mut schedule, systems) = (schedule(), Systems::default());
    schedule.topics[0].rate = 60;
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1"]);
    world.seconds(1);
    produce(&mut world, 100);
    world.advance(Duration::from_millis(20));
    assert!(!world.sim.drained(&world.model));
    world.act(Action::DeleteTopic("orders".to_owned()));
    world.seconds(30);
    assert!(world.sim.drained(&world.model));
    produce(&mut world, 100);
    assert!(world.sim.drained(&world.model), "there is nothing to produce to");
    assert!(world.try_to(Action::DeleteTopic("orders".to_owned())).is_err());
}
