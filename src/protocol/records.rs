//! Record batches in Kafka's format v2: what a producer writes and a consumer reads.
//!
//! A batch is encoded once, when it is produced. The broker stores the bytes and only stamps the
//! base offset and its leader epoch into them, which Kafka excludes from the checksum for that
//! reason. Compressed batches are stored and served like others; nothing here decompresses them.
//! This module has its own decoder, because the codec's reserves memory for as many records and
//! headers as a batch claims to have: see `walk.rs`.

mod walk;

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use walk::Walk;

use crate::time::Time;

/// Encodes one batch with the given values and base offset 0; returns no bytes for no values.
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

/// The batch with its base offset in the log and the epoch of the leader that appends it.
pub fn stamped(batch: &Bytes, base: i64, leader_epoch: i32) -> Bytes {
    let mut bytes = BytesMut::from(&batch[..]);
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    bytes[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
    bytes.freeze()
}

/// The fields of a batch header that a broker uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record.
    pub base_offset: i64,
    /// The epoch of the leader that appended it.
    pub leader_epoch: i32,
    /// The offset of the last record, relative to the first.
    pub last_offset_delta: i32,
    /// The timestamp of the first record.
    pub base_timestamp: i64,
    /// The latest timestamp of a record.
    pub max_timestamp: i64,
    /// The id of the idempotent producer; −1 for none.
    pub producer_id: i64,
    /// The epoch of that producer, by which older instances are fenced; −1 for none.
    pub producer_epoch: i16,
    /// The producer's sequence number of the first record; −1 for none.
    pub base_sequence: i32,
    /// The number of records.
    pub count: i32,
    attributes: i16,
}

impl BatchHeader {
    /// The size in bytes of the header, before the records.
    pub const SIZE: usize = 61;
    /// The offset of the format version. (The batch length at offset 8 counts from offset 12 on.)
    const MAGIC: usize = 16;

    /// Reads the header of a batch of format 2; `None` if there are too few bytes.
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

    /// The compression codec: 0 for none, 4 for Zstandard.
    pub const fn compression(&self) -> i16 {
        self.attributes & 0b111
    }

    /// Whether the batch is part of a transaction.
    pub const fn is_transactional(&self) -> bool {
        self.attributes & (1 << 4) != 0
    }

    /// Whether the batch has transaction markers rather than records of an application.
    pub const fn is_control(&self) -> bool {
        self.attributes & (1 << 5) != 0
    }
}

/// The length in bytes and the format of the batch or message set at the start of `bytes`; `None`
/// if there are too few bytes to tell.
pub fn length_and_magic(bytes: &[u8]) -> Option<(usize, i8)> {
    let magic = i8::from_be_bytes([*bytes.get(BatchHeader::MAGIC)?]);
    let header: &[u8; 12] = bytes.first_chunk()?;
    let rest = usize::try_from(i32::from_be_bytes(field(header, 8))).ok()?;
    Some((rest + 12, magic))
}

/// Whether the checksum of a batch matches its bytes.
pub fn checksum_holds(batch: &[u8]) -> bool {
    const CHECKSUM: usize = 17;
    const CHECKED: usize = 21;
    let header: Option<&[u8; BatchHeader::SIZE]> = batch.first_chunk();
    header.is_some_and(|header| {
        u32::from_be_bytes(field(header, CHECKSUM)) == crc32c::crc32c(&batch[CHECKED..])
    })
}

/// The offset and timestamp of each record of a batch; `None` if it cannot be decoded, for example
/// because it is compressed.
pub fn timestamps(batch: &Bytes) -> Option<Vec<(i64, i64)>> {
    let mut walk = Walk::of(&mut batch.clone()).ok()?;
    let mut timestamps = Vec::new();
    while let Some(record) = walk.next().ok()? {
        timestamps.push((record.offset, record.timestamp));
    }
    Some(timestamps)
}

/// Checks that an uncompressed batch has exactly the records that it claims to have; the error says
/// what is wrong.
pub fn check_records(batch: &Bytes) -> Result<(), String> {
    let mut walk = Walk::of(&mut batch.clone())?;
    while walk.next()?.is_some() {}
    Ok(())
}

fn field<const HEADER: usize, const LEN: usize>(header: &[u8; HEADER], at: usize) -> [u8; LEN] {
    *header[at..].first_chunk().expect("a field of the header")
}

