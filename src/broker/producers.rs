//! The idempotent producers that a partition remembers (KIP-98): which batch may follow, and which
//! batch is a duplicate.
//!
//! The rules are those of Kafka's ProducerStateManager for non-transactional batches. An unknown
//! producer may begin at any sequence number: the broker may have forgotten it, so
//! UNKNOWN_PRODUCER_ID is never returned (KIP-360). Kafka forgets a producer that has written
//! nothing for `producer.id.expiration.ms`, a day. Here a partition remembers the [`REMEMBERED`]
//! producers that wrote last: this bound holds whatever clients do, and needs no clock. For a
//! forgotten producer the effect is the same.
//!
//! This module does not know the log: offsets are arguments. The state belongs to the log and
//! survives broker crashes, like the state that Kafka rebuilds from its log.

use std::collections::{BTreeMap, VecDeque};

use crate::protocol::ResponseError;
use crate::protocol::records::BatchHeader;

/// How many producers a partition remembers.
pub(super) const REMEMBERED: usize = 1_000;

/// How many batches it remembers of each: as many as a producer may have in flight.
const BATCHES: usize = 5;

/// Stands for "no epoch".
const NO_EPOCH: i16 = -1;

#[derive(Default)]
pub(super) struct Producers(BTreeMap<i64, Producer>);

struct Producer {
    epoch: i16,
    /// Its last batches in this epoch, oldest first; never empty.
    batches: VecDeque<Written>,
}

/// A batch in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) first_offset: i64,
    /// The latest timestamp of its records.
    pub(super) timestamp: i64,
    first: i32,
    last: i32,
}

impl Producers {
    /// Checks a batch: returns the earlier batch that it duplicates, or `None` if it is new and may
    /// be appended.
    pub(super) fn check(&self, batch: &BatchHeader) -> Result<Option<Written>, ResponseError> {
        let Some(producer) = self.0.get(&batch.producer_id) else {
            let fenced = is_numbered(batch) && batch.producer_epoch < NO_EPOCH;
            return if fenced { Err(ResponseError::InvalidProducerEpoch) } else { Ok(None) };
        };
        if let Some(before) = producer.written(batch) {
            return Ok(Some(before));
        }
        producer.may_write(batch).map(|()| None)
    }

    /// Records that a new batch was appended, from this offset on.
    pub(super) fn appended(&mut self, batch: &BatchHeader, first_offset: i64) {
        if !is_numbered(batch) {
            return;
        }
        if self.0.len() == REMEMBERED && !self.0.contains_key(&batch.producer_id) {
            self.forget_one();
        }
        let epoch = batch.producer_epoch;
        let new = || Producer { epoch, batches: VecDeque::with_capacity(BATCHES) };
        let producer = self.0.entry(batch.producer_id).or_insert_with(new);
        if producer.epoch != epoch {
            producer.epoch = epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == BATCHES {
            producer.batches.pop_front();
        }
        producer.batches.push_back(Written {
            first_offset,
            timestamp: batch.max_timestamp,
            first: batch.base_sequence,
            last: last_sequence(batch),
        });
    }

    /// Forgets the producer whose last batch is the oldest.
    fn forget_one(&mut self) {
        let last = |producer: &Producer| producer.batches.back().map(|batch| batch.first_offset);
        let oldest = self.0.iter().min_by_key(|(_, producer)| last(producer)).map(|(id, _)| *id);
        if let Some(id) = oldest {
            self.0.remove(&id);
        }
    }
}

impl Producer {
    /// The earlier batch with the same sequence numbers, if it is among the last ones.
    fn written(&self, batch: &BatchHeader) -> Option<Written> {
        let numbers = (batch.base_sequence, last_sequence(batch));
        let same = |before: &&Written| (before.first, before.last) == numbers;
        self.batches.iter().find(same).filter(|_| batch.producer_epoch == self.epoch).copied()
    }

