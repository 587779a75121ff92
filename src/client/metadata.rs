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
use crate::marks::{Mark, sometimes};
use crate::protocol::{BrokerId, StrBytes, TopicPartition};
use crate::time::Time;

use super::links::Sent;
use super::{ClientOutput, Consumer, Purpose};

pub(super) struct Metadata {
    /// The topics; `None` until the first response.
    pub(super) topics: Option<Topics>,
    /// Counts the responses that differed from the one before.
    pub(super) version: u32,
    /// The broker that leads the partitions, as far as this client knows.
    pub(super) leader: Option<BrokerId>,
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

    /// Whether the metadata has the partition, and a leader for it.
    pub(super) fn has_leader(&self, partition: &TopicPartition) -> bool {
        let shape = self.topics.as_ref().and_then(|topics| topics.get(&partition.topic));
        let exists = |shape: &TopicShape| (partition.partition as usize) < shape.partitions();
        self.leader.is_some() && shape.is_some_and(exists)
    }
}

impl Consumer {
    pub(super) fn request_metadata(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        if self.metadata.due.max(self.bootstrap_connects_at()) <= now && !self.metadata_in_flight()
        {
            // All topics, not only its own: a leader also assigns the topics that other members
            // subscribe to.
            let request = MetadataRequest::default().with_topics(None);
            self.send(now, Purpose::Bootstrap, Sent::Metadata, request, out);
        }
    }

    pub(super) fn metadata_deadline(&self) -> Time {
        match self.metadata_in_flight() {
            true => Time::NEVER,
            false => self.metadata.due.max(self.bootstrap_connects_at()),
        }
    }

    fn metadata_in_flight(&self) -> bool {
        self.links.awaits(Purpose::Bootstrap, |sent| *sent == Sent::Metadata)
    }

    pub(super) fn metadata_failed(&mut self, now: Time) {
        let pause = Consumer::backoff(&self.config, &mut self.rng, self.metadata.failures);
        self.metadata.retry_at = now + pause;
        self.metadata.due = self.metadata.retry_at;
        self.metadata.failures += 1;
    }

    /// Refreshes the metadata because it turned out to be wrong, after a backoff that grows with
    /// each response that brings no change (rule R13.6.4).
    pub(super) fn refresh_metadata(&mut self, now: Time) {
        let equal = self.metadata.unchanged.saturating_sub(1);
        let pause = Consumer::backoff(&self.config, &mut self.rng, equal);
        let soon = now.max(self.metadata.received_at + pause).max(self.metadata.retry_at);
        self.metadata.due = self.metadata.due.min(soon);
    }

    /// Handles the loss of the connection to the partitions' leader. Another broker may lead them
    /// now.
    pub(super) fn data_lost(&mut self, now: Time) {
        if self.metadata.several_brokers {
            self.refresh_metadata(now);
        }
    }

    pub(super) fn on_metadata(
        &mut self,
        now: Time,
        response: &MetadataResponse,
        out: &mut Vec<ClientOutput>,
    ) {
        let (topics, leader) = (topics(response), self.leader_in(response));
        let changed =
            self.metadata.topics.as_ref() != Some(&topics) || self.metadata.leader != leader;
        self.metadata.unchanged = if changed { 0 } else { self.metadata.unchanged + 1 };
        self.metadata.version += u32::from(changed);
        self.metadata.topics = Some(topics);
        self.metadata.leader = leader;
        self.metadata.several_brokers = response.brokers.len() > 1;
        self.metadata.failures = 0;
        self.metadata.received_at = now;
        self.metadata.due = now + self.config.metadata_max_age;
        self.refresh_if_leaderless(now);
        self.follow_leader(now, out);
    }

    /// Refreshes the metadata while an owned partition has no leader (rule R13.6.4).
    pub(super) fn refresh_if_leaderless(&mut self, now: Time) {
        if self.partitions.keys().any(|partition| !self.metadata.has_leader(partition)) {
            self.refresh_metadata(now);
        }
    }

    /// The leader of the topics that this client subscribes to.
    fn leader_in(&self, response: &MetadataResponse) -> Option<BrokerId> {
        let wanted = |topic: &&MetadataResponseTopic| {
            topic.name.as_ref().is_some_and(|name| self.config.topics.contains(name))
        };
        let partitions = response.topics.iter().filter(wanted).flat_map(|topic| &topic.partitions);
        let mut leaders = partitions.map(|partition| BrokerId(partition.leader_id.0));
        leaders.find(|leader| leader.0 >= 0)
    }

    /// Closes the connection to a broker that no longer leads the partitions (rule R13.6.3).
    fn follow_leader(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        let (open, leader) = (self.links.open_to(Purpose::Data), self.metadata.leader);
        if open.is_none() || leader.is_none() || open == leader {
            return;
        }
        if let Some((conn, lost)) = self.links.close(Purpose::Data) {
            sometimes(Mark::FollowedLeader);
            out.push(ClientOutput::Close { conn });
            self.fail_requests(now, lost, out);
        }
    }
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
