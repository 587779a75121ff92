//! Consumers that are broken in one way each.

use super::{Mutant, consumer};

mod cooperative;
mod ending;
mod leader;
mod member;
mod twisted;

use cooperative::{HidesWhatItOwns, NeverRevokes};
use ending::{JoinsAfterItClosed, LeavesThoughStatic, WorksAfterItClosed, WorksOnWhatItRevoked};
use leader::{
    DoublingLeader, ForgetfulLeader, ForgetsClaims, ImpatientLeader, RotatingLeader, SkewedLeader,
};
use member::{
    CommitsAhead, CommitsWhatItLost, DeafToErrors, ForgetsItsId, KeepsPartitions, StartsTooLate,
};
use twisted::Twisted;

/// All of them.
#[rustfmt::skip]
pub(super) const ALL: &[Mutant] = &[
    consumer("hides-what-it-owns", &[], "Does not say what it owns when it joins, so the leader gives it away at once", &["revoke-first"], |inner| Twisted::boxed(inner, HidesWhatItOwns)),
    consumer("never-revokes", &[], "Never tells its application that partitions were revoked: it goes on with them", &["revoke-first", "no-overlap"], |inner| Twisted::boxed(inner, NeverRevokes)),
    consumer("rotating-leader", &[], "Hands each share to the next member: as balanced as before, and nobody keeps anything", &["stickiness"], |inner| Twisted::boxed(inner, RotatingLeader)),
    consumer("forgets-claims", &[], "Does not read what members say that they own: each plan begins from nothing", &["stickiness"], |inner| Twisted::boxed(inner, ForgetsClaims)),
    consumer("impatient-leader", &[], "A cooperative leader that hands on at once what others have yet to give up. A partition then has two owners for the length of a rebalance", &["revoke-first"], |inner| Twisted::boxed(inner, ImpatientLeader::default())),
    consumer("works-on-what-it-revoked", &[], "Goes on with records of partitions that it has given up, as a client does whose application keeps a batch in another thread", &["no-overlap"], |inner| Twisted::boxed(inner, WorksOnWhatItRevoked::default())),
    consumer("works-after-it-closed", &[], "Is done with its last batch only after it has closed", &["no-overlap"], |inner| Twisted::boxed(inner, WorksAfterItClosed::default())),
    consumer("joins-after-it-closed", &[], "Is assigned what it had once more after it has closed, as a client that takes in the answer to its last SyncGroup though it has left", &["no-overlap"], |inner| Twisted::boxed(inner, JoinsAfterItClosed::default())),
    consumer("leaves-though-static", &[], "Sends LeaveGroup when it closes, though it is a static member: its restart is a rebalance", &["static-identity"], |inner| Twisted::boxed(inner, LeavesThoughStatic)),
    consumer("forgets-its-id", &[], "Joins each time as if for the first time: who it was before stays in the group until its session ends", &["reason"], |inner| Twisted::boxed(inner, ForgetsItsId)),
    consumer("commits-ahead", &["KAFKA-18641"], "Commits three records that the application has not seen", &["no-loss"], |inner| Twisted::boxed(inner, CommitsAhead)),
    consumer("starts-too-late", &["sarama#2947"], "Starts one record after the committed offset, as a client does that takes the committed offset for the last processed one", &["no-loss"], |inner| Twisted::boxed(inner, StartsTooLate)),
    consumer("skewed-leader", &["KAFKA-12984"], "Gives the first member all partitions of the topics that it has a part of", &["balance"], |inner| Twisted::boxed(inner, SkewedLeader)),
    consumer("forgetful-leader", &["sarama#1462"], "Leaves the last partition to nobody", &["single-owner"], |inner| Twisted::boxed(inner, ForgetfulLeader)),
    consumer("doubling-leader", &["KAFKA-12984"], "Gives the first partition to two members", &["single-owner"], |inner| Twisted::boxed(inner, DoublingLeader)),
    consumer("keeps-partitions", &["KAFKA-12983", "franz-go before 1.17"], "Adds to each assignment what it was assigned before", &["no-overlap"], |inner| Twisted::boxed(inner, KeepsPartitions::default())),
    consumer("commits-what-it-lost", &["librdkafka#5604"], "Commits, along with what it owns, what it once committed", &["no-overlap"], |inner| Twisted::boxed(inner, CommitsWhatItLost::default())),
    consumer("deaf-to-errors", &["kafkajs#1474"], "Hears no error of a heartbeat or a commit, and so never rejoins", &["duty", "convergence"], |inner| Twisted::boxed(inner, DeafToErrors)),
];
