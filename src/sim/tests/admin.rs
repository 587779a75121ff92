use std::time::Duration;

use super::World;
use super::world::schedule;
use crate::coordinator::GroupState;
use crate::protocol::{BrokerId, TopicName, TopicPartition, str_bytes};
use crate::sim::Systems;
use crate::sim::schedule::{Action, AdminRequest, ExpectedResponse};
use crate::trace::{EventKind, Place};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn orders(partition: i32) -> TopicPartition {
    TopicPartition::new(TopicName(str_bytes("orders")), partition)
}

/// Sends a request, waits for the response and compares it.
#[track_caller]
fn request(world: &mut World, request: AdminRequest, expected: ExpectedResponse) {
    world.act(Action::Admin(request.clone()));
    assert!(world.runs_while(Duration::from_secs(60), |sim, _| sim.awaits_response()));
    let response = world.sim.last_response().expect("a response");
    assert!(response.meets(&expected), "{request:?}: {response}");
}

fn error(error: &str) -> ExpectedResponse {
    ExpectedResponse { error: Some(error.to_owned()), ..ExpectedResponse::default() }
}

#[test]
fn the_administrator_sends_to_the_leader() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1", "c2"]);
    world.settle();
    let describe = || AdminRequest::Describe { groups: names(&["g"]), version: None };
    let stable = || ExpectedResponse {
        error: Some("NONE".to_owned()),
        state: Some(GroupState::Stable),
        members: Some(2),
        ..ExpectedResponse::default()
    };
    request(&mut world, describe(), stable());
    world.move_to(world.after(world.current_leader()), 0);
    world.settle();
    world.events.clear();
    request(&mut world, describe(), stable());
    let leader = world.current_leader();
    let sent = world.times(|place, kind| {
        place == Place::Admin
            && matches!(kind, EventKind::Sent { to, .. } if *to == Place::Broker(leader))
    });
    assert_eq!(sent.len(), 1);
}

#[test]
fn the_administrator_gets_an_error_from_a_dead_leader_and_without_one() {
    let (mut schedule, systems) = (schedule(), Systems::default());
    schedule.broker.count = 1;
    let mut world = World::new(&schedule, &systems);
    let describe = || AdminRequest::Describe { groups: names(&["g"]), version: None };
    world.crash(BrokerId(0));
    request(&mut world, describe(), error("NETWORK_EXCEPTION"));
    world.seconds(10);
    request(&mut world, describe(), error("COORDINATOR_NOT_AVAILABLE"));
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
    request(&mut world, commit(3), error("NONE"));
    request(&mut world, commit(5_000), error("OFFSET_METADATA_TOO_LARGE"));
    let offsets = AdminRequest::Offsets { group: "tool".to_owned(), stable: true, version: None };
    let committed = |partition, offset| ExpectedResponse {
        offset: Some((orders(partition), offset)),
        ..error("NONE")
    };
    request(&mut world, offsets.clone(), committed(1, 7));
    request(&mut world, offsets, committed(0, -1));
    let group = || "tool".to_owned();
    request(
        &mut world,
        AdminRequest::DeleteGroups { groups: vec![group()], version: None },
        error("NONE"),
    );
    let gone = AdminRequest::Describe { groups: vec![group()], version: None };
    request(&mut world, gone, error("GROUP_ID_NOT_FOUND"));
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
    let committed = || ExpectedResponse { offset: Some((orders(0), 5)), ..error("NONE") };
    request(&mut world, commit(5, Some("c1")), error("NONE"));
    request(&mut world, end(true), error("NONE"));
    request(&mut world, offsets(), committed());
    request(&mut world, commit(6, None), error("NONE"));
    request(&mut world, offsets(), error("UNSTABLE_OFFSET_COMMIT"));
    request(&mut world, end(false), error("NONE"));
    request(&mut world, offsets(), committed());
}

#[test]
fn the_administrator_lists_the_groups_of_one_broker() {
    let (schedule, systems) = (schedule(), Systems::default());
    let mut world = World::new(&schedule, &systems);
    world.join(&["c1"]);
    world.settle();
    let leader = world.current_leader();
    let list = |on| AdminRequest::List {
        on: Some(on),
        states: Vec::new(),
        types: Vec::new(),
        version: None,
    };
    let groups = |some: &[&str]| ExpectedResponse { groups: Some(names(some)), ..error("NONE") };
    request(&mut world, list(leader), groups(&["g"]));
    let other = world.after(leader);
    request(&mut world, list(other), groups(&[]));
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
    request(&mut world, remove(None, Some("c1")), error("NONE"));
    request(&mut world, remove(Some("nobody"), None), error("UNKNOWN_MEMBER_ID"));
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
    request(&mut world, join("", 10), error("INVALID_GROUP_ID"));
    request(&mut world, join("tool", 1), error("INVALID_SESSION_TIMEOUT"));
    request(&mut world, join("tool", 10), error("MEMBER_ID_REQUIRED"));
}
