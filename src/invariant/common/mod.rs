//! Invariants that hold for every group, whatever its protocol: ownership, durability, progress.
//!
//! Here belongs what users of a group rely on, and what a coordinator and its clients can only
//! promise together. It is judged by all that the trace shows: the broker's side, the client's side
//! and the schedule. What speaks of join and sync phases, of leaders or of heartbeats alone is in
//! `classic`; what a client owes by itself is in `client`.
//!
//! | file | what it states |
//! |---|---|
//! | `single_owner` | each partition has one owner in a generation |
//! | `no_overlap` | no two current members act on one partition |
//! | `durable` | a fail-over takes nothing back |
//! | `no_loss` | no record is skipped, and no commit is lost |
//! | `convergence` | without faults a group becomes stable, and stays so |
//! | `expectations` | the `expect` lines of a script are met |
//!
//! Read next: `no_overlap` for what a coordinator and clients can prevent, and what not.

pub(super) mod convergence;
pub(super) mod durable;
pub(super) mod expectations;
#[cfg(test)]
mod lost_generations;
pub(super) mod no_loss;
pub(super) mod no_overlap;
pub(super) mod single_owner;
