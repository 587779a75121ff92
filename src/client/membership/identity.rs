//! Who a member is to the coordinator.

use crate::protocol::{Generation, MemberId};

/// The identity of a member. Every group request in flight carries the identity it was sent with,
/// because an error for an outdated identity must not destroy the current one (KAFKA-9823).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client) struct Identity {
    pub(in crate::client) generation: Generation,
    pub(in crate::client) member: MemberId,
}

impl Identity {
    /// Whether no membership belongs to it.
    pub(in crate::client) fn is_void(&self) -> bool {
        self.generation == Generation::NONE || self.member.is_empty()
    }
}
