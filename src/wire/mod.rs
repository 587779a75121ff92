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
mod framing;
mod layouts;
mod lengths;
mod malformed;
mod nulls;
#[cfg(test)]
mod tests;

pub use api_versions::{
    api_versions_response, decode_api_versions_response, encode_api_versions_request,
};
pub use codec::{api_name, versions};
pub use frames::{
    Incoming, check_response, client_id, decode_request, decode_response, encode_request,
    encode_response,
};
pub use framing::{Framing, framing};
pub use malformed::Malformed;

/// The longest request that a broker reads unless told otherwise: 100 MiB, the default of Kafka's
/// `socket.request.max.bytes`.
pub const MAX_FRAME: usize = 100 * 1024 * 1024;
