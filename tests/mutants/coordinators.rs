//! Coordinators that are broken in one way.

mod bent;
mod memory;
mod mischief;
mod offsets;
mod statics;
mod terms;
mod transactions;

pub use bent::Bent;
pub use memory::{Amnesia, ForgottenOffsets, StaleOffsets};
pub use mischief::{
    DeafToHeartbeats, EndlessRebalance, EverybodyLeads, ForgivingHeartbeats, GenerationBehind,
    ImmortalMembers, LostJoinAnswers, LostSyncAnswers, NoSyncTimer, RestlessHeartbeats,
    SharedAssignment, ZombieCommits,
};
pub use offsets::{DeletesWhatLives, ExpiresWhatIsRead, IgnoresTransactions, TellsPending};
pub use statics::{
    BringsBackTheReplaced, FencesTheNew, ForgivesDisplaced, ReplacesByRebalance, SecondIdentity,
};
pub use terms::{
    AnswersEarly, GoesOnFromBefore, LoadsAllButTheLast, LoadsBackwards, LoadsDeletedGroups,
    LoadsGenerationZero, LoadsNoOffsets, LoadsRemovedOffsets, SilentReplacement,
};
pub use transactions::{CommitsWhatWasAborted, LosesWhatWasCommitted};
