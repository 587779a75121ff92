//! One partition's committed offset: what is durable, what is appended, and what waits for the end of a
//! transaction.

use crate::coordinator::api::AppendId;
use crate::coordinator::record::{CommittedOffset, ProducerId};
use crate::sometimes::{Mark, sometimes};

use super::View;

/// Where in the log something was written; a later place is greater. What was found in the log comes
/// before whatever the coordinator appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Position {
    /// Found in the log, at this place.
    Replayed(u64),
    /// Appended by this coordinator.
    Appended(AppendId),
}

impl Position {
    /// Nothing that was found in the log lies behind it.
    const LAST_REPLAYED: Position = Position::Replayed(u64::MAX);
}

/// What one record does to one partition.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// An offset is committed, whatever was before.
    Commit(CommittedOffset),
    /// An offset is committed if the producer's transaction commits.
    Wait(ProducerId, CommittedOffset),
    /// The producer's transaction is over.
    End {
        /// Who ran it.
        producer: ProducerId,
        /// Whether it committed or aborted.
        committed: bool,
    },
    /// The offset is gone, with those that wait (R6.7.4).
    Remove,
}

/// One partition of one group.
#[derive(Debug, Default)]
pub(super) struct Cell {
    durable: Content,
    /// The durable content after everything under way: the same while nothing is.
    newest: Content,
    /// In the log, not yet durable; oldest first.
    under_way: Vec<(Position, Change)>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    committed: Option<Written>,
    /// At most one for each producer: its last.
    waiting: Vec<(ProducerId, Written)>,
}

#[derive(Clone, Debug)]
struct Written {
    position: Position,
    offset: CommittedOffset,
}

impl Cell {
    pub(super) fn seen(&self, view: View) -> Option<&CommittedOffset> {
        self.content(view).committed.as_ref().map(|written| &written.offset)
    }

    #[cfg(test)]
    pub(super) fn waiting(
        &self,
        view: View,
    ) -> impl Iterator<Item = (ProducerId, &CommittedOffset)> {
        self.content(view).waiting.iter().map(|(producer, written)| (*producer, &written.offset))
    }

    fn content(&self, view: View) -> &Content {
        match view {
            View::Newest => &self.newest,
            View::Committed => &self.durable,
        }
    }

    pub(super) fn is_unstable(&self) -> bool {
        !self.newest.waiting.is_empty()
    }

    /// Whether an offset waits for the producer, or will again if something under way fails.
    pub(super) fn may_wait_for(&self, producer: ProducerId) -> bool {
        let waits = |change: &Change| matches!(change, Change::Wait(id, _) if *id == producer);
        self.durable.waiting.iter().any(|(id, _)| *id == producer)
            || self.under_way.iter().any(|(_, change)| waits(change))
    }

    pub(super) fn is_kept(&self) -> bool {
        self.newest.committed.is_some() || self.is_unstable()
    }

    /// Nothing is here and nothing will be.
    pub(super) fn is_blank(&self) -> bool {
        self.under_way.is_empty()
            && self.durable.committed.is_none()
            && self.durable.waiting.is_empty()
    }

    /// A record is in the log that changes this. First come those that are durable, while nothing is under way.
    pub(super) fn take_in(&mut self, position: Position, change: Change, durable: bool) {
        self.newest.apply(position, &change);
        if !durable {
            return self.under_way.push((position, change));
        }
        assert!(self.under_way.is_empty(), "what is durable comes before what is not");
        self.durable.apply(position, &change);
    }

    /// A high watermark passes record after record. One that was left out would be applied after those that
    /// follow it, whenever something fails.
    pub(super) fn committed(&mut self, append: AppendId) {
        let (position, change) = self.take(append);
        assert!(
            self.under_way.iter().all(|(other, _)| *other > position),
            "{append:?} is durable, but {:?} is not, which lies before it",
            self.under_way
        );
        self.durable.apply(position, &change);
    }

    pub(super) fn failed(&mut self, append: AppendId) {
        self.take(append);
        self.rebuild_newest();
    }

    /// What was found in the log is durable, all of it.
    pub(super) fn replayed_committed(&mut self) {
        let appended = |&(position, _): &(Position, Change)| position > Position::LAST_REPLAYED;
        let first = self.under_way.iter().position(appended).unwrap_or(self.under_way.len());
        for (position, change) in self.under_way.drain(..first) {
            self.durable.apply(position, &change);
        }
    }

    fn take(&mut self, append: AppendId) -> (Position, Change) {
        let wanted = Position::Appended(append);
        match self.under_way.iter().position(|(position, _)| *position == wanted) {
            Some(index) => self.under_way.remove(index),
            None => panic!("{append:?} is not under way here, but {:?}", self.under_way),
        }
    }

    fn rebuild_newest(&mut self) {
        self.newest = self.durable.clone();
        for (position, change) in &self.under_way {
            self.newest.apply(*position, change);
        }
    }
}

impl Content {
    fn apply(&mut self, position: Position, change: &Change) {
        match change {
            Change::Commit(offset) => {
                self.committed = Some(Written { position, offset: offset.clone() });
            }
            Change::Wait(producer, offset) => {
                self.waiting.retain(|(id, _)| id != producer);
                self.waiting.push((*producer, Written { position, offset: offset.clone() }));
            }
            Change::End { producer, committed } => self.end(*producer, *committed),
            Change::Remove => *self = Content::default(),
        }
    }

    /// A transaction's offset counts from where it was written, not from where the transaction ended. So a
    /// plain commit between the two stands (R6.8.7).
    fn end(&mut self, producer: ProducerId, committed: bool) {
        let Some(index) = self.waiting.iter().position(|(id, _)| *id == producer) else { return };
        let (_, written) = self.waiting.remove(index);
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
