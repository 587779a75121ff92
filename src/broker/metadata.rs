//! Metadata, handled from the broker's own view of the cluster, which may be stale.
//!
//! A request does not create topics, and `__consumer_offsets` is not listed. The version is checked
//! only where a response could not be encoded otherwise, or would contain more than that version
//! allows.

use std::collections::BTreeSet;

use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{self, MetadataRequest, MetadataResponse};

use crate::coordinator::{MetadataImage, TopicImage};
use crate::protocol::{
    BrokerId, Request, RequestFrame, Response, ResponseError, StrBytes, TopicName, Uuid,
    is_legal_topic, refusal,
};

use super::cluster::Detail;
use super::topics::Topic;
use super::view::BrokerView;

const CLUSTER_ID: &str = "groupsim";
const HOST: &str = "localhost";
const PORT: i32 = 9092;
/// How many brokers have a copy of a partition, if there are as many.
const REPLICAS: usize = 3;

/// Topic ids are in responses from version 10 on, but in requests only from version 12 on
/// (KIP-516).
const HAS_TOPIC_IDS: i16 = 10;
const REQUESTS_BY_ID: i16 = 12;
const HAS_CLUSTER_ID: i16 = 2;

impl BrokerView<'_> {
    pub(super) fn metadata(&self, frame: &RequestFrame) -> Response {
        let Request::Metadata(request) = &frame.body else {
            panic!("expected a Metadata request, got {}", frame.body.api())
        };
        if is_invalid(frame.version, request) {
            return refusal(&frame.body, frame.version, ResponseError::InvalidRequest);
        }
        let image = self.image;
        let brokers = image.live_brokers().map(|broker| {
            let (host, port) = self.endpoint(broker);
            MetadataResponseBroker::default()
                .with_node_id(broker.0.into())
                .with_host(host)
                .with_port(port)
                .with_rack(self.rack(broker))
        });
        // Clients cannot reach the controller; Kafka names any broker that is up.
        let controller = image.live_brokers().next().map_or(-1, |broker| broker.0);
        let cluster_id =
            (frame.version >= HAS_CLUSTER_ID).then(|| StrBytes::from_static_str(CLUSTER_ID));
        MetadataResponse::default()
            .with_brokers(brokers.collect())
            .with_cluster_id(cluster_id)
            .with_controller_id(controller.into())
            .with_topics(self.requested_topics(frame.version, request))
            .into()
    }

    /// The topics of a response. If any topic is requested by id, Kafka ignores the names. It
    /// returns each id or name once.
    fn requested_topics(
        &self,
        version: i16,
        request: &MetadataRequest,
    ) -> Vec<MetadataResponseTopic> {
        let topics = self.topics;
        let requested = match &request.topics {
            Some(requested) if version > 0 || !requested.is_empty() => requested,
            _ => {
                let all = topics.all();
                return all.map(|(name, topic)| self.known(version, name, topic)).collect();
            }
        };
        let mut seen = BTreeSet::new();
        let ids = requested.iter().map(|topic| topic.topic_id);
        let ids: Vec<Uuid> = ids.filter(|id| !id.is_nil() && seen.insert(*id)).collect();
        if !ids.is_empty() {
            return ids.into_iter().map(|id| self.topic_of_id(version, id)).collect();
        }
        let mut seen = BTreeSet::new();
        let names = requested.iter().filter_map(|topic| topic.name.as_ref());
        let names = names.filter(|name| seen.insert(*name));
        names.map(|name| self.topic_of_name(version, name)).collect()
    }

    fn topic_of_id(&self, version: i16, id: Uuid) -> MetadataResponseTopic {
        let topics = self.topics;
        let known = topics.name_of(id).and_then(|name| Some((name, topics.by_name(name)?)));
        match known {
            Some((name, topic)) => self.known(version, name, topic),
            None => MetadataResponseTopic::default()
                .with_name(None)
                .with_topic_id(id)
                .with_error_code(ResponseError::UnknownTopicId.code()),
        }
    }

    fn topic_of_name(&self, version: i16, name: &TopicName) -> MetadataResponseTopic {
        let error = match self.topics.by_name(name) {
            Some(topic) => return self.known(version, name, topic),
            None if is_legal_topic(name.as_str()) => ResponseError::UnknownTopicOrPartition,
            None => ResponseError::InvalidTopicException,
        };
        MetadataResponseTopic::default().with_name(Some(name.clone())).with_error_code(error.code())
    }

    fn known(&self, version: i16, name: &TopicName, topic: &Topic) -> MetadataResponseTopic {
        let partitions = 0..topic.partition_count();
        let partitions = partitions.map(|partition| self.partition_metadata(version, partition));
        let id = if version >= HAS_TOPIC_IDS { topic.id } else { Uuid::nil() };
        MetadataResponseTopic::default()
            .with_name(Some(name.clone()))
            .with_topic_id(id)
            .with_partitions(partitions.collect())
    }

    fn partition_metadata(&self, version: i16, partition: i32) -> MetadataResponsePartition {
        let image = self.image;
        let response = MetadataResponsePartition::default()
            .with_partition_index(partition)
            .with_leader_epoch(image.data_epoch);
        let response = match image.data_leader {
            Some(leader) => response.with_leader_id(leader.0.into()),
            None => response
                .with_leader_id((-1).into())
                .with_error_code(ResponseError::LeaderNotAvailable.code()),
        };
        let config = self.config;
        if config.detail == Detail::Lean && config.racks.is_empty() {
            return response;
        }
        let replicas = self.replicas(partition);
        let live = |replica: &messages::BrokerId| image.is_live(BrokerId(replica.0));
        let (isr, offline): (Vec<_>, Vec<_>) = replicas.iter().copied().partition(live);
        if version > 0 {
            return response
                .with_replica_nodes(replicas)
                .with_isr_nodes(isr)
                .with_offline_replicas(offline);
        }
        // The oldest clients know only the brokers that are listed, so their replicas must be
        // listed, too.
        let response = match (offline.is_empty(), response.error_code) {
            (false, 0) => response.with_error_code(ResponseError::ReplicaNotAvailable.code()),
            _ => response,
        };
        response.with_replica_nodes(isr.clone()).with_isr_nodes(isr)
    }

    /// Partitions are spread: partition p is on broker p and the brokers after it. The leader is
    /// one of the replicas: if there are more brokers than replicas, the data leader takes the last
    /// place.
    fn replicas(&self, partition: i32) -> Vec<messages::BrokerId> {
        let brokers = i32::from(self.config.brokers);
        let replica = |step: i32| messages::BrokerId((partition + step) % brokers);
        let mut replicas: Vec<_> = (0..brokers).take(REPLICAS).map(replica).collect();
        if let (Detail::Full, Some(leader)) = (self.config.detail, self.image.data_leader)
            && !replicas.contains(&leader.0.into())
            && let Some(last) = replicas.last_mut()
        {
            *last = leader.0.into();
        }
        replicas
    }

    /// All topics as this broker's coordinators see them.
    pub(super) fn metadata_image(&self) -> MetadataImage {
        let image = |(name, topic): (&TopicName, &Topic)| {
            let partitions = topic.partition_count();
            let racks = match self.config.racks.is_empty() {
                true => Vec::new(),
                false => (0..partitions).map(|partition| self.replica_racks(partition)).collect(),
            };
            (name.clone(), TopicImage { id: topic.id, partitions, racks })
        };
        MetadataImage { topics: self.topics.all().map(image).collect() }
    }

    fn replica_racks(&self, partition: i32) -> Vec<StrBytes> {
        let replicas = self.replicas(partition).into_iter();
        let racks: BTreeSet<StrBytes> =
            replicas.filter_map(|replica| self.rack(BrokerId(replica.0))).collect();
        racks.into_iter().collect()
    }

    /// Host and port at which clients reach a broker.
    pub(super) fn endpoint(&self, broker: BrokerId) -> (StrBytes, i32) {
        let endpoint = self.config.endpoints.get(broker.0 as usize).cloned();
        endpoint.unwrap_or_else(|| (StrBytes::from_static_str(HOST), PORT))
    }

    pub(super) fn rack(&self, broker: BrokerId) -> Option<StrBytes> {
        self.config.racks.get(broker.0 as usize).cloned()
    }
}

/// Whether a request uses a field that its version does not allow.
fn is_invalid(version: i16, request: &MetadataRequest) -> bool {
    match &request.topics {
        None => version == 0,
        Some(topics) => {
            let by_id = |topic: &messages::metadata_request::MetadataRequestTopic| {
                topic.name.is_none() || !topic.topic_id.is_nil()
            };
            version < REQUESTS_BY_ID && topics.iter().any(by_id)
        }
    }
}
