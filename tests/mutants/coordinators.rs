//! Coordinators that are broken in one way.

mod bent;
mod memory;
mod mischief;

pub use bent::Bent;
pub use memory::{Amnesia, ForgottenOffsets, StaleOffsets};
pub use mischief::{
    DeafToHeartbeats, EndlessRebalance, EverybodyLeads, ForgivingHeartbeats, GenerationBehind,
    ImmortalMembers, LostJoinAnswers, LostSyncAnswers, NoSyncTimer, RestlessHeartbeats,
    SharedAssignment, ZombieCommits,
};
