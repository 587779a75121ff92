use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::coordinator::{GroupState, TransitionReason};
use crate::protocol::ResponseError;
use crate::trace::event::{ConnectionId, EventKind, Message, TermState};
use crate::trace::testing::*;

fn digest<'a>(events: impl IntoIterator<Item = &'a Event>) -> u64 {
    let mut digest = Digest::default();
    events.into_iter().for_each(|event| digest.observe(event));
    digest.value()
}

fn beat() -> Event {
    let body = heartbeat(&member("c1", 1), 1);
    sent(1, consumer(0, 1), BROKER, Message::Request(frame(4, body)))
}

/// The frozen encoding: if this fails, digests cannot be compared with those of earlier versions.
#[test]
fn the_encoding_is_frozen() {
    let id = member("c1", 1);
    let events = [
        script(0, "join c1"),
        added(3, id.clone()),
        moved(3, GroupState::Empty, GroupState::PreparingRebalance, TransitionReason::MemberJoined),
        began(7, 1, std::slice::from_ref(&id)),
        received(9, consumer(0, 1), sync(1, &id, &[(&id, &[0, 1])])),
        beat(),
        responded(12, consumer(0, 1), heartbeat(&id, 1), heartbeat_response(None)),
        event(20, Place::Schedule, EventKind::Finished),
    ];
    assert_eq!(format!("{:016x}", digest(&events)), "934b516eb99fabca");
    let empty = digest([]);
    assert_eq!(format!("{empty:016x}"), "2d06800538d394c2", "XXH3 of nothing");
}

#[test]
fn order_matters() {
    let (a, b) = (script(1, "pause c1"), script(1, "pause c2"));
    assert_ne!(digest([&a, &b]), digest([&b, &a]));
}

#[test]
fn every_field_of_a_message_matters() {
    let base = beat();
    let mut changed = vec![base.clone()];
    let mut change = |edit: &dyn Fn(&mut Event)| {
        let mut event = base.clone();
        edit(&mut event);
        changed.push(event);
    };
    change(&|event| event.at += Duration::from_micros(1));
    change(&|event| event.local += Duration::from_micros(1));
    change(&|event| event.place = consumer(0, 2));
    change(&|event| event.place = consumer(1, 1));
    let message = |body| Message::Request(frame(4, body));
    let with = |message| EventKind::Sent { to: BROKER, conn: ConnectionId(3), message };
    change(&|event| event.kind = with(message(heartbeat(&member("c1", 1), 2))));
    change(&|event| event.kind = with(message(heartbeat(&member("c1", 2), 1))));
    let instance = crate::protocol::str_bytes("");
    let named = heartbeat(&member("c1", 1), 1).with_group_instance_id(Some(instance));
    change(&|event| event.kind = with(message(named.clone())));
    change(&|event| {
        event.kind = with(Message::Request(frame(3, heartbeat(&member("c1", 1), 1))));
    });
    change(&|event| {
        let message = message(heartbeat(&member("c1", 1), 1));
        event.kind = EventKind::Sent { to: BROKER, conn: ConnectionId(4), message };
    });
    change(&|event| {
        let message = message(heartbeat(&member("c1", 1), 1));
        event.kind = EventKind::Received { from: BROKER, conn: ConnectionId(3), message };
    });
    let digests: BTreeSet<u64> = changed.iter().map(|event| digest([event])).collect();
    assert_eq!(digests.len(), changed.len(), "two of the events have the same digest");
}

#[test]
fn an_error_code_matters() {
    let digest_of = |error| {
        let request = heartbeat(&member("c1", 1), 1);
        digest([&responded(1, consumer(0, 1), request, heartbeat_response(error))])
    };
    assert_ne!(digest_of(None), digest_of(Some(ResponseError::IllegalGeneration)));
}

#[test]
fn a_digest_does_not_depend_on_block_boundaries() {
    let mut in_blocks = Digest::default();
    let mut whole = Vec::new();
    for len in [1, 4_000, 91, 1, 4_096, 5, 10_000, 3] {
        let text = "x".repeat(len);
        in_blocks.text("", &text);
        whole.extend((len as u32).to_le_bytes());
        whole.extend(text.as_bytes());
    }
    assert_eq!(in_blocks.value(), xxhash_rust::xxh3::xxh3_64(&whole));
}

#[test]
fn the_fields_of_a_fail_over_matter() {
    let (c1, c2) = (member("c1", 1), member("c1", 2));
    let swapped = replaced(1, &c2, &c1);
    let events = [
        elected(1, 2, Some(1), 0),
        elected(1, 3, Some(1), 0),
        elected(1, 2, Some(2), 0),
        elected(1, 2, None, 0),
        elected(1, 2, Some(1), 1),
        term(1, 1, TermState::Loading),
        term(1, 1, TermState::Active),
        loaded(1, 1, 4, &[(&c1, &[0])]),
        loaded(1, 1, 5, &[(&c1, &[0])]),
        loaded(1, 1, 4, &[(&c1, &[1])]),
        loaded(1, 1, 4, &[(&c2, &[0])]),
        replaced(1, &c1, &c2),
        swapped,
    ];
    let digests: BTreeSet<u64> = events.iter().map(|event| digest([event])).collect();
    assert_eq!(digests.len(), events.len(), "two of the events have the same digest");
}
