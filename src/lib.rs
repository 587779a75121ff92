//! Deterministic simulation testing for Kafka consumer groups.
//!
//! A group coordinator and a number of consumers run on a virtual network and a virtual clock. A
//! seed decides every fault. Invariants are checked after every event. A failing seed is shrunk to
//! a short script that can be read, committed and replayed.
//!
//! # Overview
//!
//! ```text
//!              sims/*.sim  ──parse──►  Schedule  ◄──expand── seed + profile
//!                                         │
//!                                         ▼
//!    ┌──────────────────────────── one run ─────────────────────────────┐
//!    │  sim: virtual clock · network · event queue · faults             │
//!    │     brokers ───────────────► coordinators  (no I/O, no clock)    │
//!    │     consumer processes ────► clients       (no I/O, no clock)    │
//!    │                    every step yields typed events                │
//!    └──────────────┬─────────────────────┬──────────────────┬──────────┘
//!                   ▼                     ▼                  ▼
//!              invariants              trace              coverage
//!          always / eventually   text · JSON · digest   cells reached
//!                   │
//!                   ▼
//!                Report: no violation, or the first Finding and the command that replays it
//! ```
//!
//! # What you use
//!
//! | to | use |
//! |---|---|
//! | plug in a system under test | [`coordinator`] or [`client`]; [`protocol`], [`assignor`], [`rng`] and [`time`] have the types in their traits |
//! | say what happens | [`script`] and [`sim::schedule`], or the seeds of a [`swarm`] |
//! | run it | [`run`]; on other engines, or for real clients, [`engine`] |
//! | see what happened | [`run::Report`], [`trace`] and [`render`], which shows it as text; [`coverage`] for the situations that were reached; [`shrink`] for the shortest schedule that still fails |
//! | judge it by invariants of your own | [`invariant`] and [`model`] |
//!
//! The other modules serve these, the command line and the tests. They are public only for the
//! programs of this repository: they are hidden from the documentation and change without notice.
//!
//! # Features
//!
//! | feature | contents |
//! |---|---|
//! | none | the simulator, the invariants, scripts, swarms, shrinking: what the test of a coordinator or a client needs |
//! | `engines` | turmoil, real TCP and the interface for madsim; `serve`, `probe` and conformance scripts; depends on tokio |
//! | `cli` | the program `groupsim`; includes `engines` |
//!
//! `engines` and `cli` are on by default.
//!
//! # Modules
//!
//! A module uses only those above it in this table; a test reads the `use` lines and fails on a
//! breach.
//!
//! | module | contents |
//! |---|---|
//! | [`time`], [`rng`] | virtual time; random number streams, split by purpose |
//! | [`marks`] | marks at rare branches of the code, to prove that a swarm reaches them |
//! | [`protocol`] | Kafka's messages, ids, error names, and the payloads that clients embed in them |
//! | [`wire`] | Kafka's bytes: framing, headers, codec, and the reasons to reject malformed bytes |
//! | [`assignor`] | range, roundrobin, sticky, cooperative-sticky: pure functions |
//! | [`coordinator`] | the group coordinator for one term, a state machine: requests and time in; responses, records and deadlines out; built from the records of earlier terms; with the [rules](coordinator::rules) it follows |
//! | [`client`] | the consumer client and the application on top of it, also a state machine |
//! | [`broker`] | the brokers: topics and their logs, the replicated offsets logs, leadership and what each broker knows of it |
//! | [`trace`] | typed events, their fields, JSON lines that can be read back, digests |
//! | [`model`] | the state of groups, members, clients, requests and terms, derived from events alone; everyone below reads this one |
//! | [`coverage`] | the situations that a run reached: cells and races |
//! | [`render`] | events as text for people: every event, the events of groups, or the timeline |
//! | [`sim`] | clock, queue, network, faults, workload, [schedules](sim::schedule); knows nothing of invariants |
//! | [`invariant`] | the invariants, each in a file or folder of its own; they read only trace events |
//! | [`run`] | executes a schedule and checks the invariants: a [`run::Report`] |
//! | [`engine`] | the same brokers and consumers as asynchronous programs: turmoil, madsim, real TCP |
//! | [`script`] | the sim language: parser and printer |
//! | [`conform`] | scripts of raw requests, replayed on any broker, and how its responses differ from Kafka's |
//! | [`swarm`] | expands seeds and profiles to schedules; runs many at once |
//! | [`mutant`] | coordinators and consumers with one planted bug each, and how soon each is detected |
//! | [`shrink`] | finds the smallest schedule with the same violation |
//! | [`campaign`] | ledgers of findings that survive crashes, and merging them |
//! | [`cli`] | the commands |
//!
//! # Four engines
//!
//! In the simulator everything is a function call. [`engine`] runs the same state machines as
//! asynchronous programs that exchange Kafka's frames over sockets: on madsim, on turmoil, on real
//! TCP. The simulator stays in charge: it executes the schedule, emits the events and feeds the
//! invariants on every engine. So one schedule can run on all four and must have the same outcome.
//!
//! # Three rules that hold everywhere
//!
//! * **Nothing ambient.** Time and randomness are arguments. The same schedule gives the same
//!   events, byte for byte, in debug and release, in any process, under any load.
//! * **A seed is only a way to find a schedule.** It is expanded to plain data before the run
//!   begins. The schedule can be printed, edited and committed, and means the same after the
//!   generator has changed.
//! * **Two seams.** [`coordinator::GroupCoordinator`] and [`client::GroupConsumer`] are all that
//!   the simulator knows of the systems under test. Pass your own in [`run::Systems`]. The
//!   [mutants](mutant), which prove that the invariants detect bugs, wrap these traits.
//!
//! # A run in five lines
//!
//! ```
//! use groupsim::{run::Run, script};
//!
//! let schedule = script::parse("inline", "
//!     topic orders partitions=4
//!     group g assignor=range session=10s
//!     join c1
//!     join c2
//!     settle
//!     expect stable generation=1 members=2
//! ").expect("a valid script");
//! let report = Run::of(&schedule).run();
//! assert_eq!(report.finding, None);
//! ```
//!
//! # The path of one JoinGroup
//!
//! In the event engine a JoinGroup passes through these files, from the client that sends it to the
//! invariant that judges the response.
//!
//! | file | what happens there |
//! |---|---|
//! | `client/classic/join` | the client decides to join and builds the request |
//! | `client/links` | gives it a correlation number, remembers it as in flight, sends it |
//! | `sim/consumers` | opens the connection if there is none; the event `sent` |
//! | `sim/network` | latency, loss, cuts and drop rules decide whether and when it arrives |
//! | `sim/queue`, `sim` | virtual time advances to the arrival |
//! | `sim/broker`, `sim/node` | the broker receives it, or its inbox keeps it while the process is paused |
//! | `broker/cluster`, `broker/node` | one request per connection at a time; the event `received` |
//! | `broker/front_end`, `broker/routing` | refuses an invalid request; finds the partition of the group |
//! | `broker/coordinator_term` | hands it to the coordinator of this term |
//! | `coordinator`, `coordinator/classic/join_group` | checks it, adds or updates the member |
//! | `coordinator/classic/group`, `coordinator/classic/rebalance` | parks it, ends the join phase, responds to every member |
//! | `broker/waiting`, `coordinator/runtime/deferred` | the response leaves at once, or when the log has committed |
//! | `client/responses` | back through `broker/node`, `sim/broker`, `sim/network` and `sim/consumers`; the client passes it to `client/classic/join` |
//! | `run/driver`, `run/watcher` | every event goes to the digest, coverage, the model, the printer and the invariants |
//! | `model` | the model of the run learns the event |
//! | `invariant/checker` | each invariant that reads such an event sees it, with the model |
//! | `invariant/classic/generation` | the response agrees with the generation that the coordinator began |
//!
//! # Glossary
//!
//! Kafka's terms, and those of this project.
//!
//! | term | meaning |
//! |---|---|
//! | ambiguous | Of a value or a state: the trace allows several, because a record may or may not have survived a fail-over. |
//! | black box | A system judged only by the requests that clients send and the responses they receive. |
//! | campaign | A swarm of hours on one or many machines, in shards, with a canary and a merge of the ledgers. |
//! | canary | A mutant that every campaign must find; a run that misses a planted bug proves nothing. |
//! | clog | To delay every message on a link by a given time, without losing any. |
//! | controller | The part of the cluster that detects dead brokers and names leaders. |
//! | coordinator | The state machine that manages the groups of one partition of the offsets log, for one term. |
//! | coverage cell | A combination of group state, event and fault that a run has reached. |
//! | digest | A 64-bit hash of all events of a run; equal digests mean equal traces. |
//! | drain | To run until every produced record has been processed. |
//! | driver | The asynchronous program around one state machine on an engine: it connects, reads and writes frames, and sleeps until the next deadline. |
//! | engine | What executes a run: the event simulator (`sim`), madsim, turmoil, or real TCP. |
//! | epoch | A number that grows with each change of leader; the broker rejects requests and writes of an older one. |
//! | event | One typed entry of a trace: time, node, and what happened. |
//! | external client | A program of its own that connects to `serve` over TCP. |
//! | fencing | The rejection of requests from a process whose member id, instance or generation is no longer current. |
//! | finding | What ends a run without success: a violation, a missing convergence, a panic or an impossible step. |
//! | generation | The number of a group's assignment; each completed join phase increments it. |
//! | incarnation | One process of a consumer, from its start to its crash or end; `c1.2` is the second incarnation of c1. |
//! | instance | The configured name of a static member (`group.instance.id`). |
//! | interceptor | The part of a mutant that changes requests or responses on their way to or from the real system. |
//! | invariant | A statement that every run must satisfy, judged from trace events alone. |
//! | ledger | The file to which one process of a campaign appends its progress and its findings. |
//! | link | The connection between two nodes, in one direction or both; faults cut, clog and heal links. |
//! | mailbox | The queue between the router and one driver. |
//! | mark | A point in the code, at a rare branch, that a swarm must reach at least once. |
//! | model | What the events of a run say of groups, members, clients and terms; there is one per run, and everyone reads it. |
//! | mutant | A coordinator or consumer with one planted bug, to prove that an invariant detects it. |
//! | offsets log | The internal topic in which coordinators store group metadata and committed offsets (`__consumer_offsets`). |
//! | parked | Of a JoinGroup or SyncGroup: received, and answered only when the phase of the group ends. |
//! | partition (of a link) | To cut a link; `heal` restores it. |
//! | pause | To stop a process without ending it, like a long garbage collection; `resume` continues it. |
//! | profile | A named table of ranges and probabilities from which a seed draws its schedule. |
//! | quiesce | To stop the workload and end all faults, so that the groups must converge. |
//! | race | Two events that coincide, such as a request that arrives at the moment of a deadline. |
//! | rebalance | The change from one generation to the next: a join phase, then a sync phase. |
//! | report | The result of one run: its finding if there is one, its digest, its coverage and its counts. |
//! | router | The part of an engine that passes messages between the simulator and the drivers. |
//! | rule | One claim of an invariant, by its id; two findings are the same bug if invariant and rule are the same. |
//! | schedule | The actions of a run with their times, as plain data. |
//! | script | A schedule as text, in the sim language. |
//! | seed | The number that decides a random schedule and all randomness of its run. |
//! | session | The time after which the coordinator removes a member from which it has received nothing. |
//! | settle | To run until no rebalance is in progress. |
//! | shard | The part of a range of seeds that one process of a campaign runs. |
//! | shrink | To remove steps from a schedule for as long as it violates the same rule of the same invariant. |
//! | signature | What the findings of one bug have in common: invariant and rule, or the message of a crash without numbers and names. |
//! | stale | Of an identity: over on the coordinator, though the member has not learned of it yet. |
//! | static member | A member with an instance; a restarted process replaces its predecessor without a rebalance. |
//! | step | One line of a script: an action, a wait or an assertion. |
//! | swarm | Many seeds, run on all cores, with one summary. |
//! | tail | The end of a leader's log that is not committed yet; a fail-over keeps or loses it. |
//! | term | The time during which one broker leads one partition of the offsets log, identified by partition and epoch. |
//! | third-party broker | A broker that groupsim did not start and cannot look into; `probe` and `conform` test these. |
//! | trace | The events of a run in order, rendered as text or JSON. |
//! | vacuous | Of a run: without a rebalance or without a record, so that it proves nothing. |
//! | violation | A statement of an invariant that a run has broken, with its time and its reason. |
//! | zombie | A process that goes on after it has been replaced: a leader that has not learned of the next term, or a fenced client. |

pub mod assignor;
pub mod client;
pub mod coordinator;
pub mod coverage;
pub mod engine;
pub mod invariant;
pub mod model;
pub mod protocol;
pub mod render;
pub mod rng;
pub mod run;
pub mod script;
pub mod shrink;
pub mod sim;
pub mod swarm;
pub mod time;
pub mod trace;

#[doc(hidden)]
pub mod broker;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod campaign;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "engines")]
#[doc(hidden)]
pub mod conform;
#[doc(hidden)]
pub mod marks;
#[doc(hidden)]
pub mod mutant;
#[doc(hidden)]
pub mod wire;
