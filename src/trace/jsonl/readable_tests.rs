use super::*;
use crate::client::ClientObservation;
use crate::coordinator::{CoordinatorConfig, GroupState, TransitionReason};
use crate::trace::testing::*;
use crate::trace::{EventKind, Message};

/// The readable fields of an event, without those that only a reader of traces needs.
fn object(event: &Event) -> Value {
    let mut names = Names::default();
    names.learn(&started(0, 0, "c1"));
    names.learn(event);
    let mut out = String::new();
    Object::write(event, &names, &mut out, |_| {});
    assert_eq!(out.lines().count(), 1, "{out}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn a_message_is_one_object_with_its_payloads_decoded() {
    let (c1, c2) = (member("c1", 1), member("c2", 1));
    let body = sync(2, &c1, &[(&c1, &[0, 1]), (&c2, &[])]);
    let event = sent(1_000, consumer(0, 1), BROKER, Message::Request(frame(5, body)));
    assert_eq!(
        object(&event),
        json!({
            "at": 1_000_000, "local": 1_000_000, "place": "c1.1", "event": "sent", "to": "b0",
            "api": "SyncGroup", "side": "request", "correlation": 7, "version": 5, "client": "c1",
            "group": "g", "generation": 2, "member": c1.as_str(), "conn": 3,
            "assignments": [
                { "member": c1.as_str(), "assignment": ["orders-0", "orders-1"] },
                { "member": c2.as_str(), "assignment": [] },
            ],
        })
    );
}

#[test]
fn lists_of_bare_values_are_json_arrays_of_values() {
    let members = [member("c1", 1), member("c2", 1)];
    let object = object(&began(1, 4, &members));
    assert_eq!(object["members"], json!([members[0].as_str(), members[1].as_str()]));
    assert_eq!(object["took"], json!(3_004_000));
}

#[test]
fn absent_fields_are_left_out_and_text_is_escaped() {
    let written = object(&script(1, "say \"hi\"\n"));
    assert_eq!(written["text"], json!("say \"hi\"\n"));
    let moved = object(&moved(1, GroupState::Stable, GroupState::Dead, TransitionReason::Unloaded));
    assert_eq!(moved["to"], json!("Dead"));
    let empty = object(&began(1, 5, &[]));
    assert_eq!((empty.get("leader"), &empty["members"]), (None, &json!([])));
}

#[test]
fn a_loaded_group_is_one_object() {
    let c1 = member("c1", 1);
    let shown = object(&loaded(1_000, 1, 4, &[(&c1, &[0, 1])]));
    assert_eq!(
        shown,
        json!({
            "at": 1_000_000, "local": 1_000_000, "place": "b1", "event": "group-loaded",
            "group": "g", "state": "Stable", "generation": 4, "type": "consumer",
            "protocol": "range", "leader": c1.as_str(), "since": 0,
            "members": [{
                "member": c1.as_str(), "instance": "i1", "client": "c", "host": "/10.1.0.1",
                "session": 10_000_000,
                "rebalance": 30_000_000, "metadata": { "topics": ["orders"] },
                "metadata_bytes": "00010000000100066f7264657273ffffffff00000000",
                "assignment": ["orders-0", "orders-1"],
                "assignment_bytes":
                    "00010000000100066f7264657273000000020000000000000001ffffffff",
            }],
            "offsets": [{ "partition": "orders-0", "offset": 5 }],
        })
    );
}

#[test]
fn default_settings_are_not_left_out() {
    let kind = EventKind::CoordinatorStarted {
        config: CoordinatorConfig::default(),
        offsets_partitions: 50,
    };
    let shown = object(&event(1, BROKER, kind));
    assert_eq!((&shown["max_size"], &shown["metadata_max"]), (&json!(i32::MAX), &json!(4_096)));
    let owned = vec![partition(0)];
    let kind = EventKind::Consumer(ClientObservation::Assigned {
        member: member("c1", 1),
        generation: Generation(2),
        partitions: owned.clone(),
        added: owned,
    });
    let shown = object(&event(1, consumer(0, 1), kind));
    assert_eq!(
        (&shown["partitions"], &shown["added"]),
        (&json!(["orders-0"]), &json!(["orders-0"]))
    );
}

#[test]
fn an_election_without_a_leader_has_no_leader_field() {
    let shown = object(&elected(1, 2, None, 3));
    assert_eq!((shown.get("leader"), &shown["lost"]), (None, &json!(3)));
    assert_eq!(object(&elected(1, 2, Some(1), 0))["leader"], json!("b1"));
}

#[test]
fn values_and_partitions_without_a_text_of_their_own_are_objects() {
    let kind = EventKind::Consumer(ClientObservation::Polled {
        partition: partition(-1),
        first: 0,
        values: vec![Bytes::from_static(b"0xff"), Bytes::from_static(&[0xff])],
    });
    let shown = object(&event(1, consumer(0, 1), kind));
    assert_eq!(shown["values"], json!(["0xff", { "bytes": "ff" }]));
    assert_eq!(shown["partition"], json!({ "topic": "orders", "partition": -1 }));
}
