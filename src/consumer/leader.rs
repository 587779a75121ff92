//! The leader's work: computing everybody's assignment, and watching the topics it was computed from
//! (rule R13.4.6).

use std::collections::BTreeSet;

use kafka_protocol::messages::JoinGroupResponse;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;

use crate::assignor::{Assignor, MemberSubscription, Subscriptions, TopicShape, Topics};
use crate::protocol::{MemberId, TopicName, subscription};
use crate::sometimes::{Mark, sometimes};
use crate::time::Time;

use super::Consumer;

/// What a leader's assignment was computed from.
pub(super) struct Watch {
    /// The topics that anybody in the group subscribes to.
    topics: BTreeSet<TopicName>,
    /// What they looked like.
    seen: Topics,
    /// The version of the metadata that is known to say the same.
    version: u32,
}

impl Consumer {
    /// The assignment of the generation that `joined` announces, one entry for every member, also those
    /// that get nothing: a member that is left out would be told nothing at all by some brokers. A static
    /// leader that came back hands in none, and goes on with what there is (KIP-814).
    /// `earlier` is what it watches if it has led this generation before.
    pub(super) fn lead(
        &mut self,
        joined: &JoinGroupResponse,
        earlier: Option<Watch>,
    ) -> Vec<SyncGroupRequestAssignment> {
        let members = members(joined);
        self.watch(&members, earlier);
        if joined.skip_assignment {
            return Vec::new();
        }
        let unknown = Topics::new();
        let topics = self.metadata.topics.as_ref().unwrap_or(&unknown);
        self.assignor_for(joined)
            .assign(&members, topics)
            .into_iter()
            .map(|(member, partitions)| {
                SyncGroupRequestAssignment::default()
                    .with_member_id(member.0)
                    .with_assignment(subscription::encode_assignment(&partitions, 1))
            })
            .collect()
    }

    fn assignor_for(&self, joined: &JoinGroupResponse) -> Assignor {
        let name = joined.protocol_name.as_ref().map_or("", |name| name.as_str());
        Assignor::from_name(name).unwrap_or_else(|| {
            panic!(
                "consumer {}: the coordinator chose assignor {name:?}, which member {} of group {} never \
                 offered, in generation {}",
                self.config.client_id.as_str(),
                joined.member_id.as_str(),
                self.config.group.0.as_str(),
                joined.generation_id
            )
        })
    }

    /// A leader whose connection broke hands in a second assignment for the generation. If the coordinator
    /// still has the first under way, that is the one it takes; so what counts is what the topics looked like
    /// then. (Java's leader goes by the second, and may leave new partitions to nobody.)
    fn watch(&mut self, members: &Subscriptions, earlier: Option<Watch>) {
        let wanted = members.values().flat_map(|member| member.subscription.topics.iter().cloned());
        let topics: BTreeSet<TopicName> = wanted.collect();
        let earlier = earlier.filter(|watch| watch.topics == topics);
        let (seen, version) = (self.look_at(&topics), self.metadata.version);
        self.membership.watch = earlier.or(Some(Watch { topics, seen, version }));
    }

    /// What the metadata has of these topics, as far as it is a reason to assign anew. Where replicas stand
    /// matters to a leader that has a rack itself, and to no other: so it is in Java.
    fn look_at(&self, topics: &BTreeSet<TopicName>) -> Topics {
        let known = self.metadata.topics.iter().flatten();
        known
            .filter(|(name, _)| topics.contains(*name))
            .map(|(name, shape)| match self.config.rack {
                Some(_) => (name.clone(), shape.clone()),
                None => (name.clone(), TopicShape::without_racks(shape.partitions())),
            })
            .collect()
    }

    /// A leader joins again when the topics no longer look as they did when it computed the assignment.
    /// Followers leave that to it.
    pub(super) fn rejoin_if_topics_changed(&mut self, now: Time) {
        let version = self.metadata.version;
        let Some(watch) = &self.membership.watch else { return };
        if watch.version == version {
            return;
        }
        let same = self.look_at(&watch.topics) == watch.seen;
        match &mut self.membership.watch {
            Some(watch) if same => watch.version = version,
            Some(_) if !self.membership.rejoin_needed => {
                sometimes(Mark::TopicsChanged);
                self.rejoin_at_once(now);
            }
            Some(_) | None => {}
        }
    }
}

/// What the members say of themselves. A member whose subscription cannot be read gets nothing, rather
/// than stopping the group.
fn members(joined: &JoinGroupResponse) -> Subscriptions {
    let member = |member: &JoinGroupResponseMember| {
        let subscription = subscription::decode_subscription(&member.metadata).unwrap_or_default();
        let instance_id = member.group_instance_id.clone();
        let said = MemberSubscription { subscription, instance_id };
        (MemberId(member.member_id.clone()), said)
    };
    joined.members.iter().map(member).collect()
}
