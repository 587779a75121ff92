//! One partition of the offsets log, as it is on the disks of the brokers that hold it: what is stored, and
//! how much of that is committed (rules R3).
//!
//! The log is one, whoever leads it. Replication is the high watermark, which the leader moves; that a
//! follower was behind shows only at an election, when part of the uncommitted end may be gone. Who waits
//! for the high watermark is the leader's business: [`super::appends`].

use crate::coordinator::{Record, superseded};
use crate::protocol::ResponseError;
use crate::rng::Rng;

use super::cluster::Uncommitted;

#[derive(Default)]
pub(super) struct OffsetsLog {
    /// The term that may append. A leader whose epoch is another has been deposed, whether it knows or not.
    pub(super) epoch: i32,
    stored: Vec<Stored>,
    /// The position of the next record.
    end: u64,
    /// Records before it are committed: no election takes them away.
    high_watermark: u64,
    /// Where the log ended when the present leader took it over. It need not append for that to be
    /// committed, only the high watermark must move.
    taken_over: u64,
    /// The high watermark stands still.
    pub(super) stalled: bool,
    /// Appends are refused with this.
    pub(super) refusal: Option<ResponseError>,
}

struct Stored {
    position: u64,
    /// The position of the first record of its batch. Batches are replicated whole or not at all.
    batch: u64,
    record: Record,
}

impl OffsetsLog {
    pub(super) fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// Stores one batch and returns the position of its first record.
    pub(super) fn append(&mut self, records: impl Iterator<Item = Record>) -> u64 {
        let batch = self.end;
        for record in records {
            self.stored.push(Stored { position: self.end, batch, record });
            self.end += 1;
        }
        batch
    }

    /// The record at `position` is committed, and all before it.
    pub(super) fn commit(&mut self, position: u64) {
        assert!(
            (self.high_watermark..self.end).contains(&position),
            "the high watermark goes from {} past {position}, but the log ends at {}",
            self.high_watermark,
            self.end,
        );
        self.high_watermark = position + 1;
    }

    /// Records before this position are committed.
    pub(super) fn committed(&self) -> u64 {
        self.high_watermark
    }

    /// Records before this position are committed, as far as the leader of that epoch can know.
    pub(super) fn committed_in(&mut self, epoch: i32) -> u64 {
        if self.epoch != epoch {
            return 0;
        }
        self.commit_taken_over();
        self.high_watermark
    }

    /// A leader begins with everything that is stored.
    pub(super) fn take_over(&mut self) {
        self.taken_over = self.end;
        self.commit_taken_over();
    }

    /// What the leader took over is committed, unless the high watermark stands still. (In Kafka it would have to
    /// wait until the followers have fetched it, as after any append.)
    pub(super) fn commit_taken_over(&mut self) {
        if !self.stalled {
            self.high_watermark = self.high_watermark.max(self.taken_over);
        }
    }

    /// Another term begins, with a leader that has what is committed and perhaps some of the rest, from its
    /// beginning on. Returns how many records did not survive.
    pub(super) fn begin_term(&mut self, uncommitted: Uncommitted, luck: &mut Rng) -> u64 {
        let batches = self.uncommitted_batches();
        let surviving = match uncommitted {
            Uncommitted::Luck => luck.below(batches.len() as u64 + 1) as usize,
            Uncommitted::Lost => 0,
            Uncommitted::Kept => batches.len(),
        };
        let end = batches.get(surviving).copied().unwrap_or(self.end);
        let lost = self.end - end;
        self.stored.retain(|stored| stored.position < end);
        self.end = end;
        self.take_over();
        lost
    }

    /// The first positions of the batches that an election may take away.
    fn uncommitted_batches(&self) -> Vec<u64> {
        let from = self.stored.partition_point(|stored| stored.position < self.high_watermark);
        let mut batches: Vec<u64> = self.stored[from..].iter().map(|stored| stored.batch).collect();
        batches.dedup();
        batches
    }

