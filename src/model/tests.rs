//! What the events of a group, its coordinators and its clients add up to.

use super::*;
use crate::client::{ClientObservation, MemberState};
use crate::coordinator::GroupState::*;
use crate::coordinator::{
    ClassicObservation, GroupRemoval, Observation, OffsetRemoval, Removal, TimerKind,
    TransitionReason,
};
use crate::protocol::{TopicPartition, str_bytes};
use crate::trace::testing::*;
use crate::trace::{Event, EventKind, FaultKind};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

/// The model after these events.
fn model(events: &[Event]) -> Model {
    let mut model = Model::default();
    events.iter().for_each(|event| model.feed(event));
    model
}

/// The same event at another broker.
fn at(broker: i32, mut event: Event) -> Event {
    event.place = Place::Broker(BrokerId(broker));
    event
}

/// The state of a broker's term in the group's partition.
fn term_of(millis: u64, broker: i32, epoch: i32, state: TermState) -> Event {
    let term = Term { partition: 0, epoch };
    at(broker, event(millis, BROKER, EventKind::TermChanged { term, state }))
}

fn elects(millis: u64, epoch: i32, leader: i32) -> Event {
    let (term, leader) = (Term { partition: 0, epoch }, Some(BrokerId(leader)));
    event(millis, Place::Controller, EventKind::LeaderElected { term, leader, lost: 0 })
}

fn members(group: &Group) -> Vec<&MemberId> {
    group.members.keys().collect()
}

/// c1 and c2 have joined generation 1; c1 leads it.
fn two_members() -> Vec<Event> {
    let (c1, c2) = (member("c1", 1), member("c2", 1));
    vec![
        added(1, c1.clone()),
        moved(1, Empty, PreparingRebalance, TransitionReason::MemberJoined),
        added(2, c2.clone()),
        began(3, 1, &[c1, c2]),
        moved(3, PreparingRebalance, CompletingRebalance, TransitionReason::AllMembersJoined),
    ]
}

fn undone(millis: u64, old: &MemberId, new: &MemberId) -> Event {
    observed(
        millis,
        Observation::Classic(ClassicObservation::ReplacementUndone {
            group: group(),
            instance: str_bytes("i1"),
            old: old.clone(),
            new: new.clone(),
        }),
    )
}

fn group_removed(millis: u64) -> Event {
    let why = GroupRemoval::Deleted;
    observed(millis, Observation::GroupRemoved { group: group(), why })
}

#[test]
fn a_loaded_group_has_what_its_coordinator_has_loaded() {
    let (c1, c2) = (member("c1", 1), member("c2", 1));
    let model = model(&[loaded(1, 1, 4, &[(&c1, &[0]), (&c2, &[1, 2])])]);
    let group = model.reported(&group()).expect("the group");
    assert_eq!((group.state, group.generation), (Stable, Generation(4)));
    assert_eq!(members(group), [&c1, &c2]);
    assert_eq!(group.owner(&topic(), 2), Some(&c2));
    assert!(group.loaded && group.exists());
}

#[test]
fn a_member_that_is_removed_is_no_member_and_the_others_are() {
    let mut events = two_members();
    events.push(removed(4, member("c2", 1), Removal::SessionExpired));
    let model = model(&events);
    let group = model.reported(&group()).expect("the group");
    assert_eq!(members(group), [&member("c1", 1)]);
    assert_eq!(group.leader, Some(member("c1", 1)));
}

#[test]
fn a_member_that_replaces_the_leader_leads_until_that_is_undone() {
    let (old, new) = (member("c1", 1), member("c1", 2));
    let mut events = two_members();
    events.push(replaced(4, &old, &new));
    let after = model(&events);
    let group = after.reported(&group()).expect("the group");
    assert_eq!(group.leader, Some(new.clone()));
    assert!(!group.members.contains_key(&old) && group.members.contains_key(&new));
    assert_eq!((group.resolve(&old), group.resolve(&new)), (&new, &new));

    events.push(undone(5, &old, &new));
    let after = model(&events);
    let group = after.reported(&group.id).expect("the group");
    assert_eq!(group.leader, Some(old.clone()));
    assert!(group.members.contains_key(&old) && !group.members.contains_key(&new));
    assert_eq!((group.resolve(&old), group.resolve(&new)), (&old, &old));
}

#[test]
fn a_removed_group_is_gone_until_it_is_created_again() {
    let mut events = two_members();
    events.push(group_removed(4));
    let gone = model(&events);
    assert!(gone.reported(&group()).is_none() && gone.find(&group()).is_none());
    assert!(gone.at(BROKER, &group()).is_none());

    events.push(added(5, member("c3", 1)));
    events.push(moved(5, Empty, PreparingRebalance, TransitionReason::MemberJoined));
    let again = model(&events);
    let group = again.reported(&group()).expect("the new group");
    assert_eq!(members(group), [&member("c3", 1)]);
    assert_eq!(group.generation, Generation(0));
}

