//! Requests that do not concern one shard as a whole: they are cut into parts, each part is a request of its
//! own to one shard, and the answers are put together in the order of the original (rule R3.15).
//!
//! OffsetFetch, DescribeGroups and DeleteGroups name groups of several shards, ListGroups means all of them,
//! WriteTxnMarkers names partitions of the offsets log ([`super::markers`]). OffsetCommit, TxnOffsetCommit and
//! OffsetDelete are cut when they name a partition that does not exist: only the rest reaches the coordinator
//! ([`super::partial`]). How each is cut is in [`super::cut`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::coordinator::RequestId;
use crate::protocol::{Api, RequestFrame, Response};

use super::cut::{self, Places};
use super::partial::is_for_broker_too;
use super::routing::group_of;
use super::turn::Turn;

#[derive(Default)]
pub(super) struct Scattered {
    parts: BTreeMap<RequestId, Part>,
    whole: BTreeMap<RequestId, Whole>,
}

struct Part {
    whole: RequestId,
    partition: usize,
    places: Places,
    frame: Arc<RequestFrame>,
}

/// An answer in the making.
struct Whole {
    answer: Response,
    parts_left: usize,
}

impl Scattered {
    pub(super) fn frame(&self, part: RequestId) -> Option<&Arc<RequestFrame>> {
        self.parts.get(&part).map(|part| &part.frame)
    }

    pub(super) fn is_cut(&self, whole: RequestId) -> bool {
        self.whole.contains_key(&whole)
    }

    pub(super) fn parts_at(&self, partition: usize) -> impl Iterator<Item = RequestId> {
        let at = move |part: &Part| part.partition == partition;
        self.parts.iter().filter(move |(_, part)| at(part)).map(|(id, _)| *id)
    }
}

impl Turn<'_, '_> {
    /// Brings a request of the group APIs to the shards that it concerns.
    pub(super) fn group_request(&mut self, id: RequestId, frame: &Arc<RequestFrame>) {
        match group_of(&frame.body, frame.version) {
            Some(group) if !is_for_broker_too(&frame.body, &self.shared.topics) => {
                let partition = self.shared.routing.partition_of(group);
                self.hand_over(partition, id, frame);
            }
            Some(_) | None => self.scatter(id, frame),
        }
    }

    fn scatter(&mut self, whole: RequestId, frame: &Arc<RequestFrame>) {
        let partitions = self.broker.terms.len();
        let cut = cut::cut(frame, &mut self.shared.routing, &self.shared.topics, partitions);
        let mut parts = Vec::new();
        for cut::Part { partition, request, places } in cut.parts {
            if self.nothing_to_list(frame, partition) {
                continue;
            }
            let id = self.broker.fresh_request_id();
            let part = Arc::new(RequestFrame {
                correlation: frame.correlation,
                version: frame.version,
                client_id: frame.client_id.clone(),
                body: request,
            });
            parts.push((id, Arc::clone(&part), partition));
            let part = Part { whole, partition, places, frame: part };
            self.broker.scattered.parts.insert(id, part);
        }
        if parts.is_empty() {
            return self.respond(whole, cut.answer);
        }
        let whole_answer = Whole { answer: cut.answer, parts_left: parts.len() };
        self.broker.scattered.whole.insert(whole, whole_answer);
        for (id, frame, partition) in parts {
            self.hand_over(partition, id, &frame);
        }
    }

    /// ListGroups passes over what the broker does not lead, and over what nobody has used.
    fn nothing_to_list(&self, frame: &RequestFrame, partition: usize) -> bool {
        frame.body.api() == Api::ListGroups && self.broker.terms[partition].is_none()
    }

    /// A part of a request has its answer; gives it back if there is no such part.
    pub(super) fn part_answered(&mut self, id: RequestId, body: Response) -> Option<Response> {
        let Some(part) = self.broker.scattered.parts.remove(&id) else { return Some(body) };
        let Some(whole) = self.broker.scattered.whole.get_mut(&part.whole) else {
            panic!("part {id:?} of {:?} outlived it", part.whole);
        };
        cut::fill(&mut whole.answer, &part.places, body);
        whole.parts_left -= 1;
        if whole.parts_left == 0
            && let Some(whole) = self.broker.scattered.whole.remove(&part.whole)
        {
            self.respond(part.whole, whole.answer);
        }
        None
    }
}
