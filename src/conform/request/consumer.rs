//! The requests of the consumer group protocol (KIP-848).

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, TopicName,
};

use super::Ask;

/// `owned=t:0,1+u:2` names topics by the ids that Metadata has told.
pub fn heartbeat(ask: &Ask<'_>) -> ConsumerGroupHeartbeatRequest {
    let owned = ask.joined("owned").map(|owned| {
        let topics = owned.iter().map(|owned| {
            let (name, partitions) = owned.split_once(':').unwrap_or((owned, ""));
            let partitions = partitions.split(',').filter_map(|number| number.parse().ok());
            TopicPartitions::default()
                .with_topic_id(ask.session.topic_id(name))
                .with_partitions(partitions.collect())
        });
        topics.collect()
    });
    let topics = ask.joined("topics").map(|topics| topics.into_iter().map(TopicName).collect());
    let mut request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(ask.group())
        .with_member_id(ask.member())
        .with_member_epoch(ask.generation())
        .with_instance_id(ask.nullable("instance"))
        .with_rebalance_timeout_ms(ask.number("rebalance", -1))
        .with_subscribed_topic_names(topics)
        .with_server_assignor(ask.nullable("assignor"))
        .with_topic_partitions(owned);
    if ask.version >= 1 {
        request.subscribed_topic_regex = ask.nullable("regex");
    }
    request
}

pub fn describe(ask: &Ask<'_>) -> ConsumerGroupDescribeRequest {
    ConsumerGroupDescribeRequest::default().with_group_ids(vec![ask.group()])
}
