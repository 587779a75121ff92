//! Invariants of the classic protocol: what a coordinator and the leader of a generation promise.

pub(super) mod balance;
pub(super) mod fencing;
pub(super) mod generation;
pub(super) mod legal_transitions;
pub(super) mod member_identity;
pub(super) mod session;
pub(super) mod size_limit;
pub(super) mod static_identity;
pub(super) mod stickiness;
