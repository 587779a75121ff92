//! What a consumer does and receives, in the form in which several invariants judge clients: its
//! requests and responses, the identity that a request claims, and state per running consumer.
//!
//! Nothing here judges. What a client may believe about its membership is in `membership`.

use kafka_protocol::messages::JoinGroupRequest;

use crate::client::ConsumerConfig;
use crate::protocol::{Api, Request, Response, ResponseError, StrBytes};
use crate::time::Time;
use crate::trace::{ConnectionId, ConsumerRef, Event, EventKind, FaultKind, Message, Place};

/// The APIs whose requests claim a member id and a generation.
pub(super) const CLAIMING: &[Api] = &[Api::Heartbeat, Api::SyncGroup, Api::OffsetCommit];

/// The errors that end the membership that a request claimed.
pub(super) const ENDS_MEMBERSHIP: [ResponseError; 3] = [
    ResponseError::UnknownMemberId,
    ResponseError::IllegalGeneration,
    ResponseError::FencedInstanceId,
];

/// A request that a consumer sends, or a response that it receives.
pub(in crate::invariant) struct ClientExchange<'e> {
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
    /// The state of the incarnation at which the event happens, while it runs. It begins when the
    /// consumer starts, and ends when the consumer closes or crashes.
    pub(super) fn at(
        &mut self,
        event: &Event,
        begin: impl FnOnce(&ConsumerConfig, Time) -> T,
    ) -> Option<&mut T> {
        let Place::Consumer(consumer) = event.place else { return None };
        let index = usize::from(consumer.index);
        match &event.kind {
            EventKind::ConsumerStarted { config, .. } => {
                if self.0.len() <= index {
                    self.0.resize_with(index + 1, || None);
                }
                self.0[index] = Some((consumer, begin(config, event.local)));
            }
            EventKind::ConsumerClosed | EventKind::FaultBegan { fault: FaultKind::Crash, .. } => {
                if let Some(place) = self.0.get_mut(index) {
                    place.take_if(|(now, _)| *now == consumer);
                }
            }
            _ => {}
        }
        let (now, state) = self.0.get_mut(index)?.as_mut()?;
        (*now == consumer).then_some(state)
    }
}

/// The requests that a consumer no longer waits for: those that it sent before it last lost its
/// coordinator. It ignores the responses to them.
pub(super) struct Abandoned {
    last_sent: i32,
    last_abandoned: i32,
}

impl Default for Abandoned {
    fn default() -> Self {
        Abandoned { last_sent: 0, last_abandoned: -1 }
    }
}

impl Abandoned {
    /// The consumer sends a request that matters here.
    pub(super) fn sent(&mut self, exchange: &ClientExchange<'_>) {
        self.last_sent = exchange.correlation;
    }

    /// The consumer loses its coordinator.
    pub(super) fn coordinator_lost(&mut self) {
        self.last_abandoned = self.last_sent;
    }

    /// Whether the consumer ignores the response.
    pub(super) fn covers(&self, exchange: &ClientExchange<'_>) -> bool {
        exchange.correlation <= self.last_abandoned
    }
}

/// The exchange that the event is part of, if a consumer sends a request or receives a response.
pub(in crate::invariant) fn exchange(event: &Event) -> Option<ClientExchange<'_>> {
    let Place::Consumer(_) = event.place else { return None };
    let (conn, request, received) = match &event.kind {
        EventKind::Sent { conn, message: Message::Request(request), .. } => (conn, request, None),
        EventKind::Received { conn, message: Message::Response { request, response }, .. } => {
            let response = &response.body;
            let received = ReceivedResponse { response, error: error_of(response) };
            (conn, request, Some(received))
        }
        _ => return None,
    };
    let correlation = request.correlation;
    Some(ClientExchange { conn: *conn, correlation, request: &request.body, received })
}

/// The JoinGroup that a consumer sends with this event.
pub(super) fn sent_join(event: &Event) -> Option<&JoinGroupRequest> {
    match &event.kind {
        EventKind::Sent { message: Message::Request(request), .. } => match &request.body {
            Request::JoinGroup(body) => Some(body),
            _ => None,
        },
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

/// The first error code in a response, 0 for none.
fn error_of(response: &Response) -> i16 {
    match response {
        Response::JoinGroup(body) => body.error_code,
        Response::SyncGroup(body) => body.error_code,
        Response::Heartbeat(body) => body.error_code,
        Response::OffsetCommit(body) => {
            let partitions = body.topics.iter().flat_map(|topic| &topic.partitions);
            first(partitions.map(|one| one.error_code))
        }
        Response::OffsetFetch(body) => {
            let old = body.topics.iter().flat_map(|topic| &topic.partitions);
            let groups = body.groups.iter();
            let new = groups.clone().flat_map(|group| &group.topics);
            let new = new.flat_map(|topic| &topic.partitions).map(|one| one.error_code);
            let whole = std::iter::once(body.error_code).chain(groups.map(|one| one.error_code));
            first(whole.chain(old.map(|one| one.error_code)).chain(new))
        }
        Response::FindCoordinator(body) => {
            let keys = body.coordinators.iter().map(|one| one.error_code);
            first(std::iter::once(body.error_code).chain(keys))
        }
        _ => 0,
    }
}

fn first(mut codes: impl Iterator<Item = i16>) -> i16 {
    codes.find(|code| *code != 0).unwrap_or(0)
}
