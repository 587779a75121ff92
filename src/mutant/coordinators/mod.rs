//! Coordinators with one bug each.

use super::{Mutant, coordinator, limitless};

mod interceptor;
mod membership;
mod memory;
mod offsets;
mod statics;
mod terms;
mod transactions;

use interceptor::InterceptedCoordinator;
use membership::{
    AllMembersLead, DeafToHeartbeats, EndlessRebalance, ForgivingHeartbeats, GenerationBehind,
    HandsOutIdsTwice, ImmortalMembers, LostJoinResponses, LostSyncResponses, NoSyncTimer,
    RestlessHeartbeats, SharedAssignment, ZombieCommits,
};
use memory::{Amnesia, ForgottenOffsets, StaleOffsets};
use offsets::{DeletesStableGroups, ExpiresWhatIsRead, IgnoresTransactions, ReturnsPendingOffsets};
use statics::{
    BringsBackTheReplaced, FencesTheNew, ForgivesDisplaced, ReplacesByRebalance, SecondIdentity,
};
use terms::{
    GoesOnFromBefore, LoadsAllButTheLast, LoadsBackwards, LoadsDeletedGroups, LoadsGenerationZero,
    LoadsNoOffsets, LoadsRemovedOffsets, RespondsEarly, SilentReplacement,
};
use transactions::{CommitsWhatWasAborted, LosesWhatWasCommitted};

