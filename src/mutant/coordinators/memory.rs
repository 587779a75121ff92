//! Coordinators that forget.

use std::collections::BTreeMap;

use crate::coordinator::{AppendId, Call, GroupCoordinator, Input, Output};
use crate::protocol::{GroupId, Request, Response, TopicPartition};
use crate::time::Time;

use crate::mutant::Factory;
use crate::mutant::passthrough::{Intercepted, Passthrough};

use super::interceptor::{ResponseFate, ResponseInterceptor};

/// Responds to every fifth OffsetFetch as if nothing had been committed. Like KAFKA-13636, where
/// the offsets of an active group expired. `no-loss` must catch it.
#[derive(Default)]
pub struct ForgottenOffsets {
    fetches: u32,
}

impl ResponseInterceptor for ForgottenOffsets {
    fn response(&mut self, request: &Request, response: &mut Response) -> ResponseFate {
        if let Request::OffsetFetch(_) = request {
            self.fetches += 1;
            if self.fetches.is_multiple_of(5) {
                each_offset(request, response, |_, _, offset, _| *offset = -1);
            }
        }
        ResponseFate::Sent
    }
}

/// Responds to OffsetFetch with the commit before the last. Like KAFKA-5247, where an older offset
/// replaced a newer one. `no-loss` must catch it.
#[derive(Default)]
pub struct StaleOffsets {
    /// The last two accepted commits, the older first.
    committed: BTreeMap<(GroupId, TopicPartition), (Option<i64>, i64)>,
}

impl ResponseInterceptor for StaleOffsets {
    fn response(&mut self, request: &Request, response: &mut Response) -> ResponseFate {
        match (request, &*response) {
            (Request::OffsetCommit(body), Response::OffsetCommit(response)) => {
                let codes = response.topics.iter().flat_map(|topic| &topic.partitions);
                if codes.clone().any(|entry| entry.error_code != 0) {
                    return ResponseFate::Sent;
                }
                for topic in &body.topics {
                    for entry in &topic.partitions {
                        let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                        self.remember(&body.group_id, id, entry.committed_offset);
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
        ResponseFate::Sent
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

/// Visits the offsets of an OffsetFetch response, each with its error.
pub fn each_offset(
    request: &Request,
    response: &mut Response,
    mut visit: impl FnMut(&GroupId, TopicPartition, &mut i64, &mut i16),
) {
    let (Request::OffsetFetch(body), Response::OffsetFetch(fetched)) = (request, response) else {
        return;
    };
    for topic in &mut fetched.topics {
        for entry in &mut topic.partitions {
            let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
            visit(&body.group_id, id, &mut entry.committed_offset, &mut entry.error_code);
        }
    }
    for group in &mut fetched.groups {
        for topic in &mut group.topics {
            for entry in &mut topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                visit(&group.group_id, id, &mut entry.committed_offset, &mut entry.error_code);
            }
        }
    }
}

/// Loses all its state after some requests, without reporting it. Like KAFKA-16030, where a
/// coordinator served a partition whose log it had not read. `legal-transitions` or `generation`
/// must catch it.
pub struct Amnesia {
    new: Factory,
    inner: Box<dyn GroupCoordinator>,
    requests: u32,
    incarnation: u64,
}

/// The number of requests after which it loses its state.
const MEMORY: u32 = 300;

impl Amnesia {
    /// Wraps a coordinator that still has its state.
    pub fn boxed(new: Factory) -> Box<dyn GroupCoordinator> {
        let inner = new();
        Box::new(Intercepted(Amnesia { new, inner, requests: 0, incarnation: 0 }))
    }

    /// Makes append ids unique: each incarnation counts its appends from 0.
    fn number(&self, before: usize, out: &mut [Output]) {
        for output in &mut out[before..] {
            if let Output::Append { id, .. } = output {
                id.0 |= self.incarnation << 48;
            }
        }
    }
}

impl Passthrough for Amnesia {
    fn inner(&self) -> &dyn GroupCoordinator {
        &*self.inner
    }

    fn inner_mut(&mut self) -> &mut dyn GroupCoordinator {
        &mut *self.inner
    }

    fn pass(&mut self, _now: Time, before: usize, out: &mut Vec<Output>) {
        self.number(before, out);
    }

    fn request(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>) {
        self.requests += 1;
        if self.requests.is_multiple_of(MEMORY) {
            self.inner = (self.new)();
            self.inner.handle(now, Input::Loaded, out);
            self.incarnation += 1;
        }
        self.inner.handle(now, Input::Request(call), out);
    }

    /// The id of an append in this incarnation; none if it belongs to an earlier one.
    fn own_append(&self, append: AppendId) -> Option<AppendId> {
        (append.0 >> 48 == self.incarnation).then_some(AppendId(append.0 & ((1 << 48) - 1)))
    }
}
