//! What a member says of itself when it joins: one subscription for each assignor it offers (rules R13.4.9,
//! R13.7.1), and the memory that the sticky assignors need for theirs.

use std::collections::BTreeMap;

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;

use crate::assignor::{Assignor, StickyMemory};
use crate::protocol::subscription::{Subscription, encode_subscription};
use crate::protocol::{Generation, TopicPartition, str_bytes};

use super::Consumer;

/// What was last assigned under each assignor.
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

    /// The payload's version is the client's own choice and follows from its age. No client that rebalances
    /// cooperatively is so old that it cannot say what it owns.
    fn subscription_version(&self) -> i16 {
        match self.config.join_version {
            0..=3 if self.is_cooperative() => 1,
            0..=3 => 0,
            4..=8 => 1,
            _ => 3,
        }
    }

    /// `onAssignment`: the assignor that was chosen learns what its member was given.
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
