//! When offsets may expire (KIP-211).

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};

use crate::coordinator::{ClassicObservation, GroupRemoval, Observation, OffsetRemoval};
use crate::invariant::{Breach, breach};
use crate::model::Model;
use crate::protocol::{Generation, GroupId, Request, TopicPartition};
use crate::time::Time;
use crate::trace::{Event, EventKind, FaultKind, Place};

use super::{NoLoss, responses};

/// The retention time of a commit that uses the broker's setting.
const NO_RETENTION: i64 = -1;

/// The facts that decide when offsets expire.
#[derive(Default)]
pub(super) struct Expiry {
    /// Whether the clock of some broker has run at another speed.
    clock_is_skewed: bool,
    /// The offsets for which some commit named its own retention.
    own_retention: BTreeSet<(GroupId, TopicPartition)>,
    /// When each group became empty, by its generation without members.
    emptied: BTreeMap<(GroupId, Generation), Time>,
    /// The retention state, by the index of the incarnation.
    retentions: BTreeMap<usize, Retention>,
}

#[derive(Clone, Copy, Default)]
struct Retention {
    /// Whether it has, or has had, members.
    had_members: bool,
    /// Since when it has no members, where that is known.
    empty_since: Option<Time>,
}

impl Expiry {
    /// Takes the next event.
    pub(super) fn update(&mut self, model: &Model, event: &Event) {
        match (&event.kind, event.place) {
            (EventKind::FaultBegan { fault: FaultKind::Skew, .. }, Place::Broker(_)) => {
                self.clock_is_skewed = true;
            }
            (EventKind::Coordinator(observation), _) => {
                if let Some((index, _)) = model.observed() {
                    self.observe(index, model.is_current_leader(index), event.local, observation);
                }
            }
            (EventKind::Received { .. }, _) => {
                if let Some((_, request)) = model.request(event)
                    && let Request::OffsetCommit(body) = &request.body
                    && body.retention_time_ms != NO_RETENTION
                {
                    for topic in &body.topics {
                        for one in &topic.partitions {
                            let at = TopicPartition::new(topic.name.clone(), one.partition_index);
                            self.own_retention.insert((body.group_id.clone(), at));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn observe(
        &mut self,
        index: usize,
        is_current_leader: bool,
        now: Time,
        observation: &Observation,
    ) {
        let retention = self.retentions.entry(index).or_default();
        match observation {
            Observation::Classic(ClassicObservation::MemberAdded { .. }) => {
                retention.had_members = true
            }
            Observation::GroupLoaded(loaded) => {
                let metadata = &loaded.metadata;
                retention.had_members |= metadata.protocol_type.is_some();
                let which = (metadata.group.clone(), metadata.generation);
                retention.empty_since = self.emptied.get(&which).copied();
            }
            Observation::Classic(ClassicObservation::GenerationBegan {
                group,
                generation,
                members,
                ..
            }) => {
                retention.empty_since = members.is_empty().then_some(now);
                if members.is_empty() && is_current_leader {
                    let first = self.emptied.entry((group.clone(), *generation)).or_insert(now);
                    *first = now.min(*first);
                }
            }
            _ => {}
        }
    }

    /// The time from which the retention of an offset counts, as far as it is certain; none where
    /// the offset may expire at any time. `accepted` is when the last commit of it was handled.
    fn retention_start(
        &self,
        index: usize,
        at: &(GroupId, TopicPartition),
        only_offset: bool,
        accepted: Option<Time>,
    ) -> Option<Time> {
        let retention = self.retentions.get(&index).copied().unwrap_or_default();
        match (self.own_retention.contains(at), retention.had_members) {
            (true, _) => None,
            (false, true) => retention.empty_since.filter(|_| !only_offset),
            (false, false) => accepted,
        }
    }
}

impl NoLoss {
    /// Checks what a coordinator that is the current leader lets expire.
    pub(super) fn check_expiry(&self, model: &Model, event: &Event) -> Result<(), Breach> {
        let (group, only) = match &event.kind {
            EventKind::Coordinator(Observation::GroupRemoved {
                group,
                why: GroupRemoval::Expired,
            }) => (group, None),
            EventKind::Coordinator(Observation::OffsetRemoved {
                group,
                partition,
                why: OffsetRemoval::Expired,
            }) => (group, Some(partition)),
            _ => return Ok(()),
        };
        let Some((index, known)) = model.observed() else { return Ok(()) };
        if !model.is_current_leader(index) || known.coordinator.unsettled || self.may_remove(group)
        {
            return Ok(());
        }
        let partitions = self.groups.get(group).into_iter().flatten();
        for (id, partition) in partitions.filter(|(id, _)| only.is_none_or(|only| only == *id)) {
            let head = || format!("group {}: the offset of {id} expired", group.as_str());
            if let Some(pending) = partition.commits.unstable(self.order + 1) {
                return breach!(
                    "expired-pending",
                    "{}, but a transaction that commits {pending} has not ended",
                    head()
                );
            }
            let at = (group.clone(), id.clone());
            let retention_start =
                self.expiry.retention_start(index, &at, only.is_some(), partition.accepted);
            let due = retention_start.map(|start| start + model.config().offsets_retention);
            if !self.expiry.clock_is_skewed
                && let Some(due) = due.filter(|due| *due > event.local)
                && partition.commits.certainly_exists(self.order + 1)
            {
                return breach!(
                    "expired-early",
                    "{} at {}, but it may not before {due}",
                    head(),
                    event.local
                );
            }
        }
        Ok(())
    }

    /// Checks that an offset marked as unstable is.
    pub(super) fn check_unstable(
        &self,
        request: &OffsetFetchRequest,
        response: &OffsetFetchResponse,
    ) -> Result<(), Breach> {
        for (group, id) in responses::unstable(request, response) {
            let partition = self.groups.get(group).and_then(|known| known.get(&id));
            if partition.is_none_or(|partition| !partition.commits.may_be_unstable()) {
                let group = group.as_str();
                return breach!(
                    "unstable",
                    "group {group}: the coordinator returned {id} as unstable, but no transaction is open"
                );
            }
        }
        Ok(())
    }
}
