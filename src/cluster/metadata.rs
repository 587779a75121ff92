//! Metadata and FindCoordinator: one broker leads every partition and coordinates every group.

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest, MetadataResponse,
};

use crate::protocol::{ResponseError, TopicName, str_bytes};

use super::Broker;

const HOST: &str = "localhost";
const PORT: i32 = 9092;

impl Broker {
    pub(super) fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let topics = match &request.topics {
            None => self.topics.names().map(|name| self.topic_metadata(name)).collect(),
            Some(asked) => asked
                .iter()
                .filter_map(|topic| topic.name.as_ref())
                .map(|name| self.topic_metadata(name))
                .collect(),
        };
        let broker = MetadataResponseBroker::default()
            .with_node_id(self.config.id.0.into())
            .with_host(str_bytes(HOST))
            .with_port(PORT);
        MetadataResponse::default()
            .with_brokers(vec![broker])
            .with_controller_id(self.config.id.0.into())
            .with_topics(topics)
    }

    fn topic_metadata(&self, name: &TopicName) -> MetadataResponseTopic {
        let topic = MetadataResponseTopic::default().with_name(Some(name.clone()));
        let Some(partitions) = self.topics.partition_count(name) else {
            return topic.with_error_code(ResponseError::UnknownTopicOrPartition.code());
        };
        let leader = self.config.id.0;
        // The lists of replicas are left empty: every consumer asks for every partition, so they would be
        // most of the memory of a large group, and no consumer here reads them.
        let partitions = (0..partitions).map(|partition| {
            MetadataResponsePartition::default()
                .with_partition_index(partition)
                .with_leader_id(leader.into())
        });
        topic.with_partitions(partitions.collect())
    }

    pub(super) fn find_coordinator(
        &self,
        version: i16,
        request: &FindCoordinatorRequest,
    ) -> FindCoordinatorResponse {
        let node = self.config.id.0;
        if version < 4 {
            return FindCoordinatorResponse::default()
                .with_node_id(node.into())
                .with_host(str_bytes(HOST))
                .with_port(PORT);
        }
        let found = request.coordinator_keys.iter().map(|key| {
            Coordinator::default()
                .with_key(key.clone())
                .with_node_id(node.into())
                .with_host(str_bytes(HOST))
                .with_port(PORT)
        });
        FindCoordinatorResponse::default().with_coordinators(found.collect())
    }
}
