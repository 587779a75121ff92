//! The normal form of responses: one line, in which nothing depends on the run.
//!
//! The short form shows the fields that most scripts test. `full=1` shows every field, with topics
//! and partitions sorted by name; `full=order` keeps them in the order in which they arrived.

pub(super) mod admin;
pub(super) mod consumer;
pub(super) mod group;
pub(super) mod offsets;
pub(super) mod txn;

use std::collections::BTreeMap;

use kafka_protocol::messages::ConsumerProtocolAssignment;
use kafka_protocol::protocol::Decodable;

use super::session::Session;
use crate::protocol::{StrBytes, error_text};

/// How much of a response is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    Short,
    Full,
    InOrder,
}

/// The client that received a response, and how to show it.
pub(super) struct ResponseContext<'a> {
    pub session: &'a mut Session,
    pub client: &'a str,
    pub version: i16,
    pub detail: Detail,
}

impl ResponseContext<'_> {
    pub(super) fn is_full(&self) -> bool {
        self.detail != Detail::Short
    }

    /// An error message, with the name of this run's group replaced.
    pub(super) fn message(&self, text: &Option<StrBytes>) -> String {
        nullable(text).replace(self.session.group(), "%")
    }
}

/// Kafka's name of an error code; `ERROR_999` where it has none.
pub(super) fn error(code: i16) -> String {
    error_text(code).into_owned()
}

pub(super) fn nullable(text: &Option<StrBytes>) -> String {
    text.as_ref().map_or("null".to_owned(), |text| format!("{:?}", text.as_str()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// `[0,1]`
pub(super) fn numbers(numbers: &[i32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(i32::to_string).collect();
    format!("[{}]", numbers.join(","))
}

/// An assignment as text: `t:[0,1]+v:[0]`.
pub(super) fn assignment(bytes: &bytes::Bytes) -> String {
    if bytes.is_empty() {
        return "empty".to_owned();
    }
    let undecodable = || "undecodable".to_owned();
    let Some((&[high, low], _)) = bytes.split_first_chunk() else { return undecodable() };
    let version = i16::from_be_bytes([high, low]).clamp(0, 3);
    let mut payload = bytes.slice(2..);
    // Checked first, because the codec allocates as many entries as a payload claims to have.
    if !plausible(&payload) {
        return undecodable();
    }
    match ConsumerProtocolAssignment::decode(&mut payload, version) {
        Err(_) => undecodable(),
        Ok(decoded) => {
            let topics = decoded.assigned_partitions.iter();
            let topics = topics
                .map(|owned| format!("{}:{}", owned.topic.as_str(), numbers(&owned.partitions)));
            sorted(topics.collect()).join("+")
        }
    }
}

/// Whether the arrays of an assignment have no more entries than there are bytes.
fn plausible(payload: &[u8]) -> bool {
    let mut rest = payload;
    let Some(topics) = count(&mut rest, 1) else { return false };
    (0..topics).all(|_| {
        let Some((name, after)) = rest.split_first_chunk::<2>() else { return false };
        let name = usize::from(u16::from_be_bytes(*name));
        let Some(after) = after.get(name..) else { return false };
        rest = after;
        let Some(partitions) = count(&mut rest, 4) else { return false };
        rest = &rest[partitions * 4..];
        true
    })
}

/// Reads the length of an array, if that many entries of `size` bytes follow.
fn count(rest: &mut &[u8], size: usize) -> Option<usize> {
    let (count, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    let count = usize::try_from(i32::from_be_bytes(*count)).ok()?;
    (count.checked_mul(size)? <= rest.len()).then_some(count)
}

/// Each topic with its partitions and their results.
type Results = Vec<(String, Vec<(i32, String)>)>;

/// `t:0=NONE,1=NONE v:0=NONE`: sorted and grouped by topic, unless the order matters.
pub(super) fn by_topic(detail: Detail, results: Results) -> String {
    let shown = |topic: &str, partitions: &[(i32, String)]| {
        let each = partitions.iter().map(|(partition, result)| format!("{partition}={result}"));
        format!("{topic}:{}", each.collect::<Vec<_>>().join(","))
    };
    if detail == Detail::InOrder {
        let topics = results.iter().map(|(topic, partitions)| shown(topic, partitions));
        return topics.collect::<Vec<_>>().join(" ");
    }
    let mut topics: BTreeMap<String, Vec<(i32, String)>> = BTreeMap::new();
    for (topic, partitions) in results.into_iter().filter(|(_, results)| !results.is_empty()) {
        topics.entry(topic).or_default().extend(partitions);
    }
    topics.values_mut().for_each(|partitions| partitions.sort());
    let topics = topics.iter().map(|(topic, partitions)| shown(topic, partitions));
    topics.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_names_that_kafka_gives_them() {
        assert_eq!(
            [0, 25, 79, 113, 999].map(error),
            ["NONE", "UNKNOWN_MEMBER_ID", "MEMBER_ID_REQUIRED", "STALE_MEMBER_EPOCH", "ERROR_999"]
        );
    }

    #[test]
    fn an_assignment_that_claims_more_than_it_has_is_not_decoded() {
        let of = |bytes: &'static [u8]| assignment(&bytes::Bytes::from_static(bytes));
        assert_eq!(of(b""), "empty");
        assert_eq!(of(b"\0"), "undecodable");
        assert_eq!(of(b"\0\0\x7f\xff\xff\xff"), "undecodable");
        assert_eq!(of(b"\0\0\0\0\0\x01\0\x01t\x7f\xff\xff\xff"), "undecodable");
        assert_eq!(of(b"\0\0\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x02\0\0\0\0"), "t:[2]");
        assert_eq!(of(b"\0\0\0\0\0\0\xff\xff\xff\xff"), "");
    }
}
