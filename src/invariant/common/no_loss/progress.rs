//! How far a group has processed a partition, by any of its members.

use std::collections::BTreeMap;

/// The records of one partition that a group has processed at least once.
#[derive(Debug, Default)]
pub(super) struct Progress {
    prefix: i64,
    /// Processed ranges beyond the prefix: first → one past the last.
    beyond: BTreeMap<i64, i64>,
}

impl Progress {
    /// One past the last offset of the unbroken run of processed records from 0.
    pub(super) fn prefix(&self) -> i64 {
        self.prefix
    }

    /// Records `first..next` have been processed.
    pub(super) fn add(&mut self, first: i64, next: i64) {
        if first > self.prefix {
            let end = self.beyond.entry(first).or_insert(next);
            *end = (*end).max(next);
            return;
        }
        self.prefix = self.prefix.max(next);
        while let Some(range) = self.beyond.first_entry() {
            if *range.key() > self.prefix {
                break;
            }
            self.prefix = self.prefix.max(range.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_grows_when_a_gap_closes() {
        let mut progress = Progress::default();
        progress.add(2, 4);
        progress.add(6, 8);
        progress.add(6, 7);
        assert_eq!(progress.prefix(), 0);
        progress.add(0, 3);
        assert_eq!(progress.prefix(), 4);
        progress.add(4, 6);
        assert_eq!(progress.prefix(), 8);
        progress.add(0, 1);
        assert_eq!(progress.prefix(), 8);
    }
}
