//! Hands each event to the ledger and then to the invariants.

use crate::trace::Event;

use super::ledger::Ledger;
use super::{Invariant, Violation};

/// All that judges one run.
pub struct Checker {
    ledger: Ledger,
    invariants: Vec<Box<dyn Invariant>>,
}

impl Checker {
    /// A checker of the invariants with these names, or of all. Names that are not in
    /// [`super::NAMES`] select nothing.
    pub fn new(names: Option<&[&str]>) -> Checker {
        let mut invariants = super::all();
        if let Some(names) = names {
            invariants.retain(|invariant| names.contains(&invariant.name()));
        }
        Checker { ledger: Ledger::default(), invariants }
    }

    /// A checker for brokers that nobody looks into: of what can be judged from the clients' side alone.
    pub fn from_outside() -> Checker {
        Checker { ledger: Ledger::default(), invariants: super::told::all() }
    }

    /// Takes the next event of the trace; returns the first objection to it.
    pub fn check(&mut self, event: &Event) -> Option<Violation> {
        self.ledger.feed(event);
        for invariant in &mut self.invariants {
            if let Err(message) = invariant.check(&self.ledger, event) {
                return Some(Violation { invariant: invariant.name(), at: event.at, message });
            }
        }
        None
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
