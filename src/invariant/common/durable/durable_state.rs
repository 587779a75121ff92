//! What one group must have made durable: the responses sent, the commits and removals, and what a
//! coordinator may load after them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::coordinator::LoadedGroup;
use crate::invariant::{Breach, breach};
use crate::model::Key;
use crate::protocol::{Generation, IndexMap, MemberId, TopicPartition};
use crate::time::Time;
use crate::trace::ConnectionId;

use super::offsets::Offsets;

/// Stands for an event that no request caused.
pub(super) const NO_REQUEST: Key = (ConnectionId(u32::MAX), -1);

/// An assignment that a member received.
pub(super) struct Learned {
    pub(super) generation: Generation,
    pub(super) member: MemberId,
    pub(super) assignment: Bytes,
    /// What the coordinator recorded of the plans that the leader of the generation submitted.
    pub(super) plans: Vec<BTreeMap<MemberId, Bytes>>,
    /// When the coordinator has removed the group since the member received it.
    pub(super) removed: Option<u64>,
}

#[derive(Default)]
pub(super) struct DurableState {
    pub(super) newest: Option<NewestGeneration>,
    pub(super) offsets: IndexMap<TopicPartition, Offsets>,
    /// When the last request was handled that may have created the group anew.
    pub(super) touched: u64,
    /// When the DeleteGroups was handled that removed the group, if it was acknowledged.
    pub(super) deleted: Option<u64>,
    /// Ids that were replaced for good.
    pub(super) displaced: BTreeSet<MemberId>,
    /// Ids that were replaced, each with the ids that took the place, for good or not.
    pub(super) replaced: BTreeMap<MemberId, BTreeSet<MemberId>>,
}

/// The newest generation in which a member received an assignment.
pub(super) struct NewestGeneration {
    pub(super) generation: Generation,
    pub(super) members: BTreeMap<MemberId, Bytes>,
    pub(super) plans: Vec<BTreeMap<MemberId, Bytes>>,
    /// When the coordinator has removed the group since; whether for good depends on the log.
    pub(super) removed: Option<u64>,
}

impl DurableState {
    pub(super) fn learn(&mut self, learned: Learned) {
        let Learned { generation, member, assignment, plans, removed } = learned;
        let newer =
            self.newest.as_ref().is_none_or(|t| t.removed.is_some() || t.generation < generation);
        if newer {
            let members = BTreeMap::new();
            self.newest =
                Some(NewestGeneration { generation, members, plans: Vec::new(), removed });
        }
        let Some(newest) = self.newest.as_mut().filter(|newest| newest.generation == generation)
        else {
            return;
        };
        newest.plans = plans;
        newest.members.insert(member, assignment);
    }

    pub(super) fn done(&mut self, now: Time, partition: &TopicPartition, key: Key) {
        let Some(offsets) = self.offsets.get_mut(partition) else { return };
        let mut handled = offsets.handled.iter().rev();
        if let Some((order, _, offset)) = handled.find(|(_, other, _)| *other == key)
            && offsets.done.is_none_or(|(done, _)| done < *order)
        {
            let order = *order;
            offsets.done = Some((order, *offset));
            offsets.done_at = now;
            offsets.handled.retain(|(handled, ..)| *handled > order);
        }
    }

    pub(super) fn removed(&mut self, order: u64) {
        if let Some(newest) = &mut self.newest {
            newest.removed.get_or_insert(order);
        }
        for offsets in self.offsets.values_mut() {
            offsets.handle(order, NO_REQUEST, None);
        }
    }

    /// Whether the loaded group may be another than the one in which a member was assigned: that
    /// one was removed, and if the removal was durable, this group came after it, or consists of
    /// offsets that it left behind.
    fn is_another(&self, newest: &NewestGeneration, loaded: &LoadedGroup) -> bool {
        newest.removed.is_some_and(|removed| is_bare(loaded) || self.touched > removed)
    }

