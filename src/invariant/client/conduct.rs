//! The requests that a consumer sends and the responses that it receives, in the form in which
//! invariants judge clients.

use crate::protocol::{Request, Response, ResponseError, StrBytes};
use crate::trace::{ConnectionId, ConsumerRef, Event, EventKind, Message, Place};

/// A request that a consumer sends, or a response that it receives.
pub(in crate::invariant) struct ClientExchange<'e> {
    pub(super) consumer: ConsumerRef,
    pub(super) conn: ConnectionId,
    /// The correlation id of the request; a consumer numbers its requests upwards.
    pub(super) correlation: i32,
    pub(super) request: &'e Request,
    pub(super) received: Option<ReceivedResponse<'e>>,
}

/// A response that a consumer receives.
#[derive(Clone, Copy)]
pub(in crate::invariant) struct ReceivedResponse<'e> {
    pub(super) response: &'e Response,
    /// The first error code in it, 0 for none.
    pub(super) error: i16,
}

impl ReceivedResponse<'_> {
    pub(in crate::invariant) fn is(&self, errors: &[ResponseError]) -> bool {
        errors.iter().any(|error| error.code() == self.error)
    }
}

/// State per consumer, for its present incarnation. Most events look it up, so it is a list and not
/// a map.
pub(in crate::invariant) struct Incarnations<T>(Vec<Option<(ConsumerRef, T)>>);

impl<T> Default for Incarnations<T> {
    fn default() -> Self {
        Incarnations(Vec::new())
    }
}

impl<T> Incarnations<T> {
    /// Starts an incarnation; the state of the one before is dropped.
    pub(in crate::invariant) fn begin(&mut self, consumer: ConsumerRef, state: T) {
        let index = usize::from(consumer.index);
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some((consumer, state));
    }

    /// Ends an incarnation.
    pub(in crate::invariant) fn end(&mut self, consumer: ConsumerRef) {
        if self.of(consumer).is_some() {
            self.0[usize::from(consumer.index)] = None;
        }
    }

    /// The state of the incarnation, unless it has ended.
    pub(in crate::invariant) fn of(&mut self, consumer: ConsumerRef) -> Option<&mut T> {
        let (now, state) = self.0.get_mut(usize::from(consumer.index))?.as_mut()?;
        (*now == consumer).then_some(state)
    }
}

/// The exchange that the event is part of, if a consumer sends a request or receives a response.
pub(in crate::invariant) fn exchange(event: &Event) -> Option<ClientExchange<'_>> {
    let Place::Consumer(consumer) = event.place else { return None };
    match &event.kind {
        EventKind::Sent { conn, message: Message::Request(request), .. } => {
            let correlation = request.correlation;
            Some(ClientExchange {
                consumer,
                conn: *conn,
                correlation,
                request: &request.body,
                received: None,
            })
        }
        EventKind::Received { conn, message: Message::Response { request, response }, .. } => {
            let response = &response.body;
            let received = Some(ReceivedResponse { response, error: error_of(response) });
            let correlation = request.correlation;
            Some(ClientExchange {
                consumer,
                conn: *conn,
                correlation,
                request: &request.body,
                received,
            })
        }
        _ => None,
    }
}

/// The member id and generation that a request claims; none for a request without a generation.
pub(in crate::invariant) fn claimed_identity(request: &Request) -> Option<(&StrBytes, i32)> {
    let (member, generation) = match request {
        Request::Heartbeat(body) => (&body.member_id, body.generation_id),
        Request::SyncGroup(body) => (&body.member_id, body.generation_id),
        Request::OffsetCommit(body) => (&body.member_id, body.generation_id_or_member_epoch),
        _ => return None,
    };
    (generation >= 0).then_some((member, generation))
}

fn error_of(response: &Response) -> i16 {
    let first = |mut codes: Box<dyn Iterator<Item = i16> + '_>| codes.find(|&code| code != 0);
    match response {
        Response::JoinGroup(body) => body.error_code,
        Response::SyncGroup(body) => body.error_code,
        Response::Heartbeat(body) => body.error_code,
        Response::OffsetCommit(body) => {
            let partitions = body.topics.iter().flat_map(|topic| &topic.partitions);
            first(Box::new(partitions.map(|one| one.error_code))).unwrap_or(0)
        }
        Response::OffsetFetch(body) => {
            let old = body.topics.iter().flat_map(|topic| &topic.partitions);
            let groups = body.groups.iter();
            let new = groups.clone().flat_map(|group| &group.topics);
            let new = new.flat_map(|topic| &topic.partitions).map(|one| one.error_code);
            let whole = std::iter::once(body.error_code).chain(groups.map(|one| one.error_code));
            first(Box::new(whole.chain(old.map(|one| one.error_code)).chain(new))).unwrap_or(0)
        }
        Response::FindCoordinator(body) => {
            let keys = body.coordinators.iter().map(|one| one.error_code);
            first(Box::new(std::iter::once(body.error_code).chain(keys))).unwrap_or(0)
        }
        _ => 0,
    }
}
