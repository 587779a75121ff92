//! The leader's work: computing the assignment of every member, and watching the topics it was
//! computed from (rule R13.4.6).

use std::collections::BTreeSet;

use kafka_protocol::messages::JoinGroupResponse;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;

use crate::assignor::{Assignor, MemberSubscription, Subscriptions, TopicShape, Topics};
use crate::client::context::{Context, always};
use crate::client::metadata::Metadata;
use crate::protocol::{MemberId, TopicName, subscription};

use super::Classic;

/// What a leader's assignment was computed from.
pub(super) struct SubscribedTopics {
    /// The topics that at least one member subscribes to.
    topics: BTreeSet<TopicName>,
    /// Their partition counts and racks at that time.
    seen: Topics,
    /// The last metadata version in which they were found unchanged.
    version: u32,
}

impl SubscribedTopics {
    /// Whether the topics differ from those that the assignment was computed from. Then the leader
    /// rejoins; followers leave that to the leader.
    pub(super) fn changed(&mut self, cx: &Context, metadata: &Metadata) -> bool {
        if self.version == metadata.version() {
            return false;
        }
        let same = relevant_shapes(cx, metadata, &self.topics) == self.seen;
        if same {
            self.version = metadata.version();
        }
        !same
    }
}

impl Classic {
    /// The assignment for the generation in `joined`. It has an entry for every member, including
    /// those that get no partitions: some brokers send no assignment at all to a member without an
    /// entry. A static leader that returned sends no assignment, and the group keeps the current
    /// one (KIP-814).
    ///
    /// `earlier` is what this leader computed its assignment from, if it has already led this
    /// generation.
    pub(super) fn lead(
        &mut self,
        cx: &Context,
        metadata: &Metadata,
        joined: &JoinGroupResponse,
        earlier: Option<SubscribedTopics>,
    ) -> Vec<SyncGroupRequestAssignment> {
        let members = members(joined);
        self.remember_topics(cx, metadata, &members, earlier);
        if joined.skip_assignment {
            return Vec::new();
        }
        let unknown = Topics::new();
        let topics = metadata.topics().unwrap_or(&unknown);
        let assignments: Vec<SyncGroupRequestAssignment> = assignor_for(cx, joined)
            .assign(&members, topics)
            .into_iter()
            .map(|(member, partitions)| {
                SyncGroupRequestAssignment::default()
                    .with_member_id(member.0)
                    .with_assignment(subscription::encode_assignment(&partitions, 1))
            })
            .collect();
        always!(
            cx,
            assignments.len() == members.len(),
            "leads {} members and has an assignment for {}",
            members.len(),
            assignments.len()
        );
        assignments
    }

    /// A leader whose connection broke sends a second assignment for the generation. If the
    /// coordinator is still storing the first one, it keeps the first. So the topics as they were
    /// at the first assignment count. (Java's leader compares with the second, and may leave new
    /// partitions unassigned.)
    fn remember_topics(
        &mut self,
        cx: &Context,
        metadata: &Metadata,
        members: &Subscriptions,
        earlier: Option<SubscribedTopics>,
    ) {
        let wanted = members.values().flat_map(|member| member.subscription.topics.iter().cloned());
        let topics: BTreeSet<TopicName> = wanted.collect();
        let earlier = earlier.filter(|earlier| earlier.topics == topics);
        let (seen, version) = (relevant_shapes(cx, metadata, &topics), metadata.version());
        self.subscribed_topics = earlier.or(Some(SubscribedTopics { topics, seen, version }));
    }
}

fn assignor_for(cx: &Context, joined: &JoinGroupResponse) -> Assignor {
    let name = joined.protocol_name.as_ref().map_or("", |name| name.as_str());
    Assignor::from_name(name).unwrap_or_else(|| {
        cx.broken(format_args!("leads with assignor {name:?}, which no consumer offers"))
    })
}

/// The part of the metadata that can cause a new assignment. As in Java, racks matter only to a
/// leader that has a rack itself.
fn relevant_shapes(cx: &Context, metadata: &Metadata, topics: &BTreeSet<TopicName>) -> Topics {
    let known = metadata.topics().into_iter().flatten();
    known
        .filter(|(name, _)| topics.contains(*name))
        .map(|(name, shape)| match cx.config.rack {
            Some(_) => (name.clone(), shape.clone()),
            None => (name.clone(), TopicShape::without_racks(shape.partitions())),
        })
        .collect()
}

/// The members' subscriptions. A member whose subscription cannot be decoded gets no partitions,
/// instead of stopping the group.
fn members(joined: &JoinGroupResponse) -> Subscriptions {
    let member = |member: &JoinGroupResponseMember| {
        let subscription = subscription::decode_subscription(&member.metadata).unwrap_or_default();
        let instance_id = member.group_instance_id.clone();
        let subscription = MemberSubscription { subscription, instance_id };
        (MemberId(member.member_id.clone()), subscription)
    };
    joined.members.iter().map(member).collect()
}
