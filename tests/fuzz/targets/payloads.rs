//! The payloads that clients embed in messages: subscriptions, assignments, user data of sticky
//! assignors, record batches.

use bytes::Bytes;
use groupsim::protocol::records::{self, BatchHeader};
use groupsim::protocol::sticky_user_data::{
    decode_generation, decode_previous, encode_generation, encode_previous,
};
use groupsim::protocol::subscription::{
    Subscription, decode_assignment, decode_subscription, encode_assignment, encode_subscription,
    subscribed_topics,
};
use groupsim::protocol::{Generation, TopicName, TopicPartition, str_bytes};
use groupsim::time::Time;

pub fn partitions() -> Vec<TopicPartition> {
    let topic = |name: &str| TopicName(str_bytes(name));
    let all = [("orders", 0), ("orders", 3), ("payments", 1)];
    all.map(|(name, number)| TopicPartition::new(topic(name), number)).to_vec()
}

/// A payload that can be decoded survives encoding and decoding unchanged.
pub fn subscription(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let topics = subscribed_topics(&bytes);
    if let Ok(read) = decode_subscription(&bytes) {
        assert_eq!(topics.as_ref(), Ok(&read.topics), "both read the same topics");
        assert_eq!(decode_subscription(&encode_subscription(&read, 3)), Ok(read));
    }
}

pub fn subscriptions() -> Vec<Vec<u8>> {
    let full = Subscription {
        owned: partitions(),
        generation: Generation(7),
        rack: Some(str_bytes("east")),
        user_data: Some(encode_generation(Generation(7))),
        ..Subscription::to(&topics())
    };
    let sticky = Subscription {
        user_data: Some(encode_previous(&partitions(), Generation(7))),
        ..Subscription::to(&topics())
    };
    let mut seeds: Vec<Vec<u8>> =
        (0..=3).map(|version| encode_subscription(&full, version).to_vec()).collect();
    seeds.push(encode_subscription(&sticky, 1).to_vec());
    seeds.push(
        br#"{"version":1,"host":"localhost","port":8081,"master_eligibility":true}"#.to_vec(),
    );
    seeds
}

fn topics() -> Vec<TopicName> {
    partitions().into_iter().map(|partition| partition.topic).collect()
}

/// A payload that can be decoded survives encoding and decoding unchanged.
pub fn assignment(bytes: &[u8]) {
    if let Ok(read) = decode_assignment(&Bytes::copy_from_slice(bytes)) {
        assert_eq!(decode_assignment(&encode_assignment(&read, 1)), Ok(read));
    }
}

pub fn assignments() -> Vec<Vec<u8>> {
    [partitions(), Vec::new()].iter().map(|given| encode_assignment(given, 1).to_vec()).collect()
}

/// The user data of sticky assignors.
pub fn user_data(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok((partitions, generation)) = decode_previous(&bytes) {
        let again = encode_previous(&partitions, generation);
        assert_eq!(decode_previous(&again), Ok((partitions, generation)));
    }
    if let Ok(generation) = decode_generation(&bytes) {
        assert_eq!(encode_generation(generation), bytes[..4]);
    }
}

pub fn all_user_data() -> Vec<Vec<u8>> {
    let previous = encode_previous(&partitions(), Generation(7));
    vec![previous.to_vec(), encode_generation(Generation(7)).to_vec()]
}

/// Both readers of batches agree. A wrong checksum would be rejected at once, so it is repaired.
pub fn records(bytes: &[u8]) {
    let bytes = repaired(bytes);
    let values = records::decode_records(&bytes);
    let timestamps = records::timestamps(&bytes);
    let Ok(values) = values else { return };
    if let Some(timestamps) = timestamps {
        let offsets = |all: &mut dyn Iterator<Item = i64>| all.collect::<Vec<_>>();
        let first = offsets(&mut timestamps.iter().map(|(offset, _)| *offset));
        // More batches may follow the first.
        assert!(
            values.iter().map(|(offset, _)| *offset).zip(first).all(|(one, other)| one == other)
        );
        let header = BatchHeader::read(&bytes).expect("it was read");
        assert_eq!(i32::try_from(timestamps.len()), Ok(header.count));
        assert_eq!(records::check_records(&bytes), Ok(()));
    }
}

/// The batch with a correct length and checksum, if it is at least as long as a header.
pub fn repaired(bytes: &[u8]) -> Bytes {
    let mut bytes = bytes.to_vec();
    if bytes.len() >= BatchHeader::SIZE {
        let (_, rest) = bytes.split_at(21);
        let checksum = crc32c::crc32c(rest);
        bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
        let length = i32::try_from(bytes.len() - 12).unwrap_or(i32::MAX);
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
    }
    Bytes::from(bytes)
}

pub fn batches() -> Vec<Vec<u8>> {
    let value = |text: &'static str| Bytes::from_static(text.as_bytes());
    let one = records::encode_batch(&[value("one")], Time::ZERO);
    let several = [value("one"), value(""), value("a longer one than the others")];
    let several = records::encode_batch(&several, Time::from_micros(5_000_000));
    vec![one.to_vec(), several.to_vec()]
}
