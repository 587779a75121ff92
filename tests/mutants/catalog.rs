//! All mutants.

use std::rc::Rc;

use groupsim::consumer::GroupConsumer;
use groupsim::coordinator::GroupCoordinator;

use crate::consumers::{self as client, Twisted};
use crate::coordinators::{self as broker, Bent};

/// Makes correct coordinators.
pub type Factory = Rc<dyn Fn() -> Box<dyn GroupCoordinator>>;

/// One mutant.
pub struct Mutant {
    /// Its name.
    pub name: &'static str,
    /// The invariants of which one must notice it.
    pub caught_by: &'static [&'static str],
    /// What it breaks, and how to make it.
    pub system: System,
}

/// What a mutant breaks: all coordinators, or all consumers of a run.
#[derive(Clone, Copy)]
pub enum System {
    Coordinator(fn(Factory) -> Box<dyn GroupCoordinator>),
    /// Coordinators that were given no limit of size.
    Limitless,
    Consumer(fn(Box<dyn GroupConsumer>) -> Box<dyn GroupConsumer>),
}

const fn coordinator(
    name: &'static str,
    caught_by: &'static [&'static str],
    make: fn(Factory) -> Box<dyn GroupCoordinator>,
) -> Mutant {
    Mutant { name, caught_by, system: System::Coordinator(make) }
}

/// The correct coordinator with a setting that lifts the limit of the size of groups.
const fn limitless(name: &'static str, caught_by: &'static [&'static str]) -> Mutant {
    Mutant { name, caught_by, system: System::Limitless }
}

const fn consumer(
    name: &'static str,
    caught_by: &'static [&'static str],
    make: fn(Box<dyn GroupConsumer>) -> Box<dyn GroupConsumer>,
) -> Mutant {
    Mutant { name, caught_by, system: System::Consumer(make) }
}

