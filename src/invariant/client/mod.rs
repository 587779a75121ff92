//! Invariants of the consumer client: what it sends, when, and under which identity.
//!
//! Here belongs what a client owes its group whatever the coordinator does. It is judged by what
//! the client itself sent, received and observed, on its own clock: a client cannot act on what it
//! has not received. What a coordinator promises is in `classic`; what both together promise is in
//! `common`, even where a bug in a client may break it.
//!
//! | file | what it states |
//! |---|---|
//! | `revoke_first` | a member gives up a partition before another takes it over |
//! | `one_join`, `member_id_reuse`, `rejoin_cause` | a member joins once, under its id, for a cause |
//! | `leave_cause`, `fatal_cause` | a member leaves or gives up only for a cause |
//! | `heartbeat_liveness` | a member sends heartbeats |
//! | `not_coordinator` | requests go to the coordinator |
//! | `stale_identity`, `assigned_identity` | a member acts only under its present membership |
//!
//! Read next: `conduct`, for the state that several of these keep, and [`crate::model::Membership`]
//! for what a client knows of its own membership.

pub(super) mod assigned_identity;
mod conduct;
pub(super) mod fatal_cause;
pub(super) mod heartbeat_liveness;
pub(super) mod leave_cause;
pub(super) mod member_id_reuse;
pub(super) mod not_coordinator;
pub(super) mod one_join;
pub(super) mod rejoin_cause;
pub(super) mod revoke_first;
pub(super) mod stale_identity;
