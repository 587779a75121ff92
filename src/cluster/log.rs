//! The log of one partition: batches as they were produced, with offsets and leader epochs stamped in.
//!
//! It begins at offset 0 for ever: nothing is deleted or compacted.

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

/// A record that was looked for by its timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
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

    /// Whole batches from the one that holds `offset`, up to `max_bytes`; the first one even if it is larger,
    /// when `one_at_least` (KIP-74).
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
    pub(super) fn not_before(&self, timestamp: i64) -> Option<Found> {
        let young = |batch: &&Batch| batch.header().max_timestamp >= timestamp;
        let batch = self.batches.iter().find(young)?;
        // Of a batch that does not decode the first record is named: a consumer that begins there reads
        // some that are too old, but misses none.
        let header = batch.header();
        Some(batch.first(|at| at >= timestamp).unwrap_or(Found {
            offset: header.base_offset,
            timestamp: header.base_timestamp,
            leader_epoch: header.leader_epoch,
        }))
    }

    /// The first record with the latest timestamp of all.
    pub(super) fn latest(&self) -> Option<Found> {
        let latest = self.batches.iter().map(|batch| batch.header().max_timestamp).max()?;
        let batch = self.batches.iter().find(|batch| batch.header().max_timestamp == latest)?;
        // Before Kafka unpacked batches for this it named their last record.
        let header = batch.header();
        Some(batch.first(|at| at == latest).unwrap_or(Found {
            offset: batch.next - 1,
            timestamp: latest,
            leader_epoch: header.leader_epoch,
        }))
    }
}

impl Batch {
    fn header(&self) -> BatchHeader {
        BatchHeader::read(&self.bytes).expect("a batch was looked at before it was appended")
    }

    /// The first record whose timestamp is wanted; none where the batch does not decode.
    fn first(&self, wanted: impl Fn(i64) -> bool) -> Option<Found> {
        let timestamps = records::timestamps(&self.bytes)?;
        let (offset, timestamp) = timestamps.into_iter().find(|&(_, at)| wanted(at))?;
        Some(Found { offset, timestamp, leader_epoch: self.header().leader_epoch })
    }
}