#[test]
fn a_group_of_which_only_requests_are_known_does_not_exist() {
    let heartbeat = received(1, consumer(0, 1), heartbeat(&member("c1", 1), 1));
    let model = model(&[heartbeat]);
    let (_, at_broker) = model.at(BROKER, &group()).expect("an incarnation");
    assert!(!at_broker.exists());
    assert_eq!(at_broker.known_state(), None);
}

/// b1 is elected and loads the group; b0 does not know it and goes on.
#[test]
fn a_zombie_reports_nothing_of_the_group_at_its_successor() {
    let c1 = member("c1", 1);
    let mut events = two_members();
    events.insert(0, term_of(0, 0, 1, TermState::Active));
    events.push(elects(4, 2, 1));
    let before = model(&events);
    assert!(before.find(&group()).is_none(), "the elected broker has not reported the group");
    let known = before.reported(&group()).expect("the broker of the newest term has");
    assert_eq!(known.coordinator.broker, BrokerId(0));

    events.push(term_of(5, 1, 2, TermState::Loading));
    assert!(model(&events).reported(&group()).is_none(), "the newest term has reported nothing");
    events.push(loaded(6, 1, 1, &[(&c1, &[0])]));
    let changes = model(&events).changes();
    events.push(removed(7, c1.clone(), Removal::Left));
    let after = model(&events);
    let (index, group) = after.find(&group()).expect("the group");
    assert_eq!(members(group), [&c1]);
    assert_eq!(after.reported(&group.id).map(members), Some(vec![&c1]));
    assert_eq!(after.changes(), changes, "what a zombie reports changes nothing");
    assert!(after.is_current_leader(index));
    let zombies: Vec<BrokerId> = after.zombie_terms().map(|(broker, _)| broker).collect();
    assert_eq!(zombies, [BrokerId(0)]);
    let (_, at_zombie) = after.at(BROKER, &group.id).expect("the zombie's own");
    assert_eq!(members(at_zombie), [&member("c2", 1)]);
}

#[test]
fn a_crash_ends_the_incarnations_of_a_broker_and_keeps_its_last_words() {
    let mut events = two_members();
    events.insert(0, term_of(0, 0, 1, TermState::Active));
    events.push(fault(4, BROKER, FaultKind::Crash));
    let model = model(&events);
    assert!(model.at(BROKER, &group()).is_none() && model.find(&group()).is_none());
    assert_eq!((model.all_at(BROKER).count(), model.open_groups().count()), (0, 0));
    let last = model.reported(&group()).expect("the last that is known");
    assert!(last.over && !last.removed);
    assert_eq!(members(last).len(), 2);
    let newest: Vec<TermState> = model.newest_terms().map(|newest| newest.state).collect();
    assert_eq!(newest, [TermState::Unloaded]);
}

#[test]
fn the_last_election_of_a_partition_counts_and_may_have_found_no_leader() {
    let term = |epoch| Term { partition: 13, epoch };
    let mut terms = Terms::new(50);
    assert!(terms.election(13).is_none() && terms.is_current_leader(term(0)));
    terms.elected(term(1), Some(BrokerId(1)));
    terms.elected(term(2), None);
    let last = terms.election(13).expect("an election");
    assert_eq!((last.epoch, last.leader), (2, None));
    assert!(!terms.is_current_leader(term(1)));
}

#[test]
fn the_newest_term_is_that_of_the_latest_epoch_which_a_broker_has_begun() {
    let term = |epoch| Term { partition: 13, epoch };
    let mut terms = Terms::new(50);
    terms.moved(BrokerId(0), term(1), TermState::Active);
    terms.moved(BrokerId(1), term(2), TermState::Loading);
    // The former leader learns of its successor.
    terms.moved(BrokerId(0), term(1), TermState::Unloaded);
    let newest: Vec<_> = terms.newest().map(|one| (one.broker, one.term, one.state)).collect();
    assert_eq!(newest, [(BrokerId(1), term(2), TermState::Loading)]);
}

fn client_event(millis: u64, seen: ClientObservation) -> Event {
    event(millis, consumer(0, 1), EventKind::Consumer(seen))
}

fn assigned(millis: u64, generation: i32, numbers: &[i32]) -> Event {
    let partitions: Vec<_> = numbers.iter().map(|number| partition(*number)).collect();
    client_event(
        millis,
        ClientObservation::Assigned {
            member: member("c1", 1),
            generation: Generation(generation),
            added: partitions.clone(),
            partitions,
        },
    )
}

