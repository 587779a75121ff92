//! What is known of one group: what was told, committed and removed, and what may be loaded after that.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::coordinator::LoadedGroup;
use crate::invariant::ledger::Key;
use crate::invariant::{Breach, breach};
use crate::protocol::{Generation, IndexMap, MemberId, TopicPartition};
use crate::time::Time;
use crate::trace::ConnectionId;

use super::offsets::Offsets;

/// Names what no request has caused.
pub(super) const NO_REQUEST: Key = (ConnectionId(u32::MAX), -1);

/// What a member was told.
pub(super) struct News {
    pub(super) generation: Generation,
    pub(super) member: MemberId,
    pub(super) assignment: Bytes,
    /// What the coordinator has written down of what the leader of the generation handed in.
    pub(super) plans: Vec<BTreeMap<MemberId, Bytes>>,
}

#[derive(Default)]
pub(super) struct Known {
    pub(super) told: Option<Told>,
    pub(super) offsets: IndexMap<TopicPartition, Offsets>,
    /// When the group was last asked for by somebody who may have brought it back.
    pub(super) touched: u64,
    /// When the request was handled that removed the group, if that was answered.
    pub(super) deleted: Option<u64>,
    /// Ids that lost their place for good.
    pub(super) displaced: BTreeSet<MemberId>,
    /// Ids that lost their place, for good or not.
    pub(super) replaced: BTreeMap<MemberId, BTreeSet<MemberId>>,
}

/// The newest generation of which somebody was told.
pub(super) struct Told {
    pub(super) generation: Generation,
    pub(super) members: BTreeMap<MemberId, Bytes>,
    pub(super) plans: Vec<BTreeMap<MemberId, Bytes>>,
    /// When the group was removed since; whether for good depends on the log.
    pub(super) removed: Option<u64>,
}

impl Known {
    pub(super) fn tell(&mut self, News { generation, member, assignment, plans }: News) {
        let newer =
            self.told.as_ref().is_none_or(|t| t.removed.is_some() || t.generation < generation);
        if newer {
            let members = BTreeMap::new();
            self.told = Some(Told { generation, members, plans: Vec::new(), removed: None });
        }
        let Some(told) = self.told.as_mut().filter(|told| told.generation == generation) else {
            return;
        };
        told.plans = plans;
        told.members.insert(member, assignment);
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
        if let Some(told) = &mut self.told {
            told.removed.get_or_insert(order);
        }
        for offsets in self.offsets.values_mut() {
            offsets.handle(order, NO_REQUEST, None);
        }
    }

    /// Whether what is loaded may be another group than the one of which somebody was told: that one was removed,
    /// and if the removal was durable, this is what came after it, or offsets that it left behind.
    fn is_another(&self, told: &Told, loaded: &LoadedGroup) -> bool {
        told.removed.is_some_and(|removed| is_bare(loaded) || self.touched > removed)
    }

    pub(super) fn loaded(&self, loaded: &LoadedGroup, expired_before: Time) -> Result<(), Breach> {
        let metadata = &loaded.metadata;
        // What a transaction that is open holds is there again as a group that has nothing.
        let has_nothing = is_bare(loaded) && loaded.offsets.is_empty();
        if let Some(deleted) = self.deleted
            && self.touched < deleted
            && !has_nothing
        {
            return breach!("deleted", "it was deleted, but is loaded");
        }
        if let Some(member) = metadata.members.iter().find(|m| self.displaced.contains(&m.id)) {
            return breach!("replaced", "{} was replaced, but is loaded", member.id);
        }
        if let Some(told) = self.told.as_ref().filter(|told| !self.is_another(told, loaded)) {
            if metadata.generation < told.generation {
                return breach!(
                    "generation",
                    "generation {} was told, but {} is loaded",
                    told.generation,
                    metadata.generation
                );
            }
            if metadata.generation == told.generation {
                told.members.iter().try_for_each(|(id, was)| self.kept(told, loaded, id, was))?;
            }
        }
        let offsets: BTreeMap<_, _> = loaded.offsets.iter().map(|(id, at)| (id, *at)).collect();
        self.offsets.iter().try_for_each(|(id, known)| {
            let found = offsets.get(id).copied();
            let show = |at: Option<i64>| at.map_or("nothing".to_owned(), |at| at.to_string());
            match known.possible(found) || found.is_none() && known.gone_by(expired_before) {
                true => Ok(()),
                false => breach!(
                    "offset",
                    "{id} was answered to be at {}, but {} is loaded",
                    show(known.done.and_then(|(_, at)| at)),
                    show(found)
                ),
            }
        })
    }

    /// What was removed has been found in the log all the same.
    pub(super) fn is_back(&mut self, loaded: &LoadedGroup) {
        let back = self.told.as_ref().is_some_and(|told| !self.is_another(told, loaded));
        if let Some(told) = self.told.as_mut().filter(|_| back) {
            told.removed = None;
        }
    }

    /// A member that was told an assignment of the generation that is loaded has it still.
    fn kept(
        &self,
        told: &Told,
        loaded: &LoadedGroup,
        id: &MemberId,
        was: &Bytes,
    ) -> Result<(), Breach> {
        let generation = told.generation;
        let heirs = self.heirs(id);
        let members = &loaded.metadata.members;
        let found = heirs.iter().find_map(|heir| members.iter().find(|m| m.id == **heir));
        let Some(member) = found else {
            return breach!("member", "{id} was told {generation}, but is not loaded in it");
        };
        // A plan knows the member by the id that it had when somebody was last told of the plan.
        let planned = |plan: &BTreeMap<MemberId, Bytes>| {
            heirs.iter().any(|id| plan.get(*id) == Some(&member.assignment))
        };
        match member.assignment == *was || told.plans.iter().any(planned) {
            true => Ok(()),
            false => {
                breach!("assignment", "{id} is loaded with another assignment in {generation}")
            }
        }
    }

    /// The id, and those that have taken its place, each in turn: of several replacements the log has kept
    /// one, or one of each in turn.
    fn heirs<'a>(&'a self, id: &'a MemberId) -> Vec<&'a MemberId> {
        let mut heirs = vec![id];
        let mut followed = 0;
        while let Some(now) = heirs.get(followed).copied() {
            for heir in self.replaced.get(now).into_iter().flatten() {
                if !heirs.contains(&heir) {
                    heirs.push(heir);
                }
            }
            followed += 1;
        }
        heirs
    }
}

/// Whether nobody has ever been in the group, for all that is loaded.
fn is_bare(loaded: &LoadedGroup) -> bool {
    loaded.metadata.members.is_empty() && loaded.metadata.generation == Generation(0)
}
