//! What was committed and acknowledged is what is fetched afterwards.
//!
//! A fetch that is sent when a commit has been acknowledged is answered with that offset, or with one whose
//! commit was under way at some time since: one that was never answered may be heard late.

use std::collections::BTreeMap;

use crate::invariant::Invariant;
use crate::invariant::ledger::Ledger;
use crate::invariant::{Breach, breach};
use crate::protocol::{GroupId, Request, RequestFrame, Response, TopicPartition};
use crate::trace::Event;

use super::book::{Answered, Book, Entry, Moment};

#[derive(Default)]
pub(super) struct NoLoss {
    book: Book,
    groups: BTreeMap<(GroupId, TopicPartition), Commits>,
}

/// The commits of one partition.
#[derive(Default)]
struct Commits {
    /// Those that may be what is stored: when each was sent, its offset, and when it was acknowledged.
    possible: Vec<(Moment, i64, Option<Moment>)>,
}

impl Invariant for NoLoss {
    fn name(&self) -> &'static str {
        "no-loss"
    }

    fn statement(&self) -> &'static str {
        "an acknowledged commit is what is fetched afterwards"
    }

    fn check(&mut self, _ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        match self.book.take(event) {
            Some(Entry::Asked(at, request)) => {
                self.asked(at, request);
                Ok(())
            }
            Some(Entry::Answered(answered)) => self.answered(&answered),
            // A commit that is lost may have been heard: it stays possible.
            None => Ok(()),
        }
    }
}

impl NoLoss {
    fn asked(&mut self, at: Moment, request: &RequestFrame) {
        let Request::OffsetCommit(body) = &request.body else { return };
        for topic in &body.topics {
            for wanted in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), wanted.partition_index);
                let commits = self.groups.entry((body.group_id.clone(), id)).or_default();
                commits.possible.push((at, wanted.committed_offset, None));
            }
        }
    }

    fn answered(&mut self, answered: &Answered<'_>) -> Result<(), Breach> {
        match (&answered.request.body, answered.response) {
            (Request::OffsetCommit(body), Response::OffsetCommit(answer)) => {
                for topic in &answer.topics {
                    for partition in &topic.partitions {
                        let id = TopicPartition::new(topic.name.clone(), partition.partition_index);
                        if let Some(commits) = self.groups.get_mut(&(body.group_id.clone(), id)) {
                            commits.answered(answered, partition.error_code == 0);
                        }
                    }
                }
                Ok(())
            }
            (Request::OffsetFetch(_), Response::OffsetFetch(answer)) => {
                for group in answer.groups.iter().filter(|group| group.error_code == 0) {
                    for topic in &group.topics {
                        for found in topic.partitions.iter().filter(|found| found.error_code == 0) {
                            let id = TopicPartition::new(topic.name.clone(), found.partition_index);
                            let key = (group.group_id.clone(), id);
                            self.fetched(answered, key, found.committed_offset)?;
                        }
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn fetched(
        &self,
        answered: &Answered<'_>,
        key: (GroupId, TopicPartition),
        found: i64,
    ) -> Result<(), Breach> {
        let Some(commits) = self.groups.get(&key) else { return Ok(()) };
        match commits.lost(answered.asked, found) {
            None => Ok(()),
            Some(acknowledged) => breach!(
                "fetched",
                "group {}: {} was committed at {acknowledged}, and fetched afterwards at {found}",
                key.0.as_str(),
                key.1
            ),
        }
    }
}

impl Commits {
    fn answered(&mut self, answered: &Answered<'_>, accepted: bool) {
        let Some(index) = self.possible.iter().position(|(at, ..)| *at == answered.asked) else {
            return;
        };
        if !accepted {
            self.possible.remove(index);
            return;
        }
        self.possible[index].2 = Some(answered.now);
        // What was acknowledged before this one was sent has been replaced by it.
        let sent = answered.asked;
        self.possible.retain(|(_, _, acknowledged)| acknowledged.is_none_or(|at| at > sent));
    }

    /// The acknowledged offset that a fetch sent at a moment should have found, if it cannot have found what
    /// it did.
    fn lost(&self, asked: Moment, found: i64) -> Option<i64> {
        let mut certain = self.possible.iter().filter(|(_, _, at)| at.is_some_and(|at| at < asked));
        let (_, acknowledged, _) = certain.next_back()?;
        let possible = self.possible.iter().any(|(_, offset, _)| *offset == found);
        (!possible).then_some(*acknowledged)
    }
}
