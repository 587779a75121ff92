//! A night: seeds for hours on many machines, of which nothing is lost whatever happens to them.
//!
//! ```text
//! swarm --shard 0/4 ──► ledger ─┐
//! swarm --shard 1/4 ──► ledger ─┼──► merge ──► one entry for each bug ──► scripts, a summary, a verdict
//! the canary        ──► ledger ─┘
//! ```
//!
//! A [`Ledger`] is a file of JSON lines: how a process began, how far it is, what it found, how it ended. Each
//! process has a file of its own in the folder that all share. They could as well append to one file, whole
//! lines at a time; but a line that a killed process left unfinished would then run into the next line of
//! somebody else, and on a volume of several machines appending is not atomic. In a file of one's own only
//! the last line can be torn.
//!
//! [`Merged`] takes the ledgers of all machines, also of those that were killed, and keeps of each bug the seed that
//! shows it soonest. Two findings are one bug when the same invariant objects at the same [`place`](fn@place). What is found
//! in a [mutant](crate::mutant) is not a bug but the [`Canary`]: the proof that this night could have found something.
//!
//! | file | what it does |
//! |---|---|
//! | `line` | the lines of a ledger |
//! | `ledger` | writing them, so that they stay written |
//! | `news` | which findings need not be written again |
//! | `read` | reading them, whatever state they were left in |
//! | `place` | what is the same about two messages |
//! | `merge` | many ledgers into one |
//! | `script` | a finding as a script, made smaller |
//! | `watchdog` | who has been at a seed for too long |
//!
//! What this ring does *not* do: read a clock or start threads; that is [`crate::cli`]'s. It does not start shards
//! either: `.ci/night` does, and so do a CI's matrix or Kubernetes.
//!
//! Read next: `line.rs`, then `merge.rs`.

mod ledger;
mod line;
mod merge;
mod news;
mod place;
mod read;
mod script;
mod watchdog;

pub use ledger::{Ledger, LedgerError};
pub use line::{Began, Ended, Entry, Line, Tally, Why, entry, hang, schedule_digest};
pub use merge::{Canary, Kept, Key, Merged};
pub use news::News;
pub use place::place;
pub use read::{Book, ReadError, read};
pub use script::{Script, script};
pub use watchdog::Watchdog;
