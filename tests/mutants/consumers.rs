//! Consumers that are broken in one way.

mod leader;
mod member;
mod twisted;

pub use leader::{DoublingLeader, ForgetfulLeader, SkewedLeader};
pub use member::{CommitsAhead, CommitsWhatItLost, DeafToErrors, KeepsPartitions, StartsTooLate};
pub use twisted::Twisted;
