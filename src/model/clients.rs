//! The running consumers, each as its own events show it.
//!
//! A consumer may think that it is a member when its coordinator knows better, and the other way
//! round. So this is kept apart from the members of the groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::client::{ClientObservation, ConsumerConfig, MemberState};
use crate::protocol::{Generation, GroupId, MemberId, Request, StrBytes, TopicPartition};
use crate::trace::ConsumerRef;

use super::classic::Membership;
use super::exchange::ClientExchange;

/// A running consumer.
#[derive(Debug)]
pub struct Client {
    /// Its number and incarnation.
    pub who: ConsumerRef,
    /// Its name in the schedule.
    pub name: Arc<str>,
    /// Its settings.
    pub config: Arc<ConsumerConfig>,
    /// The partition of the offsets log that its group is in.
    pub partition: i32,
    /// The state of its membership.
    pub state: MemberState,
    /// The member id of its last assignment; empty before the first.
    pub member: MemberId,
    /// The generation of its last assignment; −1 before the first.
    pub generation: Generation,
    /// Whether it has revoked partitions and has not rejoined since. A member that revokes
    /// partitions rejoins so that they can be assigned to another member.
    pub will_rejoin: bool,
    /// The partitions that it owns.
    pub owned: BTreeSet<TopicPartition>,
    /// The member id in its last SyncGroup; empty before the first.
    pub synced_as: StrBytes,
    /// What it may believe about its membership, by its requests and the responses to them.
    pub membership: Membership,
}

/// The running consumers, and what is remembered of those that have ended.
#[derive(Debug, Default)]
pub(super) struct Clients {
    /// By the index of the consumer.
    running: BTreeMap<u16, Client>,
    /// The group of each consumer, in each incarnation.
    groups: BTreeMap<ConsumerRef, GroupId>,
    /// For each group of a consumer, the generation of the last assignment.
    assigned: BTreeMap<GroupId, Option<Generation>>,
}

impl Clients {
    pub(super) fn running(&self) -> impl Iterator<Item = &Client> {
        self.running.values()
    }

    pub(super) fn get(&self, who: ConsumerRef) -> Option<&Client> {
        self.running.get(&who.index).filter(|client| client.who == who)
    }

    /// The group of a consumer, which may have ended.
    pub(super) fn group_of(&self, who: ConsumerRef) -> Option<&GroupId> {
        self.groups.get(&who)
    }

    pub(super) fn assigned(&self) -> &BTreeMap<GroupId, Option<Generation>> {
        &self.assigned
    }

    pub(super) fn started(
        &mut self,
        who: ConsumerRef,
        (name, config): (&Arc<str>, &Arc<ConsumerConfig>),
        partition: i32,
    ) {
        self.groups.insert(who, config.group.clone());
        self.assigned.entry(config.group.clone()).or_default();
        let client = Client {
            who,
            name: Arc::clone(name),
            config: Arc::clone(config),
            partition,
            state: MemberState::Unjoined,
            member: MemberId::default(),
            generation: Generation::NONE,
            will_rejoin: false,
            owned: BTreeSet::new(),
            synced_as: StrBytes::default(),
            membership: Membership::new(),
        };
        self.running.insert(who.index, client);
    }

    /// A process has ended, in an orderly way or not.
    pub(super) fn ended(&mut self, who: ConsumerRef) {
        self.running.remove(&who.index);
    }

    /// A client sends a request to its coordinator, or receives the response to one.
    pub(super) fn exchanged(&mut self, who: ConsumerRef, exchange: &ClientExchange<'_>) {
        let client = self.running.get_mut(&who.index).filter(|client| client.who == who);
        let Some(client) = client else { return };
        if let (Request::SyncGroup(body), None) = (exchange.request, exchange.received) {
            client.synced_as.clone_from(&body.member_id);
        }
        client.membership.exchanged(exchange);
    }

    /// Takes an observation of a running client. Returns whether its view of its membership may
    /// have changed.
    pub(super) fn observe(&mut self, who: ConsumerRef, observation: &ClientObservation) -> bool {
        use ClientObservation as O;
        let Some(client) = self.running.get_mut(&who.index) else { return false };
        client.membership.observed(observation);
        match observation {
            O::State { to, .. } => (client.state, client.will_rejoin) = (*to, false),
            O::Assigned { member, generation, partitions, .. } => {
                client.member = member.clone();
                client.generation = *generation;
                client.owned = partitions.iter().cloned().collect();
                self.assigned.insert(client.config.group.clone(), Some(*generation));
            }
            // A cooperative member revokes partitions at the end of the first phase of a rebalance.
            // It may take a while until it has committed and joins the second phase (KIP-429).
            O::Revoked { partitions } if !partitions.is_empty() => {
                client.will_rejoin = true;
                client.give_up(partitions);
            }
            O::Lost { partitions } => {
                client.give_up(partitions);
                return false;
            }
            O::CoordinatorLost { .. }
            | O::Revoked { .. }
            | O::Positioned { .. }
            | O::Polled { .. }
            | O::Processed { .. }
            | O::CommitFailed { .. }
            | O::PollTimeout
            | O::Fatal { .. } => return false,
        }
        true
    }
}

impl Client {
    fn give_up(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.owned.remove(partition);
        }
    }
}
