//! Coordinators that forget.

use std::collections::BTreeMap;

use groupsim::coordinator::{AppendId, Call, GroupCoordinator, GroupDescription, Output};
use groupsim::protocol::{GroupId, Request, Response, ResponseError, TopicName, TopicPartition};
use groupsim::time::Time;

use crate::catalog::Factory;

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
                each_offset(request, response, |_, _, offset| *offset = -1);
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
                each_offset(request, response, |group, partition, offset| {
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

/// Visits the offsets of an OffsetFetch answer.
fn each_offset(
    request: &Request,
    response: &mut Response,
    mut visit: impl FnMut(&GroupId, TopicPartition, &mut i64),
) {
    let (Request::OffsetFetch(asked), Response::OffsetFetch(answer)) = (request, response) else {
        return;
    };
    for topic in &mut answer.topics {
        for entry in &mut topic.partitions {
            let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
            visit(&asked.group_id, id, &mut entry.committed_offset);
        }
    }
    for group in &mut answer.groups {
        for topic in &mut group.topics {
            for entry in &mut topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                visit(&group.group_id, id, &mut entry.committed_offset);
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
    pub fn new(new: Factory) -> Amnesia {
        let inner = new();
        Amnesia { new, inner, requests: 0, lives: 0 }
    }

    /// Each life counts its appends from 0; seen from outside they all differ.
    fn number(&self, before: usize, out: &mut [Output]) {
        for output in &mut out[before..] {
            if let Output::Append { id, .. } = output {
                id.0 |= self.lives << 48;
            }
        }
    }

    /// The name of an append in this life, if it is of this life.
    fn own(&self, append: AppendId) -> Option<AppendId> {
        (append.0 >> 48 == self.lives).then_some(AppendId(append.0 & ((1 << 48) - 1)))
    }
}

impl GroupCoordinator for Amnesia {
    fn handle(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>) {
        self.requests += 1;
        if self.requests.is_multiple_of(MEMORY) {
            self.inner = (self.new)();
            self.lives += 1;
        }
        let before = out.len();
        self.inner.handle(now, call, out);
        self.number(before, out);
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Output>) {
        let before = out.len();
        self.inner.advance(now, out);
        self.number(before, out);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.inner.next_deadline()
    }

    fn committed(&mut self, now: Time, append: AppendId, out: &mut Vec<Output>) {
        let before = out.len();
        if let Some(append) = self.own(append) {
            self.inner.committed(now, append, out);
        }
        self.number(before, out);
    }

    fn append_failed(
        &mut self,
        now: Time,
        append: AppendId,
        error: ResponseError,
        out: &mut Vec<Output>,
    ) {
        let before = out.len();
        if let Some(append) = self.own(append) {
            self.inner.append_failed(now, append, error, out);
        }
        self.number(before, out);
    }

    fn deadlines(&self, visit: &mut dyn FnMut(Time)) {
        self.inner.deadlines(visit);
    }

    fn describe(&self, group: &GroupId) -> Option<GroupDescription> {
        self.inner.describe(group)
    }

    fn topic_changed(&mut self, now: Time, topic: &TopicName, out: &mut Vec<Output>) {
        let before = out.len();
        self.inner.topic_changed(now, topic, out);
        self.number(before, out);
    }
}
