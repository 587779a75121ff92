//! Judging that does not end with the first violation, for worlds that go on: `serve` and `probe`.
//!
//! Each claim of an invariant is reported once for each group, when it first does not hold; further times are
//! counted. What is allowed is not reported at all.

use std::collections::BTreeMap;

use crate::invariant::{Allow, Checker, Violation};
use crate::protocol::GroupId;
use crate::trace::{Event, Kind};

use super::{Finding, Found};

/// Invariant, claim, group, and the line of an `expect`: each is a claim of its own.
type Key = (&'static str, &'static str, Option<GroupId>, u32);

/// What was found so far.
pub(super) struct Judge {
    allowed: Vec<Allow>,
    found: Vec<Found>,
    known: BTreeMap<Key, usize>,
    /// How many of them were handed out as news.
    told: usize,
}

impl Judge {
    pub(super) fn new(allowed: Vec<Allow>) -> Judge {
        Judge { allowed, found: Vec::new(), known: BTreeMap::new(), told: 0 }
    }

    pub(super) fn observe(&mut self, checker: &mut Checker, event: &Event) {
        let line = match &event.kind {
            Kind::Expected { line, .. } => *line,
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

    /// What was found since this was last asked.
    pub(super) fn news(&mut self) -> Vec<Finding> {
        let news = self.found[self.told..].iter().map(|found| found.finding.clone()).collect();
        self.told = self.found.len();
        news
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
    fn each_claim_is_reported_once_for_each_group_and_counted() {
        let mut judge = Judge::new(Vec::new());
        for (rule, group) in [("a", "g"), ("a", "g"), ("b", "g"), ("a", "h"), ("a", "g")] {
            judge.take(violation("session", rule, group), 0);
        }
        assert_eq!(judge.news().len(), 3);
        judge.take(violation("session", "a", "g"), 0);
        assert_eq!(judge.news(), []);
        let times: Vec<u64> = judge.into_found().iter().map(|found| found.times).collect();
        assert_eq!(times, [4, 1, 1]);
    }

    #[test]
    fn what_is_allowed_is_not_reported() {
        let allowed = ["session:g", "balance"].map(|text| text.parse().expect("an invariant"));
        let mut judge = Judge::new(allowed.to_vec());
        judge.take(violation("session", "a", "g"), 0);
        judge.take(violation("balance", "a", "h"), 0);
        assert_eq!(judge.news(), []);
        judge.take(violation("session", "a", "h"), 0);
        assert_eq!(judge.news().len(), 1);
    }

    #[test]
    fn each_line_that_expects_something_is_a_claim() {
        let mut judge = Judge::new(Vec::new());
        judge.take(violation("expect", "line", "g"), 3);
        judge.take(violation("expect", "line", "g"), 4);
        assert_eq!(judge.news().len(), 2);
    }
}
