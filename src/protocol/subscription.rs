//! The payloads that consumers embed in group messages: a member's subscription (JoinGroup) and its
//! assignment (SyncGroup).
//!
//! Each is a version number followed by a `ConsumerProtocol…` struct. Newer versions only append
//! fields, so an unknown version is read as the newest known one. The coordinator passes the
//! payloads through; it reads only the topics ([`subscribed_topics`]). The user data that assignors
//! put into a subscription is decoded in [`super::sticky_user_data`].

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition as OwnedTopic;
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::reader::PayloadReader;
use super::{Generation, TopicName, TopicPartition};

pub use super::reader::Malformed;

/// The newest version of both payloads.
const NEWEST: i16 = 3;

/// A consumer's subscription, which it sends to the group's leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The topics it subscribes to, sorted, without duplicates.
    pub topics: Vec<TopicName>,
    /// The partitions it owns and has not given up, sorted, without duplicates; from version 1 on
    /// (KIP-429).
    pub owned: Vec<TopicPartition>,
    /// The generation in which it was assigned [`Subscription::owned`]; from version 2 on
    /// (KIP-792), and [`Generation::NONE`] where absent.
    pub generation: Generation,
    /// The consumer's rack; from version 3 on (KIP-881).
    pub rack: Option<StrBytes>,
    /// The data of its assignor for the leader's.
    pub user_data: Option<Bytes>,
}

impl Default for Subscription {
    fn default() -> Self {
        Subscription {
            topics: Vec::new(),
            owned: Vec::new(),
            generation: Generation::NONE,
            rack: None,
            user_data: None,
        }
    }
}

impl Subscription {
    /// The subscription of a consumer that owns nothing and was in no generation.
    pub fn to(topics: &[TopicName]) -> Self {
        Subscription { topics: sorted(topics.to_vec()), ..Subscription::default() }
    }
}

/// Encodes the fields of a subscription that payload version `version` (0 to 3) has.
pub fn encode_subscription(subscription: &Subscription, version: i16) -> Bytes {
    let mut body = ConsumerProtocolSubscription::default()
        .with_topics(subscription.topics.iter().map(|topic| topic.0.clone()).collect())
        .with_user_data(subscription.user_data.clone());
    if version >= 1 {
        body.owned_partitions = by_topic(&subscription.owned)
            .map(|(topic, numbers)| {
                OwnedTopic::default().with_topic(topic.clone()).with_partitions(numbers)
            })
            .collect();
    }
    if version >= 2 {
        body.generation_id = subscription.generation.0;
    }
    if version >= 3 {
        body.rack_id = subscription.rack.clone();
    }
    encode(&body, version)
}

/// Decodes a subscription. Fails on truncated payloads, on counts that exceed the remaining bytes,
/// and on negative versions.
pub fn decode_subscription(payload: &Bytes) -> Result<Subscription, Malformed> {
    let (version, mut reader) = open(payload)?;
    let (topics, user_data) = first_version(&mut reader)?;
    let mut subscription = Subscription { topics, user_data, ..Subscription::default() };
    if version >= 1 {
        subscription.owned = reader.partitions("owned partitions")?;
    }
    if version >= 2 {
        // Java treats every negative number as absent.
        subscription.generation = Generation(reader.int32("the generation")?.max(-1));
    }
    if version >= 3 {
        subscription.rack = reader.nullable_string("the rack")?;
    }
    Ok(subscription)
}

/// The topics of a subscription, sorted, without duplicates. It reads only the fields of version 0,
/// which every version starts with, so it ignores the version number.
pub fn subscribed_topics(payload: &Bytes) -> Result<Vec<TopicName>, Malformed> {
    let mut reader = PayloadReader::new(payload);
    reader.int16("the version")?;
    first_version(&mut reader).map(|(topics, _)| topics)
}

/// Encodes an assignment; `partitions` must be sorted, as [`crate::assignor`] returns them.
pub fn encode_assignment(partitions: &[TopicPartition], version: i16) -> Bytes {
    let topics = by_topic(partitions)
        .map(|(topic, numbers)| {
            AssignedTopic::default().with_topic(topic.clone()).with_partitions(numbers)
        })
        .collect();
    encode(&ConsumerProtocolAssignment::default().with_assigned_partitions(topics), version)
}

/// The partitions of an assignment, sorted, without duplicates. An empty payload, which a
/// coordinator returns to a member that the leader left out, means none. Fails like
/// [`decode_subscription`].
pub fn decode_assignment(payload: &Bytes) -> Result<Vec<TopicPartition>, Malformed> {
    if payload.is_empty() {
        return Ok(Vec::new());
    }
    let (_, mut reader) = open(payload)?;
    let partitions = reader.partitions("assigned partitions")?;
    reader.nullable_bytes("the user data")?;
    Ok(partitions)
}

fn encode(body: &impl Encodable, version: i16) -> Bytes {
    let mut buf = BytesMut::new();
    buf.put_i16(version);
    body.encode(&mut buf, version.min(NEWEST))
        .expect("a payload whose fields its version knows encodes");
    buf.freeze()
}

fn open(payload: &Bytes) -> Result<(i16, PayloadReader), Malformed> {
    let mut reader = PayloadReader::new(payload);
    match reader.int16("the version") {
        Err(_) => Err(Malformed(format!("{} bytes, too short for a version", payload.len()))),
        Ok(version @ 0..) => Ok((version, reader)),
        Ok(version) => Err(Malformed(format!("a version of {version}"))),
    }
}

fn first_version(reader: &mut PayloadReader) -> Result<(Vec<TopicName>, Option<Bytes>), Malformed> {
    let topics = reader.array("topics", 2, |reader| Ok(TopicName(reader.string("a topic")?)))?;
    Ok((sorted(topics), reader.nullable_bytes("the user data")?))
}

fn sorted(mut topics: Vec<TopicName>) -> Vec<TopicName> {
    topics.sort();
    topics.dedup();
    topics
}

/// Groups sorted partitions by topic.
pub(super) fn by_topic(
    partitions: &[TopicPartition],
) -> impl ExactSizeIterator<Item = (&TopicName, Vec<i32>)> {
    let chunks: Vec<_> = partitions.chunk_by(|a, b| a.topic == b.topic).collect();
    chunks
        .into_iter()
        .map(|chunk| (&chunk[0].topic, chunk.iter().map(|partition| partition.partition).collect()))
}

#[cfg(test)]
mod tests;
