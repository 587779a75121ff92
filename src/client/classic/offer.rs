//! What a member sends about itself in JoinGroup: one subscription for each assignor it supports
//! (rules R13.4.9, R13.7.1), and the previous assignment that sticky assignors put into theirs.

use std::collections::BTreeMap;

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;

use crate::assignor::{Assignor, StickyMemory};
use crate::client::context::Context;
use crate::client::partitions::Partitions;
use crate::protocol::subscription::{Subscription, encode_subscription};
use crate::protocol::{Generation, TopicPartition, str_bytes};

/// The last assignment under each assignor.
#[derive(Default)]
pub(super) struct Memories(BTreeMap<Assignor, StickyMemory>);

impl Memories {
    pub(super) fn offered_protocols(
        &self,
        cx: &Context,
        owned: &Partitions,
    ) -> Vec<JoinGroupRequestProtocol> {
        let version = subscription_version(cx);
        let offer = |&assignor: &Assignor| {
            let subscription = self.subscription(cx, owned, assignor);
            let metadata = encode_subscription(&subscription, version);
            JoinGroupRequestProtocol::default()
                .with_name(str_bytes(assignor.name()))
                .with_metadata(metadata)
        };
        cx.config.assignors.iter().map(offer).collect()
    }

    fn subscription(&self, cx: &Context, owned: &Partitions, assignor: Assignor) -> Subscription {
        Subscription {
            owned: owned.names().cloned().collect(),
            generation: cx.identity().generation,
            rack: cx.config.rack.clone(),
            user_data: assignor.subscription_user_data(self.0.get(&assignor)),
            ..Subscription::to(&cx.config.topics)
        }
    }

    pub(super) fn remember(
        &mut self,
        assignor: Assignor,
        partitions: &[TopicPartition],
        generation: Generation,
    ) {
        let memory = StickyMemory { partitions: partitions.to_vec(), generation };
        match assignor {
            Assignor::Range | Assignor::RoundRobin => {}
            Assignor::Sticky | Assignor::CooperativeSticky => {
                self.0.insert(assignor, memory);
            }
        }
    }
}

/// The version of the payload is the client's own choice and follows from its age. Every client
/// that supports cooperative rebalancing is new enough to send its owned partitions.
fn subscription_version(cx: &Context) -> i16 {
    match cx.config.join_version {
        0..=3 if cx.is_cooperative() => 1,
        0..=3 => 0,
        4..=8 => 1,
        _ => 3,
    }
}
