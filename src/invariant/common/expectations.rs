//! The `expect` lines of a script: an invariant of that one script.
//!
//! Scope: every `expect` line. The simulator decides when a line is evaluated.
//!
//! Rule: `line`, the claim above.

use crate::invariant::{Breach, breach};
use crate::trace::{Event, EventKind};

use crate::invariant::Invariant;
use crate::invariant::interest::Interest;
use crate::model::Model;

pub(in crate::invariant) struct Expectations;

impl Invariant for Expectations {
    fn name(&self) -> &'static str {
        "expect"
    }

    fn statement(&self) -> &'static str {
        "every expect line of the script is met"
    }

    fn reads(&self) -> Interest {
        Interest::SCHEDULE
    }

    fn check(&mut self, _ledger: &Model, event: &Event) -> Result<(), Breach> {
        match &event.kind {
            EventKind::Expected { line, expected, found: Some(found) } => {
                breach!("line", "line {line}: {expected}: found {found}")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::trace_builder::TraceBuilder;
    use crate::trace::EventKind;

    #[test]
    fn only_an_expectation_that_was_not_met_breaks() {
        let expected = |found| EventKind::Expected { line: 3, expected: "stable".into(), found };
        let mut trace = TraceBuilder::new("expect");
        trace.schedule(expected(None)).holds();
        trace.schedule(expected(Some("Empty".into()))).breaks("line 3: stable: found Empty");
    }
}
