use kafka_protocol::protocol::Decodable;

use super::*;
use crate::protocol::str_bytes;

fn topic(name: &str) -> TopicName {
    TopicName(str_bytes(name))
}

fn partitions() -> Vec<TopicPartition> {
    [("a", 0), ("a", 2), ("b", 1)].map(|(name, p)| TopicPartition::new(topic(name), p)).to_vec()
}

fn full() -> Subscription {
    Subscription {
        topics: vec![topic("a"), topic("b")],
        owned: partitions(),
        generation: Generation(7),
        rack: Some(str_bytes("east")),
        user_data: Some(Bytes::from_static(b"mine")),
    }
}

#[test]
fn each_version_carries_what_it_can() {
    for version in 0..=NEWEST {
        let mut expected = full();
        if version < 1 {
            expected.owned.clear();
        }
        if version < 2 {
            expected.generation = Generation::NONE;
        }
        if version < 3 {
            expected.rack = None;
        }
        let payload = encode_subscription(&full(), version);
        assert_eq!(decode_subscription(&payload), Ok(expected));
        assert_eq!(subscribed_topics(&payload), Ok(full().topics));
        let payload = encode_assignment(&partitions(), version);
        assert_eq!(decode_assignment(&payload), Ok(partitions()));
    }
}

#[test]
fn the_generated_decoder_reads_the_same() {
    let payload = encode_subscription(&full(), 3);
    let read = ConsumerProtocolSubscription::decode(&mut payload.slice(2..), 3).expect("decodes");
    assert_eq!(read.topics, [str_bytes("a"), str_bytes("b")]);
    assert_eq!(read.owned_partitions.len(), 2);
    assert_eq!((read.generation_id, read.rack_id), (7, Some(str_bytes("east"))));
}

#[test]
fn a_newer_version_is_read_as_the_newest_known() {
    let mut payload = BytesMut::from(&encode_subscription(&full(), 3)[..]);
    payload[..2].copy_from_slice(&9_i16.to_be_bytes());
    payload.put_slice(b"a field of version 9");
    assert_eq!(decode_subscription(&payload.freeze()), Ok(full()));
}

#[test]
fn topics_are_read_in_front_of_malformed_fields() {
    let payload = encode_subscription(&full(), 3);
    let cut = payload.slice(..payload.len() - 1);
    assert!(decode_subscription(&cut).is_err());
    assert_eq!(subscribed_topics(&cut), Ok(full().topics));
}

/// R6.7.5.
#[test]
fn topics_are_read_whatever_the_version_says() {
    let topics = [str_bytes("t")].map(TopicName);
    for version in [0, 1, 3, 99, -1, i16::MIN] {
        let mut payload = BytesMut::new();
        payload.put_i16(version);
        payload.put_slice(b"\0\0\0\x01\0\x01t\xff\xff\xff\xff");
        assert_eq!(subscribed_topics(&payload.freeze()), Ok(topics.to_vec()), "{version}");
    }
    // Invalid UTF-8 names some other topic.
    let odd = b"\0\0\0\0\0\x01\0\x01\xff\xff\xff\xff\xff";
    let named = subscribed_topics(&Bytes::from_static(odd));
    assert_eq!(named, Ok(vec![TopicName(str_bytes("\u{fffd}"))]));
    for cut in
        [&b"\0"[..], b"\0\0", b"\0\0\0\0\0\x01\0\x01t", b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff"]
    {
        assert!(subscribed_topics(&Bytes::copy_from_slice(cut)).is_err(), "{cut:?}");
    }
}

#[test]
fn an_empty_assignment_payload_means_no_partitions() {
    assert_eq!(decode_assignment(&Bytes::new()), Ok(vec![]));
    assert!(decode_assignment(&Bytes::from_static(&[0])).is_err());
    assert!(decode_subscription(&Bytes::new()).is_err());
}

/// A version and the counts of nested arrays, the last of which is false.
fn lying(version: i16, words: &[i32]) -> Bytes {
    let mut payload = BytesMut::new();
    payload.put_i16(version);
    words.iter().for_each(|&word| payload.put_i32(word));
    payload.freeze()
}

#[test]
fn a_count_that_exceeds_the_payload_is_refused() {
    for lie in [i32::MAX, 1_000_000, 1, -1, i32::MIN] {
        // The topics; the user data; the owned partitions after no topics and no user data.
        for words in [vec![lie], vec![0, -1, lie]] {
            let payload = lying(1, &words);
            let refused = decode_subscription(&payload).expect_err("a lie");
            assert!(refused.0.contains(&format!("{lie} elements")), "{refused:?}");
        }
        assert!(decode_assignment(&lying(0, &[lie])).is_err());
    }
    assert!(decode_subscription(&lying(0, &[0, i32::MAX])).is_err());
    assert_eq!(decode_subscription(&lying(0, &[0, -2])), Ok(Subscription::default()));
    assert!(decode_subscription(&lying(-1, &[0, -1])).is_err());
    // One owned topic with an empty name and a billion partitions.
    let mut nested = BytesMut::from(&lying(1, &[0, -1, 1])[..]);
    nested.put_i16(0);
    nested.put_i32(1_000_000_000);
    assert!(decode_subscription(&nested.freeze()).is_err());
}
