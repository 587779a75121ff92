//! Traces: the typed events of a run, and their JSON and digest.
//!
//! An [`Event`] is data. Invariants ([`crate::invariant`]) match on it. Everything that is shown or
//! stored comes from one walk through its fields ([`fields`]):
//!
//! - [`Renderer`](crate::render::Renderer): text for people, at three zoom levels; snapshots hold
//!   its output.
//! - [`jsonl`]: one JSON object per event, for programs; a recorded trace can be read back.
//! - [`Digest`]: 64 bits per run, to compare runs without storing them.
//!
//! In addition, [`diff()`] compares two rendered traces while ignoring their times.
//!
//! This ring judges nothing and does not depend on the origin of the events: a trace recorded
//! elsewhere works as well. Diagnostics of the `tracing` crate are not part of a trace.
//!
//! Read next: [`event`](Event) for the kinds of events, then [`fields`] and [`crate::model`], which
//! says what they add up to.

mod diff;
mod digest;
mod event;
pub mod fields;
pub mod jsonl;
mod names;
#[cfg(test)]
pub(crate) mod testing;
mod values;

pub use diff::diff;
pub use digest::Digest;
pub use event::{
    Awaited, ConnectionId, ConsumerRef, CutWay, Event, EventKind, FaultKind, Loss, Message, Place,
};
pub use names::Names;
#[cfg(feature = "engines")]
pub(crate) use names::printable;
pub(crate) use values::{quoted, readable};
