//! The state that a log describes, replayed from its beginning: the last record of each key, and of
//! each transaction the effect of its marker.

use std::collections::BTreeMap;

use crate::coordinator::{CommittedOffset, GroupMetadata, ProducerId, Record};
use crate::protocol::{GroupId, TopicPartition};

/// The state that a log, or a prefix of it, describes.
#[derive(Debug, Default)]
pub(super) struct LogState {
    /// Without removed groups.
    pub(super) groups: BTreeMap<GroupId, GroupMetadata>,
    offsets: BTreeMap<(GroupId, TopicPartition), Content>,
}

/// One partition of a group.
#[derive(Debug, Default)]
struct Content {
    /// Its position in the log, and its value.
    committed: Option<(usize, CommittedOffset)>,
    pending: BTreeMap<ProducerId, (usize, CommittedOffset)>,
}

/// The committed offset, and the pending ones.
pub(super) type Offsets<'a> =
    (Option<&'a CommittedOffset>, BTreeMap<ProducerId, &'a CommittedOffset>);

impl LogState {
    pub(super) fn of<'a>(log: impl Iterator<Item = &'a Record>) -> LogState {
        let mut log_state = LogState::default();
        log.enumerate().for_each(|(place, record)| log_state.read(place, record));
        log_state
    }

    pub(super) fn offset(&self, group: &GroupId, at: &TopicPartition) -> Offsets<'_> {
        let Some(content) = self.offsets.get(&(group.clone(), at.clone())) else {
            return Offsets::default();
        };
        let committed = content.committed.as_ref().map(|(_, offset)| offset);
        let pending = content.pending.iter().map(|(producer, (_, offset))| (*producer, offset));
        (committed, pending.collect())
    }

    pub(super) fn has_offsets(&self, group: &GroupId) -> bool {
        self.offsets.iter().any(|((of, _), content)| {
            of == group && (content.committed.is_some() || !content.pending.is_empty())
        })
    }

    fn read(&mut self, place: usize, record: &Record) {
        match record {
            Record::GroupMetadata(metadata) => {
                self.groups.insert(metadata.group.clone(), metadata.clone());
            }
            Record::GroupTombstone { group } => {
                self.groups.remove(group);
            }
            Record::OffsetCommit { group, partition, offset } => {
                self.content(group, partition).committed = Some((place, offset.clone()));
            }
            Record::OffsetTombstone { group, partition } => {
                *self.content(group, partition) = Content::default();
            }
            Record::TxnOffsetCommit { producer, group, partition, offset } => {
                let pending = &mut self.content(group, partition).pending;
                pending.insert(*producer, (place, offset.clone()));
            }
            Record::TxnMarker { producer, committed } => {
                for content in self.offsets.values_mut() {
                    let Some((written, offset)) = content.pending.remove(producer) else {
                        continue;
                    };
                    let is_later = content.committed.as_ref().is_none_or(|(at, _)| *at < written);
                    if *committed && is_later {
                        content.committed = Some((written, offset));
                    }
                }
            }
        }
    }

    fn content(&mut self, group: &GroupId, at: &TopicPartition) -> &mut Content {
        self.offsets.entry((group.clone(), at.clone())).or_default()
    }
}
