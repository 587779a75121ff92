//! What a member says that it owns when it joins: the memory of the sticky assignors.
//!
//! Decoded here and not with the clients' own code, so that a client that encodes it wrongly is noticed.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};
use kafka_protocol::messages::ConsumerProtocolSubscription;
use kafka_protocol::protocol::Decodable;

use crate::protocol::{StrBytes, TopicName, TopicPartition};

/// What one member said that it owns.
#[derive(Debug, Default)]
pub struct Claim {
    /// The partitions.
    pub partitions: BTreeSet<TopicPartition>,
    /// In which generation it was given them, −1 if it does not say.
    pub generation: i32,
    /// It says which rack it is in (KIP-881).
    pub racked: bool,
}

/// The topics that a subscription names, sorted and without repeats, and what it claims under this
/// assignor. None when it does not decode.
pub(super) fn decode(payload: &Bytes, assignor: &str) -> Option<(Vec<TopicName>, Claim)> {
    let mut buf = payload.clone();
    // A newer version only appends fields.
    let version = buf.try_get_i16().ok()?.min(3);
    let subscription = ConsumerProtocolSubscription::decode(&mut buf, version).ok()?;
    let claim = match assignor {
        "sticky" => subscription.user_data.as_ref().and_then(user_data).unwrap_or_default(),
        "cooperative-sticky" => owned(&subscription),
        _ => Claim { generation: -1, ..Claim::default() },
    };
    let racked = subscription.rack_id.is_some();
    let mut topics: Vec<TopicName> = subscription.topics.into_iter().map(TopicName).collect();
    topics.sort();
    topics.dedup();
    Some((topics, Claim { racked, ..claim }))
}

/// Cooperative-sticky: the fields of the subscription; the generation was user data before version 2.
fn owned(subscription: &ConsumerProtocolSubscription) -> Claim {
    let partitions = subscription.owned_partitions.iter().flat_map(|topic| {
        topic.partitions.iter().map(|p| TopicPartition::new(topic.topic.clone(), *p))
    });
    let early = || subscription.user_data.clone().and_then(|mut data| data.try_get_i32().ok());
    let generation = match subscription.generation_id {
        -1 => early().unwrap_or(-1),
        generation => generation,
    };
    Claim { partitions: partitions.collect(), generation, racked: false }
}

/// Sticky: an array of topics with their partitions, then (from version 1 on) the generation.
fn user_data(data: &Bytes) -> Option<Claim> {
    let mut data = data.clone();
    let mut partitions = BTreeSet::new();
    for _ in 0..data.try_get_i32().ok()? {
        let length = usize::try_from(data.try_get_i16().ok()?).ok()?;
        if data.remaining() < length {
            return None;
        }
        let topic = TopicName(StrBytes::from_utf8(data.copy_to_bytes(length)).ok()?);
        for _ in 0..data.try_get_i32().ok()? {
            partitions.insert(TopicPartition::new(topic.clone(), data.try_get_i32().ok()?));
        }
    }
    let generation = data.try_get_i32().unwrap_or(-1);
    Some(Claim { partitions, generation, racked: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::story::{partition, subscription};

    #[test]
    fn both_assignors_say_what_is_owned() {
        for assignor in ["sticky", "cooperative-sticky"] {
            let payload = subscription(assignor, &["t-0", "t-2"], 7);
            let (topics, claim) = decode(&payload, assignor).expect("a subscription");
            assert_eq!(topics, [partition("t-0").topic]);
            let owned: Vec<_> = claim.partitions.into_iter().collect();
            assert_eq!((owned, claim.generation), (vec![partition("t-0"), partition("t-2")], 7));
        }
    }

    #[test]
    fn what_does_not_decode_claims_nothing() {
        assert!(decode(&Bytes::from_static(&[0]), "sticky").is_none());
        let cut = Bytes::from_static(&[0, 0, 0, 1, 0, 9, b't']);
        assert!(user_data(&cut).is_none());
    }
}
