//! Kafka's bytes: frames, headers, and the messages in them.
//!
//! The rest of groupsim uses the structs of [`crate::protocol`]. This module decodes a frame from a
//! socket into a [`RequestFrame`] and encodes a [`ResponseFrame`], and the reverse for a client.
//! The `kafka-protocol` crate is the codec of each message. Frames are untrusted, so every length
//! in one is checked against the bytes that are there before the codec sees it. This module opens
//! no socket, keeps no connection and does not order requests. The owner of the connection does
//! that, and responds to ApiVersions with the functions here.
//!
//! Read next: [`decode_request`], and `lengths.rs` for what malformed bytes can do.
//!
//! [`RequestFrame`]: crate::protocol::RequestFrame
//! [`ResponseFrame`]: crate::protocol::ResponseFrame

mod api_versions;
mod codec;
mod frames;
#[cfg(feature = "engines")]
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
#[cfg(feature = "engines")]
pub use framing::{Framing, framing};
pub use malformed::Malformed;

/// The default limit for the size of a request: 100 MiB, as in Kafka's `socket.request.max.bytes`.
pub const MAX_FRAME: usize = 100 * 1024 * 1024;
