//! Invariants of the consumer client: what it sends, when, and under which identity.

pub(super) mod conduct;
pub(super) mod duty;
pub(super) mod reason;
pub(super) mod revoke_first;
