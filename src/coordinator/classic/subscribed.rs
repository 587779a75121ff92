//! The topics that a consumer group subscribes to: the only place where the coordinator parses
//! payloads that clients embed in its messages (R6.7.5).

use std::collections::BTreeSet;

use crate::protocol::subscription::subscribed_topics;
use crate::protocol::{CONSUMER_PROTOCOL_TYPE, TopicName};

use super::group::ClassicGroup;

/// The topics in the members' metadata for the assignor of their generation. The group keeps them
/// from the beginning of a generation, or from its load, as in Kafka: the metadata of a static
/// member that comes back without a rebalance is not read.
pub(super) fn of_members(group: &ClassicGroup) -> Option<BTreeSet<TopicName>> {
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
pub(super) fn is_consumer_group(group: &ClassicGroup) -> bool {
    group.protocol_type.as_ref().is_some_and(|own| own.as_str() == CONSUMER_PROTOCOL_TYPE)
}
