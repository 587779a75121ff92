//! What a coordinator needs to run, whatever the type of its groups.
//!
//! A handler gets a [`turn::Turn`]: the time, the timers, the appends in flight and the outputs.
//! [`appends`] gives each append its effect when its outcome is known. [`load`] and [`unload`] are
//! the two ends of a term, [`phase`] says which inputs may come in between. [`creation`] and
//! [`removal`] keep groups aside until the log has confirmed that they exist, or no longer do.
//!
//! Two parts are for the broker: [`compaction`] says which records the log can drop, and
//! `deferred.rs` keeps the responses that wait for the log.

pub(crate) mod appends;
pub(crate) mod compaction;
pub(crate) mod creation;
mod deferred;
pub(crate) mod load;
pub(crate) mod phase;
pub(crate) mod removal;
pub(crate) mod timers;
pub(crate) mod turn;
pub(crate) mod unload;

pub(crate) use deferred::DeferredResponses;
