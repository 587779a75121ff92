//! What this client knows about the topics: their partition counts, the partitions' leader, and the
//! racks of the replicas (rules R13.6).
//!
//! The client assumes that one broker leads every partition, as in [`crate::broker`]. It does not
//! fetch a partition that is missing from the metadata, and refreshes the metadata until the
//! partition appears. The partition stays assigned until the group's leader, which watches the
//! topics, triggers a rebalance.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{BrokerId as NodeId, MetadataRequest, MetadataResponse};

use crate::assignor::{TopicShape, Topics};
use crate::protocol::{BrokerId, ResponseError, StrBytes, TopicPartition};
use crate::time::Time;

use super::context::{Context, always};
use super::links::Sent;
use super::partitions::Partitions;
use super::{ConsumerConfig, Purpose};

pub(super) struct Metadata {
    /// The topics; `None` until the first response.
    topics: Option<Topics>,
    /// Counts the responses that differed from the one before.
    version: u32,
    /// The broker that leads the partitions, as far as this client knows.
    leader: Option<BrokerId>,
    /// Whether there is more than one broker; otherwise no other broker can be the leader.
    several_brokers: bool,
    /// When to refresh.
    due: Time,
    /// When the last response arrived, and how many responses in a row have brought no change.
    received_at: Time,
    unchanged: u32,
    /// No request before this time, because the last attempt failed.
    retry_at: Time,
    failures: u32,
}

impl Metadata {
    pub(super) fn new(now: Time) -> Self {
        Metadata {
            topics: None,
            version: 0,
            leader: None,
            several_brokers: false,
            due: now,
            received_at: now,
            unchanged: 0,
            retry_at: now,
            failures: 0,
        }
    }

    /// The topics; `None` until the first response.
    pub(super) fn topics(&self) -> Option<&Topics> {
        self.topics.as_ref()
    }

    /// Counts the responses that differed from the one before.
    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// The broker that leads the partitions, as far as this client knows.
    pub(super) fn leader(&self) -> Option<BrokerId> {
        self.leader
    }

    /// Whether the metadata has the partition, and a leader for it.
    pub(super) fn has_leader(&self, partition: &TopicPartition) -> bool {
        let shape = self.topics.as_ref().and_then(|topics| topics.get(&partition.topic));
        let exists = |shape: &TopicShape| (partition.partition as usize) < shape.partitions();
        self.leader.is_some() && shape.is_some_and(exists)
    }

    /// The earliest time to send a request to the partitions' leader.
    pub(super) fn leader_connects_at(&self, cx: &Context) -> Time {
        self.leader.map_or(Time::ZERO, |leader| cx.links.connects_at(Purpose::Data, leader))
    }

    /// Requests the metadata from that broker if they are due.
    pub(super) fn request(&self, cx: &mut Context, bootstrap: BrokerId) {
        if self.due.max(cx.links.connects_at(Purpose::Bootstrap, bootstrap)) <= cx.now
            && !in_flight(cx)
        {
            // All topics, not only its own: a leader also assigns the topics that other members
            // subscribe to.
            let request = MetadataRequest::default().with_topics(None);
            cx.send(bootstrap, Sent::Metadata, request);
        }
    }

    pub(super) fn deadline(&self, cx: &Context, bootstrap: BrokerId) -> Time {
        match in_flight(cx) {
            true => Time::NEVER,
            false => self.due.max(cx.links.connects_at(Purpose::Bootstrap, bootstrap)),
        }
    }

    /// Handles a request that got no response.
    pub(super) fn failed(&mut self, cx: &mut Context) {
        let pause = cx.backoff(self.failures);
        self.retry_at = cx.now + pause;
        self.due = self.retry_at;
        self.failures += 1;
    }

    /// Refreshes the metadata because it turned out to be wrong, after a backoff that grows with
    /// each response that brings no change (rule R13.6.4).
    pub(super) fn refresh(&mut self, cx: &mut Context) {
        let equal = self.unchanged.saturating_sub(1);
        let pause = cx.backoff(equal);
        let soon = cx.now.max(self.received_at + pause).max(self.retry_at);
        self.due = self.due.min(soon);
        always!(
            cx,
            self.failures == 0 || self.due >= self.retry_at,
            "refreshes its metadata before the backoff of a failed request is over"
        );
    }