    /// Drops what the committed part can do without.
    pub(super) fn compact(&mut self) {
        let committed = self.stored.partition_point(|s| s.position < self.high_watermark);
        let committed = self.stored[..committed].iter();
        let committed: Vec<_> = committed.map(|s| (s.position, &s.record)).collect();
        let gone = superseded(&committed);
        self.stored.retain(|stored| !gone.contains(&stored.position));
    }

    /// What is stored, with positions, in order.
    pub(super) fn records(&self) -> Vec<(u64, Record)> {
        self.stored.iter().map(|stored| (stored.position, stored.record.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::{group, tombstone};

    fn luck() -> Rng {
        Rng::stream(7, "election")
    }

    fn log(batches: &[&[&str]]) -> OffsetsLog {
        let mut log = OffsetsLog::default();
        for batch in batches {
            log.append(batch.iter().map(|id| tombstone(id)));
        }
        log
    }

    fn groups(log: &OffsetsLog) -> Vec<(u64, String)> {
        let name = |(position, record): (u64, Record)| match record {
            Record::GroupTombstone { group } => (position, group.0.to_string()),
            Record::GroupMetadata(metadata) => (position, metadata.group.0.to_string()),
            other => panic!("{other:?}"),
        };
        log.records().into_iter().map(name).collect()
    }

    /// R3.13.
    #[test]
    fn an_election_takes_away_only_what_is_uncommitted() {
        let mut log = log(&[&["a"], &["b", "c"], &["d"]]);
        log.commit(0);
        assert_eq!(log.begin_term(Uncommitted::Lost, &mut luck()), 3);
        assert_eq!(groups(&log), [(0, "a".to_owned())]);
        assert_eq!(log.append([tombstone("e")].into_iter()), 1, "the positions are used again");
    }

    /// R3.13.
    #[test]
    fn what_survives_an_election_is_committed() {
        let mut log = log(&[&["a"], &["b"]]);
        assert_eq!(log.begin_term(Uncommitted::Kept, &mut luck()), 0);
        assert_eq!(log.begin_term(Uncommitted::Lost, &mut luck()), 0);
        assert_eq!(groups(&log).len(), 2);
    }

    /// R3.13.
    #[test]
    fn while_the_high_watermark_stands_still_no_election_commits_anything() {
        let mut log = log(&[&["a"], &["b"], &["c"]]);
        log.commit(0);
        log.stalled = true;
        assert_eq!(log.begin_term(Uncommitted::Kept, &mut luck()), 0);
        log.append([tombstone("d")].into_iter());
        assert_eq!((log.committed(), log.records().len()), (1, 4));
        let mut lost = log;
        lost.stalled = false;
        lost.commit_taken_over();
        assert_eq!(lost.committed(), 3, "but what the leader appended itself");
        assert_eq!(lost.begin_term(Uncommitted::Lost, &mut luck()), 1);
        assert_eq!(groups(&lost).len(), 3);
    }

    /// R3.8, R3.13.
    #[test]
    fn luck_never_splits_a_batch_and_reaches_both_ends() {
        let mut luck = luck();
        let mut kept = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let mut log = log(&[&["a"], &["b", "c"], &["d"]]);
            log.commit(0);
            log.begin_term(Uncommitted::Luck, &mut luck);
            kept.insert(log.records().len());
        }
        assert_eq!(kept.into_iter().collect::<Vec<_>>(), [1, 3, 4]);
    }

    /// R9.10.
    #[test]
    fn compaction_keeps_the_last_of_each_key_and_all_that_is_uncommitted() {
        let mut log = OffsetsLog::default();
        log.append([group("a", 1), group("b", 1), group("a", 2), tombstone("b")].into_iter());
        log.commit(3);
        log.append([group("a", 3), group("a", 4)].into_iter());
        log.compact();
        let left: Vec<u64> = log.records().into_iter().map(|(position, _)| position).collect();
        assert_eq!(left, [2, 3, 4, 5]);
    }
}
