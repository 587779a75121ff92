//! Coordinators that are broken in one way each.

use super::{Mutant, coordinator, limitless};

mod bent;
mod memory;
mod mischief;
mod offsets;
mod statics;
mod terms;
mod transactions;

use bent::Bent;
use memory::{Amnesia, ForgottenOffsets, StaleOffsets};
use mischief::{
    DeafToHeartbeats, EndlessRebalance, EverybodyLeads, ForgivingHeartbeats, GenerationBehind,
    HandsOutIdsTwice, ImmortalMembers, LostJoinAnswers, LostSyncAnswers, NoSyncTimer,
    RestlessHeartbeats, SharedAssignment, ZombieCommits,
};
use offsets::{DeletesWhatLives, ExpiresWhatIsRead, IgnoresTransactions, TellsPending};
use statics::{
    BringsBackTheReplaced, FencesTheNew, ForgivesDisplaced, ReplacesByRebalance, SecondIdentity,
};
use terms::{
    AnswersEarly, GoesOnFromBefore, LoadsAllButTheLast, LoadsBackwards, LoadsDeletedGroups,
    LoadsGenerationZero, LoadsNoOffsets, LoadsRemovedOffsets, SilentReplacement,
};
use transactions::{CommitsWhatWasAborted, LosesWhatWasCommitted};

