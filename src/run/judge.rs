//! Judges a run that continues after violations, as `serve` and `probe` do.
//!
//! Each rule of an invariant is reported once per group, when it is first violated. Repetitions are
//! counted. Allowed violations are not reported at all.

use std::collections::BTreeMap;

use crate::invariant::{Allow, Checker, Violation};
use crate::model::Model;
use crate::protocol::GroupId;
use crate::trace::Event;

use super::{Finding, Found};

/// Invariant, rule, group, and the line of an `expect`. Each combination is reported once.
type Key = (&'static str, &'static str, Option<GroupId>, Option<u32>);

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

    pub(super) fn observe(&mut self, checker: &mut Checker, model: &Model, event: &Event) {
        checker.check_all(model, event, &mut |violation| self.take(violation));
    }

    fn take(&mut self, violation: Violation) {
        if self.allowed.iter().any(|allowed| allowed.allows(&violation)) {
            return;
        }
        let Violation { invariant, rule, line, .. } = violation;
        let key = (invariant, rule, violation.group.clone(), line);
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
        let (at, line) = (Time::ZERO, None);
        Violation { invariant, rule, group, at, line, message: String::new() }
    }

    #[test]
    fn each_rule_is_reported_once_for_each_group_and_counted() {
        let mut judge = Judge::new(Vec::new());
        for (rule, group) in [("a", "g"), ("a", "g"), ("b", "g"), ("a", "h"), ("a", "g")] {
            judge.take(violation("session", rule, group));
        }
        assert_eq!(judge.new_findings().len(), 3);
        judge.take(violation("session", "a", "g"));
        assert_eq!(judge.new_findings(), []);
        let times: Vec<u64> = judge.into_found().iter().map(|found| found.times).collect();
        assert_eq!(times, [4, 1, 1]);
    }

    #[test]
    fn an_allowed_violation_is_not_reported() {
        let allowed = ["session:g", "balance"].map(|text| text.parse().expect("an invariant"));
        let mut judge = Judge::new(allowed.to_vec());
        judge.take(violation("session", "a", "g"));
        judge.take(violation("balance", "a", "h"));
        assert_eq!(judge.new_findings(), []);
        judge.take(violation("session", "a", "h"));
        assert_eq!(judge.new_findings().len(), 1);
    }

    #[test]
    fn each_expect_line_is_reported_on_its_own() {
        let mut judge = Judge::new(Vec::new());
        for line in [3, 4, 3] {
            judge.take(Violation { line: Some(line), ..violation("expect", "line", "g") });
        }
        assert_eq!(judge.new_findings().len(), 2);
    }
}