#[test]
fn a_client_owns_what_it_was_assigned_and_has_not_given_up() {
    let mut events = vec![
        started(0, 0, "c1"),
        assigned(1, 3, &[0, 1, 2]),
        client_event(2, ClientObservation::Revoked { partitions: vec![partition(1)] }),
        client_event(3, ClientObservation::Lost { partitions: vec![partition(2)] }),
    ];
    let before = model(&events);
    let client = before.clients().next().expect("a client");
    assert_eq!(client.owned.iter().collect::<Vec<_>>(), [&partition(0)]);
    assert_eq!((client.generation, client.will_rejoin), (Generation(3), true));
    assert_eq!(before.assigned_generations()[&group()], Some(Generation(3)));

    let (from, to) = (MemberState::Stable, MemberState::PreparingRebalance);
    let why = crate::client::TransitionReason::Joining;
    events.push(client_event(4, ClientObservation::State { from, to, why }));
    let after = model(&events);
    let client = after.clients().next().expect("a client");
    assert_eq!((client.state, client.will_rejoin), (to, false));

    events.push(fault(5, consumer(0, 1), FaultKind::Crash));
    let crashed = model(&events);
    let who = ConsumerRef { index: 0, incarnation: 1 };
    assert!(crashed.client(who).is_none());
    assert_eq!(crashed.group_of(who), Some(&group()));
}

/// A commit of partitions 0 and 1, and the response, which refuses the second.
fn commit() -> [Event; 2] {
    let partitions = [(0, 7), (1, 8)].map(|(index, offset)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
    });
    let topics = vec![
        OffsetCommitRequestTopic::default().with_name(topic()).with_partitions(partitions.into()),
    ];
    let request = OffsetCommitRequest::default().with_group_id(group()).with_topics(topics);
    let results =
        [0, 22].map(|error| OffsetCommitResponsePartition::default().with_error_code(error));
    let topics = vec![
        OffsetCommitResponseTopic::default().with_name(topic()).with_partitions(results.into()),
    ];
    let response = OffsetCommitResponse::default().with_topics(topics);
    [
        received(10, consumer(0, 1), request.clone()),
        responded(12, consumer(0, 1), request, response),
    ]
}

fn committed(model: &Model) -> Vec<(TopicPartition, i64)> {
    let group = model.reported(&group()).expect("a group with offsets");
    assert!(group.exists());
    group.committed.iter().map(|(partition, offset)| (partition.clone(), *offset)).collect()
}

#[test]
fn only_acknowledged_commits_are_committed() {
    let [request, response] = commit();
    let before = model(std::slice::from_ref(&request));
    assert!(before.reported(&group()).is_some_and(|group| group.committed.is_empty()));
    let mut events = vec![request, response];
    assert_eq!(committed(&model(&events)), [(partition(0), 7)]);
    let (group, partition) = (group(), partition(0));
    let why = OffsetRemoval::Deleted;
    events.push(observed(13, Observation::OffsetRemoved { group, partition, why }));
    assert_eq!(committed(&model(&events)), []);
}

#[test]
fn a_group_begins_again_with_a_commit_after_it_was_removed() {
    let mut events = vec![term_of(0, 0, 1, TermState::Active)];
    events.extend(two_members());
    events.push(group_removed(9));
    assert!(model(&events).reported(&group()).is_none());
    events.extend(commit());
    assert_eq!(committed(&model(&events)), [(partition(0), 7)]);
}

#[test]
fn a_commit_counts_for_the_group_that_is_back_when_it_is_acknowledged() {
    let [request, response] = commit();
    let events =
        [loaded(1, 0, 1, &[]), request, group_removed(11), loaded(11, 0, 1, &[]), response];
    assert_eq!(committed(&model(&events)), [(partition(0), 7)]);
    assert_eq!(committed(&model(&events[..4])), [(partition(0), 5)]);
}

#[test]
fn a_request_is_judged_by_the_facts_at_its_beginning() {
    let mut events = two_members();
    let id = member("c1", 1);
    events.push(received(4, consumer(0, 1), heartbeat(&id, 1)));
    events.push(observed(
        5,
        Observation::Classic(ClassicObservation::TimerFired {
            group: group(),
            timer: TimerKind::Sync,
            member: None,
        }),
    ));
    events.push(removed(5, id.clone(), Removal::NotSynced));
    let response = responded(6, consumer(0, 1), heartbeat(&id, 1), heartbeat_response(None));
    events.push(response.clone());
    let model = model(&events);
    let (context, ..) = model.response(&response).expect("the response");
    assert_eq!((context.state, context.standing), (CompletingRebalance, MemberStanding::Member));
    assert!(context.is_current(1) && !model.group(context.group).members.contains_key(&id));
}
