//! Committed offsets: the requests that read and change them, and how they expire.
//!
//! All of it works for groups of every type. Whether a client may commit or delete, what a group
//! subscribes to and by which rule its offsets expire is for [`Group`](super::group::Group) to say.
//!
//! Each request has a file. [`OffsetStore`] has the offsets of all groups, durable and newest;
//! `retention.rs` removes those that have expired or whose topic was deleted.

pub(crate) mod commit;
pub(crate) mod delete;
pub(crate) mod fetch;
mod group;
mod partition;
pub(crate) mod retention;
mod store;
mod subscribed;
pub(crate) mod txn_commit;
pub(crate) mod txn_markers;

pub(crate) use group::Offsets;
pub(crate) use retention::ExpiryRule;
pub(crate) use store::{OffsetStore, View};
pub(crate) use subscribed::Subscribed;
