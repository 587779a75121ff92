//! Reads Kafka's primitive types out of bytes that a stranger wrote.
//!
//! The payloads inside group messages come from any client at all, and the generated decoders reserve room
//! for as many elements as a payload claims to hold: ten bytes can ask for gigabytes. Here a count is held
//! against the bytes that are left before anything is reserved. Only the types those payloads use, in their
//! non-flexible encoding. Read next: [`super::subscription`].

use bytes::{Buf, Bytes};

use super::{StrBytes, TopicName, TopicPartition};

/// A payload that does not decode: what was wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

/// What is left of a payload.
pub(super) struct Reader(Bytes);

impl Reader {
    pub(super) fn new(payload: &Bytes) -> Self {
        Reader(payload.clone())
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
        // Java reads any bytes as text, with a replacement character for what is none.
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
        mut element: impl FnMut(&mut Reader) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.int32(what)?;
        let left = self.0.remaining();
        let possible = usize::try_from(count).ok().filter(|&count| count <= left / smallest);
        let Some(count) = possible else {
            return Err(Malformed(format!("{what}: {count} elements in {left} bytes")));
        };
        (0..count).map(|_| element(self)).collect()
    }

    /// An array of topics with an array of partition numbers each: sorted, without repeats.
    pub(super) fn partitions(&mut self, what: &str) -> Result<Vec<TopicPartition>, Malformed> {
        // The length of a name and the count of its partitions, both of nothing.
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
        // Null is −1, and Java takes every other negative length for it too.
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        self.holds(what, length)?;
        Ok(Some(self.0.split_to(length)))
    }

    fn holds(&self, what: &str, bytes: usize) -> Result<(), Malformed> {
        let left = self.0.remaining();
        match bytes <= left {
            true => Ok(()),
            false => Err(Malformed(format!("{what} takes {bytes} bytes, and {left} are left"))),
        }
    }
}