/// All of them.
#[rustfmt::skip]
pub(super) const ALL: &[Mutant] = &[
    coordinator("zombie-commits", &["KAFKA-2596"], "Takes a commit from whoever sends it: the generation and the member id are not compared with the group's", &["fencing"], |new| Bent::boxed(new, ZombieCommits)),
    coordinator("forgiving-heartbeats", &["kafkajs#1474"], "Tells members that were removed that all is well", &["fencing"], |new| Bent::boxed(new, ForgivingHeartbeats)),
    coordinator("shared-assignment", &["KAFKA-8500"], "Hands the first assignment of a generation to everybody", &["single-owner"], |new| Bent::boxed(new, SharedAssignment::default())),
    coordinator("immortal-members", &["KAFKA-9752"], "Gives a member whose session ran out another one, every time", &["session"], |new| Bent::boxed(new, ImmortalMembers)),
    coordinator("restless-heartbeats", &["kafka-python#2614"], "Tells every eighth heartbeat that a rebalance is under way when none is: the member rejoins, and a leader that rejoins drags the whole group along. Each rebalance ends well, and the next one comes", &["convergence", "fencing"], |new| Bent::boxed(new, RestlessHeartbeats::default())),
    coordinator("deaf-to-heartbeats", &["KAFKA-3470"], "Answers heartbeats of a stable group without noting them", &["session"], |new| Bent::boxed(new, DeafToHeartbeats)),
    coordinator("lost-join-answers", &["KAFKA-20938"], "Forgets every third answer to a JoinGroup that completed", &["answered"], |new| Bent::boxed(new, LostJoinAnswers::default())),
    coordinator("lost-sync-answers", &["redpanda#3300"], "Forgets every third answer to a SyncGroup that succeeded", &["answered"], |new| Bent::boxed(new, LostSyncAnswers::default())),
    coordinator("no-sync-timer", &["KAFKA-12890"], "Has no timers while a sync phase is under way, so a leader that never syncs holds the group up for ever", &["answered", "session", "convergence"], |new| Bent::boxed(new, NoSyncTimer)),
    coordinator("everybody-leads", &["KAFKA-13435"], "Tells every member that it leads", &["generation"], |new| Bent::boxed(new, EverybodyLeads)),
    coordinator("generation-behind", &[], "Completes a join with the generation before", &["generation"], |new| Bent::boxed(new, GenerationBehind)),
    coordinator("amnesia", &["KAFKA-16030"], "Loses all it knows after some requests, and says so to nobody", &["legal-transitions", "generation"], |new| Amnesia::boxed(new)),
    coordinator("forgotten-offsets", &["KAFKA-13636"], "Answers every fifth OffsetFetch as if nothing had been committed", &["no-loss"], |new| Bent::boxed(new, ForgottenOffsets::default())),
    coordinator("stale-offsets", &["KAFKA-5247"], "Answers OffsetFetch with the commit before the last", &["no-loss"], |new| Bent::boxed(new, StaleOffsets::default())),
    coordinator("endless-rebalance", &["KAFKA-13406"], "Answers every SyncGroup that succeeds with REBALANCE_IN_PROGRESS, from the third generation on", &["convergence"], |new| Bent::boxed(new, EndlessRebalance)),
    coordinator("answers-early", &[], "Takes what it has appended for committed, and answers. What it promised is lost with the leader", &["durable", "no-loss"], |new| AnswersEarly::boxed(new)),
    coordinator("loads-no-offsets", &["KAFKA-16030"], "Skips the offsets of the log that it replays", &["durable"], |new| Bent::boxed(new, LoadsNoOffsets)),
    coordinator("loads-all-but-the-last", &[], "Stops one commit before the end of the log that it replays", &["durable"], |new| Bent::boxed(new, LoadsAllButTheLast::default())),
    coordinator("loads-backwards", &[], "Takes the first record of a key for the last, as if the log were read from its end", &["durable"], |new| Bent::boxed(new, LoadsBackwards::default())),
    coordinator("loads-removed-offsets", &[], "Passes over the tombstones of offsets: what was removed is back", &["durable"], |new| Bent::boxed(new, LoadsRemovedOffsets)),
    coordinator("loads-deleted-groups", &[], "Passes over all tombstones, so that groups which were deleted are back", &["durable"], |new| Bent::boxed(new, LoadsDeletedGroups)),
    coordinator("loads-generation-zero", &[], "Loads each group in generation 0", &["durable"], |new| Bent::boxed(new, LoadsGenerationZero)),
    coordinator("goes-on-from-before", &[], "Finds the right generation in the log, and goes on from the one before", &["generation"], |new| Bent::boxed(new, GoesOnFromBefore::default())),
    coordinator("silent-replacement", &["KAFKA-20938"], "Leaves a JoinGroup or SyncGroup unanswered that a newer one of the same member replaces. (And what is parked when it unloads; but that its host answers.)", &["answered"], |new| Bent::boxed(new, SilentReplacement)),
    coordinator("forgives-displaced", &[], "Answers a displaced static member as if it had its place still", &["fencing", "static-identity"], |new| Bent::boxed(new, ForgivesDisplaced)),
    coordinator("second-identity", &[], "Reports and treats a static member that comes back as one more: it hides the instance from the coordinator and adds it to the observation", &["static-identity"], |new| Bent::boxed(new, SecondIdentity::default())),
    coordinator("replaces-by-rebalance", &["KIP-345"], "Removes the member whose place is taken, in place of replacing it: a rebalance in which partitions move, as with every restart before KIP-345", &["static-identity"], |new| Bent::boxed(new, ReplacesByRebalance)),
    coordinator("fences-the-new", &[], "Fences the one who came back, and goes on with the one whose place it took", &["fencing", "static-identity"], |new| Bent::boxed(new, FencesTheNew::default())),
    coordinator("expires-what-is-read", &["KAFKA-13636"], "Expires the offsets of a Stable group 20 s after their commit, whoever reads the topics", &["no-loss"], |new| Bent::boxed(new, ExpiresWhatIsRead::default())),
    coordinator("deletes-what-lives", &[], "Deletes Stable groups: nobody looks whether the group is Empty", &["legal-transitions"], |new| Bent::boxed(new, DeletesWhatLives)),
    coordinator("tells-pending", &["KIP-447"], "Tells those who want stable offsets the ones of a transaction that is not over", &["no-loss"], |new| Bent::boxed(new, TellsPending::default())),
    coordinator("ignores-transactions", &["KIP-447"], "Does not look for transactions when stable offsets are wanted: what is committed is told, though it is about to change", &["no-loss"], |new| Bent::boxed(new, IgnoresTransactions)),
    coordinator("commits-what-was-aborted", &[], "Takes the ABORT of a transaction for a COMMIT: what was taken back counts", &["no-loss", "durable"], |new| Bent::boxed(new, CommitsWhatWasAborted)),
    coordinator("loses-what-was-committed", &[], "Passes over the marker of a transaction that has committed when it replays the log, as if it had been aborted: its offsets are gone after a fail-over", &["durable"], |new| Bent::boxed(new, LosesWhatWasCommitted)),
    coordinator("brings-back-the-replaced", &[], "Takes the first id of a static instance in a generation for its id when it replays the log, as if replacements were not written down", &["durable"], |new| Bent::boxed(new, BringsBackTheReplaced::default())),
    coordinator("hands-out-ids-twice", &[], "Draws the member id of every third newcomer from the same luck as the one before: two consumers act under one id", &["member-identity"], |new| Bent::boxed(new, HandsOutIdsTwice::default())),
    limitless("no-size-limit", &["KAFKA-9885"], "Is given no limit of size", &["size-limit"]),
];
