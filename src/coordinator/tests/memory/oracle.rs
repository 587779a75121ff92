//! What a log says, read from its beginning: the last of each key, and of each transaction what its marker made of it.

use std::collections::BTreeMap;

use crate::coordinator::{CommittedOffset, GroupMetadata, ProducerId, Record};
use crate::protocol::{GroupId, TopicPartition};

/// What a log, or a part of it from its beginning on, says.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    /// Without those that are gone.
    pub(super) groups: BTreeMap<GroupId, GroupMetadata>,
    offsets: BTreeMap<(GroupId, TopicPartition), Content>,
}

/// What it says of one partition of a group.
#[derive(Debug, Default)]
struct Content {
    /// Where it lies in the log, and what it is.
    committed: Option<(usize, CommittedOffset)>,
    waiting: BTreeMap<ProducerId, (usize, CommittedOffset)>,
}

/// The offset that is committed, and those that wait for the end of a transaction.
pub(super) type Said<'a> = (Option<&'a CommittedOffset>, BTreeMap<ProducerId, &'a CommittedOffset>);

impl Meaning {
    pub(super) fn of<'a>(log: impl Iterator<Item = &'a Record>) -> Meaning {
        let mut meaning = Meaning::default();
        log.enumerate().for_each(|(place, record)| meaning.read(place, record));
        meaning
    }

    pub(super) fn offset(&self, group: &GroupId, at: &TopicPartition) -> Said<'_> {
        let Some(content) = self.offsets.get(&(group.clone(), at.clone())) else {
            return Said::default();
        };
        let committed = content.committed.as_ref().map(|(_, offset)| offset);
        let waiting = content.waiting.iter().map(|(producer, (_, offset))| (*producer, offset));
        (committed, waiting.collect())
    }

    pub(super) fn has_offsets(&self, group: &GroupId) -> bool {
        self.offsets.iter().any(|((of, _), content)| {
            of == group && (content.committed.is_some() || !content.waiting.is_empty())
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
                let waiting = &mut self.content(group, partition).waiting;
                waiting.insert(*producer, (place, offset.clone()));
            }
            Record::TxnMarker { producer, committed } => {
                for content in self.offsets.values_mut() {
                    let Some((written, offset)) = content.waiting.remove(producer) else {
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
