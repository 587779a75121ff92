//! Hands each event to the ledger and then to the invariants.

use std::collections::BTreeMap;

use crate::protocol::{GroupId, Request};
use crate::trace::{ConsumerRef, Event, Kind, Names, Place};

use super::interest::{COLUMNS, ROWS, sort};
use super::ledger::Ledger;
use super::{Breach, Invariant, Violation};

/// All that judges one run.
pub struct Checker {
    ledger: Ledger,
    invariants: Vec<Box<dyn Invariant>>,
    /// By the sort of the event, which invariants look at it: bit i for the one at i.
    readers: [[u32; COLUMNS]; ROWS],
    /// So that objections name members as the trace does.
    names: Names,
    /// The group of each consumer.
    consumers: BTreeMap<ConsumerRef, GroupId>,
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
        let names = Names::default();
        Checker {
            ledger: Ledger::default(),
            invariants,
            readers,
            names,
            consumers: BTreeMap::new(),
        }
    }

    /// Takes the next event of the trace; returns the first objection to it. The invariants behind the one that
    /// objects do not see the event.
    pub fn check(&mut self, event: &Event) -> Option<Violation> {
        let mut first = None;
        self.ask(event, &mut |violation| {
            first = Some(violation);
            false
        });
        first
    }

    /// Takes the next event of the trace; hands all objections to it to `found`. For whoever goes on
    /// after a violation.
    pub fn check_all(&mut self, event: &Event, found: &mut dyn FnMut(Violation)) {
        self.ask(event, &mut |violation| {
            found(violation);
            true
        });
    }

    /// Asks the invariants that look at such events, until `go_on` is false.
    fn ask(&mut self, event: &Event, go_on: &mut dyn FnMut(Violation) -> bool) {
        self.ledger.feed(event);
        self.names.learn(event);
        if let (Kind::ConsumerStarted { config, .. }, Place::Consumer(who)) =
            (&event.kind, event.place)
        {
            self.consumers.insert(who, config.group.clone());
        }
        let (row, column) = sort(event);
        let mut left = self.readers[row][column];
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            left &= left - 1;
            let mut last = None;
            while let Err(breach) = self.invariants[index].check(&self.ledger, event) {
                let violation = self.violation(self.invariants[index].name(), event, breach);
                // No other event comes after the last one: each says all that it has to say.
                let same = last.replace(violation.clone()).as_ref() == Some(&violation);
                if same {
                    break;
                }
                if !go_on(violation) {
                    return;
                }
                if !matches!(event.kind, Kind::Finished) {
                    break;
                }
            }
        }
    }

    fn violation(&mut self, invariant: &'static str, event: &Event, breach: Breach) -> Violation {
        let Breach { rule, group, message } = breach;
        let group = group.or_else(|| self.group_of(event));
        let message = self.names.shorten(&message);
        Violation { invariant, rule, group, at: event.at, message }
    }

    /// The group that the event is about, if it is about one.
    fn group_of(&self, event: &Event) -> Option<GroupId> {
        if let Some(group) = self.ledger.subject() {
            return Some(group.id.clone());
        }
        let group = match &event.kind {
            Kind::Sent { message, .. } | Kind::Received { message, .. } => {
                match &message.request().body {
                    Request::TxnOffsetCommit(body) => Some(&body.group_id),
                    Request::OffsetDelete(body) => Some(&body.group_id),
                    _ => None,
                }
            }
            _ => None,
        };
        let consumer = || match event.place {
            Place::Consumer(who) => self.consumers.get(&who),
            _ => None,
        };
        group.or_else(consumer).cloned()
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
