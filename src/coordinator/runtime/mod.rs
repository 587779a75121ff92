//! What a host needs to run a coordinator, whatever the type of its groups.

mod deferred;

pub(crate) use deferred::DeferredResponses;
