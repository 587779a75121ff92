//! The digest of a trace: 64 bits that differ if any event differs in any field.
//!
//! The hashed bytes are fixed by this file, so that a digest is the same in debug and release
//! builds, on every platform and in every process: numbers are little-endian with a fixed size,
//! names are hashed as text (not as enum positions), and everything of variable size is preceded by
//! its length. Payloads are hashed as they are on the wire, without decoding.
//!
//! The content of a message is hashed once, when it is sent. Its arrival, and the request that a
//! response refers to, are identified only. Half of all events are arrivals.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::event::{Event, Place};
use super::fields::Visitor;
use crate::time::Time;

/// Bytes are collected up to this many, because XXH3 is fastest on long inputs.
const BLOCK: usize = 4_096;

/// Hashes events (XXH3, 64 bits).
#[derive(Clone)]
pub struct Digest {
    hash: Xxh3,
    block: Box<[u8; BLOCK]>,
    filled: usize,
}

impl Default for Digest {
    fn default() -> Self {
        Digest { hash: Xxh3::new(), block: Box::new([0; BLOCK]), filled: 0 }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:016x})", self.value())
    }
}

impl Digest {
    /// Adds one event.
    #[inline]
    pub fn observe(&mut self, event: &Event) {
        event.visit(self);
    }

    /// The digest of all events so far.
    pub fn value(&self) -> u64 {
        let mut hash = self.hash.clone();
        hash.update(&self.block[..self.filled]);
        hash.digest()
    }

    #[inline]
    fn fixed<const N: usize>(&mut self, bytes: [u8; N]) {
        if self.filled + N > BLOCK {
            self.flush();
        }
        self.block[self.filled..self.filled + N].copy_from_slice(&bytes);
        self.filled += N;
    }

    #[inline]
    fn sized(&mut self, bytes: &[u8]) {
        self.fixed((bytes.len() as u32).to_le_bytes());
        if self.filled + bytes.len() > BLOCK {
            self.flush();
            if bytes.len() > BLOCK {
                return self.hash.update(bytes);
            }
        }
        copy(&mut self.block[self.filled..self.filled + bytes.len()], bytes);
        self.filled += bytes.len();
    }

    #[cold]
    #[inline(never)]
    fn flush(&mut self) {
        self.hash.update(&self.block[..self.filled]);
        self.filled = 0;
    }
}

/// Copies between slices of equal length. Short texts such as names and member ids are copied with
/// moves of a fixed size: a call of the general copy would cost more than the rest of a heartbeat's
/// digest.
#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        0 => {}
        1..=3 => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
        4..=7 => copy_in_steps::<4>(to, from),
        8..=15 => copy_in_steps::<8>(to, from),
        16..=64 => copy_in_steps::<16>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// Copies at least `STEP` bytes; the last step overlaps the one before it.
#[inline]
fn copy_in_steps<const STEP: usize>(to: &mut [u8], from: &[u8]) {
    let (last_to, last_from) = (to.last_chunk_mut::<STEP>(), from.last_chunk::<STEP>());
    if let (Some(to), Some(from)) = (last_to, last_from) {
        *to = *from;
    }
    let whole = to.as_chunks_mut::<STEP>().0.iter_mut().zip(from.as_chunks::<STEP>().0);
    whole.for_each(|(to, from)| *to = *from);
}

impl Visitor for Digest {
    #[inline]
    fn script_line(&mut self, _line: u32) {}

    const REPEATS: bool = false;

    #[inline]
    fn word(&mut self, _key: &'static str, word: &'static str) {
        self.sized(word.as_bytes());
    }

    #[inline]
    fn int(&mut self, _key: &'static str, value: i64) {
        self.fixed(value.to_le_bytes());
    }

    #[inline]
    fn flag(&mut self, _key: &'static str, value: bool) {
        self.fixed([u8::from(value)]);
    }

    #[inline]
    fn text(&mut self, _key: &'static str, text: &str) {
        self.sized(text.as_bytes());
    }

    #[inline]
    fn time(&mut self, _key: &'static str, time: Time) {
        self.fixed(time.micros().to_le_bytes());
    }

    #[inline]
    fn duration(&mut self, _key: &'static str, duration: Duration) {
        self.fixed((duration.as_micros() as u64).to_le_bytes());
    }

    #[inline]
    fn place(&mut self, _key: &'static str, place: Place) {
        let (kind, number) = match place {
            Place::Schedule => (0, 0),
            Place::Broker(broker) => (1, broker.0 as u32),
            Place::Consumer(c) => (2, u32::from(c.index) << 16 | u32::from(c.incarnation)),
            Place::Producer => (3, 0),
            Place::Admin => (4, 0),
            Place::Controller => (5, 0),
            Place::Client(conn) => (6, conn.0),
        };
        self.fixed((u64::from(number) << 32 | kind).to_le_bytes());
    }

    #[inline]
    fn member(&mut self, _key: &'static str, id: &str) {
        self.sized(id.as_bytes());
    }

    #[inline]
    fn error(&mut self, _key: &'static str, code: i16) {
        self.fixed(code.to_le_bytes());
    }

    #[inline]
    fn partition(&mut self, _key: &'static str, topic: &str, partition: i32) {
        self.sized(topic.as_bytes());
        self.fixed(partition.to_le_bytes());
    }

    #[inline]
    fn value(&mut self, _key: &'static str, value: &Bytes) {
        self.sized(value);
    }

    #[inline]
    fn records(&mut self, _key: &'static str, records: &Bytes) {
        self.sized(records);
    }

    #[inline]
    fn subscription(&mut self, _key: &'static str, payload: &Bytes) {
        self.sized(payload);
    }

    #[inline]
    fn assignment(&mut self, _key: &'static str, payload: &Bytes) {
        self.sized(payload);
    }

    /// A length that no value has. Every optional field starts with four bytes that differ from
    /// these: a length, or the kind of a place.
    #[inline]
    fn none(&mut self, _key: &'static str) {
        self.fixed(u32::MAX.to_le_bytes());
    }

    #[inline]
    fn open(&mut self, _key: &'static str, len: usize) {
        self.fixed((len as u32).to_le_bytes());
    }

    #[inline]
    fn item(&mut self) {}

    #[inline]
    fn close(&mut self) {}
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
