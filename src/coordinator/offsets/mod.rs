//! Committed offsets: the requests that read and change them, and how they expire. The same for
//! groups of every type.

pub(crate) mod commit;
pub(crate) mod delete;
pub(crate) mod fetch;
mod group;
mod partition;
pub(crate) mod retention;
mod store;
pub(crate) mod txn_commit;
pub(crate) mod txn_markers;

pub(crate) use group::Offsets;
pub(crate) use store::{OffsetStore, View};
