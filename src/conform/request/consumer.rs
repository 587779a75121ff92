//! Requests of the consumer group protocol (KIP-848).

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, TopicName,
};

use super::RequestArgs;

/// `owned=t:0,1+u:2` is sent with the topic ids that Metadata has returned.
pub fn heartbeat(args: &RequestArgs<'_>) -> ConsumerGroupHeartbeatRequest {
    let owned = args.joined("owned").map(|owned| {
        let topics = owned.iter().map(|owned| {
            let (name, partitions) = owned.split_once(':').unwrap_or((owned, ""));
            let partitions = partitions.split(',').filter_map(|number| number.parse().ok());
            TopicPartitions::default()
                .with_topic_id(args.session.topic_id(name))
                .with_partitions(partitions.collect())
        });
        topics.collect()
    });
    let topics = args.joined("topics").map(|topics| topics.into_iter().map(TopicName).collect());
    let mut request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(args.group())
        .with_member_id(args.member())
        .with_member_epoch(args.generation())
        .with_instance_id(args.nullable("instance"))
        .with_rebalance_timeout_ms(args.number("rebalance", -1))
        .with_subscribed_topic_names(topics)
        .with_server_assignor(args.nullable("assignor"))
        .with_topic_partitions(owned);
    if args.version >= 1 {
        request.subscribed_topic_regex = args.nullable("regex");
    }
    request
}

pub fn describe(args: &RequestArgs<'_>) -> ConsumerGroupDescribeRequest {
    ConsumerGroupDescribeRequest::default().with_group_ids(vec![args.group()])
}
