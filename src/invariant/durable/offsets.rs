//! What may be committed for one partition, as far as the trace tells.

use crate::invariant::ledger::Key;
use crate::time::Time;

/// How many commits of one partition are remembered as handled.
const REMEMBERED: usize = 64;

/// What may be committed for one partition.
#[derive(Default)]
pub(super) struct Offsets {
    /// The commits and removals (none) that were handled, with when, oldest first.
    pub(super) handled: Vec<(u64, Key, Option<i64>)>,
    /// What was handled before is forgotten.
    known_since: u64,
    /// The last of them that was answered as done.
    pub(super) done: Option<(u64, Option<i64>)>,
    /// When that was, on the run's clock.
    pub(super) done_at: Time,
}

impl Offsets {
    pub(super) fn handle(&mut self, order: u64, key: Key, offset: Option<i64>) {
        if self.handled.len() >= REMEMBERED {
            self.handled.drain(..REMEMBERED / 2);
            self.known_since = self.handled[0].0;
        }
        self.handled.push((order, key, offset));
    }

    /// Whether the last that was answered was handled before that.
    pub(super) fn done_before(&self, order: u64) -> bool {
        self.done.is_some_and(|(done, _)| done < order)
    }

    /// Whether nothing may be left: it was removed, or is so old that it may have expired with nobody alive to
    /// say so.
    pub(super) fn gone_by(&self, expired_before: Time) -> bool {
        self.possible(None) || self.done_at < expired_before
    }

    /// The commit of that request has never been.
    pub(super) fn forget(&mut self, key: Key) {
        self.handled.retain(|(_, other, _)| *other != key);
    }

    /// Whether this may be what is committed, given the last that was answered. Before anything was, that is
    /// nothing.
    pub(super) fn possible(&self, found: Option<i64>) -> bool {
        let (order, offset) = self.done.unwrap_or_default();
        offset == found
            || self.known_since > order
            || self.handled.iter().any(|(handled, _, later)| *handled > order && *later == found)
    }
}
