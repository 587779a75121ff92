//! The topics whose partitions all consumers know.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::TopicName;

/// The topics that existed before the first consumer.
#[derive(Debug, Default)]
pub(super) struct Topics {
    /// The number of partitions of each.
    pub(super) first: BTreeMap<TopicName, i32>,
    grown: BTreeSet<TopicName>,
    consumers_started: bool,
}

impl Topics {
    /// Whether the topic is one of those and has not been grown.
    pub(super) fn is_steady(&self, topic: &TopicName) -> bool {
        self.first.contains_key(topic) && !self.grown.contains(topic)
    }

    pub(super) fn created(&mut self, topic: &TopicName, partitions: i32) {
        if !self.consumers_started {
            self.first.insert(topic.clone(), partitions);
        }
    }

    pub(super) fn grown(&mut self, topic: &TopicName) {
        self.grown.insert(topic.clone());
    }

    pub(super) fn deleted(&mut self, topic: &TopicName) {
        self.first.remove(topic);
    }

    pub(super) fn consumer_started(&mut self) {
        self.consumers_started = true;
    }
}
