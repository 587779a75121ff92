//! Messages as Kafka's bytes.
//!
//! The readable fields of a message are a selection, in the form of a summary. The bytes have all
//! of it: `frame` is the message, and `request_frame` the request that a response belongs to, each
//! with its header and without its length prefix. They are encoded in the version of the message.
//!
//! A simulated message may have a field that its version does not have: nothing forces the
//! simulator through the codec. The bytes are then those of the newest version that can express the
//! message, and `frame_version` says which. If no version can, the line has no `frame` and cannot
//! be read back; `frame_error` says so.

use std::borrow::Cow;
use std::iter;
use std::sync::Arc;

use bytes::Bytes;

use super::fields::{Fields, Payload, Wrong};
use super::readable::Object;
use crate::protocol::{Api, RequestFrame, ResponseFrame};
use crate::trace::event::Message;
use crate::wire::{self, Incoming};

/// The keys of one message.
struct Keys {
    frame: &'static str,
    version: &'static str,
    error: &'static str,
}

const OWN: Keys = Keys { frame: "frame", version: "frame_version", error: "frame_error" };
const REQUEST: Keys =
    Keys { frame: "request_frame", version: "request_frame_version", error: "request_frame_error" };

/// Writes the bytes of a message.
pub(super) fn write(message: &Message, object: &mut Object<'_>) {
    match message {
        Message::Request(frame) => write_request(frame, OWN, object),
        Message::Response { request, response } => {
            object.number("version", request.version.into());
            let encoded = encode_response(response, request.version);
            write_frame(encoded, request.version, OWN, object);
            write_request(request, REQUEST, object);
        }
    }
}

fn write_request(frame: &RequestFrame, keys: Keys, object: &mut Object<'_>) {
    write_frame(encode_request(frame), frame.version, keys, object);
}

fn write_frame(encoded: Option<(i16, Bytes)>, version: i16, keys: Keys, object: &mut Object<'_>) {
    match encoded {
        None => object.string(keys.error, "no version of the API has every field of this message"),
        Some((used, bytes)) => {
            object.bytes(keys.frame, "", &bytes);
            if used != version {
                object.number(keys.version, used.into());
            }
        }
    }
}

/// The bytes of a request and the version of their layout, from which the same request is decoded.
fn encode_request(frame: &RequestFrame) -> Option<(i16, Bytes)> {
    exact(frame.body.api(), frame.version, |version| {
        let frame = match version == frame.version {
            true => Cow::Borrowed(frame),
            false => Cow::Owned(RequestFrame { version, ..frame.clone() }),
        };
        let bytes = wire::encode_request(&frame).ok()?;
        match wire::decode_request(bytes.clone()) {
            Ok(Incoming::Request(decoded)) if decoded == *frame => Some(bytes),
            _ => None,
        }
    })
}

/// Like [`encode_request`], for a response to a request of this version.
fn encode_response(frame: &ResponseFrame, version: i16) -> Option<(i16, Bytes)> {
    let api = frame.body.api();
    exact(api, version, |version| {
        let bytes = wire::encode_response(frame, version).ok()?;
        (wire::decode_response(bytes.clone(), api, version).as_ref() == Ok(frame)).then_some(bytes)
    })
}

/// The result of the first attempt that succeeds: in the message's own version, or in the newest
/// other one.
fn exact(api: Api, version: i16, attempt: impl Fn(i16) -> Option<Bytes>) -> Option<(i16, Bytes)> {
    let others = wire::versions(api).rev().filter(|&other| other != version);
    iter::once(version).chain(others).find_map(|version| Some((version, attempt(version)?)))
}

/// Reads a message from its bytes.
pub(super) fn message(fields: Fields<'_>) -> Result<Message, Wrong> {
    let version = fields.get("version")?;
    let side: String = fields.get("side")?;
    match side.as_str() {
        "request" => Ok(Message::Request(request(fields, OWN, version)?)),
        "response" => {
            let request = request(fields, REQUEST, version)?;
            let used = fields.optional(OWN.version)?.unwrap_or(version);
            let response = wire::decode_response(bytes(fields, &OWN)?, request.body.api(), used);
            let response = response.map_err(|malformed| wrong(&OWN, malformed))?;
            Ok(Message::Response { request, response: Arc::new(response) })
        }
        _ => Err(Wrong(format!("\"side\": expected request or response, found \"{side}\""))),
    }
}

fn request(fields: Fields<'_>, keys: Keys, version: i16) -> Result<Arc<RequestFrame>, Wrong> {
    match wire::decode_request(bytes(fields, &keys)?) {
        Ok(Incoming::Request(frame)) => Ok(Arc::new(RequestFrame { version, ..frame })),
        Ok(Incoming::ApiVersions { .. }) => {
            Err(wrong(&keys, "expected a request to the broker, found ApiVersions"))
        }
        Err(malformed) => Err(wrong(&keys, malformed)),
    }
}

fn bytes(fields: Fields<'_>, keys: &Keys) -> Result<Bytes, Wrong> {
    match fields.optional::<String>(keys.error)? {
        Some(why) => Err(wrong(keys, format!("the message was not recorded: {why}"))),
        None => fields.get::<Payload>(keys.frame).map(|payload| payload.0),
    }
}

fn wrong(keys: &Keys, why: impl std::fmt::Display) -> Wrong {
    Wrong(format!("\"{}\": {why}", keys.frame))
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
