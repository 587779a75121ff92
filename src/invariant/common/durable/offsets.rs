//! The offsets that may be committed for one partition, as far as the trace shows.

use crate::model::Key;
use crate::time::Time;

/// The number of commits of one partition that are remembered as handled.
const REMEMBERED: usize = 64;

/// The offsets that may be committed for one partition.
#[derive(Default)]
pub(super) struct Offsets {
    /// The commits and removals (None) that were handled: the order, the request, the offset;
    /// oldest first.
    pub(super) handled: Vec<(u64, Key, Option<i64>)>,
    /// Entries handled before this are forgotten.
    known_since: u64,
    /// The last of them that was acknowledged.
    pub(super) done: Option<(u64, Option<i64>)>,
    /// When the last acknowledged commit was handled, on the run's clock.
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

    /// Whether the last acknowledged commit was handled before this order.
    pub(super) fn done_before(&self, order: u64) -> bool {
        self.done.is_some_and(|(done, _)| done < order)
    }

    /// Whether the offset may be gone: it was removed, or is so old that it may have expired with a
    /// coordinator that died before it reported so.
    pub(super) fn gone_by(&self, expired_before: Time) -> bool {
        self.possible(None) || self.done_at < expired_before
    }

    /// The commit of that request never took effect.
    pub(super) fn forget(&mut self, key: Key) {
        self.handled.retain(|(_, other, _)| *other != key);
    }

    /// Whether this offset may be the committed one, given the last acknowledged commit. Before any
    /// commit was acknowledged, that is none.
    pub(super) fn possible(&self, found: Option<i64>) -> bool {
        let (order, offset) = self.done.unwrap_or_default();
        offset == found
            || self.known_since > order
            || self.handled.iter().any(|(handled, _, later)| *handled > order && *later == found)
    }
}
