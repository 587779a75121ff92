//! What this client knows of the topics: how many partitions they have, who leads them, and where their
//! replicas stand (rules R13.6).
//!
//! One broker is taken to lead every partition, as in [`crate::cluster`]. A partition that the metadata does
//! not have is not fetched, and the metadata is asked for again until it does; it stays assigned until the
//! group's leader, who watches the topics, has brought about a rebalance.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{BrokerId as NodeId, MetadataRequest, MetadataResponse};

use crate::assignor::{TopicShape, Topics};
use crate::protocol::{BrokerId, StrBytes, TopicPartition};
use crate::sometimes::{Mark, sometimes};
use crate::time::Time;

use super::links::Sent;
use super::{Consumer, Output, Purpose};

pub(super) struct Metadata {
    /// The topics; none until the first answer.
    pub(super) topics: Option<Topics>,
    /// Counts the answers that differed from those before them.
    pub(super) version: u32,
    /// The broker that leads the partitions, as far as this client knows.
    pub(super) leader: Option<BrokerId>,
    /// Whether there is more than one broker: only then can somebody else be the leader.
    several_brokers: bool,
    /// When to ask again.
    due: Time,
    /// When the last answer came, and how many in a row have said nothing new.
    answered: Time,
    unchanged: u32,
    /// Not to ask again before this, because the last attempt failed.
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
            answered: now,
            unchanged: 0,
            retry_at: now,
            failures: 0,
        }
    }

    /// Whether the partition can be read from anybody.
    pub(super) fn has_leader(&self, partition: &TopicPartition) -> bool {
        let shape = self.topics.as_ref().and_then(|topics| topics.get(&partition.topic));
        let exists = |shape: &TopicShape| (partition.partition as usize) < shape.partitions();
        self.leader.is_some() && shape.is_some_and(exists)
    }
}

impl Consumer {
    pub(super) fn ask_metadata(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.metadata.due.max(self.asks_at()) <= now && !self.metadata_in_flight() {
            // All topics, not only its own: a leader assigns what others subscribe to.
            let request = MetadataRequest::default().with_topics(None);
            self.send(now, Purpose::Bootstrap, Sent::Metadata, request, out);
        }
    }

    pub(super) fn metadata_deadline(&self) -> Time {
        match self.metadata_in_flight() {
            true => Time::NEVER,
            false => self.metadata.due.max(self.asks_at()),
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

    /// The metadata has turned out to be wrong: asks for it again, after a pause that grows with each
    /// answer that says nothing new (rule R13.6.4).
    pub(super) fn refresh_metadata(&mut self, now: Time) {
        let equal = self.metadata.unchanged.saturating_sub(1);
        let pause = Consumer::backoff(&self.config, &mut self.rng, equal);
        let soon = now.max(self.metadata.answered + pause).max(self.metadata.retry_at);
        self.metadata.due = self.metadata.due.min(soon);
    }

    /// The connection to the partitions' leader is gone. That may mean that another broker leads them.
    pub(super) fn data_lost(&mut self, now: Time) {
        if self.metadata.several_brokers {
            self.refresh_metadata(now);
        }
    }

    pub(super) fn on_metadata(
        &mut self,
        now: Time,
        answer: &MetadataResponse,
        out: &mut Vec<Output>,
    ) {
        let (topics, leader) = (topics(answer), self.leader_in(answer));
        let changed =
            self.metadata.topics.as_ref() != Some(&topics) || self.metadata.leader != leader;
        self.metadata.unchanged = if changed { 0 } else { self.metadata.unchanged + 1 };
        self.metadata.version += u32::from(changed);
        self.metadata.topics = Some(topics);
        self.metadata.leader = leader;
        self.metadata.several_brokers = answer.brokers.len() > 1;
        self.metadata.failures = 0;
        self.metadata.answered = now;
        self.metadata.due = now + self.config.metadata_max_age;
        self.refresh_if_leaderless(now);
        self.follow_leader(now, out);
    }

    /// Asks again while there is nobody to read an owned partition from (rule R13.6.4).
    pub(super) fn refresh_if_leaderless(&mut self, now: Time) {
        if self.partitions.keys().any(|partition| !self.metadata.has_leader(partition)) {
            self.refresh_metadata(now);
        }
    }

    /// The leader of the topics this client reads.
    fn leader_in(&self, answer: &MetadataResponse) -> Option<BrokerId> {
        let wanted = |topic: &&MetadataResponseTopic| {
            topic.name.as_ref().is_some_and(|name| self.config.topics.contains(name))
        };
        let partitions = answer.topics.iter().filter(wanted).flat_map(|topic| &topic.partitions);
        let mut leaders = partitions.map(|partition| BrokerId(partition.leader_id.0));
        leaders.find(|leader| leader.0 >= 0)
    }

    /// Turns from a broker that no longer leads to the one that does (rule R13.6.3).
    fn follow_leader(&mut self, now: Time, out: &mut Vec<Output>) {
        let (open, leader) = (self.links.open_to(Purpose::Data), self.metadata.leader);
        if open.is_none() || leader.is_none() || open == leader {
            return;
        }
        if let Some((conn, lost)) = self.links.close(Purpose::Data) {
            sometimes(Mark::FollowedLeader);
            out.push(Output::Close { conn });
            self.fail_requests(now, lost, out);
        }
    }
}

/// The topics of an answer, with the racks of their replicas.
fn topics(answer: &MetadataResponse) -> Topics {
    let racks: BTreeMap<NodeId, &StrBytes> = answer
        .brokers
        .iter()
        .filter_map(|broker| Some((broker.node_id, broker.rack.as_ref()?)))
        .collect();
    let known = answer.topics.iter().filter(|topic| topic.error_code == 0);
    known.filter_map(|topic| Some((topic.name.clone()?, shape(topic, &racks)))).collect()
}

fn shape(topic: &MetadataResponseTopic, racks: &BTreeMap<NodeId, &StrBytes>) -> TopicShape {
    let mut shape = TopicShape::without_racks(topic.partitions.len());
    for partition in &topic.partitions {
        let number = usize::try_from(partition.partition_index).ok();
        let Some(place) = number.and_then(|number| shape.racks.get_mut(number)) else { continue };
        let replicas = partition.replica_nodes.iter();
        *place = replicas
            .filter_map(|replica| racks.get(replica).map(|&rack| rack.clone()))
            .collect::<BTreeSet<StrBytes>>();
    }
    shape
}
