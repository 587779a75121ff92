//! The leader's work: computing everybody's assignment.

use kafka_protocol::messages::JoinGroupResponse;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;

use crate::assignor::{Assignor, PartitionCounts, Subscriptions};
use crate::protocol::{MemberId, subscription};

use super::Consumer;

impl Consumer {
    /// The assignment of the generation that `joined` announces, one entry for every member, also those
    /// that get nothing: a member that is left out would be told nothing at all by some brokers.
    pub(super) fn assign(&self, joined: &JoinGroupResponse) -> Vec<SyncGroupRequestAssignment> {
        let members: Subscriptions = joined
            .members
            .iter()
            .map(|member| {
                // A member whose subscription cannot be read gets nothing, rather than stopping the group.
                let topics =
                    subscription::decode_subscription(&member.metadata).unwrap_or_default();
                (MemberId(member.member_id.clone()), topics)
            })
            .collect();
        let unknown = PartitionCounts::new();
        let counts = self.discovery.counts.as_ref().unwrap_or(&unknown);
        self.chosen_assignor(joined)
            .assign(&members, counts)
            .into_iter()
            .map(|(member, partitions)| {
                SyncGroupRequestAssignment::default()
                    .with_member_id(member.0)
                    .with_assignment(subscription::encode_assignment(&partitions, 1))
            })
            .collect()
    }

    fn chosen_assignor(&self, joined: &JoinGroupResponse) -> Assignor {
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
}
