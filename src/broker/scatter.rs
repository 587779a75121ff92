//! Requests that do not concern one partition of the offsets log as a whole. The broker cuts them
//! into parts, each part is a request of its own to one coordinator, and the responses are put
//! together in the order of the original (rule R3.15).
//!
//! OffsetFetch, DescribeGroups and DeleteGroups may name groups in several partitions, ListGroups
//! concerns all partitions, WriteTxnMarkers names partitions of the offsets log
//! ([`super::markers`]). OffsetCommit, TxnOffsetCommit and OffsetDelete are cut if they name a
//! topic partition that does not exist: only the rest reaches the coordinator ([`super::partial`]).
//! [`super::cut`] says how each is cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::coordinator::RequestId;
use crate::protocol::{Api, RequestFrame, Response};

use super::context::BrokerContext;
use super::cut::{self, Places};
use super::partial::needs_broker_checks;
use super::routing::group_of;

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

/// A response that still lacks some of its parts.
struct Whole {
    response: Response,
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

impl BrokerContext<'_, '_> {
    /// Passes a group request to the coordinators that it concerns.
    pub(super) fn group_request(&mut self, id: RequestId, frame: &Arc<RequestFrame>) {
        match group_of(&frame.body, frame.version) {
            Some(group) if !needs_broker_checks(&frame.body, &self.shared.topics) => {
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
            return self.respond(whole, cut.response);
        }
        let whole_response = Whole { response: cut.response, parts_left: parts.len() };
        self.broker.scattered.whole.insert(whole, whole_response);
        for (id, frame, partition) in parts {
            self.hand_over(partition, id, &frame);
        }
    }

    /// ListGroups skips the partitions that the broker does not lead or that are unused.
    fn nothing_to_list(&self, frame: &RequestFrame, partition: usize) -> bool {
        frame.body.api() == Api::ListGroups && self.broker.terms[partition].is_none()
    }

    /// Takes the response to a part of a request; returns it if there is no such part.
    pub(super) fn on_part_response(&mut self, id: RequestId, body: Response) -> Option<Response> {
        let Some(part) = self.broker.scattered.parts.remove(&id) else { return Some(body) };
        let Some(whole) = self.broker.scattered.whole.get_mut(&part.whole) else {
            panic!("the part {id:?} arrived after the response to its request {:?}", part.whole);
        };
        cut::fill(&mut whole.response, &part.places, body);
        whole.parts_left -= 1;
        if whole.parts_left == 0
            && let Some(whole) = self.broker.scattered.whole.remove(&part.whole)
        {
            self.respond(part.whole, whole.response);
        }
        None
    }
}
