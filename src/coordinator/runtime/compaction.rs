//! The records that compaction may drop from a log without changing what a replay gives (rule
//! R9.10).
//!
//! Like Kafka's log cleaner, it keeps the last record of each key, at its position, and does not
//! touch anything from the first record of an open transaction on. A later tombstone prevents a
//! pending offset before it from coming back, however often the key is written again. Records of an
//! aborted transaction belong to no key; those of a committed one are commits like any other.
//!
//! Markers and tombstones stay. Kafka keeps them for a day, so that a reader that has seen an
//! earlier record does not miss them; no log here is compacted that long after.

use std::collections::{BTreeMap, BTreeSet};

use crate::coordinator::record::{ProducerId, Record, RecordKey};

/// The positions that compaction may drop. `committed` is the committed part of the log, in order.
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

/// The key of a record; that of a transactional offset counts only if its transaction has
/// committed.
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
    /// The positions of each producer's records whose marker has not come yet.
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
