//! Invariants of the classic protocol: what a coordinator and the leader of a generation promise.
//!
//! Here belongs what speaks of join and sync phases, generations and their leaders, member ids that
//! a coordinator hands out, static members and sessions. It is judged by what a broker received,
//! did and responded. Another group protocol has a folder of its own for its counterparts; what
//! holds under any of them is in `common`.
//!
//! | file | what it states |
//! |---|---|
//! | `legal_transitions` | groups and members move along their tables |
//! | `generation` | a number stands for one set of members |
//! | `fencing` | a request succeeds only from a current member |
//! | `static_identity`, `member_identity` | whose an id is |
//! | `size_limit` | a full group takes in no more members |
//! | `session` | a member expires when its session ends, not before and not later |
//! | `response_deadline` | no request is parked for ever |
//! | `balance`, `stickiness` | what a leader's plan owes to its assignor |
//!
//! Read next: `generation`, on which the others build, and [`crate::coordinator`] for the rules by
//! their numbers.

pub(super) mod balance;
pub(super) mod fencing;
pub(super) mod generation;
pub(super) mod legal_transitions;
pub(super) mod member_identity;
mod planned;
pub(super) mod response_deadline;
pub(super) mod session;
pub(super) mod size_limit;
pub(super) mod static_identity;
pub(super) mod stickiness;
