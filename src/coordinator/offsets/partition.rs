//! One partition's offset: durable, newest, and pending in transactions.

use crate::coordinator::api::AppendId;
use crate::coordinator::record::{CommittedOffset, ProducerId};
use crate::marks::{Mark, sometimes};

use super::store::View;

/// A position in the log; later positions are greater. Replayed records come before everything the
/// coordinator appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Position {
    /// Replayed from the log, at this position.
    Replayed(u64),
    /// Appended by this coordinator.
    Appended(AppendId),
}

impl Position {
    /// An upper bound of all replayed positions.
    const LAST_REPLAYED: Position = Position::Replayed(u64::MAX);
}

/// The effect of one record on one partition.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Commits an offset, whatever was there before.
    Commit(CommittedOffset),
    /// Commits an offset if the producer's transaction commits.
    Pending(ProducerId, CommittedOffset),
    /// Ends the producer's transaction.
    EndTransaction {
        /// The producer of the transaction.
        producer: ProducerId,
        /// Whether it committed or aborted.
        committed: bool,
    },
    /// Removes the committed offset and the pending ones (R6.7.4).
    Remove,
}

/// The offsets of one partition of one group.
#[derive(Debug, Default)]
pub(super) struct PartitionOffsets {
    durable: Content,
    /// The durable state plus all changes in flight; equal to it while there are none.
    newest: Content,
    /// In the log and not yet durable; oldest first.
    in_flight: Vec<(Position, Change)>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    committed: Option<Written>,
    /// At most one per producer: its last.
    pending: Vec<(ProducerId, Written)>,
}

#[derive(Clone, Debug)]
struct Written {
    position: Position,
    offset: CommittedOffset,
}

impl PartitionOffsets {
    pub(super) fn get(&self, view: View) -> Option<&CommittedOffset> {
        self.content(view).committed.as_ref().map(|written| &written.offset)
    }

    #[cfg(test)]
    pub(super) fn pending(
        &self,
        view: View,
    ) -> impl Iterator<Item = (ProducerId, &CommittedOffset)> {
        self.content(view).pending.iter().map(|(producer, written)| (*producer, &written.offset))
    }

    fn content(&self, view: View) -> &Content {
        match view {
            View::Newest => &self.newest,
            View::Committed => &self.durable,
        }
    }

    pub(super) fn is_unstable(&self) -> bool {
        !self.newest.pending.is_empty()
    }

    /// Whether the producer has a pending offset here, or will have one again if an append in
    /// flight fails.
    pub(super) fn may_have_pending_of(&self, producer: ProducerId) -> bool {
        let is_pending =
            |change: &Change| matches!(change, Change::Pending(id, _) if *id == producer);
        self.durable.pending.iter().any(|(id, _)| *id == producer)
            || self.in_flight.iter().any(|(_, change)| is_pending(change))
    }

    pub(super) fn has_offset(&self) -> bool {
        self.newest.committed.is_some() || self.is_unstable()
    }

    /// Whether there is no offset, and no append in flight could bring one.
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
            && self.durable.committed.is_none()
            && self.durable.pending.is_empty()
    }

    /// Applies a record that changes this partition. Durable records come first, while nothing is
    /// in flight.
    pub(super) fn apply_record(&mut self, position: Position, change: Change, durable: bool) {
        let last = self.in_flight.last().map(|(last, _)| *last);
        assert!(last < Some(position), "{change:?} at {position:?} follows {last:?}");
        self.newest.apply(position, &change);
        if !durable {
            return self.in_flight.push((position, change));
        }
        assert!(self.in_flight.is_empty(), "what is durable comes before what is not");
        self.durable.apply(position, &change);
    }

    /// The high watermark passes record after record. A skipped one would be applied after later
    /// ones whenever an append fails.
    pub(super) fn committed(&mut self, append: AppendId) {
        let (position, change) = self.take(append);
        assert!(
            self.in_flight.iter().all(|(other, _)| *other > position),
            "{append:?} is durable, but {:?} is not, which lies before it",
            self.in_flight
        );
        self.durable.apply(position, &change);
        self.assert_consistent();
    }

    pub(super) fn failed(&mut self, append: AppendId) {
        self.take(append);
        self.rebuild_newest();
        self.assert_consistent();
    }

    /// All replayed records are durable.
    pub(super) fn replayed_committed(&mut self) {
        let appended = |&(position, _): &(Position, Change)| position > Position::LAST_REPLAYED;
        let first = self.in_flight.iter().position(appended).unwrap_or(self.in_flight.len());
        for (position, change) in self.in_flight.drain(..first) {
            self.durable.apply(position, &change);
        }
        self.assert_consistent();
    }

    /// Asserts that the two views are one when nothing is in flight, and that an offset is there
    /// for a reason: it is durable, or a record in flight brings it.
    fn assert_consistent(&self) {
        let (newest, durable) = (&self.newest, &self.durable);
        if self.in_flight.is_empty() {
            assert_eq!(newest.positions(), durable.positions(), "nothing is in flight in {self:?}");
        }
        let mut producers: Vec<ProducerId> = newest.pending.iter().map(|(id, _)| *id).collect();
        producers.sort();
        producers.dedup();
        assert_eq!(producers.len(), newest.pending.len(), "pending twice in {self:?}");
        for producer in producers {
            assert!(self.may_have_pending_of(producer), "{producer} is pending in {self:?}");
        }
    }

    fn take(&mut self, append: AppendId) -> (Position, Change) {
        let wanted = Position::Appended(append);
        match self.in_flight.iter().position(|(position, _)| *position == wanted) {
            Some(index) => self.in_flight.remove(index),
            None => panic!("{append:?} is not under way here, but {:?}", self.in_flight),
        }
    }

    fn rebuild_newest(&mut self) {
        self.newest = self.durable.clone();
        for (position, change) in &self.in_flight {
            self.newest.apply(*position, change);
        }
    }
}

impl Content {
    /// The positions of the committed offset and of the pending ones.
    fn positions(&self) -> (Option<Position>, Vec<(ProducerId, Position)>) {
        let pending = self.pending.iter().map(|(producer, written)| (*producer, written.position));
        (self.committed.as_ref().map(|written| written.position), pending.collect())
    }

    fn apply(&mut self, position: Position, change: &Change) {
        match change {
            Change::Commit(offset) => {
                self.committed = Some(Written { position, offset: offset.clone() });
            }
            Change::Pending(producer, offset) => {
                self.pending.retain(|(id, _)| id != producer);
                self.pending.push((*producer, Written { position, offset: offset.clone() }));
            }
            Change::EndTransaction { producer, committed } => self.end(*producer, *committed),
            Change::Remove => *self = Content::default(),
        }
    }

    /// A pending offset has the position at which it was written, not that of the marker. So a
    /// plain commit between the two stands (R6.8.7).
    fn end(&mut self, producer: ProducerId, committed: bool) {
        let Some(index) = self.pending.iter().position(|(id, _)| *id == producer) else { return };
        let (_, written) = self.pending.remove(index);
        let is_later =
            self.committed.as_ref().is_none_or(|before| before.position < written.position);
        if committed && !is_later {
            sometimes(Mark::TransactionOvertaken);
        }
        if committed && is_later {
            self.committed = Some(written);
        }
    }
}
