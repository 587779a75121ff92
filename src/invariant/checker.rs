//! Passes each event to the invariants that read it.

use std::collections::BTreeSet;

use crate::protocol::{GroupId, Request};
use crate::trace::{Event, EventKind, Names, Place};

use super::interest::{COLUMNS, ROWS, kind_of};
use super::{Breach, Invariant, Violation};
use crate::model::Model;

/// The invariants that judge one run. They read the model of the run, which has to be fed with each
/// event before.
pub struct Checker {
    invariants: Vec<Box<dyn Invariant>>,
    /// For each kind of event, the invariants that read it: bit i stands for the invariant at index
    /// i.
    readers: [[u64; COLUMNS]; ROWS],
    /// The short names of members, so that violations name members as the trace does.
    names: Names,
}

impl Checker {
    /// A checker of the invariants with these names, or of all. Names that no invariant has select
    /// nothing.
    pub fn new(names: Option<&[&str]>) -> Checker {
        let mut invariants = super::all();
        if let Some(names) = names {
            invariants.retain(|invariant| names.contains(&invariant.name()));
        }
        Checker::of(invariants)
    }

    /// A checker for third-party brokers, which are black boxes: the invariants that need only the
    /// clients' side.
    pub fn black_box() -> Checker {
        Checker::of(super::black_box::all())
    }

    /// A checker that passes every event to every invariant, to test that each reads all the events
    /// that it needs.
    pub fn reading_everything() -> Checker {
        let mut checker = Checker::new(None);
        let all = u64::MAX >> (Checker::MOST - checker.invariants.len());
        checker.readers = [[all; COLUMNS]; ROWS];
        checker
    }

    /// The same checker with further invariants, which check each event after the others.
    ///
    /// # Panics
    ///
    /// If two invariants have the same name, or there are more than [`Checker::MOST`].
    pub fn with(mut self, more: impl IntoIterator<Item = Box<dyn Invariant>>) -> Checker {
        self.invariants.extend(more);
        Checker::of(self.invariants)
    }

    /// The greatest number of invariants of one checker.
    pub const MOST: usize = u64::BITS as usize;

    fn of(invariants: Vec<Box<dyn Invariant>>) -> Checker {
        let count = invariants.len();
        assert!(count <= Checker::MOST, "{count} invariants, but at most {}", Checker::MOST);
        let mut names = BTreeSet::new();
        for name in invariants.iter().map(|invariant| invariant.name()) {
            assert!(names.insert(name), "two invariants are called {name}");
        }
        let mut readers = [[0; COLUMNS]; ROWS];
        for (index, invariant) in invariants.iter().enumerate() {
            let reads = invariant.reads();
            for (row, columns) in readers.iter_mut().enumerate() {
                for (column, mask) in columns.iter_mut().enumerate() {
                    *mask |= u64::from(reads.has((row, column))) << index;
                }
            }
        }
        Checker { invariants, readers, names: Names::default() }
    }

    /// Takes the next event of the trace, with which `model` has been fed; returns the first
    /// violation. The invariants after the one that reports it do not see the event.
    pub fn check(&mut self, model: &Model, event: &Event) -> Option<Violation> {
        let mut first = None;
        self.judge(model, event, &mut |violation| {
            first = Some(violation);
            false
        });
        first
    }

    /// Takes the next event of the trace; passes all violations to `found`. For runs that continue
    /// after a violation.
    pub fn check_all(&mut self, model: &Model, event: &Event, found: &mut dyn FnMut(Violation)) {
        self.judge(model, event, &mut |violation| {
            found(violation);
            true
        });
    }

    /// Passes the event to the invariants that read it, until `go_on` returns false.
    fn judge(&mut self, model: &Model, event: &Event, go_on: &mut dyn FnMut(Violation) -> bool) {
        self.names.learn(event);
        let (row, column) = kind_of(event);
        let mut left = self.readers[row][column];
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            left &= left - 1;
            let mut last = None;
            while let Err(breach) = self.invariants[index].check(model, event) {
                let violation = self.violation(model, index, event, breach);
                // No event follows the last one, so each invariant reports all that is left.
                let same = last.replace(violation.clone()).as_ref() == Some(&violation);
                if same {
                    break;
                }
                if !go_on(violation) {
                    return;
                }
                if !matches!(event.kind, EventKind::Finished) {
                    break;
                }
            }
        }
    }

    fn violation(
        &mut self,
        model: &Model,
        index: usize,
        event: &Event,
        breach: Breach,
    ) -> Violation {
        let Breach { rule, group, message } = breach;
        let invariant = self.invariants[index].name();
        let group = group.or_else(|| group_of(model, event));
        let message = self.names.shorten(&message);
        let line = match &event.kind {
            EventKind::Expected { line, .. } => Some(*line),
            _ => None,
        };
        Violation { invariant, rule, group, at: event.at, line, message }
    }

    /// The names that the trace has introduced.
    pub fn names(&mut self) -> &mut Names {
        &mut self.names
    }
}

/// The group that the event is about, if it is about one.
fn group_of(model: &Model, event: &Event) -> Option<GroupId> {
    if let Some(group) = model.subject() {
        return Some(group.id.clone());
    }
    let group = match &event.kind {
        EventKind::Sent { message, .. } | EventKind::Received { message, .. } => {
            match &message.request().body {
                Request::TxnOffsetCommit(body) => Some(&body.group_id),
                Request::OffsetDelete(body) => Some(&body.group_id),
                _ => None,
            }
        }
        _ => None,
    };
    let consumer = || match event.place {
        Place::Consumer(who) => model.group_of(who),
        _ => None,
    };
    group.or_else(consumer).cloned()
}
