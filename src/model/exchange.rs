//! A request that a consumer sends, and the response that it receives, as the consumer sees them.

use crate::protocol::{Api, Request, Response, ResponseError, StrBytes};
use crate::trace::{ConnectionId, Event, EventKind, Message, Place};

/// The APIs whose requests claim a member id and a generation.
pub const CLAIMING: &[Api] = &[Api::Heartbeat, Api::SyncGroup, Api::OffsetCommit];

/// The errors that end the membership that a request claimed.
pub const ENDS_MEMBERSHIP: [ResponseError; 3] = [
    ResponseError::UnknownMemberId,
    ResponseError::IllegalGeneration,
    ResponseError::FencedInstanceId,
];

/// A request that a consumer sends, or a response that it receives.
pub struct ClientExchange<'e> {
    /// The connection.
    pub conn: ConnectionId,
    /// The correlation id of the request; a consumer numbers its requests upwards.
    pub correlation: i32,
    /// The request.
    pub request: &'e Request,
    /// The response, if the event is that it arrives.
    pub received: Option<ReceivedResponse<'e>>,
}

/// A response that a consumer receives.
#[derive(Clone, Copy)]
pub struct ReceivedResponse<'e> {
    /// The response.
    pub response: &'e Response,
    /// The first error code in it, 0 for none.
    pub error: i16,
}

impl ReceivedResponse<'_> {
    /// Whether the response has one of these errors.
    pub fn is(&self, errors: &[ResponseError]) -> bool {
        errors.iter().any(|error| error.code() == self.error)
    }
}

/// The exchange that the event is part of, if a consumer sends a request or receives a response.
pub fn exchange(event: &Event) -> Option<ClientExchange<'_>> {
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

/// The member id and generation that a request claims; none for a request without a generation.
pub fn claimed_identity(request: &Request) -> Option<(&StrBytes, i32)> {
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
