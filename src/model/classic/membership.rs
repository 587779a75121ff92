//! What a client may believe about its own membership: which id it has, whether it has a cause to
//! join again, whether it knows that its membership has ended.
//!
//! It follows the requests that the client sent to its coordinator, the responses that it received
//! and what it observed of itself.
//!
//! An error counts only if it is about the present membership: one about an older membership is no
//! cause (KAFKA-9823). A response that arrives on a connection to a coordinator that the client has
//! lost may have been read or not, so both are accepted. An assignment that has arrived when its
//! generation turns out to have ended accepts both, too: Java drops the id then (KAFKA-8104).

use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use crate::client::{ClientObservation, MemberState};
use crate::model::exchange::{ClientExchange, ENDS_MEMBERSHIP, ReceivedResponse, claimed_identity};
use crate::protocol::{Request, Response, ResponseError as E, StrBytes};
use crate::trace::ConnectionId;

/// The membership of one incarnation of a consumer, as that knows it.
#[derive(Debug)]
pub struct Membership {
    /// The id that it must join with; none if any id will do.
    pub id: Option<StrBytes>,
    generation: i32,
    /// Whether its membership has ended, and it knows.
    pub has_ended: bool,
    /// Whether it has a cause to join.
    has_cause: bool,
    /// Whether an assignment has arrived that it has not taken over.
    arrived: bool,
    leads: bool,
    /// The id, generation and leadership in a successful JoinGroup response. They take effect when
    /// the client goes on to sync: a response that a busy application left unread may follow an
    /// error that has ended the membership.
    granted: Option<(StrBytes, i32, bool)>,
    /// Whether it knows its coordinator and has not lost it.
    pub knows_coordinator: bool,
    /// The connection of its last request to its coordinator, unless it has lost that coordinator
    /// since.
    listens_on: Option<ConnectionId>,
}

impl Membership {
    /// A consumer that has just started.
    pub(in crate::model) fn new() -> Membership {
        Membership {
            id: None,
            generation: -1,
            has_ended: false,
            has_cause: true,
            arrived: false,
            leads: false,
            granted: None,
            knows_coordinator: false,
            listens_on: None,
        }
    }

    /// Whether it may send a JoinGroup now.
    pub fn may_join(&self) -> bool {
        self.has_cause || self.arrived || self.leads
    }

    /// Takes a request that the consumer sends to its coordinator, or the response to one.
    pub(in crate::model) fn exchanged(&mut self, exchange: &ClientExchange<'_>) {
        match exchange.received {
            None => self.on_send(exchange),
            Some(received) => self.on_response(exchange, received),
        }
    }

    fn on_send(&mut self, exchange: &ClientExchange<'_>) {
        self.listens_on = Some(exchange.conn);
        if let Request::LeaveGroup(_) = exchange.request {
            self.end(false);
        }
    }

    fn on_response(&mut self, exchange: &ClientExchange<'_>, received: ReceivedResponse<'_>) {
        match (exchange.request, received.response) {
            (Request::JoinGroup(body), Response::JoinGroup(joined)) => {
                self.joined(body, joined, received);
            }
            (Request::SyncGroup(_), _) if received.error == 0 => {
                (self.has_cause, self.arrived) = (false, true);
            }
            (Request::SyncGroup(_), _) => {
                self.has_cause = true;
                self.refused(exchange, received);
            }
            (Request::Heartbeat(_) | Request::OffsetCommit(_), _) => {
                self.has_cause |= received.is(&[E::RebalanceInProgress]);
                self.refused(exchange, received);
            }
            (Request::FindCoordinator(_), _) if received.error == 0 => {
                self.knows_coordinator = true;
            }
            _ => {}
        }
    }

    fn joined(
        &mut self,
        body: &JoinGroupRequest,
        joined: &JoinGroupResponse,
        received: ReceivedResponse<'_>,
    ) {
        if received.is(&[E::MemberIdRequired]) {
            (self.id, self.generation) = (Some(joined.member_id.clone()), -1);
        } else if received.is(&[E::UnknownMemberId]) && self.id.as_ref() == Some(&body.member_id) {
            self.end(false);
        } else if received.error == 0 {
            let leads = joined.leader == joined.member_id;
            self.granted = Some((joined.member_id.clone(), joined.generation_id, leads));
        }
    }

    /// Processes an error that ends the membership, if it is about the present membership.
    fn refused(&mut self, exchange: &ClientExchange<'_>, received: ReceivedResponse<'_>) {
        if !received.is(&ENDS_MEMBERSHIP) {
            return;
        }
        let Some((member, generation)) = claimed_identity(exchange.request) else { return };
        if self.id.as_ref().is_some_and(|id| id != member) || self.generation != generation {
            return;
        }
        if self.listens_on != Some(exchange.conn) {
            // It may have stopped to listen on that connection, or received the error before.
            (self.has_ended, self.has_cause, self.id) = (true, true, None);
        } else {
            let keeps_id = received.is(&[E::IllegalGeneration]) && !self.arrived;
            self.end(keeps_id);
        }
    }

    fn end(&mut self, keeps_id: bool) {
        (self.has_ended, self.has_cause, self.generation) = (true, true, -1);
        if !keeps_id {
            self.id = None;
        }
    }

    /// Takes what the consumer observes of itself.
    pub(in crate::model) fn observed(&mut self, observation: &ClientObservation) {
        match observation {
            ClientObservation::State { to: MemberState::CompletingRebalance, .. } => {
                if let Some((id, generation, leads)) = self.granted.take() {
                    (self.id, self.generation, self.leads) = (Some(id), generation, leads);
                    // Until its SyncGroup response arrives it may have to join again (rule
                    // R13.2.1), also if it had joined as a former leader, which needs no cause.
                    (self.has_ended, self.has_cause) = (false, true);
                }
            }
            ClientObservation::PollTimeout => self.end(false),
            ClientObservation::Assigned { .. } => self.arrived = false,
            ClientObservation::Revoked { .. } => self.has_cause |= self.arrived,
            ClientObservation::CoordinatorLost { .. } => {
                (self.knows_coordinator, self.listens_on) = (false, None);
            }
            ClientObservation::State { .. }
            | ClientObservation::Lost { .. }
            | ClientObservation::Positioned { .. }
            | ClientObservation::Polled { .. }
            | ClientObservation::Processed { .. }
            | ClientObservation::CommitFailed { .. }
            | ClientObservation::Fatal { .. } => {}
        }
    }
}
