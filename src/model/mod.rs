//! What the events of a run say of groups, clients, requests and terms: the one state that everyone
//! reads who judges a run, waits for it or shows it.
//!
//! The model of a run exists once. [`crate::run`] feeds it with each event of a run, and the reader
//! of a recorded trace does the same. The invariants, coverage, the timeline, the outcome of a run
//! and the question whether the groups have settled all read it. So the code exists once that
//! handles a group that was loaded or removed, a member that was replaced, and a coordinator that
//! is a zombie. The model judges nothing and waits for nothing. State that only one reader needs,
//! that reader keeps itself.
//!
//! State is kept for each *incarnation* of a group. An incarnation begins with the first event of
//! the group at a broker that has none. It ends when the broker unloads the group's partition of
//! the offsets log, begins another term in it or crashes, or when the group is removed. A zombie, a
//! broker that was replaced and does not know it, goes on with its own incarnation: its requests
//! are judged by its own facts, and its observations say nothing about the incarnation at its
//! successor. So there are two answers to what a group is now: [`Model::find`] asks the broker that
//! the controller has elected, [`Model::reported`] the last one that has begun a term.
//!
//! Common to all group types:
//!
//! | file | the state in it |
//! |---|---|
//! | `feed` | none: it passes each event to those whose state the event changes |
//! | `terms` | the terms of the brokers, the elections of the controller |
//! | `incarnations` | which incarnation of a group an event is about |
//! | `requests` | the facts that held when a broker began to handle a request |
//! | `present` | what the present event is about |
//! | `clients` | the running consumers, as they see themselves |
//! | `exchange` | none: a request of a consumer and its response, as one type |
//! | `progress` | how far the records have been processed |
//! | `topics`, `transactions` | topics that all consumers know; which groups a marker applies to |
//!
//! `classic` has what only groups of the classic protocol have. Another group type gets a folder
//! beside it; nothing in the common files reads the state of a group.
//!
//! Read next: `feed`, `incarnations`, then `classic`.

mod classic;
mod clients;
mod exchange;
mod feed;
mod incarnations;
mod present;
mod progress;
mod requests;
mod terms;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod topics;
mod transactions;

use std::collections::BTreeMap;

use crate::broker::{Term, TermState};
use crate::coordinator::CoordinatorConfig;
use crate::protocol::{BrokerId, Generation, GroupId, IndexMap, MemberId, Request, TopicName};
use crate::trace::{ConsumerRef, Event, Place};

pub use classic::{Assigned, Claim, Group, Member, Membership, Plan, Roster};
pub use clients::Client;
use clients::Clients;
pub use exchange::{
    CLAIMING, ClientExchange, ENDS_MEMBERSHIP, ReceivedResponse, claimed_identity, exchange,
};
use incarnations::Incarnations;
use present::Present;
pub use progress::{Lag, Progress};
pub use requests::{Key, MemberStanding, RequestContext, leavers};
use terms::Terms;
pub use terms::{Election, GroupTerm, NewestTerm};
use topics::Topics;

/// The state of a run after the present event.
#[derive(Debug, Default)]
pub struct Model {
    groups: Incarnations,
    terms: Terms,
    clients: Clients,
    progress: Progress,
    topics: Topics,
    config: CoordinatorConfig,
    /// The context of each request that a broker is handling.
    requests: IndexMap<Key, RequestContext>,
    present: Present,
    /// See [`Model::changes`].
    changes: u64,
}

impl Model {
    /// The incarnation with this index. Indices are assigned by first appearance and never change.
    pub fn group(&self, index: usize) -> &Group {
        self.groups.get(index)
    }

    /// The incarnation at the current leader, and its index: that of the broker that the controller
    /// elected last. None while that broker has not reported the group.
    pub fn find(&self, id: &GroupId) -> Option<(usize, &Group)> {
        let index = self.groups.newest(id)?;
        let group = self.groups.get(index);
        (!group.over && self.is_current_leader(index)).then_some((index, group))
    }

    /// The group as the last broker that has begun a term has reported it, even if that broker has
    /// crashed since. None if it has removed the group or has not reported it.
    pub fn reported(&self, id: &GroupId) -> Option<&Group> {
        self.reported_by_newest(self.groups.get(self.groups.newest(id)?))
    }

