//! The administrator: a client that asks brokers about groups on behalf of the schedule, and to which nothing
//! ever happens.
//!
//! It sends each request once, on a connection of its own, to the broker that leads the group as the
//! controller knows, and remembers what it was last told. It does not retry: an answer that a real tool
//! would retry is what a schedule wants to see.
//!
//! | file | what it does |
//! |---|---|
//! | `request` | from the line of a schedule to the request |
//! | `answer` | from the response to what an `expect answer` line compares |

mod answer;
pub(super) mod request;

use std::sync::Arc;

use crate::cluster::ConnectionId;
use crate::protocol::{BrokerId, RequestFrame, ResponseError, ResponseFrame, str_bytes};
use crate::trace::{Kind, Message, Place};

pub use answer::Told;

use super::Sim;
use super::faults::Impossible;
use super::network::Client;
use super::schedule::AdminRequest;

#[derive(Default)]
pub(super) struct Admin {
    asked: i32,
    /// The last request, while it has not been answered.
    waiting: Option<ConnectionId>,
    told: Option<Told>,
}

impl Sim {
    pub(super) fn ask(&mut self, request: &AdminRequest) -> Result<(), Impossible> {
        let (version, body) = self.request_of(request)?;
        self.admin.waiting = None;
        self.admin.told = None;
        let Some(broker) = self.broker_for(request)? else {
            // Which is what every broker would answer when asked where to send it.
            self.admin.told = Some(Told::error(ResponseError::CoordinatorNotAvailable));
            return Ok(());
        };
        let correlation = self.admin.asked;
        self.admin.asked += 1;
        let client_id = str_bytes("admin");
        let frame = Arc::new(RequestFrame { correlation, version, client_id, body });
        self.send_as_admin(broker, Message::Request(frame));
        Ok(())
    }

    /// Who answers it; none while nobody leads.
    fn broker_for(&self, request: &AdminRequest) -> Result<Option<BrokerId>, Impossible> {
        if let AdminRequest::List { on, .. } = request {
            return self.known(on.unwrap_or(BrokerId(0))).map(Some);
        }
        let group = self.named_group(request::groups_of(request).first().copied());
        Ok(self.cluster.leader(self.cluster.partition_of(&group)))
    }

    fn send_as_admin(&mut self, broker: BrokerId, message: Message) {
        let conn = self.network.open(Client::Admin, broker);
        self.admin.waiting = Some(conn);
        let to = Place::Broker(broker);
        self.emit(Place::Admin, Kind::Sent { to, conn, message: message.clone() });
        let fate =
            self.network.send_up((self.now, &mut self.queue), conn, message.clone(), |_| None);
        self.note_fate(fate, (Place::Admin, to), conn, message);
    }

    pub(super) fn admin_answered(
        &mut self,
        conn: ConnectionId,
        request: Arc<RequestFrame>,
        response: Arc<ResponseFrame>,
    ) {
        if self.admin.waiting == Some(conn) {
            self.admin.waiting = None;
            self.admin.told = Some(Told::new(&response.body));
        }
        let from = Place::Broker(self.network.broker(conn));
        let message = Message::Response { request, response };
        self.emit(Place::Admin, Kind::Received { from, conn, message });
        self.network.close((self.now, &mut self.queue), conn);
    }

    pub(super) fn admin_disconnected(&mut self, conn: ConnectionId) {
        if self.admin.waiting == Some(conn) {
            self.admin.waiting = None;
            self.admin.told = Some(Told::error(ResponseError::NetworkException));
        }
    }

    /// What the administrator was told to its last request; none while it waits.
    pub fn told(&self) -> Option<&Told> {
        self.admin.told.as_ref()
    }

    /// Whether the administrator waits for an answer.
    pub fn awaits_answer(&self) -> bool {
        self.admin.waiting.is_some()
    }
}
