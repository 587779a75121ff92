//! What an event holds, told once.
//!
//! [`Event::visit`] walks through everything an event says, in a fixed order and under fixed keys. The text,
//! the JSON and the digest of a trace are three [`Visitor`]s of that one walk, so none of them can know
//! of a field that the others miss. Everything is generic: a visitor that only hashes costs only hashing.
//!
//! Not visited, because no part of groupsim reads or sets them: throttle times, host names, fetch
//! sessions and tagged fields.
//!
//! Read next: `request.rs`, `response.rs` and `admin.rs` for messages, `observation.rs` for everything else.

mod admin;
mod observation;
mod request;
mod response;

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;

use super::event::{ConnectionId, Event, Kind, Loss, Message, Place};
use crate::protocol::{Api, CONSUMER_PROTOCOL_TYPE, StrBytes, TopicName, TopicPartition};
use crate::time::Time;

/// Takes the fields of an event one by one. A key is the same for the same kind of event; it is empty
/// for the only field of a list's items.
pub trait Visitor {
    /// Whether a message is to be walked through again when it arrives. It is the same then as it was when
    /// it was sent.
    const REPEATS: bool = true;
    /// Whether what goes without saying is passed over: a setting that is Kafka's own, the added partitions of
    /// a consumer that had none before.
    const BRIEF: bool = false;

    /// A name out of a closed set: an event, a state, an API.
    fn word(&mut self, key: &'static str, word: &'static str);
    /// A number.
    fn int(&mut self, key: &'static str, value: i64);

    /// The line of the script that an event came from. A digest passes over it: the same schedule, written
    /// with another comment, is the same run.
    fn script_line(&mut self, line: u32) {
        self.int("line", i64::from(line));
    }

    /// Yes or no.
    fn flag(&mut self, key: &'static str, value: bool);
    /// Free text.
    fn text(&mut self, key: &'static str, text: &str);
    /// A point in virtual time.
    fn time(&mut self, key: &'static str, time: Time);
    /// A length of time.
    fn duration(&mut self, key: &'static str, duration: Duration);
    /// A process.
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
    /// An encoded subscription: what a member wants.
    fn subscription(&mut self, key: &'static str, payload: &Bytes);
    /// An encoded assignment: what a member was given.
    fn assignment(&mut self, key: &'static str, payload: &Bytes);
    /// The subscription or assignment of a member of a group that is not one of consumers: what its clients wrote,
    /// in a format of their own.
    fn opaque(&mut self, key: &'static str, payload: &Bytes) {
        self.value(key, payload);
    }
    /// An optional field that is not there. Only text, members, places and lists are optional.
    fn none(&mut self, key: &'static str);
    /// A list of `len` items begins. Lists nest.
    fn open(&mut self, key: &'static str, len: usize);
    /// The next item of the innermost list begins; what is visited up to the next call belongs to it.
    fn item(&mut self);
    /// The innermost list is complete.
    fn close(&mut self);
}

impl Event {
    /// Walks through everything this event says. See the module head.
    #[inline]
    pub fn visit<V: Visitor>(&self, v: &mut V) {
        v.time("at", self.at);
        v.time("local", self.local);
        v.place("place", self.place);
        visit_kind(&self.kind, v);
    }
}

impl Kind {
    /// The name of the event, as JSON has it: `sent`, `member-added`, …
    pub const fn name(&self) -> &'static str {
        match self {
            Kind::TopicCreated { .. } => "topic-created",
            Kind::TopicGrown { .. } => "topic-grown",
            Kind::TopicDeleted { .. } => "topic-deleted",
            Kind::LeaderElected { .. } => "leader-elected",
            Kind::Shard { .. } => "shard",
            Kind::Uncommitted { .. } => "uncommitted",
            Kind::CoordinatorStarted { .. } => "coordinator-started",
            Kind::ConsumerStarted { .. } => "consumer-started",
            Kind::ConsumerClosed => "consumer-closed",
            Kind::Script { .. } => "script",
            Kind::FaultBegan { .. } => "fault-began",
            Kind::FaultEnded { .. } => "fault-ended",
            Kind::Sent { .. } => "sent",
            Kind::Received { .. } => "received",
            Kind::Lost { .. } => "lost",
            Kind::Coordinator(seen) => observation::coordinator_name(seen),
            Kind::Consumer(seen) => observation::consumer_name(seen),
            Kind::Appended { .. } => "appended",
            Kind::Calm { .. } => "calm",
            Kind::Settled { .. } => "settled",
            Kind::NotSettled { .. } => "not-settled",
            Kind::Drained { .. } => "drained",
            Kind::NotDrained { .. } => "not-drained",
            Kind::Expected { .. } => "expected",
            Kind::Finished => "finished",
        }
    }
}

/// Nearly all events of a run are heartbeats and fetches on their way, so those paths name their words
/// where the compiler can see them: a digest then stores constants instead of copying text.
#[inline]
fn visit_kind<V: Visitor>(kind: &Kind, v: &mut V) {
    match kind {
        Kind::Sent { to, conn, message } => {
            v.word("event", "sent");
            v.place("to", *to);
            visit_message(message, *conn, v);
        }
        Kind::Received { from, conn, message } => {
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

fn visit_rare<V: Visitor>(kind: &Kind, v: &mut V) {
    v.word("event", kind.name());
    match kind {
        Kind::Lost { to, conn, message, why } => visit_lost(*to, *conn, message, *why, v),
        Kind::Coordinator(seen) => observation::coordinator(seen, v),
        Kind::Consumer(seen) => observation::consumer(seen, v),
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

/// Which message it is, without what it says.
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
    let why = match why {
        Loss::Dropped => "dropped",
        Loss::BehindDropped => "behind-dropped",
        Loss::ConnectionClosed => "connection-closed",
        Loss::ConnectionReset => "connection-reset",
        Loss::ReceiverGone => "receiver-gone",
    };
    v.word("why", why);
    visit_message(message, conn, v);
}

pub(super) use observation::timer_name;
pub(super) use response::outcome;

fn optional_text<V: Visitor>(v: &mut V, key: &'static str, text: Option<&StrBytes>) {
    match text {
        Some(text) => v.text(key, text),
        None => v.none(key),
    }
}

/// What a member of a group of that protocol type wants.
fn subscription<V: Visitor>(v: &mut V, key: &'static str, payload: &Bytes, of: Option<&StrBytes>) {
    match is_opaque(of) {
        true => v.opaque(key, payload),
        false => v.subscription(key, payload),
    }
}

/// What a member of a group of that protocol type was given.
fn assignment<V: Visitor>(v: &mut V, key: &'static str, payload: &Bytes, of: Option<&StrBytes>) {
    match is_opaque(of) {
        true => v.opaque(key, payload),
        false => v.assignment(key, payload),
    }
}

/// Whether what members of a group say to each other is known to be none of what consumers say. Old versions of
/// messages do not tell the protocol type.
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

/// The name of a topic, or its id in the versions that have no names.
fn topic<'a, Id: Display + Default + PartialEq>(name: &'a TopicName, id: &Id) -> Cow<'a, str> {
    if name.0.is_empty() && *id != Id::default() {
        Cow::Owned(id.to_string())
    } else {
        Cow::Borrowed(name.0.as_str())
    }
}
