//! Coordinators that get their terms and what they write wrong.

use std::collections::BTreeSet;

use crate::coordinator::{
    AppendId, GroupCoordinator, Observation, Output, Record, RecordKey, Release,
};
use crate::protocol::{Generation, GroupId, Request, Response, ResponseError};
use crate::time::Time;

use crate::mutant::Factory;
use crate::mutant::around::{Around, Wrapped};

use super::bent::{Bend, Fate};

/// Takes what it has appended for committed, and answers. What it promised is lost with the leader. `durable` or `no-loss` must catch it.
pub struct AnswersEarly(Box<dyn GroupCoordinator>);

impl AnswersEarly {
    /// One that waits for nothing.
    pub fn boxed(new: Factory) -> Box<dyn GroupCoordinator> {
        Box::new(Wrapped(AnswersEarly(new())))
    }
}

impl Around for AnswersEarly {
    fn inner(&self) -> &dyn GroupCoordinator {
        &*self.0
    }

    fn inner_mut(&mut self) -> &mut dyn GroupCoordinator {
        &mut *self.0
    }

    fn pass(&mut self, now: Time, before: usize, out: &mut Vec<Output>) {
        let mut next = before;
        while let Some(output) = out.get_mut(next) {
            match output {
                Output::Append { id, .. } => {
                    let id = *id;
                    self.0.committed(now, id, out);
                }
                Output::Respond { release, .. } => *release = Release::Now,
                Output::Observe(_) => {}
            }
            next += 1;
        }
    }

    fn own(&self, _append: AppendId) -> Option<AppendId> {
        None
    }
}

/// Skips the offsets of the log that it replays. Like KAFKA-16030, where a coordinator
/// served a partition whose log it had not read. `durable` must catch it.
pub struct LoadsNoOffsets;

impl Bend for LoadsNoOffsets {
    fn record(&mut self, record: &Record) -> Option<Record> {
        match record {
            Record::OffsetCommit { .. } => None,
            other => Some(other.clone()),
        }
    }
}

/// Stops one commit before the end of the log that it replays. `durable` must catch it.
#[derive(Default)]
pub struct LoadsAllButTheLast {
    held: Option<Record>,
}

impl Bend for LoadsAllButTheLast {
    fn record(&mut self, record: &Record) -> Option<Record> {
        match record {
            Record::OffsetCommit { .. } => self.held.replace(record.clone()),
            other => Some(other.clone()),
        }
    }
}

/// Takes the first record of a key for the last, as if the log were read from its end. `durable` must catch
/// it.
#[derive(Default)]
pub struct LoadsBackwards {
    seen: BTreeSet<RecordKey>,
}

impl Bend for LoadsBackwards {
    fn record(&mut self, record: &Record) -> Option<Record> {
        let again = record.key().is_some_and(|key| !self.seen.insert(key));
        (!again).then(|| record.clone())
    }
}

/// Passes over the tombstones of offsets: what was removed is back. `durable` must catch it.
pub struct LoadsRemovedOffsets;

impl Bend for LoadsRemovedOffsets {
    fn record(&mut self, record: &Record) -> Option<Record> {
        match record {
            Record::OffsetTombstone { .. } => None,
            other => Some(other.clone()),
        }
    }
}

/// Passes over all tombstones, so that groups which were deleted are back. `durable` must catch it.
pub struct LoadsDeletedGroups;

impl Bend for LoadsDeletedGroups {
    fn record(&mut self, record: &Record) -> Option<Record> {
        (!record.is_tombstone()).then(|| record.clone())
    }
}

/// Loads each group in generation 0. `durable` must catch it.
pub struct LoadsGenerationZero;

impl Bend for LoadsGenerationZero {
    fn record(&mut self, record: &Record) -> Option<Record> {
        let mut record = record.clone();
        if let Record::GroupMetadata(metadata) = &mut record {
            metadata.generation = Generation(0);
        }
        Some(record)
    }
}

/// Finds the right generation in the log, and goes on from the one before. `generation` must catch it.
#[derive(Default)]
pub struct GoesOnFromBefore {
    lowered: BTreeSet<GroupId>,
}

impl Bend for GoesOnFromBefore {
    fn record(&mut self, record: &Record) -> Option<Record> {
        let mut record = record.clone();
        if let Record::GroupMetadata(metadata) = &mut record {
            self.lowered.remove(&metadata.group);
            if metadata.generation.0 > 0 {
                metadata.generation.0 -= 1;
                self.lowered.insert(metadata.group.clone());
            }
        }
        Some(record)
    }

    fn output(&mut self, output: &mut Output) {
        if let Output::Observe(Observation::GroupLoaded(loaded)) = output
            && self.lowered.remove(&loaded.metadata.group)
        {
            loaded.metadata.generation.0 += 1;
        }
    }
}

/// Leaves a JoinGroup or SyncGroup unanswered that a newer one of the same member replaces. (And what is
/// parked when it unloads; but that its host answers.) Like KAFKA-20938. `answered` must catch it.
pub struct SilentReplacement;

impl Bend for SilentReplacement {
    fn response(&mut self, request: &Request, response: &mut Response) -> Fate {
        let code = match (request, response) {
            (Request::JoinGroup(_), Response::JoinGroup(answer)) => answer.error_code,
            (Request::SyncGroup(_), Response::SyncGroup(answer)) => answer.error_code,
            _ => 0,
        };
        match code == ResponseError::NotCoordinator.code() {
            true => Fate::Dropped,
            false => Fate::Sent,
        }
    }
}
