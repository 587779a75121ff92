//! What a group was told is in the log, and so in what the next coordinator knows: fail-over takes nothing
//! back.
//!
//! Scope, for each group:
//! - A generation of which a member was told its assignment (SyncGroup answered NONE) is what the next
//!   coordinator loads, or it loads a newer one. If it loads that very one, each member that was told is in
//!   it, itself or the static member that has taken its place, with the assignment that it was told or
//!   another one that the leader had handed in for it (R11.12); none, if the leader had left it out (R9.1).
//!   A broker may tell of a generation that it has loaded from a record which is not committed, because the
//!   high watermark stands still (R3.13). That counts from when it moves; until then the generation may go with
//!   the next election.
//! - The offset of an OffsetCommit that was answered NONE is loaded, or that of a commit that was handled
//!   later. It may be gone only if it was removed later: by hand, by expiry, or with its topic or group.
//! - What an OffsetDelete or a DeleteGroups was answered to have removed is not loaded, unless something
//!   was committed, or somebody asked to join, after the request was handled.
//! - The offset of a TxnOffsetCommit that was answered NONE counts as such a commit, as of when it was handled,
//!   when the COMMIT of its transaction is answered without an error. When the ABORT is, it is not loaded.
//! - A static member whose place was taken, by an id that was told so (JoinGroup answered NONE), is not
//!   loaded again.
//! - A group that was removed is gone or as it was, unless somebody asked for it after that.
//! - A zombie makes nothing durable, and removes nothing. Of what it begins to handle after its successor was named, it answers
//!   no commit with NONE, and it tells nobody an assignment of a generation that it began after that.
//!
//! Judged is what a coordinator loads that nobody had been named to succeed by then, and the first that it
//! does with a group that it has not loaded. Answers of zombies count for nothing to come: they repeat what
//! is in the log since before.
//!
//! Not said: that what was refused or never answered had no effect; anything of groups without a fail-over, which is `no-loss`'s and `generation`'s.

mod known;
mod offsets;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{Shard, ShardState};
use crate::coordinator::Observation;
use crate::invariant::{Breach, breach};
use crate::protocol::{
    Api, Generation, GroupId, IndexMap, MemberId, Request, Response, TopicName, TopicPartition,
};
use crate::time::Time;
use crate::trace::{Event, Kind, Message, Place};

use super::Invariant;
use super::interest::{GROUP_APIS, Interest, SIDE_APIS};
use super::ledger::{Asked, Group, Key, Ledger, entry};
use known::{Known, NO_REQUEST, News, Told};
use transactions::Transactions;

#[derive(Default)]
pub(super) struct Durable {
    groups: IndexMap<GroupId, Known>,
    /// The time on the run's clock.
    now: Time,
    /// Counts the events that may change what is durable.
    order: u64,
    /// Requests of administrators under way: when they were handled.
    deletes: BTreeMap<Key, u64>,
    transactions: Transactions,
    /// When the latest term of each partition began to read the log. A term that has no log to read begins without.
    read: BTreeMap<i32, (i32, u64)>,
    /// Incarnations of which something was seen: whether they began as zombies.
    seen: BTreeSet<usize>,
    /// The generations that zombies began.
    undead: BTreeSet<(usize, Generation)>,
    /// What brokers told of generations whose records are not committed.
    early: Vec<(usize, News)>,
}

