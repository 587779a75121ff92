//! What a group of consumers reads, as far as the coordinator can tell: the one place where it looks into
//! what clients hide in its messages (R6.7.5).

use std::collections::BTreeSet;

use crate::protocol::subscription::subscribed_topics;
use crate::protocol::{CONSUMER_PROTOCOL_TYPE, TopicName};

use super::group::Group;

/// What a group subscribes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Subscribed<'a> {
    /// These topics.
    To(&'a BTreeSet<TopicName>),
    /// Consumers, but it cannot be told what they read: it may be anything.
    Unknown,
    /// No group of consumers: it subscribes to nothing.
    NoConsumers,
}

impl Subscribed<'_> {
    /// What the group remembers of its subscriptions.
    pub(super) fn of(group: &Group) -> Subscribed<'_> {
        match &group.subscribed {
            Some(topics) => Subscribed::To(topics),
            None if is_of_consumers(group) => Subscribed::Unknown,
            None => Subscribed::NoConsumers,
        }
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

/// What the members of a group of consumers offer for the assignor of their generation, for the group to
/// remember when a generation begins and when it is loaded. Between two generations it stays, as Kafka has it:
/// what a static member brings that comes back without a rebalance is not looked at.
pub(super) fn look_up(group: &Group) -> Option<BTreeSet<TopicName>> {
    if !is_of_consumers(group) {
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

/// Whether the group's protocol is that of consumers.
pub(super) fn is_of_consumers(group: &Group) -> bool {
    group.protocol_type.as_ref().is_some_and(|own| own.as_str() == CONSUMER_PROTOCOL_TYPE)
}
