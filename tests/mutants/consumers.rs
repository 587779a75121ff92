//! Consumers that are broken in one way.

mod cooperative;
mod ending;
mod leader;
mod member;
mod twisted;

pub use cooperative::{HidesWhatItOwns, NeverRevokes};
pub use ending::{
    JoinsAfterItClosed, LeavesThoughStatic, WorksAfterItClosed, WorksOnWhatItRevoked,
};
pub use leader::{
    DoublingLeader, ForgetfulLeader, ForgetsClaims, ImpatientLeader, RotatingLeader, SkewedLeader,
};
pub use member::{CommitsAhead, CommitsWhatItLost, DeafToErrors, KeepsPartitions, StartsTooLate};
pub use twisted::Twisted;
