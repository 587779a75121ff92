//! Compares a coordinator's state with its log.

use super::super::offset_world::*;
use super::oracle::{LogState, Offsets};
use super::world::{GROUPS, PARTITIONS, World};
use crate::coordinator::group::Group;
use crate::coordinator::offsets::View;
use crate::coordinator::record::MemberMetadata;
use crate::coordinator::{GroupMetadata, GroupState};
use crate::protocol::{GroupId, TopicPartition};
use crate::time::Time;

impl World {
    /// Returns the first difference, if any.
    pub(super) fn check(&self) -> Result<(), String> {
        let stored = || self.stored.iter().map(|one| &one.record);
        let durable = LogState::of(stored().take(self.high_watermark));
        let newest = LogState::of(stored().chain(self.open.iter().map(|(_, record)| record)));
        for name in GROUPS.map(named) {
            for at in PARTITIONS.map(at) {
                for (view, log_state) in [(View::Committed, &durable), (View::Newest, &newest)] {
                    let (has, expected) =
                        (self.content(&name, &at, view), log_state.offset(&name, &at));
                    if has != expected {
                        return Err(format!(
                            "{view:?} {name:?} {at} is {has:?}, the log has {expected:?}"
                        ));
                    }
                }
            }
            self.check_group(&name, &newest).map_err(|what| format!("{name:?} {what}"))?;
        }
        Ok(())
    }

    fn content(&self, group: &GroupId, at: &TopicPartition, view: View) -> Offsets<'_> {
        let offsets = self.bench.coordinator.offsets.of(group);
        let committed = offsets.get(&at.topic, at.partition, view);
        (committed, offsets.pending(at, view).collect())
    }

    fn check_group(&self, name: &GroupId, newest: &LogState) -> Result<(), String> {
        let going = self.bench.coordinator.appends.removed.has(name);
        let stored = newest.groups.get(name);
        let Some(Group::Classic(group)) = self.bench.coordinator.groups.get(name) else {
            return match stored {
                Some(stored) if !self.stale_in_log.contains(name) => {
                    Err(format!("does not exist, the log has {stored:?}"))
                }
                None if newest.has_offsets(name) && !going => {
                    Err("has offsets, but does not exist".into())
                }
                _ => Ok(()),
            };
        };
        if self.stale_in_log.contains(name) || group.in_log.previous.is_some() {
            return Ok(());
        }
        let Some(stored) = stored else {
            return match group.in_log.is_recorded {
                true => Err("has no record in the log".into()),
                false => Ok(()),
            };
        };
        let given: Vec<_> = group.members.iter().map(|m| m.assignment.clone()).collect();
        let has = group.metadata(&given);
        let same = match group.state() {
            GroupState::Empty => has == *stored,
            GroupState::Stable => of_stable(has.clone()) == of_stable(stored.clone()),
            _ => has.generation >= stored.generation,
        };
        match same && group.in_log.is_recorded {
            true => Ok(()),
            false => Err(format!("is {has:?}, the log has {stored:?}")),
        }
    }

    /// The committed offsets of a group, newest and durable.
    pub(super) fn offsets(&mut self, group: usize) -> (Vec<String>, Vec<String>) {
        let mut all = |stable| offsets_of(&mut self.bench, GROUPS[group], stable);
        (all(true), all(false))
    }

    /// Since when a consumer group is Empty.
    pub(super) fn empty_since(&self, group: usize) -> Option<Time> {
        let Group::Classic(group) = self.bench.coordinator.groups.get(&named(GROUPS[group]))?;
        let is_empty = group.state() == GroupState::Empty && group.protocol_type.is_some();
        is_empty.then(|| group.state_since())
    }

    /// The log, one record per line.
    pub(super) fn log(&self) -> String {
        let stored = self.stored.iter().enumerate().map(|(place, one)| {
            let state = if place < self.high_watermark { "committed" } else { "stored" };
            format!("{state} {:?}\n", one.record)
        });
        stored.chain(self.open.iter().map(|(_, record)| format!("open {record:?}\n"))).collect()
    }
}

/// The record of a Stable group is older than the state, and the order of its members does not
/// matter.
fn of_stable(metadata: GroupMetadata) -> GroupMetadata {
    let mut members: Vec<MemberMetadata> = metadata.members;
    members.sort_by(|a, b| a.id.cmp(&b.id));
    GroupMetadata { members, state_since: Time::ZERO, ..metadata }
}
