//! Coordinators that forget.

use std::collections::BTreeMap;

use crate::coordinator::{AppendId, Call, GroupCoordinator, Output};
use crate::protocol::{GroupId, Request, Response, TopicPartition};
use crate::time::Time;

use crate::mutant::Factory;
use crate::mutant::around::{Around, Wrapped};

use super::bent::{Bend, Fate};

/// Answers every fifth OffsetFetch as if nothing had been committed. Like KAFKA-13636, where the offsets of
/// a living group expired. `no-loss` must catch it.
#[derive(Default)]
pub struct ForgottenOffsets {
    fetches: u32,
}

impl Bend for ForgottenOffsets {
    fn response(&mut self, request: &Request, response: &mut Response) -> Fate {
        if let Request::OffsetFetch(_) = request {
            self.fetches += 1;
            if self.fetches.is_multiple_of(5) {
                each_offset(request, response, |_, _, offset, _| *offset = -1);
            }
        }
        Fate::Sent
    }
}

/// Answers OffsetFetch with the commit before the last. Like KAFKA-5247, where an older offset came back
/// over a newer one. `no-loss` must catch it.
#[derive(Default)]
pub struct StaleOffsets {
    /// The last two accepted commits, the older first.
    committed: BTreeMap<(GroupId, TopicPartition), (Option<i64>, i64)>,
}

impl Bend for StaleOffsets {
    fn response(&mut self, request: &Request, response: &mut Response) -> Fate {
        match (request, &*response) {
            (Request::OffsetCommit(asked), Response::OffsetCommit(answer)) => {
                let codes = answer.topics.iter().flat_map(|topic| &topic.partitions);
                if codes.clone().any(|entry| entry.error_code != 0) {
                    return Fate::Sent;
                }
                for topic in &asked.topics {
                    for entry in &topic.partitions {
                        let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                        self.remember(&asked.group_id, id, entry.committed_offset);
                    }
                }
            }
            (Request::OffsetFetch(_), Response::OffsetFetch(_)) => {
                each_offset(request, response, |group, partition, offset, _| {
                    let known = self.committed.get(&(group.clone(), partition));
                    if let Some((Some(before), _)) = known {
                        *offset = *before;
                    }
                });
            }
            _ => {}
        }
        Fate::Sent
    }
}

impl StaleOffsets {
    fn remember(&mut self, group: &GroupId, partition: TopicPartition, offset: i64) {
        let known = self.committed.entry((group.clone(), partition)).or_insert((None, offset));
        if known.1 != offset {
            *known = (Some(known.1), offset);
        }
    }
}

/// Visits the offsets of an OffsetFetch answer, each with its error.
pub fn each_offset(
    request: &Request,
    response: &mut Response,
    mut visit: impl FnMut(&GroupId, TopicPartition, &mut i64, &mut i16),
) {
    let (Request::OffsetFetch(asked), Response::OffsetFetch(answer)) = (request, response) else {
        return;
    };
    for topic in &mut answer.topics {
        for entry in &mut topic.partitions {
            let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
            visit(&asked.group_id, id, &mut entry.committed_offset, &mut entry.error_code);
        }
    }
    for group in &mut answer.groups {
        for topic in &mut group.topics {
            for entry in &mut topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                visit(&group.group_id, id, &mut entry.committed_offset, &mut entry.error_code);
            }
        }
    }
}

/// Loses all it knows after some requests, and says so to nobody. Like KAFKA-16030, where a coordinator
/// served a partition whose log it had not read. `legal-transitions` or `generation` must catch it.
pub struct Amnesia {
    new: Factory,
    inner: Box<dyn GroupCoordinator>,
    requests: u32,
    lives: u64,
}

/// After how many requests it forgets.
const MEMORY: u32 = 300;

impl Amnesia {
    /// One that still remembers.
    pub fn boxed(new: Factory) -> Box<dyn GroupCoordinator> {
        let inner = new();
        Box::new(Wrapped(Amnesia { new, inner, requests: 0, lives: 0 }))
    }

    /// Each life counts its appends from 0; seen from outside they all differ.
    fn number(&self, before: usize, out: &mut [Output]) {
        for output in &mut out[before..] {
            if let Output::Append { id, .. } = output {
                id.0 |= self.lives << 48;
            }
        }
    }
}

impl Around for Amnesia {
    fn inner(&self) -> &dyn GroupCoordinator {
        &*self.inner
    }

    fn inner_mut(&mut self) -> &mut dyn GroupCoordinator {
        &mut *self.inner
    }

    fn pass(&mut self, _now: Time, before: usize, out: &mut Vec<Output>) {
        self.number(before, out);
    }

    fn handle(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>) {
        self.requests += 1;
        if self.requests.is_multiple_of(MEMORY) {
            self.inner = (self.new)();
            self.lives += 1;
        }
        self.inner.handle(now, call, out);
    }

    /// The name of an append in this life, if it is of this life.
    fn own(&self, append: AppendId) -> Option<AppendId> {
        (append.0 >> 48 == self.lives).then_some(AppendId(append.0 & ((1 << 48) - 1)))
    }
}
