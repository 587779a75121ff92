//! What an invariant is, and what a broken one looks like.

use crate::time::Time;
use crate::trace::Event;

use super::interest::Interest;
use super::ledger::Ledger;

/// A property that every run of a correct coordinator and correct consumers has.
pub trait Invariant: Send {
    /// Its name, as the summary and the command line write it: `single-owner`.
    fn name(&self) -> &'static str;

    /// One line for the list of invariants: what it states.
    fn statement(&self) -> &'static str;

    /// Which events it looks at; it is asked once, and handed no others.
    fn reads(&self) -> Interest {
        Interest::ALL
    }

    /// Takes the next event of the trace; `ledger` has seen it already. An error says what is broken,
    /// with the group, member and generation.
    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), String>;
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: &'static str,
    /// When, on the run's clock.
    pub at: Time,
    /// What is broken.
    pub message: String,
}
