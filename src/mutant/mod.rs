//! Mutants: coordinators and consumers with one bug each, to measure what the invariants detect.
//!
//! An invariant that was never violated may check the wrong thing, so each has a mutant that it
//! must detect. Most mutants re-plant bugs that real coordinators and clients have had, so that
//! what is detected here says something about what would be detected there.
//!
//! | kind | how it is made | why |
//! |---|---|---|
//! | wrapper | around a correct coordinator or consumer, at the trait that users implement | the
//! correct code knows nothing of it, and it breaks yours just as well |
//! | planted | a few lines changed in a scratch copy of this crate, by `cargo bench --bench
//! mutants` | a wrapper cannot plant bugs inside a state machine (a timer that is not armed, a
//! check that comes too late) |
//!
//! All planted bugs are in one copy, each behind a switch that is on only while its own mutant
//! runs; so one build serves for all of them, and the correct code has neither switch nor build
//! flag. [`PLANTED`] is empty everywhere but in that copy. `tests/mutants/planted/` lists the bugs
//! and where they are planted.
//!
//! | file | what it does |
//! |---|---|
//! | `coordinators`, `consumers` | the wrappers, and their tables |
//! | `passthrough` | the base of a wrapper around a coordinator |
//! | `planted` | the table of planted bugs: empty here |
//! | `search` | runs seeds until a mutant is detected |
//! | `matrix` | mutant × invariant, and how many seeds it takes |
//!
//! This module does *not* decide what an error is: [`crate::invariant`] does.

mod consumers;
mod coordinators;
mod matrix;
mod passthrough;
mod planted;
mod search;

use std::rc::Rc;
use std::sync::Arc;

use crate::client::{Consumer, GroupConsumer};
use crate::coordinator::{Coordinator, GroupCoordinator};
use crate::run::Systems;

pub use matrix::{Matrix, Row, median};
pub use passthrough::{Intercepted, OutputFilter, Passthrough};
pub use planted::*;
pub use search::{Detection, Search, SearchMode, seed_of};

/// Creates correct coordinators.
pub type Factory = Rc<dyn Fn() -> Box<dyn GroupCoordinator>>;

/// One mutant.
#[derive(Clone, Copy)]
pub struct Mutant {
    /// The name of the mutant.
    pub name: &'static str,
    /// The upstream bugs that it resembles, by their ids; empty for a mutant that was invented to
    /// make an invariant fail.
    pub upstream: &'static [&'static str],
    /// What it does wrong.
    pub breaks: &'static str,
    /// The invariants of which one must detect it.
    pub caught_by: &'static [&'static str],
    /// The kind of system that it breaks, and how to create it.
    pub system: System,
}

/// The system that a mutant breaks: all coordinators, or all consumers of a run.
#[derive(Clone, Copy)]
pub enum System {
    /// A wrapper around coordinators.
    Coordinator(fn(Factory) -> Box<dyn GroupCoordinator>),
    /// Coordinators without a limit on the size of groups.
    Limitless,
    /// A wrapper around consumers.
    Consumer(fn(Box<dyn GroupConsumer>) -> Box<dyn GroupConsumer>),
    /// A bug that is planted in this build.
    Planted(fn() -> Systems),
}

impl Mutant {
    /// The systems of a run in which one is the mutant.
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

/// A correct coordinator whose settings lift the limit on the size of groups.
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
