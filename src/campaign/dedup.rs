//! Limits how often one process writes the same bug to its ledger.

use std::collections::BTreeMap;

use super::line::Entry;

/// The number of findings per bug that one process writes. In a system that does not work at all
/// every seed has a finding, and millions of seeds would fill the disk.
const MOST_PER_BUG: u64 = 1_000;

/// The bugs that a process has found so far. The [`Tally`](super::Tally) counts all findings,
/// including those that are not written.
#[derive(Debug, Default)]
pub struct Dedup {
    bugs: BTreeMap<(String, String), Bug>,
}

#[derive(Debug)]
struct Bug {
    times: u64,
    /// The least virtual time in which a seed has shown the bug, in microseconds.
    fastest: u64,
}

impl Dedup {
    /// Counts a finding. Returns whether to write it: it is one of the first 1,000 of its bug, or
    /// it shows the bug in less virtual time than any finding before.
    pub fn is_new(&mut self, entry: &Entry) -> bool {
        let key = (entry.invariant.clone(), entry.signature.clone());
        let bug = self.bugs.entry(key).or_insert(Bug { times: 0, fastest: u64::MAX });
        let took = entry.simulated_us.unwrap_or(u64::MAX);
        let is_new = bug.times < MOST_PER_BUG || took < bug.fastest;
        bug.times += 1;
        bug.fastest = bug.fastest.min(took);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::{ProcessStarted, hang};
    use crate::swarm::Conditions;

    #[test]
    fn a_bug_is_written_a_thousand_times_and_whenever_a_seed_shows_it_faster() {
        let started = ProcessStarted {
            commit: String::new(),
            shard: "0/1".to_owned(),
            from: 0,
            to: None,
            profile: String::new(),
            engine: String::new(),
            mutant: None,
            time: String::new(),
        };
        let bare = hang(&started, Conditions::default(), 0, Default::default());
        let found = |simulated_us| Entry { simulated_us: Some(simulated_us), ..bare.clone() };
        let mut dedup = Dedup::default();
        let written = (0..MOST_PER_BUG * 2).filter(|_| dedup.is_new(&found(50))).count();
        assert_eq!(written as u64, MOST_PER_BUG);
        assert!(dedup.is_new(&found(49)) && !dedup.is_new(&found(49)));
        let other = Entry { signature: "another".to_owned(), ..found(50) };
        assert!(dedup.is_new(&other));
    }
}
