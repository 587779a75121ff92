//! A trace as JSON lines, for programs, from which the same events can be read back.
//!
//! ```text
//! {"groupsim-trace":1,"groupsim":"0.1.0","type":"trace"}
//! {"type":"event","event":{"at":0,"local":0,"place":"b0","event":"coordinator-started",…}}
//! {"type":"event","event":{"at":0,"local":0,"place":"sim","event":"script","line":3,…}}
//! {"type":"report","file":"pause.sim","digest":"…",…}
//! ```
//!
//! The first line is the [`Header`], with the version of the format. Every event is one line. Lines
//! of another type belong to the command that wrote the file, and [`Reader`] passes them on.
//! Another header begins another trace, so files can be concatenated.
//!
//! The object of an event has the fields of [`Event::visit`](super::Event::visit), in that order
//! and readable: `readable.rs` says how each is written. Where that is less than the event, further
//! keys have the rest: `frame` and `request_frame` have the bytes of messages (`frames.rs`),
//! `metadata_bytes` and `assignment_bytes` those of payloads, and `index` the number of a consumer.
//! A reader of the readable fields can ignore these.
//!
//! The same events give the same bytes. A program reads one version of the format, the one that it
//! writes. A change of a key or of its meaning increments [`VERSION`].
//!
//! Read next: [`Writer`] and [`Reader`], then `events.rs`, the reverse of
//! [`fields`](super::fields).

mod events;
mod fields;
mod frames;
mod hex;
mod observations;
mod places;
mod read;
mod readable;
mod words;
mod write;

pub use read::{Entry, ReadError, Reader};
pub use write::{Header, Writer};

/// The version of the format.
pub const VERSION: u64 = 1;

#[cfg(test)]
mod tests;
