//! The user data that the sticky assignors embed in a subscription (rule R14.10).
//!
//! `sticky` sends the whole previous assignment, because an eager member has given up everything
//! before it joins. `cooperative-sticky` sends only the generation, for leaders that do not know
//! version 2 of the subscription. Neither payload has a version. Read next: [`crate::assignor`].

use bytes::{BufMut, Bytes, BytesMut};

use super::reader::{Malformed, PayloadReader};
use super::subscription::by_topic;
use super::{Generation, TopicPartition};

/// The user data of `sticky`: the sorted `partitions` that the sender was assigned in `generation`.
pub fn encode_previous(partitions: &[TopicPartition], generation: Generation) -> Bytes {
    let mut buf = BytesMut::new();
    let topics = by_topic(partitions);
    buf.put_i32(count(topics.len()));
    for (topic, numbers) in topics {
        let name = topic.0.as_bytes();
        buf.put_i16(i16::try_from(name.len()).expect("a topic's name has at most 249 bytes"));
        buf.put_slice(name);
        buf.put_i32(count(numbers.len()));
        numbers.into_iter().for_each(|number| buf.put_i32(number));
    }
    buf.put_i32(generation.0);
    buf.freeze()
}

/// The previous assignment, sorted, and its generation; [`Generation::NONE`] from an old sender,
/// whose payload ends after the partitions.
pub fn decode_previous(data: &Bytes) -> Result<(Vec<TopicPartition>, Generation), Malformed> {
    let mut reader = PayloadReader::new(data);
    let partitions = reader.partitions("the previous assignment")?;
    let generation = reader.int32("the generation").map_or(Generation::NONE, Generation);
    Ok((partitions, generation))
}

/// The user data of `cooperative-sticky`.
pub fn encode_generation(generation: Generation) -> Bytes {
    Bytes::copy_from_slice(&generation.0.to_be_bytes())
}

/// Decodes what [`encode_generation`] wrote.
pub fn decode_generation(data: &Bytes) -> Result<Generation, Malformed> {
    PayloadReader::new(data).int32("the generation").map(Generation)
}

fn count(length: usize) -> i32 {
    i32::try_from(length).expect("a count of partitions fits into 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{TopicName, str_bytes};

    fn previous() -> Vec<TopicPartition> {
        [("a", 0), ("a", 2), ("b", 1)]
            .map(|(name, number)| TopicPartition::new(TopicName(str_bytes(name)), number))
            .to_vec()
    }

    #[test]
    fn user_data_survives_a_round_trip() {
        let data = encode_previous(&previous(), Generation(4));
        assert_eq!(decode_previous(&data), Ok((previous(), Generation(4))));
        assert_eq!(decode_generation(&encode_generation(Generation(4))), Ok(Generation(4)));
    }

    #[test]
    fn the_bytes_are_those_of_javas_schema() {
        let one = &previous()[..1];
        let expected = b"\0\0\0\x01\0\x01a\0\0\0\x01\0\0\0\0\0\0\0\x09";
        assert_eq!(encode_previous(one, Generation(9)), &expected[..]);
    }

    /// R14.10.
    #[test]
    fn an_old_sender_has_no_generation() {
        let data = encode_previous(&previous(), Generation(4));
        let old = data.slice(..data.len() - 4);
        assert_eq!(decode_previous(&old), Ok((previous(), Generation::NONE)));
    }

    #[test]
    fn a_count_that_exceeds_the_data_is_refused() {
        for lie in [i32::MAX, 1, -1] {
            assert!(decode_previous(&Bytes::copy_from_slice(&lie.to_be_bytes())).is_err());
        }
        assert!(decode_generation(&Bytes::from_static(b"123")).is_err());
    }
}
