//! What a script expects is an invariant of that one script.
//!
//! Scope: every `expect` line that was judged. Who judges it, and when, is the simulator's business.

use crate::invariant::{Breach, breach};
use crate::trace::{Event, Kind};

use super::Invariant;
use super::interest::Interest;
use super::ledger::Ledger;

pub(super) struct Expectations;

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

    fn check(&mut self, _ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        match &event.kind {
            Kind::Expected { line, expected, found: Some(found) } => {
                breach!("line", "line {line}: {expected}: found {found}")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::story::Story;
    use crate::trace::Kind;

    #[test]
    fn only_an_expectation_that_was_not_met_breaks() {
        let expected = |found| Kind::Expected { line: 3, expected: "stable".into(), found };
        let mut story = Story::new("expect");
        story.schedule(expected(None)).holds();
        story.schedule(expected(Some("Empty".into()))).breaks("line 3: stable: found Empty");
    }
}
