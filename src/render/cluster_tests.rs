use std::time::Duration;

use kafka_protocol::messages::JoinGroupRequest;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;

use super::tests::{lines, tail, wire};
use super::*;
use crate::broker::TermState;
use crate::client::{ClientObservation as Consumer, ConsumerConfig};
use crate::coordinator::{
    ClassicObservation, CoordinatorConfig, GroupRemoval, Observation, OffsetRemoval,
};
use crate::protocol::subscription::{Subscription, encode_subscription};
use crate::protocol::{Generation, str_bytes};
use crate::trace::testing::*;
use crate::trace::{Message, Place};

#[test]
fn elections_and_terms_have_lines() {
    assert_eq!(
        wire(elected(4_000, 2, Some(1), 3)),
        "   4.000000  controller leader elected __consumer_offsets-13 epoch=2 leader=b1 lost=3\n"
    );
    assert_eq!(
        wire(elected(4_000, 3, None, 0)).trim_start(),
        "4.000000  controller leader elected __consumer_offsets-13 epoch=3 leader=none lost=0\n"
    );
    assert_eq!(tail(term(1, 1, TermState::Loading)), "⇨ __consumer_offsets-13 epoch 2 loading");
    assert_eq!(tail(term(1, 1, TermState::Active)), "⇨ __consumer_offsets-13 epoch 2 active");
    assert_eq!(tail(term(1, 1, TermState::Unloaded)), "⇨ __consumer_offsets-13 epoch 2 unloaded");
}

#[test]
fn topics_grow_and_go() {
    let grown = EventKind::TopicGrown { topic: topic(), partitions: 8 };
    assert_eq!(tail(event(1, Place::Schedule, grown)), "topic grown orders partitions=8");
    let deleted = EventKind::TopicDeleted { topic: topic() };
    assert_eq!(tail(event(1, Place::Schedule, deleted)), "topic deleted orders");
}

#[test]
fn a_static_member_is_replaced_and_the_new_id_has_a_number_of_its_own() {
    let (old, new) = (member("c1", 1), member("c1", 2));
    let undone = Observation::Classic(ClassicObservation::ReplacementUndone {
        group: group(),
        instance: str_bytes("i1"),
        old: old.clone(),
        new: new.clone(),
    });
    let line =
        lines(Zoom::Group, &[added(1, old.clone()), replaced(2, &old, &new), observed(3, undone)]);
    let expected = [
        "   0.001000  b0       member-added g c1#1 session=10s rebalance=30s",
        "   0.002000  b0       member-replaced g instance=i1 c1#1 → c1#2 session=10s rebalance=30s",
        "   0.003000  b0       replacement-undone g instance=i1 c1#2 → c1#1",
    ];
    assert_eq!(line.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_loaded_group_is_shown_with_its_members_and_offsets() {
    let (c1, c2) = (member("c1", 1), member("c2", 1));
    assert_eq!(
        tail(loaded(1, 1, 4, &[(&c1, &[0, 1]), (&c2, &[2])])),
        "group-loaded g Stable generation=4 protocol=range leader=c1#1 \
         members=c1#1/i1[orders-0,orders-1],c2#1[orders-2] offsets=orders-0@5"
    );
    assert_eq!(tail(loaded(1, 1, 0, &[])), "group-loaded g Empty generation=0 offsets=orders-0@5");
}

#[test]
fn a_removal_has_a_reason() {
    let removed = Observation::GroupRemoved { group: group(), why: GroupRemoval::Expired };
    assert_eq!(tail(observed(1, removed)), "group-removed g why=expired");
    let (group, partition) = (group(), partition(3));
    let removed = Observation::OffsetRemoved { group, partition, why: OffsetRemoval::TopicDeleted };
    assert_eq!(tail(observed(1, removed)), "offset-removed g orders-3 why=\"topic deleted\"");
}

#[test]
fn added_partitions_are_shown_unless_they_are_all_partitions() {
    let assigned = |added: &[i32]| {
        tail(event(
            1,
            consumer(0, 1),
            EventKind::Consumer(Consumer::Assigned {
                member: member("c1", 1),
                generation: Generation(2),
                partitions: vec![partition(0), partition(1)],
                added: added.iter().map(|&number| partition(number)).collect(),
            }),
        ))
    };
    assert_eq!(assigned(&[0, 1]), "assigned orders-0,orders-1 generation=2 member=c1#1");
    assert_eq!(
        assigned(&[1]),
        "assigned orders-0,orders-1 added=orders-1 generation=2 member=c1#1"
    );
    assert_eq!(assigned(&[]), "assigned orders-0,orders-1 added=none generation=2 member=c1#1");
}

#[test]
fn settings_are_shown_unless_they_are_kafkas_defaults() {
    let started = |config| {
        tail(event(1, BROKER, EventKind::CoordinatorStarted { config, offsets_partitions: 50 }))
    };
    assert_eq!(
        started(CoordinatorConfig::default()),
        "coordinator initial-delay=3s min-session=6s max-session=30m"
    );
    let config = CoordinatorConfig {
        max_size: 2,
        offset_metadata_max: 10,
        offsets_retention: Duration::from_secs(60),
        offsets_retention_check: Duration::from_secs(5),
        ..CoordinatorConfig::default()
    };
    assert!(
        started(config).ends_with(" max-size=2 metadata-max=10 retention=1m retention-check=5s")
    );
    let mut config = ConsumerConfig::new(str_bytes("c1"), group(), vec![topic()]);
    config.instance_id = Some(str_bytes("i1"));
    config.rack = Some(str_bytes("a"));
    let kind = EventKind::ConsumerStarted { name: "c1".into(), config: config.into() };
    let line = tail(event(1, consumer(0, 1), kind));
    assert!(line.starts_with("started group=g instance=i1 rack=a topics=orders"), "{line}");
}

#[test]
fn a_subscription_is_shown_with_its_owned_partitions_generation_and_rack() {
    let joined = |subscription: &Subscription| {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(str_bytes("sticky"))
            .with_metadata(encode_subscription(subscription, 3));
        let body = JoinGroupRequest::default().with_protocols(vec![protocol]);
        let line = tail(sent(1, consumer(0, 1), BROKER, Message::Request(frame(9, body))));
        let line = line.split_once("protocols=").expect("it has protocols").1;
        line.split_once(" session").expect("sessions follow").0.to_owned()
    };
    assert_eq!(joined(&Subscription::to(&[topic()])), "sticky[orders]");
    let subscription = Subscription {
        owned: vec![partition(0), partition(1)],
        generation: Generation(3),
        rack: Some(str_bytes("a")),
        ..Subscription::to(&[topic()])
    };
    assert_eq!(joined(&subscription), "sticky[orders owned=orders-0,orders-1 generation=3 rack=a]");
}
