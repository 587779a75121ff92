//! The leader's view of the members, and the order in which they are served.

use std::collections::BTreeMap;

use crate::protocol::subscription::Subscription;
use crate::protocol::{MemberId, StrBytes, TopicName};

use super::{Assignments, Topics};

/// The subscriptions of all members, ordered by member id.
pub type Subscriptions = BTreeMap<MemberId, MemberSubscription>;

/// What the leader knows of one member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSubscription {
    /// The subscription from the member's JoinGroup.
    pub subscription: Subscription,
    /// The `group.instance.id` of a static member.
    pub instance_id: Option<StrBytes>,
}

impl MemberSubscription {
    /// Whether the member subscribes to the topic.
    pub fn subscribes_to(&self, topic: &TopicName) -> bool {
        self.subscription.topics.binary_search(topic).is_ok()
    }
}

impl From<Subscription> for MemberSubscription {
    /// A dynamic member with that subscription.
    fn from(subscription: Subscription) -> Self {
        MemberSubscription { subscription, instance_id: None }
    }
}

/// The order in which range and roundrobin serve members: static ones first, by instance id, then
/// the others by member id. A static member has a new member id after a restart, and must not get
/// other partitions because of that (rule R14.4).
pub(super) fn in_service_order(members: &Subscriptions) -> Vec<(&MemberId, &MemberSubscription)> {
    let mut order: Vec<_> = members.iter().collect();
    order.sort_by_key(|(id, member)| (member.instance_id.is_none(), &member.instance_id, *id));
    order
}

/// The subscribers of each existing topic that has some, as indexes of `order`.
pub(super) fn subscribers<'a>(
    order: &[(&'a MemberId, &'a MemberSubscription)],
    topics: &'a Topics,
) -> BTreeMap<&'a TopicName, Vec<usize>> {
    let mut subscribers: BTreeMap<&TopicName, Vec<usize>> = BTreeMap::new();
    for (place, (_, member)) in order.iter().enumerate() {
        for topic in &member.subscription.topics {
            if let Some((topic, _)) = topics.get_key_value(topic) {
                subscribers.entry(topic).or_default().push(place);
            }
        }
    }
    subscribers
}

/// An empty assignment for every member.
pub(super) fn empty_assignments(members: &Subscriptions) -> Assignments {
    members.keys().map(|member| (member.clone(), Vec::new())).collect()
}
