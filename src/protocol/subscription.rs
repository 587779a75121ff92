//! The payloads that consumers hide inside group messages: what a member subscribes to (JoinGroup) and
//! what it was assigned (SyncGroup).
//!
//! Each is a version number followed by a `ConsumerProtocol…` struct. The coordinator passes them
//! through unread; only clients, and checkers of clients, decode them.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::{Generation, TopicName, TopicPartition};

/// The newest version of both payloads.
const NEWEST: i16 = 3;

/// A payload that does not decode: what was wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

/// Encodes the topics a consumer wants, at payload version `version` (0 to 3). From version 2 on the
/// payload says in which generation the consumer last was (KIP-792), so it changes between joins.
pub fn encode_subscription(topics: &[TopicName], version: i16, generation: Generation) -> Bytes {
    let topics: Vec<StrBytes> = topics.iter().map(|topic| topic.0.clone()).collect();
    let mut subscription = ConsumerProtocolSubscription::default().with_topics(topics);
    if version >= 2 {
        subscription.generation_id = generation.0;
    }
    encode(&subscription, version)
}

/// The topics a subscription names, sorted and without repeats.
pub fn decode_subscription(payload: &Bytes) -> Result<Vec<TopicName>, Malformed> {
    let subscription: ConsumerProtocolSubscription = decode(payload)?;
    let mut topics: Vec<TopicName> = subscription.topics.into_iter().map(TopicName).collect();
    topics.sort();
    topics.dedup();
    Ok(topics)
}

/// Encodes an assignment; `partitions` sorted, as [`crate::assignor`] returns them.
pub fn encode_assignment(partitions: &[TopicPartition], version: i16) -> Bytes {
    let mut topics: Vec<AssignedTopic> = Vec::new();
    for owned in partitions {
        match topics.last_mut() {
            Some(last) if last.topic == owned.topic => last.partitions.push(owned.partition),
            _ => topics.push(
                AssignedTopic::default()
                    .with_topic(owned.topic.clone())
                    .with_partitions(vec![owned.partition]),
            ),
        }
    }
    encode(&ConsumerProtocolAssignment::default().with_assigned_partitions(topics), version)
}

/// The partitions of an assignment, sorted. The empty payload, which a coordinator hands to a member its
/// leader forgot, means none.
pub fn decode_assignment(payload: &Bytes) -> Result<Vec<TopicPartition>, Malformed> {
    if payload.is_empty() {
        return Ok(Vec::new());
    }
    let assignment: ConsumerProtocolAssignment = decode(payload)?;
    let mut partitions: Vec<TopicPartition> = assignment
        .assigned_partitions
        .into_iter()
        .flat_map(|AssignedTopic { topic, partitions, .. }| {
            partitions.into_iter().map(move |p| TopicPartition::new(topic.clone(), p))
        })
        .collect();
    partitions.sort();
    Ok(partitions)
}

fn encode(body: &impl Encodable, version: i16) -> Bytes {
    let mut buf = BytesMut::new();
    buf.put_i16(version);
    body.encode(&mut buf, version.min(NEWEST))
        .expect("a payload of default fields encodes at any version");
    buf.freeze()
}

fn decode<T: Decodable>(payload: &Bytes) -> Result<T, Malformed> {
    let mut buf = payload.clone();
    if buf.remaining() < 2 {
        return Err(Malformed(format!("{} bytes, too short for a version", payload.len())));
    }
    // A newer version only appends fields, so it decodes as the newest one we know.
    let version = buf.get_i16().min(NEWEST);
    T::decode(&mut buf, version).map_err(|error| Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::str_bytes;

    fn topic(name: &str) -> TopicName {
        TopicName(str_bytes(name))
    }

    #[test]
    fn both_payloads_survive_the_round_trip_in_every_version() {
        for version in 0..=NEWEST {
            let topics = [topic("a"), topic("b")];
            assert_eq!(
                decode_subscription(&encode_subscription(&topics, version, Generation(7))),
                Ok(topics.to_vec())
            );
            let owned = [
                TopicPartition::new(topic("a"), 0),
                TopicPartition::new(topic("a"), 2),
                TopicPartition::new(topic("b"), 1),
            ];
            assert_eq!(decode_assignment(&encode_assignment(&owned, version)), Ok(owned.to_vec()));
        }
    }

    #[test]
    fn an_empty_assignment_payload_means_no_partitions() {
        assert_eq!(decode_assignment(&Bytes::new()), Ok(vec![]));
        assert!(decode_assignment(&Bytes::from_static(&[0])).is_err());
    }
}
