//! Invariants that hold for every group, whatever its protocol: ownership, durability, progress.

pub(super) mod convergence;
pub(super) mod durable;
pub(super) mod expectations;
#[cfg(test)]
mod lost_generations;
pub(super) mod no_loss;
pub(super) mod no_overlap;
pub(super) mod response_deadline;
pub(super) mod single_owner;
