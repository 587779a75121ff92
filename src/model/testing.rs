//! Payloads for the tests of the model and of those who read it.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ConsumerProtocolSubscription, consumer_protocol_subscription};
use kafka_protocol::protocol::Encodable;

use crate::protocol::{TopicName, TopicPartition, str_bytes};

/// The partition with this name: `t-0`.
pub(crate) fn partition(name: &str) -> TopicPartition {
    let (topic, partition) = name.rsplit_once('-').expect("a partition is named topic-number");
    let partition = partition.parse().expect("a partition is named topic-number");
    TopicPartition::new(TopicName(str_bytes(topic)), partition)
}

/// A subscription to `t` that claims partitions in the format of the assignor.
pub(crate) fn subscription(assignor: &str, owned: &[&str], generation: i32) -> Bytes {
    let topics = vec![str_bytes("t")];
    let numbers: Vec<i32> = owned.iter().map(|name| partition(name).partition).collect();
    let mut subscription = ConsumerProtocolSubscription::default().with_topics(topics);
    if assignor == "sticky" {
        let mut data = BytesMut::new();
        data.put_i32(1);
        data.put_i16(1);
        data.put_slice(b"t");
        data.put_i32(numbers.len() as i32);
        numbers.iter().for_each(|number| data.put_i32(*number));
        data.put_i32(generation);
        subscription.user_data = Some(data.freeze());
    } else {
        let owned = consumer_protocol_subscription::TopicPartition::default()
            .with_topic(TopicName(str_bytes("t")))
            .with_partitions(numbers);
        subscription.owned_partitions = vec![owned];
        subscription.generation_id = generation;
    }
    let mut payload = BytesMut::new();
    payload.put_i16(2);
    subscription.encode(&mut payload, 2).expect("a subscription encodes");
    payload.freeze()
}
