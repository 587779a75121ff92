//! Counts the outcomes of all scripts.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::show::kind;
use super::{ConformTarget, Outcome};
use crate::cli::exit::Exit;

/// The number of scripts by outcome, and of responses.
#[derive(Default)]
pub(super) struct Tally {
    equal: usize,
    late: usize,
    deviate: usize,
    not_served: usize,
    different: usize,
    failed: usize,
    recorded: usize,
    pub(super) skipped: usize,
    responses: usize,
    differences: usize,
}

impl Tally {
    pub(super) fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Skipped(_) => self.skipped += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Recorded(_) => self.recorded += 1,
            Outcome::Compared(_, verdict) => {
                self.responses += verdict.answers;
                *match kind(verdict) {
                    "different" => {
                        self.differences += verdict.differences.len();
                        &mut self.different
                    }
                    "not served" => &mut self.not_served,
                    "deviates" => &mut self.deviate,
                    "late" => &mut self.late,
                    _ => &mut self.equal,
                } += 1;
            }
        }
    }

    pub(super) fn ran(&self) -> usize {
        let compared = self.equal + self.late + self.deviate + self.not_served + self.different;
        compared + self.failed + self.recorded
    }

    pub(super) fn text(&self, own: bool) -> String {
        let counts = [
            (self.equal, "equal"),
            (self.late, "equal but early or late"),
            (self.deviate, "deviate on purpose"),
            (self.not_served, "not served"),
            (self.different, "different"),
            (self.failed, "failed"),
            (self.recorded, "recorded"),
            (self.skipped, "skipped"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
        let time = if own { ", in virtual time" } else { "" };
        let (different, responses) = (self.differences, self.responses);
        format!("{}; {different} of {responses} responses differ{time}", counts.join(", "))
    }

    pub(super) fn object(&self) -> Value {
        json!({
            "type": "conform-summary",
            "equal": self.equal,
            "late": self.late,
            "deviate": self.deviate,
            "not_served": self.not_served,
            "different": self.different,
            "failed": self.failed,
            "recorded": self.recorded,
            "skipped": self.skipped,
            "answers": self.responses,
            "differences": self.differences,
        })
    }

    pub(super) fn exit(&self, target: &ConformTarget<'_>) -> Exit {
        // Response times count in virtual time only: on a network they depend on the machine.
        let late = target.broker.is_none() && self.late > 0;
        if self.different > 0 || late {
            Exit::Different
        } else if self.failed > 0 || self.ran() == 0 && self.skipped > 0 {
            Exit::Usage
        } else if target.stop.load(Ordering::Relaxed) {
            Exit::Interrupted
        } else {
            Exit::Held
        }
    }
}
