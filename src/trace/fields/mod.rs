//! The fields of every event, listed once.
//!
//! [`Event::visit`] walks through all fields of an event, in a fixed order and under fixed keys.
//! The text, the JSON and the digest of a trace are three [`Visitor`]s of that one walk, so none of
//! them can miss a field that the others have. Everything is generic: a visitor that only hashes
//! costs only hashing.
//!
//! Not visited, because no part of groupsim reads or sets them: throttle times, host names, fetch
//! sessions and tagged fields.
//!
//! Read next: `request.rs`, `response.rs` and `admin.rs` for messages, `observation.rs` for
//! everything else.

mod admin;
mod observation;
mod request;
mod response;

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;

use super::event::{ConnectionId, Event, EventKind, Loss, Message, Place};
use crate::protocol::{Api, CONSUMER_PROTOCOL_TYPE, StrBytes, TopicName, TopicPartition};
use crate::time::Time;

/// Takes the fields of an event one by one. A key is the same for the same kind of event; it is
/// empty for the only field of a list's items.
pub trait Visitor {
    /// Whether to visit the content of a message again when it arrives. It is the same as when it
    /// was sent.
    const REPEATS: bool = true;
    /// Whether to skip the obvious: settings at Kafka's defaults, and the added partitions of a
    /// consumer that had none before.
    const BRIEF: bool = false;

