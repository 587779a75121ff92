//! Campaigns: swarms that run for hours on many machines and lose no finding when one of them dies.
//!
//! ```text
//! swarm --shard 0/4 ──► ledger ─┐
//! swarm --shard 1/4 ──► ledger ─┼──► merge ──► one finding per bug ──► scripts, summary, verdict
//! the canary        ──► ledger ─┘
//! ```
//!
//! A [`Ledger`] is a file of JSON lines: how the process started, its progress, its findings, and
//! how it ended. Each process writes its own file in a shared directory. Processes could append
//! whole lines to one file, but then a line that a killed process left unfinished would run into
//! the next line of another process, and appends are not atomic on a volume that several machines
//! share. In a file with one writer only the last line can be truncated.
//!
//! [`Merged`] combines the ledgers of all machines, including killed ones. For each bug it keeps
//! the seed that shows it in the least virtual time. Two findings are the same bug if they violate
//! the same rule of the same invariant, or if they are crashes whose messages have the same
//! [`signature`](fn@signature). Findings in a [mutant](crate::mutant) are not bugs: they belong to
//! the [`Canary`], the proof that the campaign was able to find a bug.
//!
//! | file | content |
//! |---|---|
//! | `line` | the lines of a ledger |
//! | `ledger` | writes a ledger durably |
//! | `dedup` | decides which findings are worth another line |
//! | `reader` | reads a ledger, complete or not |
//! | `signature` | what the messages of one crash have in common |
//! | `merge` | merges many ledgers |
//! | `script` | turns a finding into a shrunk script |
//! | `watchdog` | notices a seed that takes too long |
//!
//! This ring reads no clock and starts no threads; [`crate::cli`] does. It does not start shards
//! either: `.ci/campaign`, a CI matrix or Kubernetes does.
//!
//! Read next: `line.rs`, then `merge.rs`.

mod dedup;
mod ledger;
mod line;
mod merge;
mod reader;
mod script;
mod signature;
mod watchdog;

pub use dedup::Dedup;
pub use ledger::{Ledger, LedgerError};
pub use line::{
    EndReason, Entry, Line, ProcessEnded, ProcessStarted, Tally, entry, hang, schedule_digest,
};
pub use merge::{Canary, KeptFinding, Key, Merged};
pub use reader::{LedgerSummary, ReadError, read};
pub use script::{Script, script};
pub use signature::signature;
pub use watchdog::Watchdog;
