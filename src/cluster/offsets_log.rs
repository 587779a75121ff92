//! One partition of the offsets log, as it is on the disks of the brokers that hold it: what is stored, and
//! how much of that is committed (rules R3).
//!
//! The log is one, whoever leads it. Replication is the high watermark, which the leader moves; that a
//! follower was behind shows only at an election, when part of the uncommitted end may be gone. Who waits
//! for the high watermark is the leader's business: [`super::appends`].

use std::collections::BTreeMap;

use crate::coordinator::{Record, RecordKey};
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

    /// Everything stored is committed: a leader that comes back has all of its own log.
    pub(super) fn commit_all(&mut self) {
        self.high_watermark = self.end;
    }

    /// Another term begins, with a leader that has what is committed and perhaps some of the rest, from its
    /// beginning on. What survives is committed with that. Returns how many records did not survive.
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
        (self.end, self.high_watermark) = (end, end);
        lost
    }

    /// The first positions of the batches that an election may take away.
    fn uncommitted_batches(&self) -> Vec<u64> {
        let from = self.stored.partition_point(|stored| stored.position < self.high_watermark);
        let mut batches: Vec<u64> = self.stored[from..].iter().map(|stored| stored.batch).collect();
        batches.dedup();
        batches
    }

    /// Of each key of the committed part only the last record is kept, where it was. Tombstones stay: Kafka
    /// keeps them for a day, so that nobody who has read an earlier record misses them.
    pub(super) fn compact(&mut self) {
        let committed = self.stored.partition_point(|s| s.position < self.high_watermark);
        let keyed = |stored: &Stored| stored.record.key().map(|key| (key, stored.position));
        let last: BTreeMap<RecordKey, u64> =
            self.stored[..committed].iter().filter_map(keyed).collect();
        let high_watermark = self.high_watermark;
        self.stored.retain(|stored| match keyed(stored) {
            Some((key, position)) if position < high_watermark => last[&key] == position,
            Some(_) | None => true,
        });
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

    /// What a reader of the whole log knows in the end, it also knows from the compacted one.
    #[test]
    fn a_compacted_log_means_the_same() {
        let mut rng = Rng::stream(1, "compaction");
        for _ in 0..50 {
            let mut log = OffsetsLog::default();
            for generation in 0..30 {
                let id = *rng.pick(&["a", "b", "c"]);
                let record = if rng.chance(300) { tombstone(id) } else { group(id, generation) };
                log.append([record].into_iter());
            }
            log.commit(rng.within(0..=29));
            let meaning = |log: &OffsetsLog| -> BTreeMap<RecordKey, Record> {
                log.records().into_iter().map(|(_, r)| (r.key().expect("a key"), r)).collect()
            };
            let (plain, before) = (meaning(&log), log.records().len());
            log.compact();
            assert_eq!(meaning(&log), plain);
            assert!(log.records().len() <= before);
        }
    }
}