    /// Refreshes the metadata while an owned partition has no leader (rule R13.6.4).
    pub(super) fn refresh_if_leaderless(&mut self, cx: &mut Context, owned: &Partitions) {
        if owned.names().any(|partition| !self.has_leader(partition)) {
            self.refresh(cx);
        }
    }

    /// Handles the loss of the connection to the partitions' leader. Another broker may lead them
    /// now.
    pub(super) fn leader_lost(&mut self, cx: &mut Context) {
        if self.several_brokers {
            self.refresh(cx);
        }
    }

    /// Handles an error for one partition. Where the error may mean that another broker leads the
    /// partition, or none, the client refreshes the metadata (rule R13.6.3).
    pub(super) fn doubt_leader(&mut self, cx: &mut Context, error: ResponseError) {
        use ResponseError as E;
        match error {
            E::NotLeaderOrFollower
            | E::LeaderNotAvailable
            | E::ReplicaNotAvailable
            | E::FencedLeaderEpoch
            | E::KafkaStorageError
            | E::UnknownTopicOrPartition => self.refresh(cx),
            _ => {}
        }
    }

    pub(super) fn on_response(
        &mut self,
        cx: &mut Context,
        response: &MetadataResponse,
        owned: &Partitions,
    ) {
        let (topics, leader) = (topics(response), leader_in(response, &cx.config));
        let changed = self.topics.as_ref() != Some(&topics) || self.leader != leader;
        self.unchanged = if changed { 0 } else { self.unchanged + 1 };
        self.version += u32::from(changed);
        self.topics = Some(topics);
        self.leader = leader;
        self.several_brokers = response.brokers.len() > 1;
        self.failures = 0;
        self.received_at = cx.now;
        self.due = cx.now + cx.config.metadata_max_age;
        always!(cx, self.version > 0, "has received metadata that changed nothing from the start");
        self.refresh_if_leaderless(cx, owned);
    }
}

fn in_flight(cx: &Context) -> bool {
    cx.links.awaits(Purpose::Bootstrap, |sent| *sent == Sent::Metadata)
}

/// The leader of the topics that this client subscribes to.
fn leader_in(response: &MetadataResponse, config: &ConsumerConfig) -> Option<BrokerId> {
    let wanted = |topic: &&MetadataResponseTopic| {
        topic.name.as_ref().is_some_and(|name| config.topics.contains(name))
    };
    let partitions = response.topics.iter().filter(wanted).flat_map(|topic| &topic.partitions);
    let mut leaders = partitions.map(|partition| BrokerId(partition.leader_id.0));
    leaders.find(|leader| leader.0 >= 0)
}

/// The topics of a response, with the racks of their replicas.
fn topics(response: &MetadataResponse) -> Topics {
    let racks: BTreeMap<NodeId, &StrBytes> = response
        .brokers
        .iter()
        .filter_map(|broker| Some((broker.node_id, broker.rack.as_ref()?)))
        .collect();
    let known = response.topics.iter().filter(|topic| topic.error_code == 0);
    known.filter_map(|topic| Some((topic.name.clone()?, shape(topic, &racks)))).collect()
}

fn shape(topic: &MetadataResponseTopic, racks: &BTreeMap<NodeId, &StrBytes>) -> TopicShape {
    let mut shape = TopicShape::without_racks(topic.partitions.len());
    for partition in &topic.partitions {
        let number = usize::try_from(partition.partition_index).ok();
        let Some(partition_racks) = number.and_then(|number| shape.racks.get_mut(number)) else {
            continue;
        };
        let replicas = partition.replica_nodes.iter();
        *partition_racks = replicas
            .filter_map(|replica| racks.get(replica).map(|&rack| rack.clone()))
            .collect::<BTreeSet<StrBytes>>();
    }
    shape
}
