//! The members of a generation as its leader received them: those it has to plan for.

use std::collections::BTreeMap;

use crate::protocol::{MemberId, TopicName, TopicPartition};
use kafka_protocol::messages::JoinGroupResponse;

use super::claims::{self, Claim};

/// The members of a generation as its leader's JoinGroup response names them; only for consumers.
#[derive(Debug)]
pub struct Roster {
    /// The topics that each member subscribes to.
    pub subscriptions: BTreeMap<MemberId, Vec<TopicName>>,
    /// The partitions that each member claims.
    pub claims: BTreeMap<MemberId, Claim>,
}

impl Roster {
    /// A leader whose JoinGroup response named an id whose replacement was undone plans for that
    /// id, and so for the id that has the place again.
    pub(super) fn rename(&mut self, old: &MemberId, new: &MemberId) {
        if let Some(topics) = self.subscriptions.remove(old) {
            self.subscriptions.insert(new.clone(), topics);
        }
        if let Some(claim) = self.claims.remove(old) {
            self.claims.insert(new.clone(), claim);
        }
    }

    /// The members that claim to own the partition still.
    pub fn owners<'a>(
        &'a self,
        partition: &'a TopicPartition,
    ) -> impl Iterator<Item = &'a MemberId> {
        let claims = self.claims.iter().filter(|(_, claim)| claim.owned.contains(partition));
        claims.map(|(member, _)| member)
    }

    /// The members whose assignor would let them keep the partition.
    pub fn claimants<'a>(
        &'a self,
        partition: &'a TopicPartition,
    ) -> impl Iterator<Item = (&'a MemberId, &'a Claim)> {
        self.claims.iter().filter(|(_, claim)| claim.remembered.contains(partition))
    }

    /// Decodes the members in the JoinGroup response of a leader. None when a subscription does not
    /// decode: then there is nothing to check a plan against.
    pub(super) fn of(response: &JoinGroupResponse) -> Option<Roster> {
        let assignor = response.protocol_name.as_ref().map_or("", |name| name.as_str());
        let (mut subscriptions, mut claims) = (BTreeMap::new(), BTreeMap::new());
        for member in &response.members {
            let (topics, claim) = claims::decode(&member.metadata, assignor)?;
            subscriptions.insert(MemberId(member.member_id.clone()), topics);
            claims.insert(MemberId(member.member_id.clone()), claim);
        }
        Some(Roster { subscriptions, claims })
    }
}
