//! Writes a trace, line by line.

use serde::{Deserialize, Serialize};

use super::VERSION;
use super::frames;
use super::readable::Object;
use crate::trace::event::{Event, EventKind, Place};
use crate::trace::fields::Visitor as _;
use crate::trace::names::Names;

/// The first line of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    #[serde(rename = "groupsim-trace")]
    pub version: u64,
    /// The version of the program that wrote the trace.
    pub groupsim: String,
    /// The kind of this line, like that of all other lines.
    #[serde(rename = "type")]
    kind: HeaderType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum HeaderType {
    Trace,
}

impl Header {
    fn own() -> Header {
        let groupsim = env!("CARGO_PKG_VERSION").to_owned();
        Header { version: VERSION, groupsim, kind: HeaderType::Trace }
    }
}

/// Turns events into lines. It must see every event of a run, in order, to learn the names of
/// consumers.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    names: Names,
    has_begun: bool,
}

impl Writer {
    /// Appends the first line, unless it has been written. Required only where other lines precede
    /// the first event.
    pub fn begin(&mut self, out: &mut String) {
        if !std::mem::replace(&mut self.has_begun, true) {
            let header = serde_json::to_string(&Header::own()).expect("a header is plain data");
            out.push_str(&header);
            out.push('\n');
        }
    }

    /// Appends the line of one event.
    pub fn render(&mut self, event: &Event, out: &mut String) {
        self.begin(out);
        self.names.learn(event);
        out.push_str("{\"type\":\"event\",\"event\":");
        Object::write(event, &self.names, out, |object| {
            if let Some(message) = event.kind.message() {
                frames::write(message, object);
            }
            if let (EventKind::ConsumerStarted { .. }, Place::Consumer(consumer)) =
                (&event.kind, event.place)
            {
                object.number("index", consumer.index.into());
            }
            if let EventKind::NotSettled { waiting_for, .. }
            | EventKind::NotDrained { waiting_for, .. } = &event.kind
            {
                object.open("waiting_groups", waiting_for.len());
                for awaited in waiting_for {
                    object.item();
                    object.text("", awaited.group.as_ref().map_or("", |group| group.as_str()));
                }
                object.close();
            }
        });
        out.push_str("}\n");
    }
}