    /// A name from a closed set: an event, a state, an API.
    fn word(&mut self, key: &'static str, word: &'static str);
    /// A number.
    fn int(&mut self, key: &'static str, value: i64);

    /// The script line that an event came from. A digest ignores it: the same schedule with another
    /// comment is the same run.
    fn script_line(&mut self, line: u32) {
        self.int("line", i64::from(line));
    }

    /// A boolean.
    fn flag(&mut self, key: &'static str, value: bool);
    /// Free text.
    fn text(&mut self, key: &'static str, text: &str);
    /// A point in virtual time.
    fn time(&mut self, key: &'static str, time: Time);
    /// A duration.
    fn duration(&mut self, key: &'static str, duration: Duration);
    /// A process or component.
    fn place(&mut self, key: &'static str, place: Place);
    /// A member id; empty for a member that has none yet.
    fn member(&mut self, key: &'static str, id: &str);
    /// A Kafka error code, 0 for success.
    fn error(&mut self, key: &'static str, code: i16);
    /// A partition.
    fn partition(&mut self, key: &'static str, topic: &str, partition: i32);
    /// The value of one record.
    fn value(&mut self, key: &'static str, value: &Bytes);
    /// A set of encoded records.
    fn records(&mut self, key: &'static str, records: &Bytes);
    /// An encoded subscription of a member.
    fn subscription(&mut self, key: &'static str, payload: &Bytes);
    /// An encoded assignment of a member.
    fn assignment(&mut self, key: &'static str, payload: &Bytes);
    /// The subscription or assignment in a group whose protocol type is not `consumer`. Its format
    /// is known to the group's clients only.
    fn opaque(&mut self, key: &'static str, payload: &Bytes) {
        self.value(key, payload);
    }
    /// An absent optional field. Only text, members, places and lists are optional.
    fn none(&mut self, key: &'static str);
    /// A list of `len` items begins. Lists nest.
    fn open(&mut self, key: &'static str, len: usize);
    /// The next item of the innermost list begins; the fields visited until the next call belong to
    /// it.
    fn item(&mut self);
    /// The innermost list is complete.
    fn close(&mut self);
}

impl Event {
    /// Walks through all fields of this event. See the module head.
    #[inline]
    pub fn visit<V: Visitor>(&self, v: &mut V) {
        v.time("at", self.at);
        v.time("local", self.local);
        v.place("place", self.place);
        visit_kind(&self.kind, v);
    }
}

impl EventKind {
    /// The name of the event, as in JSON: `sent`, `member-added`, …
    pub const fn name(&self) -> &'static str {
        match self {
            EventKind::TopicCreated { .. } => "topic-created",
            EventKind::TopicGrown { .. } => "topic-grown",
            EventKind::TopicDeleted { .. } => "topic-deleted",
            EventKind::LeaderElected { .. } => "leader-elected",
            EventKind::TermChanged { .. } => "term",
            EventKind::Uncommitted { .. } => "uncommitted",
            EventKind::CoordinatorStarted { .. } => "coordinator-started",
            EventKind::ConsumerStarted { .. } => "consumer-started",
            EventKind::ConsumerClosed => "consumer-closed",
            EventKind::Script { .. } => "script",
            EventKind::FaultBegan { .. } => "fault-began",
            EventKind::FaultEnded { .. } => "fault-ended",
            EventKind::Sent { .. } => "sent",
            EventKind::Received { .. } => "received",
            EventKind::Lost { .. } => "lost",
            EventKind::Coordinator(seen) => observation::coordinator_name(seen),
            EventKind::Consumer(seen) => observation::consumer_name(seen),
            EventKind::Appended { .. } => "appended",
            EventKind::Quiesced { .. } => "quiesced",
            EventKind::Settled { .. } => "settled",
            EventKind::NotSettled { .. } => "not-settled",
            EventKind::Drained { .. } => "drained",
            EventKind::NotDrained { .. } => "not-drained",
            EventKind::Expected { .. } => "expected",
            EventKind::Finished => "finished",
        }
    }
}

/// Nearly all events of a run are heartbeats and fetches being sent and received. These paths name
/// their words where the compiler can see them: a digest then stores constants instead of copying
/// text.
#[inline]
fn visit_kind<V: Visitor>(kind: &EventKind, v: &mut V) {
    match kind {
        EventKind::Sent { to, conn, message } => {
            v.word("event", "sent");
            v.place("to", *to);
            visit_message(message, *conn, v);
        }
        EventKind::Received { from, conn, message } => {
            v.word("event", "received");
            v.place("from", *from);
            if V::REPEATS {
                visit_message(message, *conn, v);
            } else {
                visit_arrival(message, *conn, v);
            }
        }
        rare => visit_rare(rare, v),
    }
}

fn visit_rare<V: Visitor>(kind: &EventKind, v: &mut V) {
    v.word("event", kind.name());
    match kind {
        EventKind::Lost { to, conn, message, why } => visit_lost(*to, *conn, message, *why, v),
        EventKind::Coordinator(seen) => observation::coordinator(seen, v),
        EventKind::Consumer(seen) => observation::consumer(seen, v),
        world => observation::world(world, v),
    }
}

#[inline]
fn visit_message<V: Visitor>(message: &Message, conn: ConnectionId, v: &mut V) {
    match message.api() {
        Api::Heartbeat => v.word("api", Api::Heartbeat.name()),
        Api::Fetch => v.word("api", Api::Fetch.name()),
        rare => v.word("api", rare.name()),
    }
    match message {
        Message::Request(frame) => {
            v.word("side", "request");
            v.int("correlation", i64::from(frame.correlation));
            v.int("version", i64::from(frame.version));
            v.text("client", &frame.client_id);
            request::visit(&frame.body, v);
        }
        Message::Response { request, response } => {
            v.word("side", "response");
            v.int("correlation", i64::from(response.correlation));
            v.error("error", response::outcome(&response.body));
            response::visit(&request.body, &response.body, v);
        }
    }
    v.int("conn", i64::from(conn.0));
}

/// Identifies a message, without its content.
#[inline]
fn visit_arrival<V: Visitor>(message: &Message, conn: ConnectionId, v: &mut V) {
    match message {
        Message::Request(frame) => {
            v.word("side", "request");
            v.int("correlation", i64::from(frame.correlation));
        }
        Message::Response { response, .. } => {
            v.word("side", "response");
            v.int("correlation", i64::from(response.correlation));
        }
    }
    v.int("conn", i64::from(conn.0));
}

fn visit_lost<V: Visitor>(to: Place, conn: ConnectionId, message: &Message, why: Loss, v: &mut V) {
    v.place("to", to);
    v.word("why", why.name());
    visit_message(message, conn, v);
}

pub(crate) use observation::timer_name;
pub(super) use observation::{removal_name, term_state_name};
pub(crate) use response::outcome;

fn optional_text<V: Visitor>(v: &mut V, key: &'static str, text: Option<&StrBytes>) {
    match text {
        Some(text) => v.text(key, text),
        None => v.none(key),
    }
}

/// The subscription of a member in a group of that protocol type.
fn subscription<V: Visitor>(v: &mut V, key: &'static str, payload: &Bytes, of: Option<&StrBytes>) {
    match is_opaque(of) {
        true => v.opaque(key, payload),
        false => v.subscription(key, payload),
    }
}

/// The assignment of a member in a group of that protocol type.
fn assignment<V: Visitor>(v: &mut V, key: &'static str, payload: &Bytes, of: Option<&StrBytes>) {
    match is_opaque(of) {
        true => v.opaque(key, payload),
        false => v.assignment(key, payload),
    }
}

/// Whether the members' payloads are known not to be in the consumers' format. Old versions of
/// messages do not contain the protocol type.
fn is_opaque(protocol_type: Option<&StrBytes>) -> bool {
    protocol_type.is_some_and(|of| !of.is_empty() && of.as_str() != CONSUMER_PROTOCOL_TYPE)
}

fn partitions<V: Visitor>(v: &mut V, key: &'static str, partitions: &[TopicPartition]) {
    v.open(key, partitions.len());
    for owned in partitions {
        v.item();
        v.partition("", &owned.topic.0, owned.partition);
    }
    v.close();
}

/// The name of a topic, or its id in versions without names.
fn topic<'a, Id: Display + Default + PartialEq>(name: &'a TopicName, id: &Id) -> Cow<'a, str> {
    if name.0.is_empty() && *id != Id::default() {
        Cow::Owned(id.to_string())
    } else {
        Cow::Borrowed(name.0.as_str())
    }
}
