//! What a coordinator and its host need to run, whatever the type of its groups.

pub(crate) mod appends;
pub(crate) mod compaction;
pub(crate) mod creation;
mod deferred;
pub(crate) mod expiry;
pub(crate) mod load;
pub(crate) mod removal;
pub(crate) mod timers;
pub(crate) mod turn;
pub(crate) mod unload;

pub(crate) use deferred::DeferredResponses;
