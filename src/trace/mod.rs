//! Traces: the typed events of a run, and everything that is made of them.
//!
//! An [`Event`] is data. Checkers ([`crate::invariant`]) match on it; what is shown or stored is made of one walk
//! through its fields ([`fields`]):
//!
//! - [`Renderer`]: text for people, at three zooms; its output is what snapshots hold.
//! - [`Json`]: one object an event, for machines.
//! - [`Digest`]: 64 bits a run, to compare runs without storing them.
//!
//! Beside them, [`Coverage`] collects which situations a run reached, and [`diff()`] compares two rendered
//! traces by their story instead of their times.
//!
//! This ring judges nothing and knows nothing of how events come about: any trace will do, also one
//! recorded elsewhere. Diagnostics of the `tracing` crate are no part of a trace.
//!
//! Read next: [`event`](Event) for what can happen, then [`fields`] and [`Renderer`].

mod coverage;
mod diff;
mod digest;
mod event;
pub mod fields;
mod json;
mod names;
#[cfg(test)]
mod testing;
mod text;
mod timeline;

pub use coverage::{Cell, CellEvent, Cells, Coverage, Moment, Moments, Reached, must_reach};
pub use diff::diff;
pub use digest::Digest;
pub use event::{ConnectionId, ConsumerRef, CutWay, Event, FaultKind, Kind, Loss, Message, Place};
pub use json::Json;
pub use names::Names;
pub(crate) use names::chosen;
pub use text::{Renderer, Zoom};
