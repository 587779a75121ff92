//! Groups of the classic protocol.

pub(crate) mod group;
pub(crate) mod heartbeat;
pub(crate) mod join_group;
pub(crate) mod leave_group;
pub(crate) mod member;
mod members;
pub(crate) mod rebalance;
pub(crate) mod responses;
pub(crate) mod state;
pub(crate) mod static_member;
pub(crate) mod subscribed;
pub(crate) mod sync_group;
