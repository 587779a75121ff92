//! The topics that a group subscribes to, as far as its offsets are concerned: those of subscribed
//! topics are not deleted and do not expire.

use std::collections::BTreeSet;

use crate::protocol::TopicName;

/// The topics that a group subscribes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Subscribed<'a> {
    /// These topics.
    To(&'a BTreeSet<TopicName>),
    /// Consumers whose subscription is unknown: it may be any topic.
    Unknown,
    /// Not a consumer group: it subscribes to nothing.
    NotConsumers,
}

impl Subscribed<'_> {
    /// Whether the group subscribes to the topic, or may do so.
    pub(super) fn may_include(&self, topic: &TopicName) -> bool {
        match self {
            Subscribed::To(topics) => topics.contains(topic),
            Subscribed::Unknown => true,
            Subscribed::NotConsumers => false,
        }
    }
}