/// All of them.
#[rustfmt::skip]
pub(super) const ALL: &[Mutant] = &[
    coordinator("zombie-commits", &["KAFKA-2596"], "Accepts a commit from any client: does not compare the generation and the member id with the group's", &["fencing"], |new| InterceptedCoordinator::boxed(new, ZombieCommits)),
    coordinator("forgiving-heartbeats", &["kafkajs#1474"], "Responds to heartbeats of removed members without an error", &["fencing"], |new| InterceptedCoordinator::boxed(new, ForgivingHeartbeats)),
    coordinator("shared-assignment", &["KAFKA-8500"], "Sends the first assignment of a generation to every member", &["single-owner"], |new| InterceptedCoordinator::boxed(new, SharedAssignment::default())),
    coordinator("immortal-members", &["KAFKA-9752"], "Starts a new session for each member whose session has ended", &["session"], |new| InterceptedCoordinator::boxed(new, ImmortalMembers)),
    coordinator("restless-heartbeats", &["kafka-python#2614"], "Responds to every eighth heartbeat with REBALANCE_IN_PROGRESS when there is no rebalance: the member rejoins, and a leader that rejoins triggers a rebalance of the whole group. Each rebalance completes, and the next one follows", &["convergence", "fencing"], |new| InterceptedCoordinator::boxed(new, RestlessHeartbeats::default())),
    coordinator("deaf-to-heartbeats", &["KAFKA-3470"], "Responds to heartbeats of a stable group without restarting the session", &["session"], |new| InterceptedCoordinator::boxed(new, DeafToHeartbeats)),
    coordinator("lost-join-responses", &["KAFKA-20938"], "Drops every third successful JoinGroup response", &["response-deadline"], |new| InterceptedCoordinator::boxed(new, LostJoinResponses::default())),
    coordinator("lost-sync-responses", &["redpanda#3300"], "Drops every third successful SyncGroup response", &["response-deadline"], |new| InterceptedCoordinator::boxed(new, LostSyncResponses::default())),
    coordinator("no-sync-timer", &["KAFKA-12890"], "Stops all timers during a sync phase, so a leader that never syncs blocks the group for ever", &["response-deadline", "session", "convergence"], |new| InterceptedCoordinator::boxed(new, NoSyncTimer)),
    coordinator("all-members-lead", &["KAFKA-13435"], "Names each member as the leader in its own JoinGroup response", &["generation"], |new| InterceptedCoordinator::boxed(new, AllMembersLead)),
    coordinator("generation-behind", &[], "Completes a join with the previous generation", &["generation"], |new| InterceptedCoordinator::boxed(new, GenerationBehind)),
    coordinator("amnesia", &["KAFKA-16030"], "Loses all its state after some requests, without reporting it", &["legal-transitions", "generation"], |new| Amnesia::boxed(new)),
    coordinator("forgotten-offsets", &["KAFKA-13636"], "Responds to every fifth OffsetFetch as if nothing had been committed", &["no-loss"], |new| InterceptedCoordinator::boxed(new, ForgottenOffsets::default())),
    coordinator("stale-offsets", &["KAFKA-5247"], "Responds to OffsetFetch with the commit before the last", &["no-loss"], |new| InterceptedCoordinator::boxed(new, StaleOffsets::default())),
    coordinator("endless-rebalance", &["KAFKA-13406"], "Responds to every successful SyncGroup with REBALANCE_IN_PROGRESS, from the third generation on", &["convergence"], |new| InterceptedCoordinator::boxed(new, EndlessRebalance)),
    coordinator("responds-early", &[], "Responds when a record is appended, not when it is committed. The acknowledged state is lost with the leader", &["durable", "no-loss"], |new| RespondsEarly::boxed(new)),
    coordinator("loads-no-offsets", &["KAFKA-16030"], "Skips the offset records of the log that it replays", &["durable"], |new| InterceptedCoordinator::boxed(new, LoadsNoOffsets)),
    coordinator("loads-all-but-the-last", &[], "Stops one commit before the end of the log that it replays", &["durable"], |new| InterceptedCoordinator::boxed(new, LoadsAllButTheLast::default())),
    coordinator("loads-backwards", &[], "Takes the first record of a key for the last, as if the log were read from its end", &["durable"], |new| InterceptedCoordinator::boxed(new, LoadsBackwards::default())),
    coordinator("loads-removed-offsets", &[], "Skips the tombstones of offsets: removed offsets come back", &["durable"], |new| InterceptedCoordinator::boxed(new, LoadsRemovedOffsets)),
    coordinator("loads-deleted-groups", &[], "Skips all tombstones: deleted groups come back", &["durable"], |new| InterceptedCoordinator::boxed(new, LoadsDeletedGroups)),
    coordinator("loads-generation-zero", &[], "Loads each group in generation 0", &["durable"], |new| InterceptedCoordinator::boxed(new, LoadsGenerationZero)),
    coordinator("goes-on-from-before", &[], "Reports the right generation from the log, but continues from the one before", &["generation"], |new| InterceptedCoordinator::boxed(new, GoesOnFromBefore::default())),
    coordinator("silent-replacement", &["KAFKA-20938"], "Does not respond to a JoinGroup or SyncGroup that a newer one of the same member replaces. (Nor to those parked when it unloads; but to these its broker responds.)", &["response-deadline"], |new| InterceptedCoordinator::boxed(new, SilentReplacement)),
    coordinator("forgives-displaced", &[], "Accepts requests of a static member's id that another has replaced", &["fencing", "static-identity"], |new| InterceptedCoordinator::boxed(new, ForgivesDisplaced)),
    coordinator("second-identity", &[], "Reports and treats a static member that comes back as an additional member: it hides the instance from the coordinator and adds it to the observation", &["static-identity"], |new| InterceptedCoordinator::boxed(new, SecondIdentity::default())),
    coordinator("replaces-by-rebalance", &["KIP-345"], "Removes a static member that comes back instead of replacing its id: a rebalance in which partitions move, as with every restart before KIP-345", &["static-identity"], |new| InterceptedCoordinator::boxed(new, ReplacesByRebalance)),
    coordinator("fences-the-new", &[], "Fences the new id of a static member that came back, and accepts the old one", &["fencing", "static-identity"], |new| InterceptedCoordinator::boxed(new, FencesTheNew::default())),
    coordinator("expires-what-is-read", &["KAFKA-13636"], "Expires the offsets of a Stable group 20 s after their commit, though its members read the topics", &["no-loss"], |new| InterceptedCoordinator::boxed(new, ExpiresWhatIsRead::default())),
    coordinator("deletes-stable-groups", &[], "Deletes Stable groups, without a check that the group is Empty", &["legal-transitions"], |new| InterceptedCoordinator::boxed(new, DeletesStableGroups)),
    coordinator("returns-pending-offsets", &["KIP-447"], "Returns offsets of an open transaction to a fetch with RequireStable", &["no-loss"], |new| InterceptedCoordinator::boxed(new, ReturnsPendingOffsets::default())),
    coordinator("ignores-transactions", &["KIP-447"], "Ignores RequireStable: returns the committed offset though an open transaction is about to change it", &["no-loss"], |new| InterceptedCoordinator::boxed(new, IgnoresTransactions)),
    coordinator("commits-what-was-aborted", &[], "Treats the ABORT of a transaction as a COMMIT: aborted offsets take effect", &["no-loss", "durable"], |new| InterceptedCoordinator::boxed(new, CommitsWhatWasAborted)),
    coordinator("loses-what-was-committed", &[], "Treats a committed transaction as aborted when it replays the log: its offsets are gone after a fail-over", &["durable"], |new| InterceptedCoordinator::boxed(new, LosesWhatWasCommitted)),
    coordinator("brings-back-the-replaced", &[], "Loads a static instance under its first id in the generation when it replays the log, as if replacements were not written to the log", &["durable"], |new| InterceptedCoordinator::boxed(new, BringsBackTheReplaced::default())),
    coordinator("hands-out-ids-twice", &[], "Hands out every third member id twice: two consumers act under one id", &["member-identity"], |new| InterceptedCoordinator::boxed(new, HandsOutIdsTwice::default())),
    limitless("no-size-limit", &["KAFKA-9885"], "Has no limit on the size of groups", &["size-limit"]),
];
