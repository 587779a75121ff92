//! Hands each event to the ledger and then to the invariants.

use crate::trace::{Event, Names};

use super::interest::{COLUMNS, ROWS, sort};
use super::ledger::Ledger;
use super::{Invariant, Violation};

/// All that judges one run.
pub struct Checker {
    ledger: Ledger,
    invariants: Vec<Box<dyn Invariant>>,
    /// By the sort of the event, which invariants look at it: bit i for the one at i.
    readers: [[u32; COLUMNS]; ROWS],
    /// So that objections name members as the trace does.
    names: Names,
}

impl Checker {
    /// A checker of the invariants with these names, or of all. Names that are not in
    /// [`super::NAMES`] select nothing.
    pub fn new(names: Option<&[&str]>) -> Checker {
        let mut invariants = super::all();
        if let Some(names) = names {
            invariants.retain(|invariant| names.contains(&invariant.name()));
        }
        Checker::of(invariants)
    }

    /// A checker for brokers that nobody looks into: of what can be judged from the clients' side alone.
    pub fn from_outside() -> Checker {
        Checker::of(super::told::all())
    }

    /// A checker of all that hands every invariant every event, to find out whether each asks for all that it
    /// needs.
    pub fn reading_everything() -> Checker {
        let mut checker = Checker::new(None);
        checker.readers = [[(1 << checker.invariants.len()) - 1; COLUMNS]; ROWS];
        checker
    }

    fn of(invariants: Vec<Box<dyn Invariant>>) -> Checker {
        assert!(invariants.len() <= 32, "{} invariants, and a mask of 32", invariants.len());
        let mut readers = [[0; COLUMNS]; ROWS];
        for (index, invariant) in invariants.iter().enumerate() {
            let reads = invariant.reads();
            for (row, columns) in readers.iter_mut().enumerate() {
                for (column, mask) in columns.iter_mut().enumerate() {
                    *mask |= u32::from(reads.has((row, column))) << index;
                }
            }
        }
        Checker { ledger: Ledger::default(), invariants, readers, names: Names::default() }
    }

    /// Takes the next event of the trace; returns the first objection to it.
    pub fn check(&mut self, event: &Event) -> Option<Violation> {
        self.ledger.feed(event);
        self.names.learn(event);
        let (row, column) = sort(event);
        let mut left = self.readers[row][column];
        while left != 0 {
            let invariant = &mut self.invariants[left.trailing_zeros() as usize];
            left &= left - 1;
            if let Err(message) = invariant.check(&self.ledger, event) {
                let message = self.names.shorten(&message);
                return Some(Violation { invariant: invariant.name(), at: event.at, message });
            }
        }
        None
    }

    /// The names that the trace has introduced.
    pub fn names(&mut self) -> &mut Names {
        &mut self.names
    }
}

#[cfg(test)]
impl Checker {
    /// Whether the trace has named this member of the group.
    pub(super) fn knows(
        &self,
        group: &crate::protocol::GroupId,
        member: &crate::protocol::MemberId,
    ) -> bool {
        self.ledger.find(group).is_some_and(|(_, group)| group.members.contains_key(member))
    }

    /// The state of the group.
    pub(super) fn state(&self, group: &crate::protocol::GroupId) -> crate::coordinator::GroupState {
        let empty = crate::coordinator::GroupState::Empty;
        self.ledger.find(group).map_or(empty, |(_, group)| group.state)
    }
}