impl Invariant for Durable {
    fn name(&self) -> &'static str {
        "durable"
    }

    fn statement(&self) -> &'static str {
        "whatever anybody was told is known to the next coordinator"
    }

    fn reads(&self) -> Interest {
        const TELLING: &[Api] = &[Api::SyncGroup, Api::OffsetCommit, Api::JoinGroup];
        Interest::COORDINATOR
            .and(Interest::TERMS)
            .and(Interest::TOPICS)
            .asked(GROUP_APIS)
            .asked(SIDE_APIS)
            .answered(TELLING)
            .answered(SIDE_APIS)
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        self.now = event.at;
        match &event.kind {
            Kind::Received { conn, message: Message::Request(frame), .. } => {
                self.order += 1;
                let mut found = Ok(());
                match ledger.question(event) {
                    Some((asked, _)) => {
                        let (group, serving) = (asked.group, asked.serving() && asked.reigns);
                        if serving {
                            found = self.first(ledger, group);
                        }
                        self.asked(ledger, asked, &frame.body);
                    }
                    None => {
                        let key = (*conn, frame.correlation);
                        self.administered(ledger, event.place, key, &frame.body);
                    }
                }
                found
            }
            Kind::Sent { conn, message: Message::Response { request, response }, .. } => {
                match ledger.answer(event) {
                    Some((asked, _, _)) => {
                        self.answered(ledger, asked, &request.body, &response.body)
                    }
                    None => {
                        let key = (*conn, request.correlation);
                        self.deleted(key, &request.body, &response.body);
                        self.transacted(ledger, key, &response.body);
                        Ok(())
                    }
                }
            }
            Kind::Coordinator(observation) => match ledger.observed() {
                Some((index, group)) => self.observe(ledger, index, group, observation),
                None => Ok(()),
            },
            Kind::TopicDeleted { topic } => {
                self.topic_deleted(topic);
                Ok(())
            }
            Kind::Shard { shard, state: ShardState::Loading } => {
                self.order += 1;
                self.read.insert(shard.partition, (shard.epoch, self.order));
                Ok(())
            }
            Kind::Uncommitted { shard, records: 0 } => {
                self.committed(ledger, event.place, *shard);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Durable {
    /// From here on the offsets of the topic may be gone, though nobody may live to say so.
    fn topic_deleted(&mut self, topic: &TopicName) {
        self.order += 1;
        let all = self.groups.values_mut().flat_map(|known| &mut known.offsets);
        for (_, offsets) in all.filter(|(partition, _)| partition.topic == *topic) {
            offsets.handle(self.order, NO_REQUEST, None);
        }
    }

    /// What a term has loaded is committed, and with it what was told of it.
    fn committed(&mut self, ledger: &Ledger, place: Place, shard: Shard) {
        for (index, news) in std::mem::take(&mut self.early) {
            let Group { id, home, .. } = ledger.group(index);
            match home.shard == shard && Place::Broker(home.broker) == place {
                true => self.known(id).tell(news),
                false => self.early.push((index, news)),
            }
        }
    }

    /// What was committed before this may have expired, by the fastest clock there is.
    fn expired_before(&self, ledger: &Ledger) -> Time {
        self.now - ledger.config().offsets_retention * 3 / 4
    }

    fn known(&mut self, group: &GroupId) -> &mut Known {
        entry(&mut self.groups, group)
    }

    /// The first that is seen of an incarnation: what it should have loaded, it has.
    fn first(&mut self, ledger: &Ledger, index: usize) -> Result<(), Breach> {
        let group = ledger.group(index);
        // Whoever is asked before its term has a number is the first ever, and has nothing to load.
        let first_ever = group.home.shard.epoch < 0;
        if !self.seen.insert(index) || first_ever || group.loaded {
            return Ok(());
        }
        let Some((_, read)) = self
            .read
            .get(&group.home.shard.partition)
            .copied()
            .filter(|(epoch, _)| *epoch == group.home.shard.epoch)
        else {
            return Ok(());
        };
        let id = group.id.as_str();
        let deadline = self.expired_before(ledger);
        let known = self.known(&group.id);
        if let Some(Told { generation, removed: None, .. }) = &known.told {
            return breach!(
                "group",
                "group {id}: generation {generation} was told, but no group loaded"
            );
        }
        // What a producer has committed since is no question that makes an incarnation.
        let before = known.offsets.iter().filter(|(_, offsets)| offsets.done_before(read));
        before.into_iter().try_for_each(|(partition, offsets)| match offsets.gone_by(deadline) {
            true => Ok(()),
            false => {
                breach!("offsets", "group {id}: {partition} was committed, but no group loaded")
            }
        })
    }

    fn asked(&mut self, ledger: &Ledger, asked: &Asked, request: &Request) {
        let order = self.order;
        match request {
            Request::JoinGroup(body) if asked.reigns => {
                self.known(&body.group_id).touched = order;
            }
            Request::OffsetCommit(body) if asked.reigns => {
                // One that names its own end may be gone soon after, with nobody alive to say so.
                let ends = body.retention_time_ms != -1;
                self.order += u64::from(ends);
                let known = self.known(&ledger.group(asked.group).id);
                known.touched = order;
                for topic in &body.topics {
                    for entry in &topic.partitions {
                        let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                        let offsets = known.offsets.entry(id).or_default();
                        offsets.handle(order, asked.key, Some(entry.committed_offset));
                        if ends {
                            offsets.handle(order + 1, NO_REQUEST, None);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// A broker begins to handle what an administrator, or a producer, wants.
    fn administered(&mut self, ledger: &Ledger, place: Place, key: Key, request: &Request) {
        let order = self.order;
        match request {
            Request::OffsetDelete(body) if ledger.leads(place, &body.group_id) => {
                self.deletes.insert(key, order);
                let known = self.known(&body.group_id);
                for topic in &body.topics {
                    for entry in &topic.partitions {
                        let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                        known.offsets.entry(id).or_default().handle(order, key, None);
                    }
                }
            }
            Request::DeleteGroups(_) => {
                self.deletes.insert(key, order);
            }
            Request::TxnOffsetCommit(body) if ledger.leads(place, &body.group_id) => {
                self.pend(key, body);
            }
            Request::WriteTxnMarkers(body) => self.transactions.end(ledger, place, key, body),
            _ => {}
        }
    }

    fn answered(
        &mut self,
        ledger: &Ledger,
        asked: &Asked,
        request: &Request,
        response: &Response,
    ) -> Result<(), Breach> {
        let group = ledger.group(asked.group);
        let id = group.id.as_str();
        let reigns = ledger.reigns(asked.group);
        match (request, response) {
            (Request::SyncGroup(body), Response::SyncGroup(answer)) if answer.error_code == 0 => {
                let generation = Generation(body.generation_id);
                if self.undead.contains(&(asked.group, generation)) {
                    return breach!(
                        "zombie-sync",
                        "group {id}: {} was told generation {generation} by a broker that another \
                         had succeeded before it began",
                        body.member_id
                    );
                }
                if reigns && generation == group.generation {
                    let news = News {
                        generation,
                        member: MemberId(body.member_id.clone()),
                        assignment: answer.assignment.clone(),
                        plans: group.plans.iter().map(|plan| plan.recorded.clone()).collect(),
                    };
                    match group.home.unsettled && group.loaded_in == Some(generation) {
                        true => self.early.push((asked.group, news)),
                        false => self.known(&group.id).tell(news),
                    }
                }
            }
            (Request::OffsetCommit(body), Response::OffsetCommit(answer)) => {
                for topic in &answer.topics {
                    for entry in topic.partitions.iter().filter(|entry| entry.error_code == 0) {
                        let index = entry.partition_index;
                        let partition = TopicPartition::new(topic.name.clone(), index);
                        if !asked.reigns {
                            return breach!(
                                "zombie-commit",
                                "group {id}: a commit of {partition} by {:?} was accepted by a broker \
                                 that another had succeeded",
                                body.member_id
                            );
                        }
                        let now = self.now;
                        self.known(&group.id).done(now, &partition, asked.key);
                    }
                }
            }
            (Request::JoinGroup(_), Response::JoinGroup(answer)) if answer.error_code == 0 => {
                let new = MemberId(answer.member_id.clone());
                let old = group.displaced.iter().filter(|(_, by)| **by == new);
                let old: Vec<MemberId> = old.map(|(old, _)| old.clone()).collect();
                if reigns && !old.is_empty() && group.members.contains_key(&new) {
                    // Only in Stable is a replacement of its own written down.
                    let stable = asked.state == crate::coordinator::GroupState::Stable
                        && answer.generation_id == asked.generation.0;
                    if stable {
                        self.known(&group.id).displaced.extend(old);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A broker answers an administrator.
    fn deleted(&mut self, key: Key, request: &Request, response: &Response) {
        let Some(handled) = self.deletes.remove(&key) else { return };
        match (request, response) {
            (Request::OffsetDelete(body), Response::OffsetDelete(answer))
                if answer.error_code == 0 =>
            {
                let now = self.now;
                let known = self.known(&body.group_id);
                for topic in &answer.topics {
                    for entry in topic.partitions.iter().filter(|entry| entry.error_code == 0) {
                        let index = entry.partition_index;
                        known.done(now, &TopicPartition::new(topic.name.clone(), index), key);
                    }
                }
            }
            (Request::DeleteGroups(_), Response::DeleteGroups(answer)) => {
                for result in answer.results.iter().filter(|result| result.error_code == 0) {
                    self.known(&result.group_id).deleted = Some(handled);
                }
            }
            _ => {}
        }
    }

    fn observe(
        &mut self,
        ledger: &Ledger,
        index: usize,
        group: &Group,
        observation: &Observation,
    ) -> Result<(), Breach> {
        let reigns = ledger.reigns(index);
        self.order += 1;
        let order = self.order;
        match observation {
            Observation::GroupLoaded(loaded) if reigns => {
                self.seen.insert(index);
                let expired_before = self.expired_before(ledger);
                let known = self.known(&group.id);
                let found = known
                    .loaded(loaded, expired_before)
                    .map_err(|breach| breach.within(format_args!("group {}:", group.id.as_str())));
                known.is_back(loaded);
                found
            }
            Observation::GenerationBegan { generation, .. } if !reigns => {
                self.undead.insert((index, *generation));
                Ok(())
            }
            Observation::MemberReplaced { old, new, .. } if reigns => {
                let replaced = &mut self.known(&group.id).replaced;
                replaced.entry(old.clone()).or_default().insert(new.clone());
                Ok(())
            }
            Observation::OffsetRemoved { partition, .. } if reigns => {
                let offsets = self.known(&group.id).offsets.entry(partition.clone()).or_default();
                offsets.handle(order, NO_REQUEST, None);
                Ok(())
            }
            Observation::GroupRemoved { .. } if reigns => {
                self.known(&group.id).removed(order);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
