//! Many seeds.
//!
//! ```text
//! seed + profile ──► Options ──► Schedule ──► run ──► Report ──► Summary
//!                    drawn       generated    once     each       all seeds
//! ```
//!
//! A [`Profile`] is a table of ranges and probabilities. [`Options`] is what one seed draws from it: the
//! world (topics, groups, consumers, network) and which families of faults fly at all. [`schedule`]
//! turns the options into a timed list of actions, which is plain data: it can be printed as a script,
//! edited and replayed after the generator has changed. [`run_seeds`] runs many of them on all cores and
//! adds the reports up; the sum does not depend on how many cores there were. A [`Swarm`] is the same with
//! somebody watching, or a [`Shard`] of it for one machine of many.
//!
//! A schedule has two phases. First faults fly, each with a minimum time broken and a minimum time
//! healthy, while safety is checked. Then the broker and a core of the consumers are healed, the rest
//! stays as it is, and the group must converge and read what is left.
//!
//! Other engines than the simulator's own cannot express everything; there what they cannot is left out of
//! a seed's schedule, and counted.
//!
//! Seeds know nothing of each other. [`Exploration`] keeps the schedules that reached something new, and draws
//! others from them by small changes.
//!
//! What this ring does *not* do: judge (see [`crate::invariant`]) or make a finding smaller. It reads no
//! clock: how fast a swarm went is measured by [`crate::cli`].
//!
//! Read next: `profile.rs` for the table; `cluster.rs` and `fleet.rs` for the worlds; `generate.rs` for how
//! a schedule is put together; `faults.rs`, `brokers.rs`, `churn.rs` and `upkeep.rs` for what is done to
//! the world, `lives.rs` for what keeps a schedule valid.

mod brokers;
mod churn;
mod cluster;
mod conditions;
mod corpus;
mod explore;
mod faults;
mod finding;
mod fleet;
mod focus;
mod generate;
mod lives;
mod mutate;
mod options;
mod profile;
mod replay;
mod seeds;
mod shard;
mod summary;
mod tail;
mod testing;
mod text;
mod upkeep;
mod windows;
mod workers;

pub use conditions::Conditions;
pub use corpus::{Corpus, run_mended};
pub use explore::{Exploration, Explored, Found};
pub use finding::{Parts, describe, describe_all, describe_for, parts};
pub use generate::{expand, schedule};
pub use options::{Arrival, ConsumerOptions, FaultOptions, Options};
pub use profile::{Family, Profile, Spec, UnknownProfile};
pub use replay::Replay;
pub use seeds::{SeedError, SeedRange, seeds_from_env};
pub use shard::{Shard, ShardError};
pub use summary::{LeftOutOfAll, SeedFinding, Summary};
pub use tail::TRACE_LINES;
pub use testing::assert_holds;
pub use workers::{Progress, Swarm, SwarmError, Watch, run_seed, run_seed_under, run_seeds};
