//! Record batches: what a producer writes and a consumer reads, in Kafka's own format (v2).
//!
//! A batch is encoded once, when it is produced. The broker stores the bytes and only stamps the base
//! offset into them, which Kafka keeps outside the checksum for exactly that reason.

use bytes::{Buf, Bytes, BytesMut};
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

/// The same batch at another place in the log.
pub fn with_base_offset(batch: &Bytes, base: i64) -> Bytes {
    let mut bytes = BytesMut::from(&batch[..]);
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    bytes.freeze()
}

/// How many offsets the batch covers; none when the bytes are not exactly one v2 batch.
pub fn record_count(batch: &Bytes) -> Option<i64> {
    const LENGTH: usize = 8;
    const LAST_OFFSET_DELTA: usize = 23;
    let number = |at: usize| Some(batch.get(at..at + 4)?.get_i32());
    let whole = usize::try_from(number(LENGTH)?).ok()? + LENGTH + 4 == batch.len();
    let count = i64::from(number(LAST_OFFSET_DELTA)?) + 1;
    (whole && count > 0).then_some(count)
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
        assert_eq!(record_count(&batch), Some(2));
        let stored = with_base_offset(&batch, 40);
        let read = decode_records(&stored).unwrap();
        assert_eq!(read, [(40, values[0].clone()), (41, values[1].clone())]);
    }
}