    /// All groups that are [reported](Self::reported).
    pub fn reported_groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.all_newest().filter_map(|group| self.reported_by_newest(group))
    }

    fn reported_by_newest<'a>(&'a self, last: &'a Group) -> Option<&'a Group> {
        if !last.removed && self.terms.is_of_newest(&last.coordinator) {
            return Some(last);
        }
        // A group without members begins with a commit, which is all that its coordinator reports.
        let broker = self.terms.newest_in(last.coordinator.term.partition)?.broker;
        let (_, begun) = self.at(Place::Broker(broker), &last.id)?;
        begun.exists().then_some(begun)
    }

    /// The incarnation at a broker that has not ended, and its index.
    pub fn at(&self, place: Place, id: &GroupId) -> Option<(usize, &Group)> {
        self.groups.at(place, id).map(|index| (index, self.groups.get(index)))
    }

    /// The incarnations at a broker that have not ended.
    pub fn all_at(&self, place: Place) -> impl Iterator<Item = &Group> {
        self.groups.open_at(place)
    }

    /// The incarnations that have not ended.
    pub fn open_groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.open()
    }

    /// Every incarnation of the group so far.
    pub fn incarnations<'a>(
        &'a self,
        id: &'a GroupId,
    ) -> impl Iterator<Item = (usize, &'a Group)> + 'a {
        self.groups.of(id)
    }

    /// Whether no successor has been elected for the broker of this incarnation; otherwise it is a
    /// zombie.
    pub fn is_current_leader(&self, index: usize) -> bool {
        self.terms.is_current_leader(self.groups.get(index).coordinator.term)
    }

    /// The terms of zombies: not ended though another leader has been elected.
    pub fn zombie_terms(&self) -> impl Iterator<Item = (BrokerId, Term)> {
        self.terms.zombie_terms()
    }

    /// The newest term of each partition of the offsets log in which a broker has begun one, by
    /// partition.
    pub fn newest_terms(&self) -> impl Iterator<Item = &NewestTerm> {
        self.terms.newest()
    }

    /// The last election in a partition of the offsets log.
    pub fn election(&self, partition: i32) -> Option<Election> {
        self.terms.election(partition)
    }

    /// The partition of the offsets log that the group is in.
    pub fn partition_of(&self, id: &GroupId) -> i32 {
        self.terms.partition_of(id)
    }

    /// Whether this generation was loaded from uncommitted records that, for all the trace shows,
    /// an election has since removed. Then the number may be issued again, to other members or to
    /// the same ones with two different assignments (rule R11.13).
    pub fn may_be_reissued(&self, id: &GroupId, generation: Generation) -> bool {
        let mut all = self.incarnations(id);
        all.any(|(_, group)| group.coordinator.unsettled && group.loaded_in == Some(generation))
    }

    /// Whether the broker coordinates the group and no successor has been elected.
    pub fn leads(&self, place: Place, id: &GroupId) -> bool {
        let Place::Broker(broker) = place else { return false };
        let coordinator = self.terms.group_term(broker, id);
        coordinator.state == TermState::Active && self.terms.is_current_leader(coordinator.term)
    }

    /// The running consumers, by their index.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.running()
    }

    /// A consumer, if it is running in this incarnation.
    pub fn client(&self, who: ConsumerRef) -> Option<&Client> {
        self.clients.get(who)
    }

    /// The consumer at which the present event happens, while it runs.
    pub fn client_at(&self, event: &Event) -> Option<&Client> {
        match event.place {
            Place::Consumer(who) => self.client(who),
            _ => None,
        }
    }

    /// The group of a consumer, which may have ended.
    pub fn group_of(&self, who: ConsumerRef) -> Option<&GroupId> {
        self.clients.group_of(who)
    }

    /// The groups in which a consumer has started, each with the generation of the last assignment
    /// that a consumer has received in it.
    pub fn assigned_generations(&self) -> &BTreeMap<GroupId, Option<Generation>> {
        self.clients.assigned()
    }

    /// How far the records in the logs have been processed.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The number of partitions of each topic that existed before any consumer started: only of
    /// those is it certain that every consumer knows them.
    pub fn topics(&self) -> &BTreeMap<TopicName, i32> {
        &self.topics.first
    }

    /// Whether the topic is one of those and has not been grown.
    pub fn is_steady(&self, topic: &TopicName) -> bool {
        self.topics.is_steady(topic)
    }

    /// The coordinator's settings.
    pub fn config(&self) -> &CoordinatorConfig {
        &self.config
    }

    /// The number of events so far that may have changed whether the groups are at rest and their
    /// clients agree. It tells whether another look is worth while.
    pub fn changes(&self) -> u64 {
        self.changes
    }
}

/// The state kept for a group, created if there is none. Clones the id only then.
pub fn entry<'a, V: Default>(groups: &'a mut IndexMap<GroupId, V>, id: &GroupId) -> &'a mut V {
    let index = match groups.get_index_of(id) {
        Some(index) => index,
        None => groups.insert_full(id.clone(), V::default()).0,
    };
    &mut groups[index]
}

/// The broker's index in a list of brokers.
pub fn number(broker: BrokerId) -> usize {
    usize::try_from(broker.0).unwrap_or(0)
}

/// The member id in a JoinGroup, SyncGroup, Heartbeat or OffsetCommit.
pub fn member_of(request: &Request) -> Option<MemberId> {
    requests::subject(request)?.1.map(requests::member_id)
}
