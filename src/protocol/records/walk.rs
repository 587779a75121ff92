//! Iterates over the records of one batch without reserving more memory than the batch has bytes.
//!
//! A batch has a record count, and a record has the lengths of its parts and a header count. A
//! malicious client can set all of them and compute a matching checksum, so each number is checked
//! against the remaining bytes.

use bytes::{Buf, Bytes};

use super::{BatchHeader, checksum_holds, length_and_magic};

/// The minimum size of a record in bytes: one for each of its seven parts.
const SMALLEST_RECORD: usize = 7;
/// The minimum size of a record header in bytes: one for the length of its key, one for that of its
/// value.
const SMALLEST_HEADER: usize = 2;

/// The records of a batch that have not been read yet.
pub(super) struct Walk {
    header: BatchHeader,
    left: i32,
    rest: Parts,
}

/// The fields of a record that are used here.
pub(super) struct RecordFields {
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) value: Option<Bytes>,
}

impl Walk {
    /// Takes one batch from the front of the bytes.
    pub(super) fn of(bytes: &mut Bytes) -> Result<Walk, String> {
        let left = bytes.len();
        let cut = || format!("{left} bytes are too few for a batch");
        let (length, magic) = length_and_magic(bytes).ok_or_else(cut)?;
        if magic != 2 {
            return Err(format!("a batch of format {magic}"));
        }
        if length > left {
            return Err(format!("a batch of {length} bytes, but {left} are left"));
        }
        let batch = bytes.split_to(length);
        let header = BatchHeader::read(&batch).ok_or_else(cut)?;
        if !checksum_holds(&batch) {
            return Err("the checksum does not match".to_owned());
        }
        if header.compression() != 0 {
            return Err(format!("compression {} is not supported", header.compression()));
        }
        let rest = Parts(batch.slice(BatchHeader::SIZE..));
        rest.have_room(i64::from(header.count), SMALLEST_RECORD, "records")?;
        Ok(Walk { header, left: header.count, rest })
    }

    /// The next record; none after the last.
    pub(super) fn next(&mut self) -> Result<Option<RecordFields>, String> {
        if self.left == 0 {
            return match self.rest.0.len() {
                0 => Ok(None),
                over => Err(format!("{over} bytes after the last record")),
            };
        }
        self.left -= 1;
        let length = self.rest.varint("the length of a record")?;
        let record = self.rest.take(length, "a record")?;
        self.read(Parts(record.unwrap_or_default())).map(Some)
    }

    fn read(&self, mut record: Parts) -> Result<RecordFields, String> {
        record.take(1, "the attributes")?;
        let timestamp_delta = record.varlong("the timestamp")?;
        let offset_delta = record.varint("the offset")?;
        record.sized("the key")?;
        let value = record.sized("the value")?;
        let headers = record.varint("the number of headers")?;
        record.have_room(headers, SMALLEST_HEADER, "headers")?;
        for _ in 0..headers {
            record.sized("the key of a header")?.ok_or("the key of a header is null")?;
            record.sized("the value of a header")?;
        }
        match record.0.len() {
            0 => Ok(RecordFields {
                offset: self.header.base_offset.wrapping_add(offset_delta),
                timestamp: self.header.base_timestamp.wrapping_add(timestamp_delta),
                value,
            }),
            over => Err(format!("{over} bytes after the record")),
        }
    }
}

/// The remaining bytes of a batch or of a record.
struct Parts(Bytes);

impl Parts {
    /// Checks that `count` items of at least `smallest` bytes each can follow.
    fn have_room(&self, count: i64, smallest: usize, what: &str) -> Result<(), String> {
        let left = self.0.len();
        match usize::try_from(count).is_ok_and(|count| count <= left / smallest) {
            true => Ok(()),
            false => Err(format!("{count} {what}, but {left} bytes are left")),
        }
    }

    /// Bytes with a length prefix; none for a length of −1.
    fn sized(&mut self, what: &str) -> Result<Option<Bytes>, String> {
        let length = self.varint(what)?;
        self.take(length, what)
    }

    fn take(&mut self, length: i64, what: &str) -> Result<Option<Bytes>, String> {
        if length == -1 {
            return Ok(None);
        }
        let size =
            usize::try_from(length).map_err(|_| format!("{what} has a length of {length}"))?;
        match self.0.len() {
            left if size > left => Err(format!("{what} needs {size} bytes, but {left} are left")),
            _ => Ok(Some(self.0.split_to(size))),
        }
    }

    /// A 32-bit number as zigzag varint.
    fn varint(&mut self, what: &str) -> Result<i64, String> {
        let number = self.zigzag(what, 5)? as u32;
        Ok(i64::from((number >> 1) as i32 ^ -((number & 1) as i32)))
    }

    /// A 64-bit number as zigzag varint.
    fn varlong(&mut self, what: &str) -> Result<i64, String> {
        let number = self.zigzag(what, 10)?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn zigzag(&mut self, what: &str, longest: u32) -> Result<u64, String> {
        let mut number = 0;
        for at in 0..longest {
            let byte = self
                .0
                .try_get_u8()
                .map_err(|_| format!("{what} is cut short: 0 bytes are left"))?;
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(format!("{what}: a varint of more than {longest} bytes"))
    }
}
