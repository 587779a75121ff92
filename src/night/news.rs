//! What need not be told again.

use std::collections::BTreeMap;

use super::line::Entry;

/// How often a bug is told by one process. In a system that does not work at all every seed finds something, and a
/// night of millions of seeds would fill the disk.
const ENOUGH: u64 = 1_000;

/// What a process has told so far. What it keeps to itself is counted all the same, in the
/// [`Tally`](super::Tally).
#[derive(Debug, Default)]
pub struct News {
    bugs: BTreeMap<(String, String), Bug>,
}

#[derive(Debug)]
struct Bug {
    times: u64,
    /// The least that it took, in virtual time.
    soonest: u64,
}

impl News {
    /// Whether a finding is to be told: one of the first of its bug, or one that shows it sooner than any before.
    pub fn is_news(&mut self, entry: &Entry) -> bool {
        let key = (entry.invariant.clone(), entry.place.clone());
        let bug = self.bugs.entry(key).or_insert(Bug { times: 0, soonest: u64::MAX });
        let took = entry.simulated_us.unwrap_or(u64::MAX);
        let news = bug.times < ENOUGH || took < bug.soonest;
        bug.times += 1;
        bug.soonest = bug.soonest.min(took);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::night::{Began, hang};
    use crate::swarm::Conditions;

    #[test]
    fn a_bug_is_told_often_enough_and_whenever_it_is_shown_sooner() {
        let began = Began {
            commit: String::new(),
            shard: "0/1".to_owned(),
            from: 0,
            to: None,
            profile: String::new(),
            engine: String::new(),
            mutant: None,
            time: String::new(),
        };
        let bare = hang(&began, Conditions::default(), 0, Default::default());
        let found = |simulated_us| Entry { simulated_us: Some(simulated_us), ..bare.clone() };
        let mut news = News::default();
        assert_eq!((0..ENOUGH * 2).filter(|_| news.is_news(&found(50))).count() as u64, ENOUGH);
        assert!(news.is_news(&found(49)) && !news.is_news(&found(49)));
        let other = Entry { place: "elsewhere".to_owned(), ..found(50) };
        assert!(news.is_news(&other));
    }
}
