//! Record batches: what a producer writes and a consumer reads, in Kafka's own format (v2).
//!
//! A batch is encoded once, when it is produced. The broker stores the bytes and only stamps the base
//! offset and its leader epoch into them, which Kafka keeps outside the checksum for exactly that reason.
//! Compressed batches are stored and handed out like others; nobody here unpacks them.

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use crate::time::Time;

/// Encodes one batch with the given values, its base offset 0. No values make no bytes.
pub fn encode_batch(values: &[Bytes], now: Time) -> Bytes {
    if values.is_empty() {
        return Bytes::new();
    }
    let records: Vec<Record> = values
        .iter()
        .enumerate()
        .map(|(offset, value)| record(offset as i64, value, now))
        .collect();
    let mut buf = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut buf, records.iter(), &options)
        .expect("an uncompressed batch of fresh records encodes");
    buf.freeze()
}

/// The same batch at its place in the log, appended by the leader of this epoch.
pub fn stamped(batch: &Bytes, base: i64, leader_epoch: i32) -> Bytes {
    let mut bytes = BytesMut::from(&batch[..]);
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    bytes[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
    bytes.freeze()
}

/// The header of a batch, as far as a broker looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record.
    pub base_offset: i64,
    /// The epoch of the leader that appended it.
    pub leader_epoch: i32,
    /// The offset of the last record, from the first one on.
    pub last_offset_delta: i32,
    /// The timestamp of the first record.
    pub base_timestamp: i64,
    /// The latest timestamp of a record.
    pub max_timestamp: i64,
    /// The idempotent producer it comes from; −1 for none.
    pub producer_id: i64,
    /// The epoch of that producer: the older ones are fenced. −1 for none.
    pub producer_epoch: i16,
    /// The number that the producer gave to the first record; −1 for none.
    pub base_sequence: i32,
    /// How many records there are.
    pub count: i32,
    attributes: i16,
}

impl BatchHeader {
    /// How many bytes come before the records.
    pub const SIZE: usize = 61;
    /// How many bytes a record takes at least, where they are not packed: one for each of its seven parts.
    pub const SMALLEST_RECORD: usize = 7;
    /// Where the format is told: the batch length before it says how many bytes follow at 12.
    const MAGIC: usize = 16;

    /// Reads the header of a batch of format 2; none when there are too few bytes for one.
    pub fn read(batch: &[u8]) -> Option<BatchHeader> {
        let header: &[u8; Self::SIZE] = batch.first_chunk()?;
        Some(BatchHeader {
            base_offset: i64::from_be_bytes(field(header, 0)),
            leader_epoch: i32::from_be_bytes(field(header, 12)),
            attributes: i16::from_be_bytes(field(header, 21)),
            last_offset_delta: i32::from_be_bytes(field(header, 23)),
            base_timestamp: i64::from_be_bytes(field(header, 27)),
            max_timestamp: i64::from_be_bytes(field(header, 35)),
            producer_id: i64::from_be_bytes(field(header, 43)),
            producer_epoch: i16::from_be_bytes(field(header, 51)),
            base_sequence: i32::from_be_bytes(field(header, 53)),
            count: i32::from_be_bytes(field(header, 57)),
        })
    }

    /// The id of the compression: 0 for none, 4 for Zstandard.
    pub const fn compression(&self) -> i16 {
        self.attributes & 0b111
    }

    /// Whether it is part of a transaction.
    pub const fn is_transactional(&self) -> bool {
        self.attributes & (1 << 4) != 0
    }

    /// Whether it holds markers rather than records of an application.
    pub const fn is_control(&self) -> bool {
        self.attributes & (1 << 5) != 0
    }
}

/// The length and the format of the batch or message set that bytes begin with; none when they do not
/// reach as far as that.
pub fn length_and_magic(bytes: &[u8]) -> Option<(usize, i8)> {
    let magic = i8::from_be_bytes([*bytes.get(BatchHeader::MAGIC)?]);
    let header: &[u8; 12] = bytes.first_chunk()?;
    let rest = usize::try_from(i32::from_be_bytes(field(header, 8))).ok()?;
    Some((rest + 12, magic))
}

/// Whether the checksum of a batch is that of its bytes.
pub fn checksum_holds(batch: &[u8]) -> bool {
    const CHECKSUM: usize = 17;
    const CHECKED: usize = 21;
    let header: Option<&[u8; BatchHeader::SIZE]> = batch.first_chunk();
    header.is_some_and(|header| {
        u32::from_be_bytes(field(header, CHECKSUM)) == crc32c::crc32c(&batch[CHECKED..])
    })
}

/// Offset and timestamp of each record of a batch; none when it does not decode, as where it is compressed.
pub fn timestamps(batch: &Bytes) -> Option<Vec<(i64, i64)>> {
    let mut buf = batch.clone();
    let set = RecordBatchDecoder::decode(&mut buf).ok()?;
    Some(set.records.iter().map(|record| (record.offset, record.timestamp)).collect())
}

fn field<const HEADER: usize, const LEN: usize>(header: &[u8; HEADER], at: usize) -> [u8; LEN] {
    *header[at..].first_chunk().expect("a field of the header")
}

/// Decodes a fetched record set into (offset, value) pairs in the order of the log; what does not
/// decode is an error with its reason.
pub fn decode_records(records: &Bytes) -> Result<Vec<(i64, Bytes)>, String> {
    let mut buf = records.clone();
    let sets = RecordBatchDecoder::decode_all(&mut buf).map_err(|error| error.to_string())?;
    Ok(sets
        .into_iter()
        .flat_map(|set| set.records)
        .map(|record| (record.offset, record.value.unwrap_or_default()))
        .collect())
}

fn record(offset: i64, value: &Bytes, now: Time) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset,
        // The codec puts records into one batch while sequence and offset grow together; a base sequence
        // of −1 says that there is none.
        sequence: offset as i32 - 1,
        timestamp: now.millis(),
        key: None,
        value: Some(value.clone()),
        headers: IndexMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_read_back_at_the_offset_the_broker_gave_it() {
        let values = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
        let batch = encode_batch(&values, Time::from_micros(5_000));
        assert_eq!(length_and_magic(&batch), Some((batch.len(), 2)));
        let stored = stamped(&batch, 40, 7);
        let header = BatchHeader::read(&stored).unwrap();
        assert_eq!((header.base_offset, header.leader_epoch), (40, 7));
        assert_eq!((header.last_offset_delta, header.count, header.compression()), (1, 2, 0));
        assert_eq!((header.base_timestamp, header.max_timestamp), (5, 5));
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (-1, -1, -1));
        assert!(!header.is_transactional() && !header.is_control());
        assert_eq!(timestamps(&stored), Some(vec![(40, 5), (41, 5)]));
        let read = decode_records(&stored).unwrap();
        assert_eq!(read, [(40, values[0].clone()), (41, values[1].clone())]);
    }

    #[test]
    fn the_checksum_is_of_what_the_broker_leaves_alone() {
        let batch = encode_batch(&[Bytes::from_static(b"one")], Time::ZERO);
        assert!(checksum_holds(&batch) && checksum_holds(&stamped(&batch, 40, 7)));
        let mut changed = batch.to_vec();
        *changed.last_mut().unwrap() ^= 1;
        assert!(!checksum_holds(&changed));
        assert!(!checksum_holds(&batch[..BatchHeader::SIZE - 1]));
    }
}
