//! What a member's subscription claims: the partitions that it still owns, and those that the
//! sticky assignors remember.
//!
//! This decoder does not use the client's own code, so that a client that encodes a claim wrongly
//! is detected. Any client may have written the payload, so each count is checked against the bytes
//! that are left.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};

use crate::protocol::{StrBytes, TopicName, TopicPartition};

/// The partitions that one member claims to own, now or in an earlier generation.
#[derive(Debug)]
pub struct Claim {
    /// The partitions that it owned when it joined and has not revoked: the owned partitions of its
    /// subscription (KIP-429), under any assignor. Empty for members that rebalance eagerly.
    pub owned: BTreeSet<TopicPartition>,
    /// The partitions that its assignor would let it keep: with `sticky` its last assignment, with
    /// `cooperative-sticky` the owned partitions, with any other assignor none.
    pub remembered: BTreeSet<TopicPartition>,
    /// The generation of that assignment; −1 if the subscription does not name it.
    pub generation: i32,
    /// Whether the subscription names a rack (KIP-881).
    pub racked: bool,
}

/// The topics that a subscription names, sorted and without duplicates, and its claim under this
/// assignor. None when the payload does not decode.
pub(super) fn decode(payload: &Bytes, assignor: &str) -> Option<(Vec<TopicName>, Claim)> {
    let mut data = payload.clone();
    let version = data.try_get_i16().ok().filter(|version| *version >= 0)?;
    let count = data.try_get_i32().ok()?;
    let mut topics = Vec::new();
    for _ in 0..possible(count, &data, 2)? {
        topics.push(topic(&mut data)?);
    }
    topics.sort();
    topics.dedup();
    let user_data = nullable_bytes(&mut data)?;
    // A newer version only appends fields.
    let owned = if version >= 1 { partitions(&mut data)? } else { BTreeSet::new() };
    let generation = if version >= 2 { data.try_get_i32().ok()? } else { -1 };
    let racked = version >= 3 && is_there(&mut data)?;
    let (remembered, generation) = match assignor {
        "sticky" => user_data.and_then(previous).unwrap_or((BTreeSet::new(), -1)),
        "cooperative-sticky" => {
            // The generation was user data before version 2.
            let early = || user_data.and_then(|mut data| data.try_get_i32().ok()).unwrap_or(-1);
            (owned.clone(), if generation < 0 { early() } else { generation })
        }
        _ => (BTreeSet::new(), generation),
    };
    Some((topics, Claim { owned, remembered, generation, racked }))
}

/// The user data of `sticky`: the partitions, then (from version 1 on) the generation.
fn previous(mut data: Bytes) -> Option<(BTreeSet<TopicPartition>, i32)> {
    let partitions = partitions(&mut data)?;
    Some((partitions, data.try_get_i32().unwrap_or(-1)))
}

/// Reads an array of topics with their partitions.
fn partitions(data: &mut Bytes) -> Option<BTreeSet<TopicPartition>> {
    let mut partitions = BTreeSet::new();
    let topics = data.try_get_i32().ok()?;
    for _ in 0..possible(topics, data, 6)? {
        let topic = topic(data)?;
        let numbers = data.try_get_i32().ok()?;
        for _ in 0..possible(numbers, data, 4)? {
            partitions.insert(TopicPartition::new(topic.clone(), data.try_get_i32().ok()?));
        }
    }
    Some(partitions)
}

/// The count of an array, if the data can hold that many elements of at least `smallest` bytes
/// each.
fn possible(count: i32, data: &Bytes, smallest: usize) -> Option<usize> {
    usize::try_from(count).ok().filter(|count| *count <= data.remaining() / smallest)
}

fn topic(data: &mut Bytes) -> Option<TopicName> {
    let length = usize::try_from(data.try_get_i16().ok()?).ok()?;
    StrBytes::from_utf8(take(data, length)?).ok().map(TopicName)
}

/// Reads a nullable byte array. The outer None: it does not decode. The inner None: null.
fn nullable_bytes(data: &mut Bytes) -> Option<Option<Bytes>> {
    match data.try_get_i32().ok()? {
        -1 => Some(None),
        length => take(data, usize::try_from(length).ok()?).map(Some),
    }
}

/// Reads a nullable string; whether it is not null.
fn is_there(data: &mut Bytes) -> Option<bool> {
    match data.try_get_i16().ok()? {
        -1 => Some(false),
        length => take(data, usize::try_from(length).ok()?).map(|_| true),
    }
}

fn take(data: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= data.remaining()).then(|| data.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{partition, subscription};

    #[test]
    fn both_sticky_assignors_encode_a_claim() {
        for assignor in ["sticky", "cooperative-sticky"] {
            let payload = subscription(assignor, &["t-0", "t-2"], 7);
            let (topics, claim) = decode(&payload, assignor).expect("a subscription");
            assert_eq!(topics, [partition("t-0").topic]);
            let known: Vec<_> = claim.remembered.iter().cloned().collect();
            assert_eq!((known, claim.generation), (vec![partition("t-0"), partition("t-2")], 7));
            // An eager member of a sticky group has revoked what it remembers.
            let still = if assignor == "sticky" { BTreeSet::new() } else { claim.remembered };
            assert_eq!(claim.owned, still);
        }
    }

    #[test]
    fn owned_partitions_are_decoded_under_any_assignor() {
        let payload = subscription("own", &["t-0", "t-2"], 7);
        let (_, claim) = decode(&payload, "own").expect("a subscription");
        let owned: Vec<_> = claim.owned.into_iter().collect();
        assert_eq!(owned, [partition("t-0"), partition("t-2")]);
        assert_eq!((claim.remembered, claim.generation), (BTreeSet::new(), 7));
    }

    #[test]
    fn each_version_is_decoded_up_to_its_last_field() {
        use crate::protocol::subscription::{Subscription, encode_subscription};
        let full = Subscription {
            owned: vec![partition("t-1")],
            generation: crate::protocol::Generation(7),
            rack: Some("east".into()),
            user_data: Some(Bytes::from_static(&[0, 0, 0, 5])),
            ..Subscription::to(&[partition("t-0").topic])
        };
        for (version, owned, generation, racked) in
            [(0, 0, 5, false), (1, 1, 5, false), (2, 1, 7, false), (3, 1, 7, true)]
        {
            let payload = encode_subscription(&full, version);
            let (topics, claim) = decode(&payload, "cooperative-sticky").expect("a subscription");
            assert_eq!(topics, full.topics);
            assert_eq!((claim.owned.len(), claim.generation), (owned, generation));
            assert_eq!(claim.racked, racked);
            for end in 0..payload.len() {
                assert!(decode(&payload.slice(..end), "sticky").is_none(), "{version}, {end}");
            }
        }
    }

    #[test]
    fn a_count_larger_than_the_payload_claims_nothing() {
        for lie in [i32::MAX, 1_000_000, 1, -1, i32::MIN] {
            let lie = &lie.to_be_bytes()[..];
            // First the count of topics; then the count of owned partitions, after no topics and no
            // user data.
            for head in [&[0, 1][..], &[0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]] {
                assert!(decode(&Bytes::from([head, lie].concat()), "range").is_none());
            }
            assert!(previous(Bytes::copy_from_slice(lie)).is_none());
        }
    }

    #[test]
    fn a_payload_that_does_not_decode_claims_nothing() {
        assert!(decode(&Bytes::from_static(&[0]), "sticky").is_none());
        let cut = Bytes::from_static(&[0, 0, 0, 1, 0, 9, b't']);
        assert!(previous(cut).is_none());
    }
}