    pub(super) fn loaded(&self, loaded: &LoadedGroup, expired_before: Time) -> Result<(), Breach> {
        let metadata = &loaded.metadata;
        // Offsets of an open transaction load as an empty group.
        let has_nothing = is_bare(loaded) && loaded.offsets.is_empty();
        if let Some(deleted) = self.deleted
            && self.touched < deleted
            && !has_nothing
        {
            return breach!(
                "deleted",
                "the coordinator loaded it after an acknowledged DeleteGroups"
            );
        }
        if let Some(member) = metadata.members.iter().find(|m| self.displaced.contains(&m.id)) {
            return breach!(
                "replaced",
                "the coordinator loaded {} after another id had replaced it",
                member.id
            );
        }
        if let Some(newest) = self.newest.as_ref().filter(|newest| !self.is_another(newest, loaded))
        {
            if metadata.generation < newest.generation {
                return breach!(
                    "generation",
                    "the coordinator loaded generation {} though a member had been assigned in \
                     generation {}",
                    metadata.generation,
                    newest.generation
                );
            }
            if metadata.generation == newest.generation {
                newest
                    .members
                    .iter()
                    .try_for_each(|(id, was)| self.kept(newest, loaded, id, was))?;
            }
        }
        let offsets: BTreeMap<_, _> = loaded.offsets.iter().map(|(id, at)| (id, *at)).collect();
        self.offsets.iter().try_for_each(|(id, state)| {
            let found = offsets.get(id).copied();
            let show = |at: Option<i64>| match at {
                Some(at) => format!("offset {at}"),
                None => "no offset".to_owned(),
            };
            match state.possible(found) || found.is_none() && state.gone_by(expired_before) {
                true => Ok(()),
                false => breach!(
                    "offset",
                    "the coordinator loaded {} for {id}, but had acknowledged {}",
                    show(found),
                    show(state.done.and_then(|(_, at)| at))
                ),
            }
        })
    }

    /// A group whose removal was observed has been loaded all the same, so the removal was not
    /// durable.
    pub(super) fn is_back(&mut self, loaded: &LoadedGroup) {
        let back = self.newest.as_ref().is_some_and(|newest| !self.is_another(newest, loaded));
        if let Some(newest) = self.newest.as_mut().filter(|_| back) {
            newest.removed = None;
        }
    }

    /// Checks that a member that was assigned in the loaded generation still has its assignment.
    fn kept(
        &self,
        newest: &NewestGeneration,
        loaded: &LoadedGroup,
        id: &MemberId,
        was: &Bytes,
    ) -> Result<(), Breach> {
        let generation = newest.generation;
        let ids = self.with_replacements(id);
        let members = &loaded.metadata.members;
        let found = ids.iter().find_map(|id| members.iter().find(|member| member.id == **id));
        let Some(member) = found else {
            return breach!(
                "member",
                "the coordinator loaded generation {generation} without {id}, which had been \
                 assigned in it"
            );
        };
        // A plan has the member under the id that it had when a member last received a part of it.
        let planned = |plan: &BTreeMap<MemberId, Bytes>| {
            ids.iter().any(|id| plan.get(*id) == Some(&member.assignment))
        };
        match member.assignment == *was || newest.plans.iter().any(planned) {
            true => Ok(()),
            false => breach!(
                "assignment",
                "the coordinator loaded {id} with another assignment in generation {generation}"
            ),
        }
    }

    /// The id and those that have taken its place, each in turn: of several replacements the log
    /// has kept one, or each in turn.
    fn with_replacements<'a>(&'a self, id: &'a MemberId) -> Vec<&'a MemberId> {
        let mut ids = vec![id];
        let mut followed = 0;
        while let Some(replaced) = ids.get(followed).copied() {
            for id in self.replaced.get(replaced).into_iter().flatten() {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            followed += 1;
        }
        ids
    }
}

/// Whether, as far as the loaded state shows, the group has never had a member.
fn is_bare(loaded: &LoadedGroup) -> bool {
    loaded.metadata.members.is_empty() && loaded.metadata.generation == Generation(0)
}
