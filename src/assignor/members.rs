//! What the leader is told of the members, and the order in which they are served.

use std::collections::BTreeMap;

use crate::protocol::subscription::Subscription;
use crate::protocol::{MemberId, StrBytes, TopicName};

use super::{Assignments, Topics};

/// What each member says of itself, in the order of member ids.
pub type Subscriptions = BTreeMap<MemberId, MemberSubscription>;

/// What the leader knows of one member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSubscription {
    /// What the member sent.
    pub subscription: Subscription,
    /// The `group.instance.id` of a static member.
    pub instance_id: Option<StrBytes>,
}

impl MemberSubscription {
    /// Whether the member wants the topic.
    pub fn wants(&self, topic: &TopicName) -> bool {
        self.subscription.topics.binary_search(topic).is_ok()
    }
}

impl From<Subscription> for MemberSubscription {
    /// A dynamic member with that subscription.
    fn from(subscription: Subscription) -> Self {
        MemberSubscription { subscription, instance_id: None }
    }
}

/// The members in the order in which range and roundrobin serve them: the static ones first, by instance
/// id, then the others by member id. A static member gets a new member id whenever it restarts, and must
/// not get other partitions for that (rule R14.4).
pub(super) fn in_order(members: &Subscriptions) -> Vec<(&MemberId, &MemberSubscription)> {
    let mut order: Vec<_> = members.iter().collect();
    order.sort_by_key(|(id, member)| (member.instance_id.is_none(), &member.instance_id, *id));
    order
}

/// For each topic that exists and somebody wants, the places in `order` of those who want it.
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

/// Nothing for everybody.
pub(super) fn nothing(members: &Subscriptions) -> Assignments {
    members.keys().map(|member| (member.clone(), Vec::new())).collect()
}
