//! Metadata and FindCoordinator, answered from what the broker has learned, which may be out of date.

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    self, FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest, MetadataResponse,
};

use crate::protocol::{BrokerId, GroupId, ResponseError, StrBytes, TopicName, str_bytes};

use super::turn::Turn;

const HOST: &str = "localhost";
const PORT: i32 = 9092;
/// How many brokers have a copy of a partition, if there are as many.
const REPLICAS: usize = 3;

impl Turn<'_, '_> {
    pub(super) fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let topics = match &request.topics {
            None => self.shared.topics.names().map(|name| self.topic_metadata(name)).collect(),
            Some(asked) => asked
                .iter()
                .filter_map(|topic| topic.name.as_ref())
                .map(|name| self.topic_metadata(name))
                .collect(),
        };
        let image = &self.broker.image;
        let racks = &self.shared.config.racks;
        let brokers = image.live_brokers().map(|broker| {
            MetadataResponseBroker::default()
                .with_node_id(broker.0.into())
                .with_host(str_bytes(HOST))
                .with_port(PORT)
                .with_rack(racks.get(broker.0 as usize).cloned())
        });
        // Clients cannot reach the controller; Kafka names any broker that is up.
        let controller = image.live_brokers().next().map_or(-1, |broker| broker.0);
        MetadataResponse::default()
            .with_brokers(brokers.collect())
            .with_controller_id(controller.into())
            .with_topics(topics)
    }

    fn topic_metadata(&self, name: &TopicName) -> MetadataResponseTopic {
        let topic = MetadataResponseTopic::default().with_name(Some(name.clone()));
        let Some(partitions) = self.shared.topics.partition_count(name) else {
            return topic.with_error_code(ResponseError::UnknownTopicOrPartition.code());
        };
        let partitions = (0..partitions).map(|partition| self.partition_metadata(partition));
        topic.with_partitions(partitions.collect())
    }

    fn partition_metadata(&self, partition: i32) -> MetadataResponsePartition {
        let image = &self.broker.image;
        let answer = MetadataResponsePartition::default()
            .with_partition_index(partition)
            .with_leader_epoch(image.data_epoch);
        let answer = match image.data_leader {
            Some(leader) => answer.with_leader_id(leader.0.into()),
            None => answer
                .with_leader_id((-1).into())
                .with_error_code(ResponseError::LeaderNotAvailable.code()),
        };
        // Only assignors that know of racks read the lists of replicas. Elsewhere they are left empty: every
        // consumer asks for every partition, so they would be most of the memory of a large group.
        if self.shared.config.racks.is_empty() {
            return answer;
        }
        let replicas = self.replicas(partition);
        let live = |replica: &messages::BrokerId| image.is_live(BrokerId(replica.0));
        let (isr, offline) = replicas.iter().copied().partition(live);
        answer.with_replica_nodes(replicas).with_isr_nodes(isr).with_offline_replicas(offline)
    }

    /// Partitions are spread: partition p is at broker p and those after it.
    fn replicas(&self, partition: i32) -> Vec<messages::BrokerId> {
        let brokers = i32::from(self.shared.config.brokers);
        let replica = |step: i32| messages::BrokerId((partition + step) % brokers);
        (0..brokers).take(REPLICAS).map(replica).collect()
    }

    /// Rules R3.16.
    pub(super) fn find_coordinator(
        &mut self,
        version: i16,
        request: &FindCoordinatorRequest,
    ) -> FindCoordinatorResponse {
        if version >= 4 {
            let keys = request.coordinator_keys.iter();
            let found = keys.map(|key| self.coordinator_of(key).with_key(key.clone())).collect();
            return FindCoordinatorResponse::default().with_coordinators(found);
        }
        let found = self.coordinator_of(&request.key);
        FindCoordinatorResponse::default()
            .with_error_code(found.error_code)
            .with_node_id(found.node_id)
            .with_host(found.host)
            .with_port(found.port)
    }

    fn coordinator_of(&mut self, group: &StrBytes) -> Coordinator {
        let partition = self.shared.routing.partition_of(&GroupId(group.clone()));
        let image = &self.broker.image;
        let leader = image.offsets[partition].leader.filter(|&leader| image.is_live(leader));
        match leader {
            Some(leader) => Coordinator::default()
                .with_node_id(leader.0.into())
                .with_host(str_bytes(HOST))
                .with_port(PORT),
            None => Coordinator::default()
                .with_node_id((-1).into())
                .with_port(-1)
                .with_error_code(ResponseError::CoordinatorNotAvailable.code()),
        }
    }
}
