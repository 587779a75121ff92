//! Whether the cluster has settled, whether the logs are drained, and what it still waits for.
//!
//! The [`Model`] knows what the groups are; it has to be fed with every event so far. A group is
//! what its newest coordinator says it is; what a zombie leader says does not count. The simulator
//! itself knows what no event shows: which processes are paused, which links are cut. Third-party
//! brokers emit no events, so their coordinators are asked: see `third_party`.

mod third_party;
mod waiting;

pub use third_party::{Described, DescriptionRequest, GroupStatus};

use std::collections::BTreeSet;

use crate::broker::TermState;
use crate::client::MemberState;
use crate::model::{Client, Group, Model, NewestTerm};
use crate::protocol::{BrokerId, GroupId, MemberId};

use super::Sim;
use third_party::ThirdPartyGroups;

/// What the simulator remembers between two looks at the groups.
#[derive(Default)]
pub(super) struct Settling {
    third_party: ThirdPartyGroups,
    /// The [changes](Model::changes) at the last look; `None` if the next look has to be a new one.
    looked_at: Option<u64>,
}

/// The newest term of a partition and what the controller has decided since.
struct TermStatus<'a> {
    newest: &'a NewestTerm,
    /// The newest epoch that the controller has decided on.
    elected: i32,
    /// Its leader, if there is one.
    leader: Option<BrokerId>,
}

impl TermStatus<'_> {
    fn of<'a>(newest: &'a NewestTerm, model: &Model) -> TermStatus<'a> {
        match model.election(newest.term.partition) {
            Some(election) => {
                let elected = election.epoch.max(newest.term.epoch);
                TermStatus { newest, elected, leader: election.leader }
            }
            None => {
                let elected = newest.term.epoch;
                TermStatus { newest, elected, leader: Some(newest.broker) }
            }
        }
    }

    /// Whether the leader that the controller elected is active as coordinator.
    fn is_active(&self) -> bool {
        self.newest.state == TermState::Active && self.newest.term.epoch >= self.elected
    }
}

/// A partition that was never used emits no term events, so there is nothing to wait for.
fn terms(model: &Model) -> impl Iterator<Item = TermStatus<'_>> {
    model.newest_terms().map(|newest| TermStatus::of(newest, model))
}

impl Sim {
    /// Whether the cluster has settled: no rebalance is in progress, every reachable consumer
    /// agrees with the coordinator about its membership, and every member has a running process.
    /// False also if nothing has changed since the last call.
    pub fn settled(&mut self, model: &Model) -> bool {
        let now = Some(model.changes());
        let is_new = std::mem::replace(&mut self.settling.looked_at, now) != now;
        is_new && self.agreed(model) && self.third_party_brokers_agree(model)
    }

    /// Makes the next [`settled`](Self::settled) look again even if nothing has changed.
    pub fn recheck_settled(&mut self) {
        self.settling.looked_at = None;
    }

    /// Whether every record of every subscribed topic has been processed by every group.
    pub fn drained(&self, model: &Model) -> bool {
        model.progress().remaining() == 0 && !self.workload.in_flight()
    }

    /// Whether nothing keeps the cluster from being settled. This runs after every change while the
    /// cluster settles, so the checks that fail most often come first.
    fn agreed(&self, model: &Model) -> bool {
        model.reported_groups().all(Group::is_at_rest)
            && terms(model).all(|term| term.is_active())
            && model.clients().all(|client| self.agrees(model, client))
            && no_stale_members(model)
    }

    /// Whether a consumer agrees with the coordinator about its membership. Paused and partitioned
    /// consumers count as agreeing.
    fn agrees(&self, model: &Model, client: &Client) -> bool {
        let consumer = &self.consumers[usize::from(client.who.index)];
        if self.brokers_are_third_party() {
            return consumer.node.paused || self.is_newest(model, client);
        }
        let leader = self.cluster.leader(client.partition);
        let cut = leader.is_some_and(|leader| self.network.is_cut(client.who.index, leader));
        if consumer.node.paused || cut {
            return true;
        }
        client.state == MemberState::Stable
            && !client.will_rejoin
            && !consumer.closing
            && model.reported(&client.config.group).is_some_and(|group| {
                group.generation == client.generation && group.members.contains_key(&client.member)
            })
    }

    /// Whether a consumer is a member of the newest generation that any consumer knows. Without a
    /// description from third-party brokers, nothing more is known.
    fn is_newest(&self, model: &Model, client: &Client) -> bool {
        let closing = self.consumers[usize::from(client.who.index)].closing;
        let mut others = clients_of(model, &client.config.group);
        client.state == MemberState::Stable
            && !client.will_rejoin
            && !closing
            && others.all(|other| other.generation <= client.generation)
    }
}

/// Whether every member has a running process.
fn no_stale_members(model: &Model) -> bool {
    let clients = model.clients();
    let alive: BTreeSet<(&GroupId, &MemberId)> =
        clients.map(|client| (&client.config.group, &client.member)).collect();
    let mut members = model
        .reported_groups()
        .flat_map(|group| group.members.keys().map(move |member| (&group.id, member)));
    members.all(|member| alive.contains(&member))
}

fn clients_of<'a>(model: &'a Model, group: &'a GroupId) -> impl Iterator<Item = &'a Client> {
    model.clients().filter(move |client| client.config.group == *group)
}

fn has_process(model: &Model, group: &GroupId, member: &MemberId) -> bool {
    clients_of(model, group).any(|client| client.member == *member)
}
