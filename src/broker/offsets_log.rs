//! One partition of the offsets log, on the disks of all brokers that hold it: its records, and
//! which of them are committed (rules R3).
//!
//! There is one log, whichever broker leads it. Replication is modelled by the high watermark,
//! which the leader moves. That a follower was behind shows only at an election, when part of the
//! uncommitted end may be lost. The responses that wait for the high watermark are kept by the
//! leader: [`super::appends`].

use crate::coordinator::{Record, superseded};
use crate::protocol::ResponseError;
use crate::rng::Rng;

use super::cluster::Uncommitted;

#[derive(Default)]
pub(super) struct OffsetsLog {
    /// The epoch of the term that may append. A leader with another epoch has been replaced,
    /// whether it knows it or not.
    pub(super) epoch: i32,
    stored: Vec<Stored>,
    /// The position of the next record.
    end: u64,
    /// Records before it are committed: no election loses them.
    high_watermark: u64,
    /// The end of the log when the current leader took over. The leader need not append for these
    /// records to be committed; the high watermark only has to move.
    taken_over: u64,
    /// The high watermark does not move.
    pub(super) stalled: bool,
    /// The error with which appends are refused.
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

    /// Commits the record at `position` and all records before it.
    pub(super) fn commit(&mut self, position: u64) {
        assert!(
            (self.high_watermark..self.end).contains(&position),
            "the high watermark cannot move from {} past {position}: the log ends at {}",
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

    /// A leader begins with all stored records.
    pub(super) fn take_over(&mut self) {
        self.taken_over = self.end;
        self.commit_taken_over();
    }

    /// Commits the records that the leader took over, unless the high watermark is stalled. (In
    /// Kafka it would have to wait until the followers have fetched them, as after any append.)
    pub(super) fn commit_taken_over(&mut self) {
        if !self.stalled {
            self.high_watermark = self.high_watermark.max(self.taken_over);
        }
    }

    /// Begins another term. Its leader has the committed records and, of the uncommitted batches,
    /// the first few or none. Returns how many records were lost.
    pub(super) fn begin_term(&mut self, uncommitted: Uncommitted, rng: &mut Rng) -> u64 {
        let batches = self.uncommitted_batches();
        let surviving = match uncommitted {
            Uncommitted::Random => rng.below(batches.len() as u64 + 1) as usize,
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

    /// The first positions of the batches that an election may lose.
    fn uncommitted_batches(&self) -> Vec<u64> {
        let from = self.stored.partition_point(|stored| stored.position < self.high_watermark);
        let mut batches: Vec<u64> = self.stored[from..].iter().map(|stored| stored.batch).collect();
        batches.dedup();
        batches
    }

    /// Drops the committed records that later ones supersede.
    pub(super) fn compact(&mut self) {
        let committed = self.stored.partition_point(|s| s.position < self.high_watermark);
        let committed = self.stored[..committed].iter();
        let committed: Vec<_> = committed.map(|s| (s.position, &s.record)).collect();
        let gone = superseded(&committed);
        self.stored.retain(|stored| !gone.contains(&stored.position));
    }

    /// All stored records with their positions, in order, batch by batch.
    pub(super) fn batches(&self) -> Vec<Vec<(u64, Record)>> {
        let copy = |stored: &Stored| (stored.position, stored.record.clone());
        let batches = self.stored.chunk_by(|one, next| one.batch == next.batch);
        batches.map(|batch| batch.iter().map(copy).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::testing::{group, tombstone};

    fn rng() -> Rng {
        Rng::stream(7, "election")
    }

    fn log(batches: &[&[&str]]) -> OffsetsLog {
        let mut log = OffsetsLog::default();
        for batch in batches {
            log.append(batch.iter().map(|id| tombstone(id)));
        }
        log
    }

    fn records(log: &OffsetsLog) -> Vec<(u64, Record)> {
        log.batches().into_iter().flatten().collect()
    }

    fn groups(log: &OffsetsLog) -> Vec<(u64, String)> {
        let name = |(position, record): (u64, Record)| match record {
            Record::GroupTombstone { group } => (position, group.0.to_string()),
            Record::GroupMetadata(metadata) => (position, metadata.group.0.to_string()),
            other => panic!("{other:?}"),
        };
        records(log).into_iter().map(name).collect()
    }

    /// R3.13.
    #[test]
    fn an_election_loses_only_uncommitted_records() {
        let mut log = log(&[&["a"], &["b", "c"], &["d"]]);
        log.commit(0);
        assert_eq!(log.begin_term(Uncommitted::Lost, &mut rng()), 3);
        assert_eq!(groups(&log), [(0, "a".to_owned())]);
        assert_eq!(log.append([tombstone("e")].into_iter()), 1, "the positions are used again");
    }

    /// R3.13.
    #[test]
    fn records_that_survive_an_election_are_committed() {
        let mut log = log(&[&["a"], &["b"]]);
        assert_eq!(log.begin_term(Uncommitted::Kept, &mut rng()), 0);
        assert_eq!(log.begin_term(Uncommitted::Lost, &mut rng()), 0);
        assert_eq!(groups(&log).len(), 2);
    }

    /// R3.13.
    #[test]
    fn while_the_high_watermark_is_stalled_no_election_commits_anything() {
        let mut log = log(&[&["a"], &["b"], &["c"]]);
        log.commit(0);
        log.stalled = true;
        assert_eq!(log.begin_term(Uncommitted::Kept, &mut rng()), 0);
        log.append([tombstone("d")].into_iter());
        assert_eq!((log.committed(), records(&log).len()), (1, 4));
        let mut lost = log;
        lost.stalled = false;
        lost.commit_taken_over();
        assert_eq!(lost.committed(), 3, "all but what the leader appended itself");
        assert_eq!(lost.begin_term(Uncommitted::Lost, &mut rng()), 1);
        assert_eq!(groups(&lost).len(), 3);
    }

    /// R3.8, R3.13.
    #[test]
    fn a_random_election_never_splits_a_batch_and_may_lose_all_or_nothing() {
        let mut stream = rng();
        let mut kept = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let mut log = log(&[&["a"], &["b", "c"], &["d"]]);
            log.commit(0);
            log.begin_term(Uncommitted::Random, &mut stream);
            kept.insert(records(&log).len());
        }
        assert_eq!(kept.into_iter().collect::<Vec<_>>(), [1, 3, 4]);
    }

    /// R3.8, R3.13. Batches of two, three and one record, with the high watermark at each end of a
    /// batch.
    #[test]
    fn a_batch_of_three_is_lost_or_kept_as_a_whole_wherever_an_election_splits_the_log() {
        const BATCHES: [&[&str]; 3] = [&["a", "b"], &["c", "d", "e"], &["f"]];
        const ENDS: [usize; 4] = [0, 2, 5, 6];
        let mut found = std::collections::BTreeSet::new();
        for (committed, end) in ENDS.into_iter().enumerate() {
            for seed in 0..100 {
                let mut log = log(&BATCHES);
                if end > 0 {
                    log.commit(end as u64 - 1);
                }
                log.begin_term(Uncommitted::Random, &mut Rng::stream(seed, "election"));
                let left = log.batches();
                assert!(left.len() >= committed, "{left:?} lacks what was committed");
                for (batch, whole) in left.iter().zip(BATCHES) {
                    assert_eq!(batch.len(), whole.len(), "{left:?} has a part of a batch");
                }
                assert_eq!(records(&log).len(), ENDS[left.len()]);
                found.insert((committed, left.len()));
            }
        }
        let every_split = (0..4).flat_map(|committed| (committed..4).map(move |n| (committed, n)));
        assert_eq!(found, every_split.collect(), "each split is drawn");
    }

    /// R9.10. Compaction drops single records; what is left of a batch is still one.
    #[test]
    fn a_compacted_batch_is_replayed_as_one() {
        let mut log = OffsetsLog::default();
        log.append([group("a", 1), group("b", 1), group("c", 1)].into_iter());
        log.append([group("b", 2)].into_iter());
        log.commit(3);
        log.compact();
        let positions = |batch: Vec<(u64, Record)>| batch.into_iter().map(|(at, _)| at).collect();
        let left: Vec<Vec<u64>> = log.batches().into_iter().map(positions).collect();
        assert_eq!(left, [vec![0, 2], vec![3]]);
    }

    /// R9.10.
    #[test]
    fn compaction_keeps_the_last_record_of_each_key_and_all_uncommitted_records() {
        let mut log = OffsetsLog::default();
        log.append([group("a", 1), group("b", 1), group("a", 2), tombstone("b")].into_iter());
        log.commit(3);
        log.append([group("a", 3), group("a", 4)].into_iter());
        log.compact();
        let left: Vec<u64> = records(&log).into_iter().map(|(position, _)| position).collect();
        assert_eq!(left, [2, 3, 4, 5]);
    }
}
