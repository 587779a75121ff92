//! What a group of consumers reads, as far as the coordinator can tell: the one place where it looks into
//! what clients hide in its messages (R6.7.5).

use std::collections::BTreeSet;

use crate::protocol::subscription::subscribed_topics;
use crate::protocol::{CONSUMER_PROTOCOL_TYPE, TopicName};

use super::group::Group;

/// What a group subscribes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Subscribed {
    /// These topics.
    To(BTreeSet<TopicName>),
    /// Consumers, but it cannot be told what they read: it may be anything.
    Unknown,
    /// No group of consumers: it subscribes to nothing.
    NoConsumers,
}

impl Subscribed {
    /// What the members offered for the assignor of their generation.
    pub(super) fn of(group: &Group) -> Subscribed {
        if !is_of_consumers(group) {
            return Subscribed::NoConsumers;
        }
        if group.members.is_empty() {
            return Subscribed::To(BTreeSet::new());
        }
        let Some(protocol) = &group.protocol else { return Subscribed::Unknown };
        let mut all = BTreeSet::new();
        for member in group.members.iter() {
            match subscribed_topics(&member.metadata(protocol)) {
                Ok(topics) => all.extend(topics),
                Err(_) => return Subscribed::Unknown,
            }
        }
        Subscribed::To(all)
    }

    /// Whether the topic is, or may be, among them.
    pub(super) fn may_include(&self, topic: &TopicName) -> bool {
        match self {
            Subscribed::To(topics) => topics.contains(topic),
            Subscribed::Unknown => true,
            Subscribed::NoConsumers => false,
        }
    }
}

/// Whether the group's protocol is that of consumers.
pub(super) fn is_of_consumers(group: &Group) -> bool {
    group.protocol_type.as_ref().is_some_and(|own| own.as_str() == CONSUMER_PROTOCOL_TYPE)
}
