//! Consumers with one bug each.

use super::{Mutant, consumer};

mod cooperative;
mod ending;
mod interceptor;
mod leader;
mod member;

use cooperative::{HidesWhatItOwns, NeverRevokes};
use ending::{JoinsAfterItClosed, LeavesThoughStatic, WorksAfterItClosed, WorksOnWhatItRevoked};
use interceptor::InterceptedClient;
use leader::{
    DoublingLeader, ForgetfulLeader, ForgetsClaims, ImpatientLeader, RotatingLeader, SkewedLeader,
};
use member::{
    CommitsAhead, CommitsWhatItLost, DeafToErrors, ForgetsItsId, KeepsPartitions, StartsTooLate,
};

/// All of them.
#[rustfmt::skip]
pub(super) const ALL: &[Mutant] = &[
    consumer("hides-what-it-owns", &[], "Joins without its owned partitions, so the leader assigns them to others at once", &["revoke-first"], |inner| InterceptedClient::boxed(inner, HidesWhatItOwns)),
    consumer("never-revokes", &[], "Does not revoke partitions: the application goes on with them", &["revoke-first", "no-overlap"], |inner| InterceptedClient::boxed(inner, NeverRevokes)),
    consumer("rotating-leader", &[], "Assigns each member's share to the next member: as balanced as before, but no member keeps a partition", &["stickiness"], |inner| InterceptedClient::boxed(inner, RotatingLeader)),
    consumer("forgets-claims", &[], "Ignores the partitions that members claim to own: each plan starts from nothing", &["stickiness"], |inner| InterceptedClient::boxed(inner, ForgetsClaims)),
    consumer("impatient-leader", &[], "A cooperative leader that reassigns partitions at once that others have yet to revoke. A partition then has two owners for the length of a rebalance", &["revoke-first"], |inner| InterceptedClient::boxed(inner, ImpatientLeader::default())),
    consumer("works-on-what-it-revoked", &[], "Processes records of partitions that it has revoked, like a client whose application keeps a batch in another thread", &["no-overlap"], |inner| InterceptedClient::boxed(inner, WorksOnWhatItRevoked::default())),
    consumer("works-after-it-closed", &[], "Finishes its last batch only after it has closed", &["no-overlap"], |inner| InterceptedClient::boxed(inner, WorksAfterItClosed::default())),
    consumer("joins-after-it-closed", &[], "Takes over its last assignment once more after it has closed, like a client that processes its last SyncGroup response though it has left", &["no-overlap"], |inner| InterceptedClient::boxed(inner, JoinsAfterItClosed::default())),
    consumer("leaves-though-static", &[], "Sends LeaveGroup when it closes, though it is a static member: its restart triggers a rebalance", &["static-identity"], |inner| InterceptedClient::boxed(inner, LeavesThoughStatic)),
    consumer("forgets-its-id", &[], "Joins each time without a member id: its former id stays in the group until its session ends", &["member-id-reuse"], |inner| InterceptedClient::boxed(inner, ForgetsItsId)),
    consumer("commits-ahead", &["KAFKA-18641"], "Commits three records ahead of what the application has processed", &["no-loss"], |inner| InterceptedClient::boxed(inner, CommitsAhead)),
    consumer("starts-too-late", &["sarama#2947"], "Starts one record after the committed offset, like a client that takes the committed offset for the last processed one", &["no-loss"], |inner| InterceptedClient::boxed(inner, StartsTooLate)),
    consumer("skewed-leader", &["KAFKA-12984"], "Assigns the first member all partitions of each topic that it has a share of", &["balance"], |inner| InterceptedClient::boxed(inner, SkewedLeader)),
    consumer("forgetful-leader", &["sarama#1462"], "Leaves the last partition unassigned", &["single-owner"], |inner| InterceptedClient::boxed(inner, ForgetfulLeader)),
    consumer("doubling-leader", &["KAFKA-12984"], "Assigns the first partition to two members", &["single-owner"], |inner| InterceptedClient::boxed(inner, DoublingLeader)),
    consumer("keeps-partitions", &["KAFKA-12983", "franz-go before 1.17"], "Adds its former assignments to each assignment", &["no-overlap"], |inner| InterceptedClient::boxed(inner, KeepsPartitions::default())),
    consumer("commits-what-it-lost", &["librdkafka#5604"], "Commits, along with the partitions that it owns, those that it committed earlier", &["no-overlap"], |inner| InterceptedClient::boxed(inner, CommitsWhatItLost::default())),
    consumer("deaf-to-errors", &["kafkajs#1474"], "Ignores errors of heartbeats and commits, and so never rejoins", &["stale-identity", "not-coordinator", "convergence"], |inner| InterceptedClient::boxed(inner, DeafToErrors)),
];
