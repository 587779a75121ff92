//! The incarnations of the groups: which of them an event is about, when one begins and when it
//! ends.
//!
//! A broker that receives a request for a group, or reports something of one, has an incarnation of
//! it. It ends when the broker unloads the group's partition of the offsets log, begins another
//! term in it or crashes, or when the group is removed. What a zombie reports stays in its own
//! incarnation.

use crate::broker::{Term, TermState};
use crate::protocol::{BrokerId, GroupId, IndexMap};
use crate::trace::Place;

use super::classic::Group;
use super::number;
use super::terms::Terms;

/// Every incarnation of every group.
#[derive(Debug, Default)]
pub(super) struct Incarnations {
    all: Vec<Group>,
    /// The incarnations that have not ended, per broker number.
    open: Vec<IndexMap<GroupId, usize>>,
    /// The incarnation of each group with the latest epoch.
    newest: IndexMap<GroupId, usize>,
}

impl Incarnations {
    pub(super) fn get(&self, index: usize) -> &Group {
        &self.all[index]
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut Group {
        &mut self.all[index]
    }

    /// The incarnation of the group at a broker, if it has not ended.
    pub(super) fn at(&self, place: Place, id: &GroupId) -> Option<usize> {
        let Place::Broker(broker) = place else { return None };
        self.open.get(number(broker))?.get(id).copied()
    }

    /// The incarnations that have not ended.
    pub(super) fn open(&self) -> impl Iterator<Item = &Group> {
        self.open.iter().flat_map(IndexMap::values).map(|index| &self.all[*index])
    }

    /// The incarnations at a broker that have not ended.
    pub(super) fn open_at(&self, place: Place) -> impl Iterator<Item = &Group> {
        let broker = match place {
            Place::Broker(broker) => self.open.get(number(broker)),
            _ => None,
        };
        broker.into_iter().flat_map(IndexMap::values).map(|index| &self.all[*index])
    }

    /// The incarnation of the group with the latest epoch.
    pub(super) fn newest(&self, id: &GroupId) -> Option<usize> {
        self.newest.get(id).copied()
    }

    /// For each group the incarnation with the latest epoch.
    pub(super) fn all_newest(&self) -> impl Iterator<Item = &Group> {
        self.newest.values().map(|index| &self.all[*index])
    }

    /// Every incarnation of the group so far, with its index.
    pub(super) fn of<'a>(
        &'a self,
        id: &'a GroupId,
    ) -> impl Iterator<Item = (usize, &'a Group)> + 'a {
        self.all.iter().enumerate().filter(move |(_, group)| group.id == *id)
    }

    /// The incarnation of the group at a broker, created if there is none.
    pub(super) fn find_or_begin(
        &mut self,
        terms: &Terms,
        place: Place,
        id: &GroupId,
    ) -> Option<usize> {
        if let Some(index) = self.at(place, id) {
            return Some(index);
        }
        let Place::Broker(broker) = place else { return None };
        let index = self.all.len();
        self.all.push(Group::new(id.clone(), terms.group_term(broker, id)));
        self.newest.entry(id.clone()).or_insert(index);
        if self.open.len() <= number(broker) {
            self.open.resize_with(number(broker) + 1, IndexMap::default);
        }
        self.open[number(broker)].insert(id.clone(), index);
        Some(index)
    }

    /// The coordinator has reported something of an incarnation.
    pub(super) fn reported(&mut self, index: usize) {
        let group = &self.all[index];
        let (broker, epoch) = (group.coordinator.broker, group.coordinator.term.epoch);
        let newest = self.newest.get_mut(&group.id).expect("each group has an incarnation");
        if *newest != index && epoch >= self.all[*newest].coordinator.term.epoch {
            *newest = index;
        }
        if group.over {
            self.open[number(broker)].swap_remove(&group.id);
        }
    }

    /// The state of a broker's term has changed.
    pub(super) fn term_changed(&mut self, broker: BrokerId, term: Term, state: TermState) {
        let Some(open) = self.open.get_mut(number(broker)) else { return };
        let all = &mut self.all;
        open.retain(|_, index| {
            let group = &mut all[*index];
            if group.coordinator.term.partition != term.partition {
                return true;
            }
            // What began before the trace named the term belongs to it.
            let same =
                group.coordinator.term.epoch == -1 || group.coordinator.term.epoch == term.epoch;
            group.over |= !same || state == TermState::Unloaded;
            if !group.over {
                (group.coordinator.term, group.coordinator.state) = (term, state);
            }
            !group.over
        });
    }

    /// The number of records in a term's log that are not committed has changed.
    pub(super) fn uncommitted(&mut self, broker: BrokerId, term: Term, records: u64) {
        let Some(open) = self.open.get(number(broker)) else { return };
        for index in open.values() {
            let coordinator = &mut self.all[*index].coordinator;
            coordinator.unsettled |= coordinator.term == term && records > 0;
            coordinator.unsettled &= coordinator.term != term || records > 0;
        }
    }

    /// A broker crashes.
    pub(super) fn crashed(&mut self, broker: BrokerId) {
        let all = &mut self.all;
        if let Some(open) = self.open.get_mut(number(broker)) {
            open.drain(..).for_each(|(_, index)| all[index].over = true);
        }
    }

    /// Coordinators start that know no groups.
    pub(super) fn end_all(&mut self) {
        self.open.clear();
        self.all.iter_mut().for_each(|group| group.over = true);
    }
}
