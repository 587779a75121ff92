//! Judges a run that continues after violations, as `serve` and `probe` do.
//!
//! Each rule of an invariant is reported once per group, when it is first violated. Repetitions are
//! counted. Allowed violations are not reported at all.

use std::collections::BTreeMap;

use crate::invariant::{Allow, Checker, Violation};
use crate::protocol::GroupId;
use crate::trace::{Event, EventKind};

use super::{Finding, Found};

/// Invariant, rule, group, and the line of an `expect`. Each combination is reported once.
type Key = (&'static str, &'static str, Option<GroupId>, u32);

/// The findings so far.
pub(super) struct Judge {
    allowed: Vec<Allow>,
    found: Vec<Found>,
    known: BTreeMap<Key, usize>,
    /// How many of them have been returned as new.
    reported: usize,
}

impl Judge {
    pub(super) fn new(allowed: Vec<Allow>) -> Judge {
        Judge { allowed, found: Vec::new(), known: BTreeMap::new(), reported: 0 }
    }

    pub(super) fn observe(&mut self, checker: &mut Checker, event: &Event) {
        let line = match &event.kind {
            EventKind::Expected { line, .. } => *line,
            _ => 0,
        };
        checker.check_all(event, &mut |violation| self.take(violation, line));
    }

    fn take(&mut self, violation: Violation, line: u32) {
        if self.allowed.iter().any(|allowed| allowed.allows(&violation)) {
            return;
        }
        let key = (violation.invariant, violation.rule, violation.group.clone(), line);
        match self.known.get(&key) {
            Some(&index) => self.found[index].times += 1,
            None => {
                self.known.insert(key, self.found.len());
                self.found.push(Found { finding: Finding::of(violation), times: 1 });
            }
        }
    }

    /// The findings since the last call.
    pub(super) fn new_findings(&mut self) -> Vec<Finding> {
        let new = self.found[self.reported..].iter().map(|found| found.finding.clone()).collect();
        self.reported = self.found.len();
        new
    }

    pub(super) fn into_found(self) -> Vec<Found> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::str_bytes;
    use crate::time::Time;

    fn violation(invariant: &'static str, rule: &'static str, group: &str) -> Violation {
        let group = Some(GroupId(str_bytes(group)));
        Violation { invariant, rule, group, at: Time::ZERO, message: String::new() }
    }

    #[test]
    fn each_rule_is_reported_once_for_each_group_and_counted() {
        let mut judge = Judge::new(Vec::new());
        for (rule, group) in [("a", "g"), ("a", "g"), ("b", "g"), ("a", "h"), ("a", "g")] {
            judge.take(violation("session", rule, group), 0);
        }
        assert_eq!(judge.new_findings().len(), 3);
        judge.take(violation("session", "a", "g"), 0);
        assert_eq!(judge.new_findings(), []);
        let times: Vec<u64> = judge.into_found().iter().map(|found| found.times).collect();
        assert_eq!(times, [4, 1, 1]);
    }

    #[test]
    fn an_allowed_violation_is_not_reported() {
        let allowed = ["session:g", "balance"].map(|text| text.parse().expect("an invariant"));
        let mut judge = Judge::new(allowed.to_vec());
        judge.take(violation("session", "a", "g"), 0);
        judge.take(violation("balance", "a", "h"), 0);
        assert_eq!(judge.new_findings(), []);
        judge.take(violation("session", "a", "h"), 0);
        assert_eq!(judge.new_findings().len(), 1);
    }

    #[test]
    fn each_expect_line_is_reported_on_its_own() {
        let mut judge = Judge::new(Vec::new());
        judge.take(violation("expect", "line", "g"), 3);
        judge.take(violation("expect", "line", "g"), 4);
        assert_eq!(judge.new_findings().len(), 2);
    }
}
