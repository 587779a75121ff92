//! Reads the fields of one JSON object into the types of an event.
//!
//! [`Field`] is the reverse of the methods of [`Visitor`](crate::trace::fields::Visitor), with one
//! implementation per type. It is not serde's `Deserialize`: most of these types are the codec's or
//! belong to other rings, and a place can be read only with the names that the trace has
//! introduced.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::hex;
use super::places::Places;
use crate::protocol::{
    BrokerId, Generation, GroupId, MemberId, StrBytes, TopicName, TopicPartition, error_text,
    str_bytes,
};
use crate::time::Time;
use crate::trace::event::{ConnectionId, ConsumerRef, Place};

/// What is wrong with a line, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) String);

impl Wrong {
    /// A value is not as expected.
    fn value(key: &str, expected: &str, found: &Value) -> Wrong {
        Wrong(format!("\"{key}\": expected {expected}, found {}", brief(found)))
    }
}

/// The most characters of a wrong value that an error shows.
const MAX_CHARS: usize = 60;

/// A value as an error shows it.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The fields of one object.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    places: &'a Places,
}

impl<'a> Fields<'a> {
    pub(super) fn new(object: &'a Map<String, Value>, places: &'a Places) -> Self {
        Fields { object, places }
    }

    /// A field that must be there.
    pub(super) fn get<T: Field>(&self, key: &str) -> Result<T, Wrong> {
        let expected = T::expected();
        match self.object.get(key) {
            Some(value) => {
                T::read(value, self.places).ok_or_else(|| Wrong::value(key, &expected, value))
            }
            None => Err(Wrong(format!("\"{key}\" is missing: expected {expected}"))),
        }
    }

    /// A field that is left out if it is absent.
    pub(super) fn optional<T: Field>(&self, key: &str) -> Result<Option<T>, Wrong> {
        match self.object.contains_key(key) {
            true => self.get(key).map(Some),
            false => Ok(None),
        }
    }

    /// Reads each object of a list.
    pub(super) fn each<T>(
        &self,
        key: &str,
        read: impl Fn(Fields<'_>) -> Result<T, Wrong>,
    ) -> Result<Vec<T>, Wrong> {
        let expected = "a list of objects";
        let value = self.object.get(key).unwrap_or(&Value::Null);
        let items = value.as_array().ok_or_else(|| Wrong::value(key, expected, value))?;
        let item = |item: &Value| {
            let object = item.as_object().ok_or_else(|| Wrong::value(key, expected, value))?;
            let inner = Fields { object, places: self.places };
            read(inner).map_err(|Wrong(inner)| Wrong(format!("in \"{key}\": {inner}")))
        };
        items.iter().map(item).collect()
    }
}

/// A type that a field can have.
pub(super) trait Field: Sized {
    /// What the field must hold, for errors.
    fn expected() -> Cow<'static, str>;
    /// Reads the value; `None` if it is not as expected.
    fn read(value: &Value, places: &Places) -> Option<Self>;
}

impl<T: Field> Field for Vec<T> {
    fn expected() -> Cow<'static, str> {
        format!("a list, each item {}", T::expected()).into()
    }

    fn read(value: &Value, places: &Places) -> Option<Self> {
        value.as_array()?.iter().map(|item| T::read(item, places)).collect()
    }
}

macro_rules! fields {
    ($($type:ty: $expected:literal, $read:expr;)*) => {$(
        impl Field for $type {
            fn expected() -> Cow<'static, str> {
                $expected.into()
            }

            fn read(value: &Value, _places: &Places) -> Option<Self> {
                let read: fn(&Value) -> Option<$type> = $read;
                read(value)
            }
        }
    )*};
}

fields! {
    bool: "true or false", Value::as_bool;
    u64: "a whole number", Value::as_u64;
    u32: "a whole number", number;
    u16: "a whole number", number;
    usize: "a whole number", number;
    i64: "a whole number", Value::as_i64;
    i32: "a whole number", number;
    i16: "a whole number", number;
    Time: "microseconds", |value| value.as_u64().map(Time::from_micros);
    Duration: "microseconds", |value| value.as_u64().map(Duration::from_micros);
    ConnectionId: "the number of a connection", |value| number(value).map(ConnectionId);
    Generation: "a generation", |value| number(value).map(Generation);
    String: "text", |value| value.as_str().map(str::to_owned);
    Arc<str>: "text", |value| value.as_str().map(Arc::from);
    StrBytes: "text", |value| value.as_str().map(str_bytes);
    GroupId: "the name of a group", |value| value.as_str().map(|text| GroupId(str_bytes(text)));
    TopicName: "the name of a topic", |value| value.as_str().map(|text| TopicName(str_bytes(text)));
    MemberId: "a member id", |value| value.as_str().map(|text| MemberId(str_bytes(text)));
    BrokerId: "a broker such as b0", broker;
    ErrorCode: "the name of an error", error_code;
    Bytes: "text, or bytes in hexadecimal", bytes;
    Payload: "bytes in hexadecimal", |value| value.as_str().and_then(hex::decode).map(Payload);
    TopicPartition: "a topic and a partition such as orders-0", partition;
}

/// Bytes that are written in hexadecimal.
pub(super) struct Payload(pub(super) Bytes);

/// The code of an error, which is written by its name.
pub(super) struct ErrorCode(pub(super) i16);

impl Field for ConsumerRef {
    fn expected() -> Cow<'static, str> {
        "a consumer that the trace has introduced, such as c1.1".into()
    }

    fn read(value: &Value, places: &Places) -> Option<Self> {
        match Place::read(value, places)? {
            Place::Consumer(consumer) => Some(consumer),
            _ => None,
        }
    }
}

impl Field for Place {
    fn expected() -> Cow<'static, str> {
        "a place that the trace has introduced, such as b0, c1.1 or sim".into()
    }

    fn read(value: &Value, places: &Places) -> Option<Self> {
        places.find(value.as_str()?)
    }
}

fn number<T: TryFrom<i64>>(value: &Value) -> Option<T> {
    value.as_i64().and_then(|number| T::try_from(number).ok())
}

fn broker(value: &Value) -> Option<BrokerId> {
    value.as_str()?.strip_prefix('b')?.parse().ok().map(BrokerId)
}

fn error_code(value: &Value) -> Option<ErrorCode> {
    let name = value.as_str()?;
    let unknown = || name.strip_prefix("ERROR_")?.parse().ok();
    let known = (-1..=i16::from(u8::MAX)).find(|&code| error_text(code) == name);
    known.or_else(unknown).map(ErrorCode)
}

/// Bytes are written as text if they are text, and else as an object with the bytes.
fn bytes(value: &Value) -> Option<Bytes> {
    match value {
        Value::Object(parts) => hex::decode(parts.get("bytes")?.as_str()?),
        text => text.as_str().map(|text| Bytes::copy_from_slice(text.as_bytes())),
    }
}

/// A partition, from the text that [`TopicPartition`] displays. A topic's name may end in a dash,
/// so the last dash separates the number; a negative number would be ambiguous, and is written as
/// an object.
fn partition(value: &Value) -> Option<TopicPartition> {
    if let Value::Object(parts) = value {
        let topic = parts.get("topic")?.as_str()?;
        return Some(TopicPartition::new(
            TopicName(str_bytes(topic)),
            number(parts.get("partition")?)?,
        ));
    }
    let (topic, number) = value.as_str()?.rsplit_once('-')?;
    Some(TopicPartition::new(TopicName(str_bytes(topic)), number.parse().ok()?))
}
