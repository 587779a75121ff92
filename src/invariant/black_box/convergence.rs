//! A group that is not disturbed becomes stable: all its members receive the same generation.
//!
//! Rule: `settles`, the claim above.

use crate::invariant::Invariant;
use crate::invariant::{Breach, breach};
use crate::model::Model;
use crate::trace::{Event, EventKind};

pub(super) struct Convergence;

impl Invariant for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn statement(&self) -> &'static str {
        "an undisturbed group becomes stable"
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        match &event.kind {
            EventKind::NotSettled { within, waiting_for } => {
                let reasons: Vec<_> = waiting_for.iter().map(ToString::to_string).collect();
                let reasons = reasons.join("; ");
                breach!(
                    "settles",
                    "the run did not settle within {within:?}; it waits for: {reasons}"
                )
            }
            _ => Ok(()),
        }
    }
}
