//! What a member says when it joins: what it still owns, and what the sticky assignors remember.
//!
//! Decoded here and not with the clients' own code, so that a client that encodes it wrongly is noticed. Any
//! client may have written it, so each count is held against the bytes that are left.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};

use crate::protocol::{StrBytes, TopicName, TopicPartition};

/// What one member said of the partitions that it has, or had.
#[derive(Debug)]
pub struct Claim {
    /// What it owned when it joined and has not given up: the owned partitions of its subscription (KIP-429),
    /// whichever assignor it names. Nobody who rebalances eagerly owns any.
    pub owned: BTreeSet<TopicPartition>,
    /// What its assignor would leave it: with `sticky` what it had last, with `cooperative-sticky` what
    /// it owns, with any other nothing.
    pub remembered: BTreeSet<TopicPartition>,
    /// In which generation it was given that, −1 if it does not say.
    pub generation: i32,
    /// It says which rack it is in (KIP-881).
    pub racked: bool,
}

/// The topics that a subscription names, sorted and without repeats, and what it claims under this
/// assignor. None when it does not decode.
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

/// What `sticky` remembers: the partitions, then (from version 1 on) the generation.
fn previous(mut data: Bytes) -> Option<(BTreeSet<TopicPartition>, i32)> {
    let partitions = partitions(&mut data)?;
    Some((partitions, data.try_get_i32().unwrap_or(-1)))
}

/// An array of topics with their partitions.
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

/// The count of an array, if so many elements of at least `smallest` bytes each can follow.
fn possible(count: i32, data: &Bytes, smallest: usize) -> Option<usize> {
    usize::try_from(count).ok().filter(|count| *count <= data.remaining() / smallest)
}

fn topic(data: &mut Bytes) -> Option<TopicName> {
    let length = usize::try_from(data.try_get_i16().ok()?).ok()?;
    StrBytes::from_utf8(take(data, length)?).ok().map(TopicName)
}

/// None in the outer sense when it does not decode, in the inner when there is none.
fn nullable_bytes(data: &mut Bytes) -> Option<Option<Bytes>> {
    match data.try_get_i32().ok()? {
        -1 => Some(None),
        length => take(data, usize::try_from(length).ok()?).map(Some),
    }
}

/// Whether a string is there that may be absent.
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
    use crate::invariant::story::{partition, subscription};

    #[test]
    fn both_assignors_say_what_is_owned() {
        for assignor in ["sticky", "cooperative-sticky"] {
            let payload = subscription(assignor, &["t-0", "t-2"], 7);
            let (topics, claim) = decode(&payload, assignor).expect("a subscription");
            assert_eq!(topics, [partition("t-0").topic]);
            let known: Vec<_> = claim.remembered.iter().cloned().collect();
            assert_eq!((known, claim.generation), (vec![partition("t-0"), partition("t-2")], 7));
            // A member of a sticky group has given up what it remembers.
            let still = if assignor == "sticky" { BTreeSet::new() } else { claim.remembered };
            assert_eq!(claim.owned, still);
        }
    }

    #[test]
    fn what_is_owned_is_said_under_any_assignor() {
        let payload = subscription("own", &["t-0", "t-2"], 7);
        let (_, claim) = decode(&payload, "own").expect("a subscription");
        let owned: Vec<_> = claim.owned.into_iter().collect();
        assert_eq!(owned, [partition("t-0"), partition("t-2")]);
        assert_eq!((claim.remembered, claim.generation), (BTreeSet::new(), 7));
    }

    #[test]
    fn each_version_is_read_as_far_as_it_goes() {
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
    fn a_count_that_the_payload_has_no_room_for_claims_nothing() {
        for lie in [i32::MAX, 1_000_000, 1, -1, i32::MIN] {
            let lie = &lie.to_be_bytes()[..];
            // The topics; the owned partitions after no topics and no user data.
            for head in [&[0, 1][..], &[0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]] {
                assert!(decode(&Bytes::from([head, lie].concat()), "range").is_none());
            }
            assert!(previous(Bytes::copy_from_slice(lie)).is_none());
        }
    }

    #[test]
    fn what_does_not_decode_claims_nothing() {
        assert!(decode(&Bytes::from_static(&[0]), "sticky").is_none());
        let cut = Bytes::from_static(&[0, 0, 0, 1, 0, 9, b't']);
        assert!(previous(cut).is_none());
    }
}
