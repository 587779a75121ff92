//! Deterministic simulation testing for Kafka consumer groups.
//!
//! A group coordinator and a fleet of consumers run on a virtual network and a virtual clock. A seed decides
//! every fault; invariants are checked after every event; a failing seed becomes a script that a person
//! can read, commit and replay.
//!
//! # The picture
//!
//! ```text
//!              sims/*.sim  ──parse──►  Schedule  ◄──expand── seed + profile
//!                                         │
//!                                         ▼
//!    ┌──────────────────────────── one run ─────────────────────────────┐
//!    │  sim: virtual clock · network · event queue · faults             │
//!    │     brokers ─── host ─────►  coordinators  (no I/O, no clock)    │
//!    │     consumer nodes ───────►  consumer      (no I/O, no clock)    │
//!    │                    every step yields typed events                │
//!    └──────────────┬─────────────────────┬──────────────────┬──────────┘
//!                   ▼                     ▼                  ▼
//!              invariants              trace              coverage
//!          always / eventually   text · JSON · digest   cells reached
//!                   │
//!                   ▼
//!                Report: held, or the first Finding and the command that replays it
//! ```
//!
//! # Rings
//!
//! A module uses only those above it in this table; a test reads the `use` lines and fails on a breach.
//!
//! | ring | holds |
//! |---|---|
//! | [`time`], [`rng`] | virtual time; luck, split by purpose |
//! | [`sometimes`] | marks beside rare corners, so that a swarm can say that it has been there |
//! | [`protocol`] | the Kafka messages, ids, error names, and the payloads that clients hide in them |
//! | [`wire`] | Kafka's bytes: framing, headers, codec, and what bad bytes are refused for |
//! | [`assignor`] | range, roundrobin, sticky, cooperative-sticky: pure functions |
//! | [`coordinator`] | the group coordinator for one term of one leader, a state machine: requests and time in, responses, records and deadlines out, and out of the records of the term before; with the [rules](coordinator::rules) it follows |
//! | [`consumer`] | the consumer client and the application on top of it, a state machine of the same kind |
//! | [`cluster`] | the brokers: topics and their logs, the replicated offsets logs, who leads what and who knows it |
//! | [`trace`] | typed events, the one renderer, the timeline, digests, coverage |
//! | [`sim`] | clock, queue, network, faults, workload, [schedules](sim::schedule); knows nothing of invariants |
//! | [`invariant`] | one file each; sees only trace events |
//! | [`run`] | a schedule carried out and judged: a [`run::Report`] |
//! | [`engine`] | the same brokers and consumers as asynchronous programs: turmoil, madsim, real TCP |
//! | [`script`] | the sim language: parse, print |
//! | [`conform`] | scripts of raw requests, replayed on any broker, and how its answers differ from those of a real Kafka |
//! | [`swarm`] | seeds and profiles expanded to schedules; many runs at once |
//! | [`mutant`] | coordinators and consumers that are broken in one way each, and how soon that is noticed |
//! | [`shrink`] | the smallest schedule that still finds the same |
//! | [`night`] | ledgers: what was found, kept whatever happens, and many of them merged |
//! | [`cli`] | the commands |
//!
//! # Four worlds
//!
//! In the simulator everything is a function call. [`engine`] runs the same state machines as asynchronous
//! programs with Kafka's frames on sockets: on madsim, on turmoil, on real TCP. The simulator stays the stage:
//! what a run does to the world, what happens in it and what is judged are the same, so one schedule can
//! be run in all four and must come to the same end.
//!
//! # Three rules that hold everywhere
//!
//! * **Nothing ambient.** Time and luck are arguments. The same schedule gives the same events, byte for
//!   byte, in debug and release, in any process, under any load.
//! * **A seed is only a way to find a schedule.** It is expanded to plain data before the run begins; the
//!   schedule can be printed, edited and committed, and means the same after the generator has changed.
//! * **Two seams.** [`coordinator::GroupCoordinator`] and [`consumer::GroupConsumer`] are all that the
//!   simulator knows of the systems under test. Bring your own through [`run::Systems`]; the [mutants](mutant) that
//!   prove the invariants are wrappers around these traits.
//!
//! # A run in five lines
//!
//! ```
//! use groupsim::{run, script};
//!
//! let schedule = script::parse("inline", "
//!     topic orders partitions=4
//!     group g assignor=range session=10s
//!     join c1
//!     join c2
//!     settle
//!     expect stable generation=1 members=2
//! ").expect("a valid script");
//! let report = run::run(&schedule, &run::Systems::default(), &mut |_event| {});
//! assert_eq!(report.finding, None);
//! ```

pub mod assignor;
pub mod cli;
pub mod cluster;
pub mod conform;
pub mod consumer;
pub mod coordinator;
pub mod engine;
pub mod invariant;
pub mod mutant;
pub mod night;
pub mod protocol;
pub mod rng;
pub mod run;
pub mod script;
pub mod shrink;
pub mod sim;
pub mod sometimes;
pub mod swarm;
pub mod time;
pub mod trace;
pub mod wire;
