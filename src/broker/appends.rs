//! The appends of one leader's term, and which of them are committed as far as the leader knows.
//!
//! Appends are collected in an open batch, which is flushed to the log after the linger time.
//! Without linger, the appends of one coordinator call form one batch (rule R3.8). So a batch of
//! the log holds whole appends, each with one record or several. The counters
//! count the appends of this term: `appended` includes the open batch, `committed` counts those
//! that are committed. This module does not touch the log; [`super::waiting`] does.

use std::collections::VecDeque;
use std::time::Duration;

use crate::coordinator::{AppendId, Record};
use crate::time::Time;

#[derive(Default)]
pub(super) struct Appends {
    open: Vec<(AppendId, Vec<Record>)>,
    /// When the open batch is flushed.
    flush_at: Time,
    in_flight: VecDeque<InFlight>,
    /// The number of appends in this term, including the open batch.
    pub(super) appended: u64,
    /// The number of committed appends.
    pub(super) committed: u64,
}

struct InFlight {
    due: Time,
    unit: CommitUnit,
    /// The position of its last record in the log.
    position: u64,
}

/// A unit that is committed as a whole.
#[derive(Clone, Copy)]
pub(super) enum CommitUnit {
    /// A batch of records that the coordinator has appended.
    Append(AppendId),
    /// All uncommitted records that the leader found in the log. They count as one append.
    TakenOver,
}

impl Appends {
    pub(super) fn push(&mut self, now: Time, linger: Duration, id: AppendId, records: Vec<Record>) {
        assert!(!records.is_empty(), "{id:?} has no records");
        if self.open.is_empty() {
            self.flush_at = now + linger;
        }
        self.open.push((id, records));
        self.appended += 1;
    }

    /// Registers uncommitted records that the leader found in the log, up to this position. They
    /// are committed as soon as the high watermark may move.
    pub(super) fn take_over(&mut self, now: Time, position: u64) {
        self.in_flight.push_back(InFlight { due: now, unit: CommitUnit::TakenOver, position });
        self.appended += 1;
    }

    pub(super) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether any append is uncommitted.
    pub(super) fn has_uncommitted(&self) -> bool {
        self.appended > self.committed
    }

    pub(super) fn flush_is_due(&self, now: Time) -> bool {
        self.has_open() && self.flush_at <= now
    }

    /// Passes the records of the open batch to `store`, which returns the position of the first.
    /// They are committed at `due`, but not before earlier appends.
    pub(super) fn flush(
        &mut self,
        due: Time,
        store: impl FnOnce(&mut dyn Iterator<Item = Record>) -> u64,
    ) {
        let due = self.in_flight.back().map_or(due, |earlier| due.max(earlier.due));
        let from = self.in_flight.len();
        let in_flight = &mut self.in_flight;
        let mut end = 0;
        let mut records = self.open.drain(..).flat_map(|(id, records)| {
            end += records.len() as u64;
            let unit = CommitUnit::Append(id);
            in_flight.push_back(InFlight { due, unit, position: end - 1 });
            records
        });
        let first = store(&mut records);
        records.for_each(drop);
        for append in self.in_flight.range_mut(from..) {
            append.position += first;
        }
    }

    /// Drops the open batch, which the log has refused. Returns the ids of its appends.
    pub(super) fn fail_open(&mut self) -> Vec<AppendId> {
        self.appended -= self.open.len() as u64;
        self.open.drain(..).map(|(id, _)| id).collect()
    }

    /// Fails all uncommitted appends, because the leader has learned that it was replaced. Returns
    /// their ids.
    pub(super) fn fail_all(&mut self) -> Vec<AppendId> {
        let in_flight = self.in_flight.drain(..).filter_map(|one| match one.unit {
            CommitUnit::Append(id) => Some(id),
            CommitUnit::TakenOver => None,
        });
        let failed = in_flight.chain(self.open.drain(..).map(|(id, _)| id)).collect();
        self.appended = self.committed;
        failed
    }

    /// Commits the next append if it is due; returns it with its position in the log.
    pub(super) fn commit_next(&mut self, now: Time) -> Option<(CommitUnit, u64)> {
        self.in_flight.front().filter(|append| append.due <= now)?;
        self.committed += 1;
        self.in_flight.pop_front().map(|append| (append.unit, append.position))
    }

    pub(super) fn flush_deadline(&self) -> Option<Time> {
        self.has_open().then_some(self.flush_at)
    }

    pub(super) fn commit_deadline(&self) -> Option<Time> {
        self.in_flight.front().map(|append| append.due)
    }
}