/// Decodes a fetched record set into (offset, value) pairs in log order; the error says what cannot
/// be decoded.
pub fn decode_records(records: &Bytes) -> Result<Vec<(i64, Bytes)>, String> {
    let mut rest = records.clone();
    let mut read = Vec::new();
    while !rest.is_empty() {
        let mut walk = Walk::of(&mut rest)?;
        while let Some(record) = walk.next()? {
            read.push((record.offset, record.value.unwrap_or_default()));
        }
    }
    Ok(read)
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
        // The codec puts records into one batch while sequence and offset grow together; a base
        // sequence of −1 means none.
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

    /// The batch with these records and the matching checksum.
    fn with_records(batch: &Bytes, count: i32, records: &[u8]) -> Bytes {
        let mut bytes = BytesMut::from(&batch[..BatchHeader::SIZE]);
        bytes.extend_from_slice(records);
        let length = i32::try_from(bytes.len() - 12).unwrap();
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        let checksum = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
        bytes.freeze()
    }

    #[test]
    fn a_count_that_exceeds_the_batch_is_refused() {
        let batch = encode_batch(&[Bytes::from_static(b"one")], Time::ZERO);
        let record = &batch[BatchHeader::SIZE..];
        assert_eq!(check_records(&with_records(&batch, 1, record)), Ok(()));
        let refused = |count, records: &[u8], why: &str| {
            let batch = with_records(&batch, count, records);
            let error = check_records(&batch).expect_err(why);
            assert!(error.contains(why), "{error}");
            assert_eq!(timestamps(&batch), None);
            assert_eq!(decode_records(&batch), Err(error));
        };
        refused(i32::MAX, record, "2147483647 records, but 10 bytes are left");
        refused(-1, record, "-1 records, but 10 bytes are left");
        refused(2, record, "2 records, but 10 bytes are left");
        refused(1, &[record, &[0]].concat(), "1 bytes after the last record");
        // The number of headers is the last byte of the record; as a varint it can take up to five
        // bytes.
        let (length, parts) = record.split_first().unwrap();
        let headers = |varint: &[u8]| {
            let parts = [&parts[..parts.len() - 1], varint].concat();
            assert_eq!(usize::from(*length), 2 * (parts.len() - varint.len() + 1));
            [&[2 * u8::try_from(parts.len()).unwrap()], &parts[..]].concat()
        };
        refused(
            1,
            &headers(&[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            "2147483647 headers, but 0 bytes are left",
        );
        refused(1, &headers(&[0x01]), "-1 headers, but 0 bytes are left");
        refused(1, &headers(&[0xff; 5]), "varint");
        refused(1, &headers(&[0x00, 0x00]), "1 bytes after the record");
        // The length of the value, before its three bytes and the headers.
        let mut long = record.to_vec();
        long[5] = 0x7e;
        refused(1, &long, "the value needs 63 bytes");
        long[5] = 0x03;
        refused(1, &long, "the value has a length of -2");
    }

    #[test]
    fn overflowing_sums_wrap_as_in_java() {
        let batch = encode_batch(&[Bytes::from_static(b"one")], Time::ZERO);
        let mut record = batch[BatchHeader::SIZE..].to_vec();
        (record[2], record[3]) = (2, 2);
        let mut batch = BytesMut::from(&batch[..]);
        batch[27..35].copy_from_slice(&i64::MAX.to_be_bytes());
        let batch = stamped(&with_records(&batch.freeze(), 1, &record), i64::MAX, 0);
        assert_eq!(timestamps(&batch), Some(vec![(i64::MIN, i64::MIN)]));
    }

    #[test]
    fn the_generated_decoder_reads_the_same() {
        use kafka_protocol::records::RecordBatchDecoder;

        let keyed = |offset: i64| Record {
            key: Some(Bytes::from_static(b"key")),
            headers: [("h".into(), Some(Bytes::from_static(b"v"))), ("n".into(), None)].into(),
            timestamp: 1_700_000_000_000 - 40 * offset,
            ..record(offset, &Bytes::from(vec![b'x'; 200 * offset as usize]), Time::ZERO)
        };
        let records: Vec<Record> = (0..3).map(keyed).collect();
        let mut buf = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut buf, records.iter(), &options).unwrap();
        let batch = stamped(&buf.freeze(), 40, 7);
        let read = RecordBatchDecoder::decode(&mut batch.clone()).unwrap().records;
        let expected: Vec<_> = read.iter().map(|one| (one.offset, one.timestamp)).collect();
        assert_eq!(timestamps(&batch), Some(expected));
        let expected = read.into_iter().map(|one| (one.offset, one.value.unwrap())).collect();
        assert_eq!(decode_records(&batch), Ok(expected));
    }

    #[test]
    fn the_checksum_excludes_what_the_broker_stamps() {
        let batch = encode_batch(&[Bytes::from_static(b"one")], Time::ZERO);
        assert!(checksum_holds(&batch) && checksum_holds(&stamped(&batch, 40, 7)));
        let mut changed = batch.to_vec();
        *changed.last_mut().unwrap() ^= 1;
        assert!(!checksum_holds(&changed));
        assert!(!checksum_holds(&batch[..BatchHeader::SIZE - 1]));
    }
}
