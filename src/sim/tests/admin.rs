use std::time::Duration;

use super::World;
use super::world::schedule;
use crate::coordinator::GroupState;
use crate::protocol::{BrokerId, TopicName, TopicPartition, str_bytes};
use crate::sim::Systems;
use crate::sim::schedule::{Action, AdminRequest, Answer};
use crate::trace::{Kind, Place};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn orders(partition: i32) -> TopicPartition {
    TopicPartition::new(TopicName(str_bytes("orders")), partition)
}

/// Asks, waits for the answer and compares it.
#[track_caller]
fn ask(world: &mut World, request: AdminRequest, expected: Answer) {
    world.act(Action::Admin(request.clone()));
    assert!(world.runs_while(Duration::from_secs(60), |sim| sim.awaits_answer()));
    let told = world.sim.told().expect("an answer");
    assert!(told.meets(&expected), "{request:?}: {told}");
}

fn error(error: &str) -> Answer {
    Answer { error: Some(error.to_owned()), ..Answer::default() }
}

#[test]
fn the_administrator_asks_who_leads() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1", "c2"]);
    world.settle();
    let describe = || AdminRequest::Describe { groups: names(&["g"]), version: None };
    let stable = || Answer {
        error: Some("NONE".to_owned()),
        state: Some(GroupState::Stable),
        members: Some(2),
        ..Answer::default()
    };
    ask(&mut world, describe(), stable());
    world.move_to(world.after(world.led_by()), 0);
    world.settle();
    world.events.clear();
    ask(&mut world, describe(), stable());
    let leader = world.led_by();
    let asked = world.times(|place, kind| {
        place == Place::Admin
            && matches!(kind, Kind::Sent { to, .. } if *to == Place::Broker(leader))
    });
    assert_eq!(asked.len(), 1);
}

#[test]
fn the_administrator_hears_of_a_dead_leader_and_of_none() {
    let (mut schedule, systems) = (schedule(), Systems::default());
    schedule.broker.count = 1;
    let mut world = World::new(&schedule, &systems);
    let describe = || AdminRequest::Describe { groups: names(&["g"]), version: None };
    world.crash(BrokerId(0));
    ask(&mut world, describe(), error("NETWORK_EXCEPTION"));
    world.seconds(10);
    ask(&mut world, describe(), error("COORDINATOR_NOT_AVAILABLE"));
}

#[test]
fn the_administrator_commits_and_reads_offsets() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    let commit = |note| AdminRequest::Commit {
        group: "tool".to_owned(),
        partition: orders(1),
        offset: 7,
        note,
        retention: None,
    };
    ask(&mut world, commit(3), error("NONE"));
    ask(&mut world, commit(5_000), error("OFFSET_METADATA_TOO_LARGE"));
    let offsets = AdminRequest::Offsets { group: "tool".to_owned(), stable: true, version: None };
    let told =
        |partition, offset| Answer { offset: Some((orders(partition), offset)), ..error("NONE") };
    ask(&mut world, offsets.clone(), told(1, 7));
    ask(&mut world, offsets, told(0, -1));
    let group = || "tool".to_owned();
    ask(
        &mut world,
        AdminRequest::DeleteGroups { groups: vec![group()], version: None },
        error("NONE"),
    );
    let gone = AdminRequest::Describe { groups: vec![group()], version: None };
    ask(&mut world, gone, error("GROUP_ID_NOT_FOUND"));
}

#[test]
fn a_transaction_of_a_member_commits_with_its_marker() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1"]);
    world.settle();
    let group = || "g".to_owned();
    let commit = |offset, consumer: Option<&str>| AdminRequest::TxnCommit {
        group: group(),
        partition: orders(0),
        offset,
        producer: 7,
        consumer: consumer.map(str::to_owned),
    };
    let offsets = || AdminRequest::Offsets { group: group(), stable: true, version: None };
    let end = |commit| AdminRequest::EndTxn { group: group(), producer: 7, commit };
    let told = || Answer { offset: Some((orders(0), 5)), ..error("NONE") };
    ask(&mut world, commit(5, Some("c1")), error("NONE"));
    ask(&mut world, end(true), error("NONE"));
    ask(&mut world, offsets(), told());
    ask(&mut world, commit(6, None), error("NONE"));
    ask(&mut world, offsets(), error("UNSTABLE_OFFSET_COMMIT"));
    ask(&mut world, end(false), error("NONE"));
    ask(&mut world, offsets(), told());
}

#[test]
fn the_administrator_lists_the_groups_of_one_broker() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1"]);
    world.settle();
    let leader = world.led_by();
    let list = |on| AdminRequest::List {
        on: Some(on),
        states: Vec::new(),
        types: Vec::new(),
        version: None,
    };
    let groups = |some: &[&str]| Answer { groups: Some(names(some)), ..error("NONE") };
    ask(&mut world, list(leader), groups(&["g"]));
    let other = world.after(leader);
    ask(&mut world, list(other), groups(&[]));
}

#[test]
fn the_administrator_removes_a_member() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1"]);
    world.settle();
    let remove = |instance: Option<&str>, member: Option<&str>| AdminRequest::Remove {
        group: "g".to_owned(),
        instance: instance.map(str::to_owned),
        member: member.map(str::to_owned),
        version: None,
    };
    ask(&mut world, remove(None, Some("c1")), error("NONE"));
    ask(&mut world, remove(Some("nobody"), None), error("UNKNOWN_MEMBER_ID"));
    let absent = world.try_to(Action::Admin(remove(None, Some("c9"))));
    assert!(absent.is_err(), "c9 has never joined");
}

#[test]
fn a_bare_join_is_checked_first() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    let join = |group: &str, session| AdminRequest::Join {
        group: group.to_owned(),
        protocol_type: "consumer".to_owned(),
        session: Duration::from_secs(session),
    };
    ask(&mut world, join("", 10), error("INVALID_GROUP_ID"));
    ask(&mut world, join("tool", 1), error("INVALID_SESSION_TIMEOUT"));
    ask(&mut world, join("tool", 10), error("MEMBER_ID_REQUIRED"));
}
