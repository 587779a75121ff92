//! When offsets may expire (KIP-211).

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};

use crate::coordinator::Observation;
use crate::invariant::ledger::Ledger;
use crate::invariant::{Breach, breach};
use crate::protocol::{Generation, GroupId, Request, TopicPartition};
use crate::time::Time;
use crate::trace::{Event, FaultKind, Kind, Place};

use super::{NoLoss, answers};

/// The retention time of a commit that leaves it to the broker.
const NO_RETENTION: i64 = -1;

/// What decides when offsets expire.
#[derive(Default)]
pub(super) struct Expiry {
    /// The clock of some broker has run at another speed.
    skewed: bool,
    /// Where some commit named its own end.
    own_end: BTreeSet<(GroupId, TopicPartition)>,
    /// Since when groups had no members that had none in that generation.
    emptied: BTreeMap<(GroupId, Generation), Time>,
    /// By the number of the incarnation.
    lives: BTreeMap<usize, Life>,
}

#[derive(Clone, Copy, Default)]
struct Life {
    /// It has, or has had, members.
    peopled: bool,
    /// Since when it is without, where that is known.
    empty_since: Option<Time>,
}

impl Expiry {
    /// Takes the next event.
    pub(super) fn note(&mut self, ledger: &Ledger, event: &Event) {
        match (&event.kind, event.place) {
            (Kind::FaultBegan { fault: FaultKind::Skew, .. }, Place::Broker(_)) => {
                self.skewed = true;
            }
            (Kind::Coordinator(observation), _) => {
                if let Some((index, _)) = ledger.observed() {
                    self.observe(index, ledger.reigns(index), event.local, observation);
                }
            }
            (Kind::Received { .. }, _) => {
                if let Some((_, request)) = ledger.question(event)
                    && let Request::OffsetCommit(body) = &request.body
                    && body.retention_time_ms != NO_RETENTION
                {
                    for topic in &body.topics {
                        for one in &topic.partitions {
                            let at = TopicPartition::new(topic.name.clone(), one.partition_index);
                            self.own_end.insert((body.group_id.clone(), at));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn observe(&mut self, index: usize, reigns: bool, now: Time, observation: &Observation) {
        let life = self.lives.entry(index).or_default();
        match observation {
            Observation::MemberAdded { .. } => life.peopled = true,
            Observation::GroupLoaded(loaded) => {
                let metadata = &loaded.metadata;
                life.peopled |= metadata.protocol_type.is_some();
                let which = (metadata.group.clone(), metadata.generation);
                life.empty_since = self.emptied.get(&which).copied();
            }
            Observation::GenerationBegan { group, generation, members, .. } => {
                life.empty_since = members.is_empty().then_some(now);
                if members.is_empty() && reigns {
                    let first = self.emptied.entry((group.clone(), *generation)).or_insert(now);
                    *first = now.min(*first);
                }
            }
            _ => {}
        }
    }

    /// Since when the offset counts, as far as it is certain; none where it may go at any time. `accepted` is when
    /// the last commit of it was handled.
    fn base(
        &self,
        index: usize,
        at: &(GroupId, TopicPartition),
        alone: bool,
        accepted: Option<Time>,
    ) -> Option<Time> {
        let life = self.lives.get(&index).copied().unwrap_or_default();
        match (self.own_end.contains(at), life.peopled) {
            (true, _) => None,
            (false, true) => life.empty_since.filter(|_| !alone),
            (false, false) => accepted,
        }
    }
}

impl NoLoss {
    /// A coordinator that nobody succeeds lets something expire.
    pub(super) fn expires(&self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        let (group, only) = match &event.kind {
            Kind::Coordinator(Observation::GroupRemoved { group, why: "expired" }) => (group, None),
            Kind::Coordinator(Observation::OffsetRemoved { group, partition, why: "expired" }) => {
                (group, Some(partition))
            }
            _ => return Ok(()),
        };
        let Some((index, known)) = ledger.observed() else { return Ok(()) };
        if !ledger.reigns(index) || known.home.unsettled || self.may_remove(group) {
            return Ok(());
        }
        let partitions = self.groups.get(group).into_iter().flatten();
        for (id, partition) in partitions.filter(|(id, _)| only.is_none_or(|only| only == *id)) {
            let head = || format!("group {}: the offset of {id} expired", group.as_str());
            if let Some(pending) = partition.commits.unstable(self.order + 1) {
                return breach!(
                    "expired-pending",
                    "{}, but a transaction that commits {pending} is not over",
                    head()
                );
            }
            let at = (group.clone(), id.clone());
            let base = self.expiry.base(index, &at, only.is_some(), partition.accepted);
            let due = base.map(|base| base + ledger.config().offsets_retention);
            if !self.expiry.skewed
                && let Some(due) = due.filter(|due| *due > event.local)
                && partition.commits.is_there(self.order + 1)
            {
                return breach!(
                    "expired-early",
                    "{} at {}, but not before {due}",
                    head(),
                    event.local
                );
            }
        }
        Ok(())
    }

    /// What is told to be unstable is.
    pub(super) fn is_unstable(
        &self,
        request: &OffsetFetchRequest,
        answer: &OffsetFetchResponse,
    ) -> Result<(), Breach> {
        for (group, id) in answers::unstable(request, answer) {
            let partition = self.groups.get(group).and_then(|known| known.get(&id));
            if partition.is_none_or(|partition| !partition.commits.may_be_unstable()) {
                let group = group.as_str();
                return breach!(
                    "unstable",
                    "group {group}: {id} is told to be unstable, but no transaction is open"
                );
            }
        }
        Ok(())
    }
}