/// Every mutant, the coordinators first.
pub const MUTANTS: &[Mutant] = &[
    coordinator("zombie-commits", &["fencing"], |new| Bent::boxed(new, broker::ZombieCommits)),
    coordinator("forgiving-heartbeats", &["fencing"], |new| {
        Bent::boxed(new, broker::ForgivingHeartbeats)
    }),
    coordinator("shared-assignment", &["single-owner"], |new| {
        Bent::boxed(new, broker::SharedAssignment::default())
    }),
    coordinator("immortal-members", &["session"], |new| Bent::boxed(new, broker::ImmortalMembers)),
    coordinator("restless-heartbeats", &["convergence"], |new| {
        Bent::boxed(new, broker::RestlessHeartbeats::default())
    }),
    coordinator("deaf-to-heartbeats", &["session"], |new| {
        Bent::boxed(new, broker::DeafToHeartbeats)
    }),
    coordinator("lost-join-answers", &["answered"], |new| {
        Bent::boxed(new, broker::LostJoinAnswers::default())
    }),
    coordinator("lost-sync-answers", &["answered"], |new| {
        Bent::boxed(new, broker::LostSyncAnswers::default())
    }),
    coordinator("no-sync-timer", &["answered", "session", "convergence"], |new| {
        Bent::boxed(new, broker::NoSyncTimer)
    }),
    coordinator("everybody-leads", &["generation"], |new| Bent::boxed(new, broker::EverybodyLeads)),
    coordinator("generation-behind", &["generation"], |new| {
        Bent::boxed(new, broker::GenerationBehind)
    }),
    coordinator("amnesia", &["legal-transitions", "generation"], |new| broker::Amnesia::boxed(new)),
    coordinator("forgotten-offsets", &["no-loss"], |new| {
        Bent::boxed(new, broker::ForgottenOffsets::default())
    }),
    coordinator("stale-offsets", &["no-loss"], |new| {
        Bent::boxed(new, broker::StaleOffsets::default())
    }),
    coordinator("endless-rebalance", &["convergence"], |new| {
        Bent::boxed(new, broker::EndlessRebalance)
    }),
    coordinator("answers-early", &["durable", "no-loss"], |new| broker::AnswersEarly::boxed(new)),
    coordinator("loads-no-offsets", &["durable"], |new| Bent::boxed(new, broker::LoadsNoOffsets)),
    coordinator("loads-all-but-the-last", &["durable"], |new| {
        Bent::boxed(new, broker::LoadsAllButTheLast::default())
    }),
    coordinator("loads-backwards", &["durable"], |new| {
        Bent::boxed(new, broker::LoadsBackwards::default())
    }),
    coordinator("loads-removed-offsets", &["durable"], |new| {
        Bent::boxed(new, broker::LoadsRemovedOffsets)
    }),
    coordinator("loads-deleted-groups", &["durable"], |new| {
        Bent::boxed(new, broker::LoadsDeletedGroups)
    }),
    coordinator("loads-generation-zero", &["durable"], |new| {
        Bent::boxed(new, broker::LoadsGenerationZero)
    }),
    coordinator("goes-on-from-before", &["generation"], |new| {
        Bent::boxed(new, broker::GoesOnFromBefore::default())
    }),
    coordinator("silent-replacement", &["answered"], |new| {
        Bent::boxed(new, broker::SilentReplacement)
    }),
    coordinator("forgives-displaced", &["fencing", "static-identity"], |new| {
        Bent::boxed(new, broker::ForgivesDisplaced)
    }),
    coordinator("second-identity", &["static-identity"], |new| {
        Bent::boxed(new, broker::SecondIdentity::default())
    }),
    coordinator("replaces-by-rebalance", &["static-identity"], |new| {
        Bent::boxed(new, broker::ReplacesByRebalance)
    }),
    coordinator("fences-the-new", &["fencing", "static-identity"], |new| {
        Bent::boxed(new, broker::FencesTheNew::default())
    }),
    coordinator("expires-what-is-read", &["no-loss"], |new| {
        Bent::boxed(new, broker::ExpiresWhatIsRead::default())
    }),
    coordinator("deletes-what-lives", &["legal-transitions"], |new| {
        Bent::boxed(new, broker::DeletesWhatLives)
    }),
    coordinator("tells-pending", &["no-loss"], |new| {
        Bent::boxed(new, broker::TellsPending::default())
    }),
    coordinator("ignores-transactions", &["no-loss"], |new| {
        Bent::boxed(new, broker::IgnoresTransactions)
    }),
    coordinator("commits-what-was-aborted", &["no-loss", "durable"], |new| {
        Bent::boxed(new, broker::CommitsWhatWasAborted)
    }),
    coordinator("loses-what-was-committed", &["durable"], |new| {
        Bent::boxed(new, broker::LosesWhatWasCommitted)
    }),
    coordinator("brings-back-the-replaced", &["durable"], |new| {
        Bent::boxed(new, broker::BringsBackTheReplaced::default())
    }),
    limitless("no-size-limit", &["size-limit"]),
    consumer("hides-what-it-owns", &["revoke-first"], |inner| {
        Twisted::boxed(inner, client::HidesWhatItOwns)
    }),
    consumer("never-revokes", &["revoke-first", "no-overlap"], |inner| {
        Twisted::boxed(inner, client::NeverRevokes)
    }),
    consumer("rotating-leader", &["stickiness"], |inner| {
        Twisted::boxed(inner, client::RotatingLeader)
    }),
    consumer("forgets-claims", &["stickiness"], |inner| {
        Twisted::boxed(inner, client::ForgetsClaims)
    }),
    consumer("impatient-leader", &["revoke-first"], |inner| {
        Twisted::boxed(inner, client::ImpatientLeader::default())
    }),
    consumer("works-on-what-it-revoked", &["no-overlap"], |inner| {
        Twisted::boxed(inner, client::WorksOnWhatItRevoked::default())
    }),
    consumer("works-after-it-closed", &["no-overlap"], |inner| {
        Twisted::boxed(inner, client::WorksAfterItClosed::default())
    }),
    consumer("joins-after-it-closed", &["no-overlap"], |inner| {
        Twisted::boxed(inner, client::JoinsAfterItClosed::default())
    }),
    consumer("leaves-though-static", &["static-identity"], |inner| {
        Twisted::boxed(inner, client::LeavesThoughStatic)
    }),
    consumer("commits-ahead", &["no-loss"], |inner| Twisted::boxed(inner, client::CommitsAhead)),
    consumer("starts-too-late", &["no-loss"], |inner| Twisted::boxed(inner, client::StartsTooLate)),
    consumer("skewed-leader", &["balance"], |inner| Twisted::boxed(inner, client::SkewedLeader)),
    consumer("forgetful-leader", &["single-owner"], |inner| {
        Twisted::boxed(inner, client::ForgetfulLeader)
    }),
    consumer("doubling-leader", &["single-owner"], |inner| {
        Twisted::boxed(inner, client::DoublingLeader)
    }),
    consumer("keeps-partitions", &["no-overlap"], |inner| {
        Twisted::boxed(inner, client::KeepsPartitions::default())
    }),
    consumer("commits-what-it-lost", &["no-overlap"], |inner| {
        Twisted::boxed(inner, client::CommitsWhatItLost::default())
    }),
    consumer("deaf-to-errors", &["convergence"], |inner| {
        Twisted::boxed(inner, client::DeafToErrors)
    }),
];
