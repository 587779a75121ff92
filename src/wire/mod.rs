//! Kafka's bytes: frames, headers, and the messages in them.
//!
//! Everything inside groupsim speaks in the structs of [`crate::protocol`]. This ring turns a frame off a
//! socket into a [`RequestFrame`] and a [`ResponseFrame`] into one, and the reverse for a client. The codec of
//! each message is the `kafka-protocol` crate's. Frames may come from anybody, so every length in one is
//! held against the bytes that are there before the codec sees it. It opens no socket, keeps no connection
//! and knows no order of requests: whoever holds the connection does, and answers ApiVersions too, with
//! what is made here.
//!
//! Read next: [`decode_request`], and `lengths.rs` for what bad bytes can do.
//!
//! [`RequestFrame`]: crate::protocol::RequestFrame
//! [`ResponseFrame`]: crate::protocol::ResponseFrame

mod api_versions;
mod codec;
mod frames;
mod layouts;
mod lengths;
mod malformed;
mod nulls;
#[cfg(test)]
mod tests;

use tokio_util::codec::LengthDelimitedCodec;

pub use api_versions::{
    api_versions_response, decode_api_versions_response, encode_api_versions_request,
};
pub use codec::versions;
pub use frames::{Incoming, decode_request, decode_response, encode_request, encode_response};
pub use malformed::Malformed;

/// The longest request that a broker reads unless told otherwise: 100 MiB, the default of Kafka's
/// `socket.request.max.bytes`.
pub const MAX_FRAME: usize = 100 * 1024 * 1024;

/// Splits a stream of bytes into frames, and puts a frame's length in front of it: four bytes, the highest
/// first.
///
/// A frame longer than `max_frame` is an error, whichever way it goes; so is a negative length, which is a
/// very long one here. As in Kafka, room for a whole frame is made as soon as its length is known.
///
/// A frame of nothing but tiny entries takes a hundred times its bytes once decoded: where clients are not
/// trusted, `max_frame` should be no more than the longest request they need.
pub fn framing(max_frame: usize) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().length_field_length(4).max_frame_length(max_frame).new_codec()
}
