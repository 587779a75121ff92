//! What a member sends about itself in JoinGroup: one subscription for each assignor it supports
//! (rules R13.4.9, R13.7.1), and the previous assignment that sticky assignors put into theirs.

use std::collections::BTreeMap;

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;

use crate::assignor::{Assignor, StickyMemory};
use crate::protocol::subscription::{Subscription, encode_subscription};
use crate::protocol::{Generation, TopicPartition, str_bytes};

use super::Consumer;

/// The last assignment under each assignor.
pub(super) type Memories = BTreeMap<Assignor, StickyMemory>;

impl Consumer {
    pub(super) fn offered_protocols(&self) -> Vec<JoinGroupRequestProtocol> {
        let version = self.subscription_version();
        let offer = |&assignor: &Assignor| {
            let metadata = encode_subscription(&self.subscription(assignor), version);
            JoinGroupRequestProtocol::default()
                .with_name(str_bytes(assignor.name()))
                .with_metadata(metadata)
        };
        self.config.assignors.iter().map(offer).collect()
    }

    fn subscription(&self, assignor: Assignor) -> Subscription {
        Subscription {
            owned: self.partitions.keys().cloned().collect(),
            generation: self.membership.identity.generation,
            rack: self.config.rack.clone(),
            user_data: assignor.subscription_user_data(self.memories.get(&assignor)),
            ..Subscription::to(&self.config.topics)
        }
    }

    /// The version of the payload is the client's own choice and follows from its age. Every client
    /// that supports cooperative rebalancing is new enough to send its owned partitions.
    fn subscription_version(&self) -> i16 {
        match self.config.join_version {
            0..=3 if self.is_cooperative() => 1,
            0..=3 => 0,
            4..=8 => 1,
            _ => 3,
        }
    }

    /// `onAssignment`: passes the assignment to the chosen assignor.
    pub(super) fn remember_assignment(
        &mut self,
        partitions: &[TopicPartition],
        generation: Generation,
    ) {
        let Some(assignor) = self.membership.chosen_assignor() else { return };
        let memory = StickyMemory { partitions: partitions.to_vec(), generation };
        match assignor {
            Assignor::Range | Assignor::RoundRobin => {}
            Assignor::Sticky | Assignor::CooperativeSticky => {
                self.memories.insert(assignor, memory);
            }
        }
    }
}
