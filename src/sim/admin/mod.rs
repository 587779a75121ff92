//! The administrator: a client that sends group requests to brokers on behalf of the schedule. No
//! fault ever affects it.
//!
//! It sends each request once, on a connection of its own, to the broker that the controller has
//! elected for the group, and keeps the last response. It does not retry: a retriable error is
//! exactly what a schedule wants to see.
//!
//! | file | what it does |
//! |---|---|
//! | `request` | builds the request from a schedule line |
//! | `response` | extracts what an `expect response` line compares from the response |

pub(super) mod request;
mod response;

use std::sync::Arc;

use crate::broker::ConnectionId;
use crate::protocol::{BrokerId, RequestFrame, ResponseError, ResponseFrame, str_bytes};
use crate::trace::{EventKind, Message, Place};

pub use response::AdminResponse;

use super::Sim;
use super::network::Client;
use super::schedule::AdminRequest;

#[derive(Default)]
pub(super) struct Admin {
    next_correlation: i32,
    /// The connection of the last request, until its response arrives.
    awaited: Option<ConnectionId>,
    last: Option<AdminResponse>,
}

impl Sim {
    pub(super) fn request(&mut self, request: &AdminRequest) {
        let (version, body) = self.request_of(request);
        self.admin.awaited = None;
        self.admin.last = None;
        let Some(broker) = self.broker_for(request) else {
            // The error that every broker would return to FindCoordinator.
            self.admin.last = Some(AdminResponse::error(ResponseError::CoordinatorNotAvailable));
            return;
        };
        let correlation = self.admin.next_correlation;
        self.admin.next_correlation += 1;
        let client_id = str_bytes("admin");
        let frame = Arc::new(RequestFrame { correlation, version, client_id, body });
        self.send_as_admin(broker, Message::Request(frame));
    }

    /// The broker to send the request to; `None` while the group's partition has no leader.
    fn broker_for(&self, request: &AdminRequest) -> Option<BrokerId> {
        if let AdminRequest::List { on, .. } = request {
            return Some(on.unwrap_or(BrokerId(0)));
        }
        let group = self.named_group(request::groups_of(request).first().copied());
        self.cluster.leader(self.cluster.partition_of(&group))
    }

    fn send_as_admin(&mut self, broker: BrokerId, message: Message) {
        let conn = self.network.open(Client::Admin, broker);
        self.admin.awaited = Some(conn);
        let to = Place::Broker(broker);
        self.emit(Place::Admin, EventKind::Sent { to, conn, message: message.clone() });
        let outcome =
            self.network.send_up((self.now, &mut self.queue), conn, message.clone(), |_| None);
        self.note_outcome(outcome, (Place::Admin, to), conn, message);
    }

    pub(super) fn on_admin_response(
        &mut self,
        conn: ConnectionId,
        request: Arc<RequestFrame>,
        response: Arc<ResponseFrame>,
    ) {
        if self.admin.awaited == Some(conn) {
            self.admin.awaited = None;
            self.admin.last = Some(AdminResponse::new(&response.body));
        }
        let from = Place::Broker(self.network.broker(conn));
        let message = Message::Response { request, response };
        self.emit(Place::Admin, EventKind::Received { from, conn, message });
        self.network.close((self.now, &mut self.queue), conn);
    }

    pub(super) fn admin_disconnected(&mut self, conn: ConnectionId) {
        if self.admin.awaited == Some(conn) {
            self.admin.awaited = None;
            self.admin.last = Some(AdminResponse::error(ResponseError::NetworkException));
        }
    }

    /// The last response that the administrator received; `None` while it waits for one.
    pub fn last_response(&self) -> Option<&AdminResponse> {
        self.admin.last.as_ref()
    }

    /// Whether the administrator waits for a response.
    pub fn awaits_response(&self) -> bool {
        self.admin.awaited.is_some()
    }
}
