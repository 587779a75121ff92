//! What a consumer says and hears, on a connection of its choice.

use super::*;

use crate::consumer::MemberState;
use crate::protocol::ResponseError;

impl Story {
    /// A story judged by all that is known from the clients' side alone.
    pub(in crate::invariant) fn from_outside() -> Story {
        Story::judged_by(Checker::from_outside())
    }

    /// The consumer sends a request.
    pub(in crate::invariant) fn says(&mut self, conn: u32, body: impl Into<Request>) -> &mut Self {
        let message = Message::Request(request(body.into()));
        self.at_consumer(0, Kind::Sent { to: BROKER, conn: ConnectionId(conn), message })
    }

    /// The consumer receives an answer.
    pub(in crate::invariant) fn hears(
        &mut self,
        conn: u32,
        asked: impl Into<Request>,
        body: impl Into<Response>,
    ) -> &mut Self {
        let response = Arc::new(ResponseFrame { correlation: 7, body: body.into() });
        let message = Message::Response { request: request(asked.into()), response };
        self.at_consumer(0, Kind::Received { from: BROKER, conn: ConnectionId(conn), message })
    }

    /// The consumer changes its state.
    pub(in crate::invariant) fn becomes(&mut self, to: MemberState) -> &mut Self {
        let from = to.predecessors()[0];
        self.consumer(0, consumer::Observation::State { from, to, why: "told so" })
    }

    /// The consumer finds its coordinator and becomes the member a of generation 1, of which b is the leader.
    pub(in crate::invariant) fn member(&mut self) -> &mut Self {
        let found = kafka_protocol::messages::FindCoordinatorResponse::default();
        self.started(0).hears(8, FindCoordinatorRequest::default(), found);
        self.becomes(MemberState::PreparingRebalance).says(1, joins(""));
        self.hears(1, joins(""), join_answer("a", 1, "b", &[]));
        self.becomes(MemberState::CompletingRebalance).says(1, syncs(1));
        self.hears(1, syncs(1), SyncGroupResponse::default());
        self.becomes(MemberState::Stable).assigned(0, "a", 1, &["t-0"])
    }

    /// A heartbeat of the member a is answered.
    pub(in crate::invariant) fn beats(&mut self, error: Option<ResponseError>) -> &mut Self {
        let code = error.map_or(0, |error| error.code());
        self.says(1, heartbeat(1)).hears(1, heartbeat(1), heartbeat_answer(code))
    }

    /// The broker begins to handle a heartbeat of generation 1 from this consumer.
    pub(in crate::invariant) fn heartbeat_of(&mut self, index: u16, id: &str) -> &mut Self {
        self.heartbeat_of_on(index, id, index.into())
    }

    /// The same on a connection.
    pub(in crate::invariant) fn heartbeat_of_on(
        &mut self,
        index: u16,
        id: &str,
        conn: u32,
    ) -> &mut Self {
        self.heartbeat_from(Place::Consumer(consumer_ref(index)), id, "c", conn)
    }

    /// The same from a client outside, on a connection of its choice.
    pub(in crate::invariant) fn heartbeat_from_outside(
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
        self.broker(Kind::Received {
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
