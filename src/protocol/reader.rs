//! Reads Kafka's primitive types from untrusted bytes.
//!
//! Any client can send the payloads inside group messages, and the generated decoders reserve
//! memory for as many elements as a payload claims to have: ten bytes can request gigabytes. This
//! reader checks each count against the remaining bytes before it reserves anything. It has only
//! the types that those payloads use, in their non-flexible encoding. Read next:
//! [`super::subscription`].

use bytes::{Buf, Bytes};

use super::{StrBytes, TopicName, TopicPartition};

/// The reason why a payload could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

/// The remaining bytes of a payload.
pub(super) struct PayloadReader(Bytes);

impl PayloadReader {
    pub(super) fn new(payload: &Bytes) -> Self {
        PayloadReader(payload.clone())
    }

    pub(super) fn int16(&mut self, what: &str) -> Result<i16, Malformed> {
        self.holds(what, 2)?;
        Ok(self.0.get_i16())
    }

    pub(super) fn int32(&mut self, what: &str) -> Result<i32, Malformed> {
        self.holds(what, 4)?;
        Ok(self.0.get_i32())
    }

    pub(super) fn string(&mut self, what: &str) -> Result<StrBytes, Malformed> {
        self.nullable_string(what)?.ok_or_else(|| Malformed(format!("{what} is null")))
    }

    pub(super) fn nullable_string(&mut self, what: &str) -> Result<Option<StrBytes>, Malformed> {
        let length = i32::from(self.int16(what)?);
        let Some(bytes) = self.take(what, length)? else { return Ok(None) };
        // Java decodes any bytes as text, with replacement characters for invalid UTF-8.
        let text = StrBytes::from_utf8(bytes.clone());
        let text = text.unwrap_or_else(|_| {
            StrBytes::from_string(String::from_utf8_lossy(&bytes).into_owned())
        });
        Ok(Some(text))
    }

    pub(super) fn nullable_bytes(&mut self, what: &str) -> Result<Option<Bytes>, Malformed> {
        let length = self.int32(what)?;
        self.take(what, length)
    }

    /// An array of elements that are at least `smallest` bytes each.
    pub(super) fn array<T>(
        &mut self,
        what: &str,
        smallest: usize,
        mut element: impl FnMut(&mut PayloadReader) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.int32(what)?;
        let left = self.0.remaining();
        let possible = usize::try_from(count).ok().filter(|&count| count <= left / smallest);
        let Some(count) = possible else {
            return Err(Malformed(format!("{what}: {count} elements, but {left} bytes are left")));
        };
        (0..count).map(|_| element(self)).collect()
    }

    /// An array of topics with an array of partition numbers each; returned sorted, without
    /// duplicates.
    pub(super) fn partitions(&mut self, what: &str) -> Result<Vec<TopicPartition>, Malformed> {
        // The smallest element: an empty name's length and an empty array's count.
        let by_topic = self.array(what, 6, |reader| {
            let topic = TopicName(reader.string("a topic")?);
            Ok((topic, reader.array("partitions", 4, |reader| reader.int32("a partition"))?))
        })?;
        let each = by_topic.into_iter().flat_map(|(topic, numbers)| {
            numbers.into_iter().map(move |number| TopicPartition::new(topic.clone(), number))
        });
        let mut partitions: Vec<TopicPartition> = each.collect();
        partitions.sort();
        partitions.dedup();
        Ok(partitions)
    }

    fn take(&mut self, what: &str, length: i32) -> Result<Option<Bytes>, Malformed> {
        // Null is −1, and Java treats every other negative length as null too.
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        self.holds(what, length)?;
        Ok(Some(self.0.split_to(length)))
    }

    fn holds(&self, what: &str, bytes: usize) -> Result<(), Malformed> {
        let left = self.0.remaining();
        match bytes <= left {
            true => Ok(()),
            false => Err(Malformed(format!("{what} needs {bytes} bytes, but {left} are left"))),
        }
    }
}
