//! What a leader has appended in its term, and what of that is committed as far as it knows.
//!
//! Appends are gathered into an open batch, which is flushed to the log when it has lingered long enough;
//! without linger, what one call of the coordinator appends is a batch (rule R3.8). Numbers count the
//! appends of this term: `appended` those flushed or in the open batch, `committed` those committed. It does
//! not touch the log itself; that is done by [`super::shard`].

use std::collections::VecDeque;
use std::time::Duration;

use crate::coordinator::{AppendId, Record};
use crate::time::Time;

#[derive(Default)]
pub(super) struct Appends {
    open: Vec<(AppendId, Record)>,
    /// When the open batch is flushed.
    flush_at: Time,
    under_way: VecDeque<UnderWay>,
    /// How many appends there were.
    pub(super) appended: u64,
    /// How many of them are committed.
    pub(super) committed: u64,
}

struct UnderWay {
    due: Time,
    what: What,
    /// Of its last record.
    position: u64,
}

/// What is committed as one.
#[derive(Clone, Copy)]
pub(super) enum What {
    /// A record that the coordinator has appended.
    Append(AppendId),
    /// All that the leader found in the log and that was not committed. It counts as one append.
    TakenOver,
}

impl Appends {
    pub(super) fn push(&mut self, now: Time, linger: Duration, id: AppendId, record: Record) {
        if self.open.is_empty() {
            self.flush_at = now + linger;
        }
        self.open.push((id, record));
        self.appended += 1;
    }

    /// The leader has found records that are not committed, up to this position; they are as soon as the high
    /// watermark may move.
    pub(super) fn take_over(&mut self, now: Time, position: u64) {
        self.under_way.push_back(UnderWay { due: now, what: What::TakenOver, position });
        self.appended += 1;
    }

    pub(super) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Something appended is not committed.
    pub(super) fn behind(&self) -> bool {
        self.appended > self.committed
    }

    pub(super) fn flush_is_due(&self, now: Time) -> bool {
        self.has_open() && self.flush_at <= now
    }

    /// Hands the records of the open batch to `store`, which returns the position of the first; they are
    /// committed at `due`, but not before what was appended earlier.
    pub(super) fn flush(
        &mut self,
        due: Time,
        store: impl FnOnce(&mut dyn Iterator<Item = Record>) -> u64,
    ) {
        let due = self.under_way.back().map_or(due, |earlier| due.max(earlier.due));
        let from = self.under_way.len();
        let under_way = &mut self.under_way;
        let mut records = self.open.drain(..).map(|(id, record)| {
            under_way.push_back(UnderWay { due, what: What::Append(id), position: 0 });
            record
        });
        let first = store(&mut records);
        records.for_each(drop);
        for (position, append) in (first..).zip(self.under_way.range_mut(from..)) {
            append.position = position;
        }
    }

    /// The open batch is refused: these were in it.
    pub(super) fn fail_open(&mut self) -> Vec<AppendId> {
        self.appended -= self.open.len() as u64;
        self.open.drain(..).map(|(id, _)| id).collect()
    }

    /// The leader has learned that it is none: nothing that is not committed ever will be, as far as it is
    /// concerned.
    pub(super) fn fail_all(&mut self) -> Vec<AppendId> {
        let under_way = self.under_way.drain(..).filter_map(|one| match one.what {
            What::Append(id) => Some(id),
            What::TakenOver => None,
        });
        let failed = under_way.chain(self.open.drain(..).map(|(id, _)| id)).collect();
        self.appended = self.committed;
        failed
    }

    /// Commits the next append, if its time has come; with its position in the log.
    pub(super) fn commit_next(&mut self, now: Time) -> Option<(What, u64)> {
        self.under_way.front().filter(|append| append.due <= now)?;
        self.committed += 1;
        self.under_way.pop_front().map(|append| (append.what, append.position))
    }

    pub(super) fn flush_deadline(&self) -> Option<Time> {
        self.has_open().then_some(self.flush_at)
    }

    pub(super) fn commit_deadline(&self) -> Option<Time> {
        self.under_way.front().map(|append| append.due)
    }
}
