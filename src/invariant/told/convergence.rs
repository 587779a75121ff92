//! A group that nobody disturbs becomes stable: all its members are told of the same generation.

use crate::invariant::Invariant;
use crate::invariant::ledger::Ledger;
use crate::invariant::{Breach, breach};
use crate::trace::{Event, Kind};

pub(super) struct Convergence;

impl Invariant for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn statement(&self) -> &'static str {
        "a group that is left alone becomes stable"
    }

    fn check(&mut self, _ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        match &event.kind {
            Kind::NotSettled { within, waiting_for } => {
                breach!("settles", "not settled within {within:?}: {}", waiting_for.join("; "))
            }
            _ => Ok(()),
        }
    }
}
