//! Mutants: coordinators and consumers that are broken in one way each, to measure what is found.
//!
//! An invariant that nothing ever violated may look at the wrong thing, so each has a mutant that it must
//! find; and most of them re-plant bugs that real coordinators and clients have had, so that what is found here
//! says something about what would be found there.
//!
//! | kind | how it is made | why |
//! |---|---|---|
//! | wrapper | around a correct coordinator or consumer, at the seam that users implement | the correct code knows nothing of it, and it breaks yours just as well |
//! | planted | a few lines changed inside a scratch copy of this crate, by `cargo bench --bench mutants` | bugs inside of a state machine (a timer that is not armed, a check that comes too late) cannot be had from its edge |
//!
//! All planted bugs are in one copy, each behind a switch that is on only while its own mutant runs; so one
//! build serves for all of them, and the correct code has neither switch nor build flag. [`PLANTED`] is empty
//! everywhere but in that copy. What is planted, and where, is text: `tests/mutants/planted/`.
//!
//! | file | what it does |
//! |---|---|
//! | `coordinators`, `consumers` | the wrappers, and their tables |
//! | `around` | what a wrapper passes through unless it says otherwise |
//! | `planted` | the table of what is planted: empty |
//! | `search` | runs seeds until a mutant is found |
//! | `matrix` | mutant × invariant, and how many seeds it takes |
//!
//! What this ring does *not* do: decide what is an error. It takes the word of [`crate::invariant`].

mod around;
mod consumers;
mod coordinators;
mod matrix;
mod planted;
mod search;

use std::rc::Rc;
use std::sync::Arc;

use crate::consumer::{Consumer, GroupConsumer};
use crate::coordinator::{Coordinator, GroupCoordinator};
use crate::run::Systems;

pub use around::{Altered, Around, Wrapped};
pub use matrix::{Matrix, Row, median};
pub use planted::*;
pub use search::{Catch, Search, Way, seed_of};

/// Makes correct coordinators.
pub type Factory = Rc<dyn Fn() -> Box<dyn GroupCoordinator>>;

/// One mutant.
#[derive(Clone, Copy)]
pub struct Mutant {
    /// Its name.
    pub name: &'static str,
    /// The bugs that it is like, by the ids of those who had them; none for those thought up to make an
    /// invariant fail.
    pub upstream: &'static [&'static str],
    /// What it does wrong.
    pub breaks: &'static str,
    /// The invariants of which one must notice it.
    pub caught_by: &'static [&'static str],
    /// What it breaks, and how to make it.
    pub system: System,
}

/// What a mutant breaks: all coordinators, or all consumers of a run.
#[derive(Clone, Copy)]
pub enum System {
    /// A wrapper around coordinators.
    Coordinator(fn(Factory) -> Box<dyn GroupCoordinator>),
    /// Coordinators that were given no limit of size.
    Limitless,
    /// A wrapper around consumers.
    Consumer(fn(Box<dyn GroupConsumer>) -> Box<dyn GroupConsumer>),
    /// Something planted in this build.
    Planted(fn() -> Systems),
}

impl Mutant {
    /// Systems of which one is the mutant.
    pub fn systems(&self) -> Systems {
        let correct = Systems::default();
        match self.system {
            System::Coordinator(wrap) => Systems {
                coordinator: Arc::new(move |config, rng| {
                    let new: Factory = Rc::new(move || -> Box<dyn GroupCoordinator> {
                        Box::new(Coordinator::new(config.clone(), rng.clone()))
                    });
                    wrap(new)
                }),
                ..correct
            },
            System::Limitless => Systems {
                coordinator: Arc::new(|mut config, rng| {
                    config.max_size = usize::MAX;
                    Box::new(Coordinator::new(config, rng))
                }),
                ..correct
            },
            System::Consumer(wrap) => Systems {
                consumer: Arc::new(move |config, rng, now| {
                    wrap(Box::new(Consumer::new(config, rng, now)))
                }),
                ..correct
            },
            System::Planted(systems) => systems(),
        }
    }
}

/// Every mutant of this build, the coordinators first.
pub fn all() -> impl Iterator<Item = &'static Mutant> {
    coordinators::ALL.iter().chain(consumers::ALL).chain(PLANTED)
}

/// The mutant of that name.
pub fn find(name: &str) -> Option<&'static Mutant> {
    all().find(|mutant| mutant.name == name)
}

const fn coordinator(
    name: &'static str,
    upstream: &'static [&'static str],
    breaks: &'static str,
    caught_by: &'static [&'static str],
    make: fn(Factory) -> Box<dyn GroupCoordinator>,
) -> Mutant {
    Mutant { name, upstream, breaks, caught_by, system: System::Coordinator(make) }
}

/// The correct coordinator with a setting that lifts the limit of the size of groups.
const fn limitless(
    name: &'static str,
    upstream: &'static [&'static str],
    breaks: &'static str,
    caught_by: &'static [&'static str],
) -> Mutant {
    Mutant { name, upstream, breaks, caught_by, system: System::Limitless }
}

const fn consumer(
    name: &'static str,
    upstream: &'static [&'static str],
    breaks: &'static str,
    caught_by: &'static [&'static str],
    make: fn(Box<dyn GroupConsumer>) -> Box<dyn GroupConsumer>,
) -> Mutant {
    Mutant { name, upstream, breaks, caught_by, system: System::Consumer(make) }
}

#[cfg(test)]
mod go_on_tests;
#[cfg(test)]
mod interest_tests;
