//! Coordinators with bugs in their terms and in what they write and load.

use std::collections::BTreeSet;

use crate::coordinator::{
    AppendId, GroupCoordinator, Input, Observation, Output, Record, RecordKey, Release,
};
use crate::protocol::{Generation, GroupId, Request, Response, ResponseError};
use crate::time::Time;

use crate::mutant::Factory;
use crate::mutant::passthrough::{Intercepted, Passthrough};

use super::interceptor::{ResponseFate, ResponseInterceptor};

/// Responds when a record is appended, not when it is committed. The acknowledged state is lost
/// with the leader. `durable` or `no-loss` must catch it.
pub struct RespondsEarly(Box<dyn GroupCoordinator>);

impl RespondsEarly {
    /// Wraps a coordinator.
    pub fn boxed(new: Factory) -> Box<dyn GroupCoordinator> {
        Box::new(Intercepted(RespondsEarly(new())))
    }
}

impl Passthrough for RespondsEarly {
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
                    self.0.handle(now, Input::Committed(id), out);
                }
                Output::Respond { release, .. } if *release == Release::WhenDurable => {
                    *release = Release::Now;
                }
                Output::Respond { .. } | Output::Outcome { .. } | Output::Observe(_) => {}
            }
            next += 1;
        }
    }

    fn own_append(&self, _append: AppendId) -> Option<AppendId> {
        None
    }
}

/// Skips the offset records of the log that it replays. Like KAFKA-16030, where a coordinator
/// served a partition whose log it had not read. `durable` must catch it.
pub struct LoadsNoOffsets;

impl ResponseInterceptor for LoadsNoOffsets {
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

impl ResponseInterceptor for LoadsAllButTheLast {
    fn record(&mut self, record: &Record) -> Option<Record> {
        match record {
            Record::OffsetCommit { .. } => self.held.replace(record.clone()),
            other => Some(other.clone()),
        }
    }
}

/// Takes the first record of a key for the last, as if the log were read from its end. `durable`
/// must catch it.
#[derive(Default)]
pub struct LoadsBackwards {
    seen: BTreeSet<RecordKey>,
}

impl ResponseInterceptor for LoadsBackwards {
    fn record(&mut self, record: &Record) -> Option<Record> {
        let again = record.key().is_some_and(|key| !self.seen.insert(key));
        (!again).then(|| record.clone())
    }
}

/// Skips the tombstones of offsets: removed offsets come back. `durable` must catch it.
pub struct LoadsRemovedOffsets;

impl ResponseInterceptor for LoadsRemovedOffsets {
    fn record(&mut self, record: &Record) -> Option<Record> {
        match record {
            Record::OffsetTombstone { .. } => None,
            other => Some(other.clone()),
        }
    }
}

/// Skips all tombstones: deleted groups come back. `durable` must catch it.
pub struct LoadsDeletedGroups;

impl ResponseInterceptor for LoadsDeletedGroups {
    fn record(&mut self, record: &Record) -> Option<Record> {
        (!record.is_tombstone()).then(|| record.clone())
    }
}

/// Loads each group in generation 0. `durable` must catch it.
pub struct LoadsGenerationZero;

impl ResponseInterceptor for LoadsGenerationZero {
    fn record(&mut self, record: &Record) -> Option<Record> {
        let mut record = record.clone();
        if let Record::GroupMetadata(metadata) = &mut record {
            metadata.generation = Generation(0);
        }
        Some(record)
    }
}

/// Reports the right generation from the log, but continues from the one before. `generation` must
/// catch it.
#[derive(Default)]
pub struct GoesOnFromBefore {
    lowered: BTreeSet<GroupId>,
}

impl ResponseInterceptor for GoesOnFromBefore {
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

/// Does not respond to a JoinGroup or SyncGroup that a newer one of the same member replaces. (Nor
/// to those parked when it unloads; but to these its broker responds.) Like KAFKA-20938.
/// `response-deadline` must catch it.
pub struct SilentReplacement;

impl ResponseInterceptor for SilentReplacement {
    fn response(&mut self, request: &Request, response: &mut Response) -> ResponseFate {
        let code = match (request, response) {
            (Request::JoinGroup(_), Response::JoinGroup(response)) => response.error_code,
            (Request::SyncGroup(_), Response::SyncGroup(response)) => response.error_code,
            _ => 0,
        };
        match code == ResponseError::NotCoordinator.code() {
            true => ResponseFate::Dropped,
            false => ResponseFate::Sent,
        }
    }
}
