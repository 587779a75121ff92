//! The requests that consumer 0 sends and the responses that it receives, on a connection of the
//! test's choice.

use super::*;

use crate::client::{MemberState, TransitionReason};
use crate::protocol::ResponseError;

impl TraceBuilder {
    /// A trace judged by the invariants for black boxes.
    pub(in crate::invariant) fn black_box() -> TraceBuilder {
        TraceBuilder::judged_by(Checker::black_box())
    }

    /// The consumer sends a request.
    pub(in crate::invariant) fn sends(&mut self, conn: u32, body: impl Into<Request>) -> &mut Self {
        let message = Message::Request(request(body.into()));
        self.at_consumer(0, EventKind::Sent { to: BROKER, conn: ConnectionId(conn), message })
    }

    /// The consumer receives a response.
    pub(in crate::invariant) fn receives(
        &mut self,
        conn: u32,
        context: impl Into<Request>,
        body: impl Into<Response>,
    ) -> &mut Self {
        let response = Arc::new(ResponseFrame { correlation: 7, body: body.into() });
        let message = Message::Response { request: request(context.into()), response };
        self.at_consumer(0, EventKind::Received { from: BROKER, conn: ConnectionId(conn), message })
    }

    /// The consumer changes its state.
    pub(in crate::invariant) fn becomes(&mut self, to: MemberState) -> &mut Self {
        let from = to.predecessors()[0];
        let why = match to {
            MemberState::Unjoined => TransitionReason::PollTimeout,
            MemberState::PreparingRebalance => TransitionReason::Joining,
            MemberState::CompletingRebalance => TransitionReason::Joined,
            MemberState::Stable => TransitionReason::Synced,
        };
        self.consumer(0, client::ClientObservation::State { from, to, why })
    }

    /// The consumer finds its coordinator and becomes member a of generation 1, whose leader is b.
    pub(in crate::invariant) fn member(&mut self) -> &mut Self {
        let found = kafka_protocol::messages::FindCoordinatorResponse::default();
        self.started(0).receives(8, FindCoordinatorRequest::default(), found);
        self.becomes(MemberState::PreparingRebalance).sends(1, joins(""));
        self.receives(1, joins(""), join_response("a", 1, "b", &[]));
        self.becomes(MemberState::CompletingRebalance).sends(1, syncs(1));
        self.receives(1, syncs(1), SyncGroupResponse::default());
        self.becomes(MemberState::Stable).assigned(0, "a", 1, &["t-0"])
    }

    /// Member a sends a heartbeat and receives its response, with this error or none.
    pub(in crate::invariant) fn beats(&mut self, error: Option<ResponseError>) -> &mut Self {
        let code = error.map_or(0, |error| error.code());
        self.sends(1, heartbeat(1)).receives(1, heartbeat(1), heartbeat_response(code))
    }

    /// The broker begins to handle a heartbeat of generation 1 from this consumer.
    pub(in crate::invariant) fn heartbeat_of(&mut self, index: u16, id: &str) -> &mut Self {
        self.heartbeat_on(index, id, index.into())
    }

    /// The same on this connection.
    pub(in crate::invariant) fn heartbeat_on(
        &mut self,
        index: u16,
        id: &str,
        conn: u32,
    ) -> &mut Self {
        self.heartbeat_from(Place::Consumer(consumer_ref(index)), id, "c", conn)
    }

    /// The same from an external client, on this connection.
    pub(in crate::invariant) fn external_heartbeat(
        &mut self,
        id: &str,
        client: &str,
        conn: u32,
    ) -> &mut Self {
        self.heartbeat_from(Place::Client(ConnectionId(conn)), id, client, conn)
    }

    fn heartbeat_from(&mut self, from: Place, id: &str, client: &str, conn: u32) -> &mut Self {
        let body = HeartbeatRequest::default()
            .with_group_id(group())
            .with_member_id(str_bytes(id))
            .with_generation_id(1);
        let (correlation, client_id, body) = (7, str_bytes(client), body.into());
        let frame = Arc::new(RequestFrame { correlation, version: 4, client_id, body });
        self.broker(EventKind::Received {
            from,
            conn: ConnectionId(conn),
            message: Message::Request(frame),
        })
    }
}

pub(in crate::invariant) fn joins(id: &str) -> JoinGroupRequest {
    JoinGroupRequest::default().with_group_id(group()).with_member_id(str_bytes(id))
}

pub(in crate::invariant) fn syncs(generation: i32) -> SyncGroupRequest {
    let body = SyncGroupRequest::default().with_group_id(group());
    body.with_member_id(str_bytes("a")).with_generation_id(generation)
}

pub(in crate::invariant) fn heartbeat(generation: i32) -> HeartbeatRequest {
    let body = HeartbeatRequest::default().with_group_id(group());
    body.with_member_id(str_bytes("a")).with_generation_id(generation)
}

pub(in crate::invariant) fn commit(generation: i32) -> OffsetCommitRequest {
    let body = OffsetCommitRequest::default().with_group_id(group());
    body.with_member_id(str_bytes("a")).with_generation_id_or_member_epoch(generation)
}

fn request(body: Request) -> Arc<RequestFrame> {
    Arc::new(RequestFrame { correlation: 7, version: 7, client_id: str_bytes("c"), body })
}
