//! The topics that a consumer group subscribes to: the only place where the coordinator parses
//! payloads that clients embed in its messages (R6.7.5).

use std::collections::BTreeSet;

use crate::protocol::subscription::subscribed_topics;
use crate::protocol::{CONSUMER_PROTOCOL_TYPE, TopicName};

use super::group::Group;

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
    /// The subscription that the group keeps.
    pub(crate) fn of(group: &Group) -> Subscribed<'_> {
        match &group.subscribed {
            Some(topics) => Subscribed::To(topics),
            None if is_consumer_group(group) => Subscribed::Unknown,
            None => Subscribed::NotConsumers,
        }
    }

    /// Whether the group subscribes to the topic, or may do so.
    pub(crate) fn may_include(&self, topic: &TopicName) -> bool {
        match self {
            Subscribed::To(topics) => topics.contains(topic),
            Subscribed::Unknown => true,
            Subscribed::NotConsumers => false,
        }
    }
}

/// The topics in the members' metadata for the assignor of their generation. The group keeps them
/// from the beginning of a generation, or from its load, as in Kafka: the metadata of a static
/// member that comes back without a rebalance is not read.
pub(crate) fn of_members(group: &Group) -> Option<BTreeSet<TopicName>> {
    if !is_consumer_group(group) {
        return None;
    }
    if group.members.is_empty() {
        return Some(BTreeSet::new());
    }
    let protocol = group.protocol.as_ref()?;
    let mut all = BTreeSet::new();
    for member in group.members.iter() {
        all.extend(subscribed_topics(&member.metadata(protocol)).ok()?);
    }
    Some(all)
}

/// Whether the group's protocol type is `consumer`.
pub(crate) fn is_consumer_group(group: &Group) -> bool {
    group.protocol_type.as_ref().is_some_and(|own| own.as_str() == CONSUMER_PROTOCOL_TYPE)
}
