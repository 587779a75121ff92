//! The log of one partition: batches as producers sent them, with offsets and leader epochs stamped
//! in.
//!
//! It always starts at offset 0: nothing is deleted or compacted.

use bytes::{Bytes, BytesMut};

use crate::coordinator::RequestId;
use crate::protocol::records::{self, BatchHeader};

use super::producers::Producers;

#[derive(Default)]
pub(super) struct Log {
    batches: Vec<Batch>,
    pub(super) producers: Producers,
    /// The fetches that wait for this log to grow.
    pub(super) waiting: Vec<RequestId>,
}

struct Batch {
    base: i64,
    next: i64,
    bytes: Bytes,
}

/// A record that was found by timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FoundRecord {
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) leader_epoch: i32,
}

impl Log {
    /// One past the last offset.
    pub(super) fn end(&self) -> i64 {
        self.batches.last().map_or(0, |batch| batch.next)
    }

    /// Appends a batch of `count` records and returns its offsets, `first..next`.
    pub(super) fn append(&mut self, batch: &Bytes, count: i64, leader_epoch: i32) -> (i64, i64) {
        let base = self.end();
        let next = base + count;
        let bytes = records::stamped(batch, base, leader_epoch);
        self.batches.push(Batch { base, next, bytes });
        (base, next)
    }

    /// Whole batches from the one that contains `offset` on, up to `max_bytes`. With `one_at_least`
    /// the first batch is returned even if it is larger (KIP-74).
    pub(super) fn read(&self, offset: i64, max_bytes: usize, one_at_least: bool) -> Bytes {
        if offset >= self.end() {
            return Bytes::new();
        }
        let from = self.batches.partition_point(|batch| batch.next <= offset);
        let mut size = 0;
        let wanted: Vec<&Batch> = self.batches[from..]
            .iter()
            .take_while(|batch| {
                size += batch.bytes.len();
                size <= max_bytes || one_at_least && size == batch.bytes.len()
            })
            .collect();
        match wanted[..] {
            [] => Bytes::new(),
            [one] => one.bytes.clone(),
            ref several => {
                debug_assert!(several.is_sorted_by_key(|batch| batch.base));
                let mut all = BytesMut::with_capacity(size);
                several.iter().for_each(|batch| all.extend_from_slice(&batch.bytes));
                all.freeze()
            }
        }
    }

    /// The epoch of the leader that appended the first batch.
    pub(super) fn first_epoch(&self) -> Option<i32> {
        self.batches.first().map(|batch| batch.header().leader_epoch)
    }

    /// The first record that is not older than `timestamp`.
    pub(super) fn not_before(&self, timestamp: i64) -> Option<FoundRecord> {
        let recent_enough = |batch: &&Batch| batch.header().max_timestamp >= timestamp;
        let batch = self.batches.iter().find(recent_enough)?;
        // If the batch does not decode, its first record is returned: a consumer that begins there
        // reads some records that are too old, but misses none.
        let header = batch.header();
        Some(batch.first(|at| at >= timestamp).unwrap_or(FoundRecord {
            offset: header.base_offset,
            timestamp: header.base_timestamp,
            leader_epoch: header.leader_epoch,
        }))
    }

    /// The first record with the latest timestamp in the log.
    pub(super) fn latest(&self) -> Option<FoundRecord> {
        let latest = self.batches.iter().map(|batch| batch.header().max_timestamp).max()?;
        let batch = self.batches.iter().find(|batch| batch.header().max_timestamp == latest)?;
        // If the batch does not decode, its last record is returned, as in Kafka versions that did
        // not decompress batches for this.
        let header = batch.header();
        Some(batch.first(|at| at == latest).unwrap_or(FoundRecord {
            offset: batch.next - 1,
            timestamp: latest,
            leader_epoch: header.leader_epoch,
        }))
    }
}

impl Batch {
    fn header(&self) -> BatchHeader {
        BatchHeader::read(&self.bytes).expect("the header was checked before the append")
    }

    /// The first record with a wanted timestamp; `None` if the batch does not decode.
    fn first(&self, wanted: impl Fn(i64) -> bool) -> Option<FoundRecord> {
        let timestamps = records::timestamps(&self.bytes)?;
        let (offset, timestamp) = timestamps.into_iter().find(|&(_, at)| wanted(at))?;
        Some(FoundRecord { offset, timestamp, leader_epoch: self.header().leader_epoch })
    }
}