    fn may_write(&self, batch: &BatchHeader) -> Result<(), ResponseError> {
        if batch.producer_epoch < self.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        let follows = match self.batches.back() {
            // A producer without an epoch may send any sequence number.
            _ if self.epoch == NO_EPOCH => true,
            Some(before) if batch.producer_epoch == self.epoch => {
                batch.base_sequence == after(before.last, 1)
            }
            _ => batch.base_sequence == 0,
        };
        if follows { Ok(()) } else { Err(ResponseError::OutOfOrderSequenceNumber) }
    }
}

fn is_numbered(batch: &BatchHeader) -> bool {
    batch.producer_id >= 0
}

fn last_sequence(batch: &BatchHeader) -> i32 {
    after(batch.base_sequence, batch.last_offset_delta)
}

/// The sequence number `more` after `sequence`. 0 follows the largest one.
fn after(sequence: i32, more: i32) -> i32 {
    sequence.wrapping_add(more) & i32::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::records;
    use crate::time::Time;
    use bytes::Bytes;

    const FENCED: Result<i64, ResponseError> = Err(ResponseError::InvalidProducerEpoch);
    const OUT_OF_ORDER: Result<i64, ResponseError> = Err(ResponseError::OutOfOrderSequenceNumber);

    /// A partition whose log is only as long as what was appended.
    #[derive(Default)]
    struct Partition {
        producers: Producers,
        end: i64,
    }

    impl Partition {
        /// Appends a batch of two records; returns its base offset in the response.
        fn write(
            &mut self,
            producer_id: i64,
            producer_epoch: i16,
            base_sequence: i32,
        ) -> Result<i64, ResponseError> {
            let values = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
            let mut batch = records::encode_batch(&values, Time::from_micros(5_000)).to_vec();
            batch[43..51].copy_from_slice(&producer_id.to_be_bytes());
            batch[51..53].copy_from_slice(&producer_epoch.to_be_bytes());
            batch[53..57].copy_from_slice(&base_sequence.to_be_bytes());
            let header = BatchHeader::read(&batch).expect("a header");
            if let Some(before) = self.producers.check(&header)? {
                assert_eq!(before.timestamp, 5);
                return Ok(before.first_offset);
            }
            let first = self.end;
            self.end += 2;
            self.producers.appended(&header, first);
            Ok(first)
        }
    }

    #[test]
    fn sequence_numbers_must_be_consecutive() {
        let mut partition = Partition::default();
        assert_eq!(partition.write(7, 0, 0), Ok(0));
        assert_eq!(partition.write(7, 0, 4), OUT_OF_ORDER, "2 and 3 are missing");
        assert_eq!(partition.write(7, 0, 1), OUT_OF_ORDER, "1 is there, 2 is not");
        assert_eq!(partition.write(7, 0, 2), Ok(2));
        assert_eq!(partition.write(8, 0, 0), Ok(4), "each producer has numbers of its own");
    }

    #[test]
    fn a_duplicate_of_one_of_the_last_five_batches_gets_the_offset_of_the_original() {
        let mut partition = Partition::default();
        (0..6)
            .for_each(|turn| assert_eq!(partition.write(7, 0, 2 * turn), Ok(2 * i64::from(turn))));
        for turn in 1..6 {
            assert_eq!(partition.write(7, 0, 2 * turn), Ok(2 * i64::from(turn)));
        }
        assert_eq!(partition.end, 12, "no duplicate is appended");
        assert_eq!(partition.write(7, 0, 0), OUT_OF_ORDER, "the sixth from last is forgotten");
        assert_eq!(partition.write(7, 0, 12), Ok(12), "duplicates do not change what follows");
    }

    #[test]
    fn an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero() {
        let mut partition = Partition::default();
        assert_eq!(partition.write(7, 3, 0), Ok(0));
        assert_eq!(partition.write(7, 2, 0), FENCED);
        assert_eq!(partition.write(7, 4, 2), OUT_OF_ORDER);
        assert_eq!(partition.write(7, 4, 0), Ok(2), "no duplicate: it is of another epoch");
        assert_eq!(partition.write(7, 3, 0), FENCED, "a fenced batch is not a duplicate either");
        assert_eq!(partition.write(7, 4, 2), Ok(4));
        assert_eq!(partition.write(9, -2, 0), FENCED);
    }

    #[test]
    fn an_unknown_producer_may_begin_at_any_sequence_number() {
        let mut partition = Partition::default();
        assert_eq!(partition.write(7, 5, 40), Ok(0));
        assert_eq!(partition.write(7, 5, 44), OUT_OF_ORDER);
        assert_eq!(partition.write(7, 5, 42), Ok(2));
    }

    #[test]
    fn sequence_numbers_wrap_to_zero() {
        let mut partition = Partition::default();
        assert_eq!(partition.write(7, 0, i32::MAX - 2), Ok(0));
        assert_eq!(
            partition.write(7, 0, i32::MAX),
            Ok(2),
            "its sequence numbers are the largest and 0"
        );
        assert_eq!(partition.write(7, 0, i32::MAX), Ok(2), "a duplicate across the end");
        assert_eq!(partition.write(7, 0, 1), Ok(4));
        assert_eq!(partition.write(8, 0, i32::MAX - 1), Ok(6));
        assert_eq!(partition.write(8, 0, 0), Ok(8));
    }

    #[test]
    fn batches_without_a_producer_id_are_never_duplicates() {
        let mut partition = Partition::default();
        let offsets = [(); 3].map(|()| partition.write(-1, -1, -1));
        assert_eq!(offsets, [Ok(0), Ok(2), Ok(4)]);
        assert!(partition.producers.0.is_empty());
        let without_epoch = [9, 4, 4].map(|sequence| partition.write(7, -1, sequence));
        assert_eq!(without_epoch, [Ok(6), Ok(8), Ok(8)]);
    }

    #[test]
    fn only_the_producers_that_wrote_last_are_remembered() {
        let mut partition = Partition::default();
        let many = REMEMBERED as i64;
        (0..many).for_each(|id| assert_eq!(partition.write(id, 0, 0), Ok(2 * id)));
        assert_eq!(partition.write(0, 0, 2), Ok(2 * many));
        assert_eq!(partition.write(many, 0, 0), Ok(2 * many + 2));
        assert_eq!(partition.producers.0.len(), REMEMBERED);
        assert_eq!(partition.write(0, 0, 0), Ok(0), "producer 0 wrote again, and is known");
        assert_eq!(partition.write(2, 0, 9), OUT_OF_ORDER, "producer 2 is known");
        assert_eq!(partition.write(1, 0, 9), Ok(2 * many + 4), "producer 1 was forgotten");
    }
}
