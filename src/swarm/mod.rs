//! Runs many seeds: expands each to a schedule, runs it, and sums up the reports.
//!
//! ```text
//! seed + profile ──► Options ──► Schedule ──► run ──► Report ──► Summary
//!                    drawn       generated    once     each       all seeds
//! ```
//!
//! A [`Profile`] is a row of ranges and probabilities. One seed draws its [`Options`] from it: the
//! cluster (topics, groups, consumers, network) and the fault families that are on. [`schedule`]
//! expands the options into a timed list of actions. The list is plain data: it can be printed as a
//! script, edited, and replayed after the generator has changed. A [`Swarm`] runs many seeds on all
//! cores and adds up their reports; the sum does not depend on the number of cores. It can run one
//! [`Shard`] of the seeds only, and it can be observed.
//!
//! A schedule has two phases. In the fault phase, faults come and go, each with a minimum time
//! broken and a minimum time healthy, while the safety invariants are checked. In the healed phase,
//! the brokers and a core of the consumers are healed. The other consumers stay as they are, and
//! the group must converge and read the remaining records.
//!
//! Engines other than the simulator do not support every step. Steps that an engine does not
//! support are skipped and counted.
//!
//! Seeds are independent of each other. [`Exploration`] keeps the schedules that reached new
//! coverage and mutates them into new ones.
//!
//! This ring does not judge runs (see [`crate::invariant`]) and does not shrink findings (see
//! [`crate::shrink`]). It reads no clock: [`crate::cli`] measures the speed of a swarm.
//!
//! Read next: `profile.rs` for the table; `cluster.rs` and `fleet.rs` for the cluster and the
//! consumers; `generate.rs` for the schedule as a whole; `faults.rs`, `brokers.rs`, `churn.rs` and
//! `admin_ops.rs` for the actions; `schedule_state.rs` for the check that keeps a schedule valid.

mod admin_ops;
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
mod mutate;
mod options;
mod profile;
mod replay;
mod schedule_state;
mod seeds;
mod shard;
mod summary;
mod tail;
mod testing;
mod text;
mod windows;
mod workers;

pub use conditions::Conditions;
pub use corpus::{Corpus, run_repaired};
pub use explore::{Exploration, Explored, Found};
pub use finding::{Parts, describe, describe_all, describe_for, parts};
pub use generate::{expand, schedule};
pub use options::{Arrival, ConsumerOptions, FaultOptions, Options};
pub use profile::{FaultFamily, Profile, Spec, UnknownProfile};
pub use replay::Replay;
pub use seeds::{SeedError, SeedRange, seeds_from_env};
pub use shard::{Shard, ShardError};
pub use summary::{LeftOutTotals, SeedFinding, Summary};
pub use tail::TRACE_LINES;
pub use testing::assert_holds;
pub use workers::{Progress, Swarm, SwarmError, SwarmObserver};
