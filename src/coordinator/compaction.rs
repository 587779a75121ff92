//! What compaction may drop of a log so that it means the same without it (rule R9.10).
//!
//! As Kafka's cleaner does it: of each key the last record is kept, where it was, but nothing is touched
//! from the first record on of a transaction that is not over. A tombstone that lies behind an offset which still
//! waits is what keeps that offset from coming back, however often its key is written again. What an aborted
//! transaction wrote is nobody's, what a committed one wrote is a commit like any other.
//!
//! Markers and tombstones stay. Kafka keeps them for a day, so that nobody misses them who has read an earlier
//! record; nothing here is compacted that long after.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{ProducerId, Record, RecordKey};

/// The positions that compaction may drop of the committed part of a log, which is handed in with its
/// positions, in order.
pub fn superseded(committed: &[(u64, &Record)]) -> BTreeSet<u64> {
    let Transactions { open, aborted } = Transactions::of(committed);
    let end = open.values().flatten().min().copied().unwrap_or(u64::MAX);
    let closed = committed.iter().take_while(|(position, _)| *position < end);
    let mut last: BTreeMap<RecordKey, u64> = BTreeMap::new();
    let mut dropped = BTreeSet::new();
    for &(position, record) in closed {
        if aborted.contains(&position) {
            dropped.insert(position);
        } else if let Some(key) = key(record) {
            dropped.extend(last.insert(key, position));
        }
    }
    dropped
}

/// What a record is about, when its transaction, if any, has committed.
fn key(record: &Record) -> Option<RecordKey> {
    match record {
        Record::TxnOffsetCommit { group, partition, .. } => {
            Some(RecordKey::Offset(group.clone(), partition.clone()))
        }
        other => other.key(),
    }
}

#[derive(Default)]
struct Transactions {
    /// The records of each producer whose marker has not come.
    open: BTreeMap<ProducerId, Vec<u64>>,
    aborted: BTreeSet<u64>,
}

impl Transactions {
    fn of(committed: &[(u64, &Record)]) -> Transactions {
        let mut found = Transactions::default();
        for &(position, record) in committed {
            match record {
                Record::TxnOffsetCommit { producer, .. } => {
                    found.open.entry(*producer).or_default().push(position);
                }
                Record::TxnMarker { producer, committed } => {
                    let ended = found.open.remove(producer).unwrap_or_default();
                    if !committed {
                        found.aborted.extend(ended);
                    }
                }
                _ => {}
            }
        }
        found
    }
}
