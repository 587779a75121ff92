//! The fields of an event as one JSON object.
//!
//! The object has the fields of [`Event::visit`], in that order. Times and durations are whole
//! microseconds; member ids are complete; error codes are the official names (`NONE` for success);
//! payloads are decoded; absent optional fields are left out.
//!
//! Outside of messages, whose bytes follow the fields, a payload is also written as its bytes, in a
//! key that ends in `_bytes`.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::hex;
use crate::protocol::subscription::Subscription;
use crate::protocol::{Generation, error_text, records, subscription};
use crate::time::Time;
use crate::trace::event::{Event, Place};
use crate::trace::fields::Visitor;
use crate::trace::names::Names;
use crate::trace::readable;

/// Writes the fields of one object.
pub(super) struct Object<'a> {
    out: &'a mut String,
    names: &'a Names,
    lists: Vec<List>,
    /// The innermost object has no fields yet.
    fresh: bool,
    /// The event is a message.
    is_message: bool,
}

struct List {
    item: Item,
    items: usize,
}

/// The kind of the current item of a list, as far as it is known.
#[derive(PartialEq)]
enum Item {
    None,
    /// A bare value: its key is empty.
    Bare,
    Object,
}

impl<'a> Object<'a> {
    /// Appends an object with the fields of an event, and with those that `more` adds.
    pub(super) fn write(
        event: &Event,
        names: &'a Names,
        out: &'a mut String,
        more: impl FnOnce(&mut Object<'a>),
    ) {
        out.push('{');
        let is_message = event.kind.message().is_some();
        let mut object = Object { out, names, lists: Vec::new(), fresh: true, is_message };
        event.visit(&mut object);
        more(&mut object);
        object.out.push('}');
    }

    /// Writes a number.
    pub(super) fn number(&mut self, key: &'static str, number: i64) {
        self.field(key, &json!(number));
    }

    /// Writes a text.
    pub(super) fn string(&mut self, key: &'static str, text: &str) {
        self.field(key, &json!(text));
    }

    /// Writes bytes in hexadecimal, under the two parts of a key.
    pub(super) fn bytes(&mut self, key: &'static str, end: &'static str, bytes: &[u8]) {
        self.key(key, end);
        self.out.push('"');
        hex::encode(bytes, self.out);
        self.out.push('"');
    }

    /// Writes the bytes of a payload that has been written decoded, unless the bytes of the whole
    /// message follow.
    fn payload(&mut self, key: &'static str, payload: &Bytes) {
        if !self.is_message {
            self.bytes(key, "_bytes", payload);
        }
    }

    fn field(&mut self, key: &'static str, value: &Value) {
        self.key(key, "");
        self.out.push_str(&value.to_string());
    }

    /// Writes the separator and the key, given in two parts, before a value.
    fn key(&mut self, key: &'static str, end: &'static str) {
        if let Some(list) = self.lists.last_mut()
            && list.item == Item::None
        {
            if key.is_empty() {
                list.item = Item::Bare;
                return;
            }
            list.item = Item::Object;
            self.out.push('{');
            self.fresh = true;
        }
        if !self.fresh {
            self.out.push(',');
        }
        self.fresh = false;
        self.out.push('"');
        self.out.extend([key, end, "\":"]);
    }

    fn end_item(&mut self) {
        if let Some(list) = self.lists.last_mut() {
            if list.item == Item::Object {
                self.out.push('}');
            }
            list.item = Item::None;
        }
    }
}

impl Visitor for Object<'_> {
    fn word(&mut self, key: &'static str, word: &'static str) {
        self.field(key, &json!(word));
    }

    fn int(&mut self, key: &'static str, value: i64) {
        self.field(key, &json!(value));
    }

    fn flag(&mut self, key: &'static str, value: bool) {
        self.field(key, &json!(value));
    }

    fn text(&mut self, key: &'static str, text: &str) {
        self.field(key, &json!(text));
    }

    fn time(&mut self, key: &'static str, time: Time) {
        self.field(key, &json!(time.micros()));
    }

    fn duration(&mut self, key: &'static str, duration: Duration) {
        self.field(key, &json!(duration.as_micros() as u64));
    }

    fn place(&mut self, key: &'static str, place: Place) {
        self.field(key, &json!(self.names.place(place)));
    }

    fn member(&mut self, key: &'static str, id: &str) {
        self.field(key, &json!(id));
    }

    fn error(&mut self, key: &'static str, code: i16) {
        let name = error_text(code);
        self.field(key, &json!(name));
    }

    fn partition(&mut self, key: &'static str, topic: &str, partition: i32) {
        // The name of a topic may end in a dash.
        let value = match partition < 0 && !self.is_message {
            true => json!({ "topic": topic, "partition": partition }),
            false => json!(format!("{topic}-{partition}")),
        };
        self.field(key, &value);
    }

    fn value(&mut self, key: &'static str, value: &Bytes) {
        match std::str::from_utf8(value) {
            Ok(text) => self.field(key, &json!(text)),
            Err(_) if self.is_message => self.field(key, &json!(readable(value))),
            Err(_) => {
                let mut digits = String::new();
                hex::encode(value, &mut digits);
                self.field(key, &json!({ "bytes": digits }));
            }
        }
    }

    fn records(&mut self, key: &'static str, set: &Bytes) {
        let value = match records::decode_records(set) {
            Ok(records) => json!(records.len()),
            Err(error) => json!({ "malformed": error }),
        };
        self.field(key, &value);
    }

    fn subscription(&mut self, key: &'static str, payload: &Bytes) {
        let value = match subscription::decode_subscription(payload) {
            Ok(subscription) => subscribed(&subscription),
            Err(malformed) => json!({ "malformed": malformed.0 }),
        };
        self.field(key, &value);
        self.payload(key, payload);
    }

    fn assignment(&mut self, key: &'static str, payload: &Bytes) {
        let value = match subscription::decode_assignment(payload) {
            Ok(partitions) => partitions.iter().map(ToString::to_string).collect(),
            Err(malformed) => json!({ "malformed": malformed.0 }),
        };
        self.field(key, &value);
        self.payload(key, payload);
    }

    fn opaque(&mut self, key: &'static str, payload: &Bytes) {
        let text = std::str::from_utf8(payload).map_or_else(|_| readable(payload), str::to_owned);
        self.field(key, &json!(text));
        self.payload(key, payload);
    }

    fn none(&mut self, _key: &'static str) {}

    fn open(&mut self, key: &'static str, _len: usize) {
        self.key(key, "");
        self.out.push('[');
        self.lists.push(List { item: Item::None, items: 0 });
    }

    fn item(&mut self) {
        self.end_item();
        let list = self.lists.last_mut().expect("an item is inside a list");
        list.items += 1;
        if list.items > 1 {
            self.out.push(',');
        }
    }

    fn close(&mut self) {
        self.end_item();
        self.lists.pop();
        self.out.push(']');
        self.fresh = false;
    }
}

/// A subscription, like the fields of a message: absent fields are left out.
fn subscribed(subscription: &Subscription) -> Value {
    let Subscription { topics, owned, generation, rack, user_data: _ } = subscription;
    let topics: Vec<&str> = topics.iter().map(|topic| topic.0.as_str()).collect();
    let mut value = json!({ "topics": topics });
    if !owned.is_empty() {
        value["owned"] = owned.iter().map(ToString::to_string).collect();
    }
    if *generation != Generation::NONE {
        value["generation"] = json!(generation.0);
    }
    if let Some(rack) = rack {
        value["rack"] = json!(rack.as_str());
    }
    value
}

#[cfg(test)]
#[path = "readable_tests.rs"]
mod tests;
