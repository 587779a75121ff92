//! Heartbeat, and the session as the client sees it (rules R13.3).
//!
//! A client whose session expires does *not* fence itself. It only marks its coordinator unknown,
//! and keeps fetching until a response says that it was removed from the group.

use kafka_protocol::messages::HeartbeatRequest;

use crate::client::Purpose;
use crate::client::context::{Context, always};
use crate::client::links::Sent;
use crate::client::membership::{Identity, Membership};
use crate::client::reason::TransitionReason;
use crate::client::responses::Outcome;
use crate::protocol::{BrokerId, ResponseError};
use crate::time::Time;

#[derive(Default)]
pub(in crate::client) struct Heartbeats {
    /// When the next heartbeat is due.
    next: Time,
    /// When the client considers its coordinator dead.
    session_deadline: Time,
}

impl Heartbeats {
    /// Restarts all timers after a successful join.
    pub(super) fn reset(&mut self, cx: &Context) {
        self.next = cx.now + cx.config.heartbeat_interval;
        self.reset_session(cx);
    }

    pub(in crate::client) fn reset_session(&mut self, cx: &Context) {
        self.session_deadline = cx.now + cx.config.session_timeout;
    }

    /// Handles a heartbeat that failed or got no response.
    pub(in crate::client) fn failed(&mut self, cx: &Context) {
        self.next = cx.now + cx.config.retry_backoff;
    }

    pub(in crate::client) fn session_is_over(&self, now: Time) -> bool {
        self.session_deadline <= now
    }

    pub(in crate::client) fn deadline(&self, cx: &Context) -> Time {
        match in_flight(cx) {
            true => self.session_deadline,
            false => self.session_deadline.min(self.next),
        }
    }

    pub(in crate::client) fn send_if_due(
        &mut self,
        cx: &mut Context,
        coordinator: BrokerId,
        membership: &Membership,
    ) {
        if self.next <= cx.now && !in_flight(cx) {
            self.send(cx, coordinator, membership);
        }
    }

    fn send(&mut self, cx: &mut Context, coordinator: BrokerId, membership: &Membership) {
        let state = membership.state();
        always!(cx, membership.heartbeats(), "sends a heartbeat while it is {state}");
        self.next = cx.now + cx.config.heartbeat_interval;
        let identity = cx.identity().clone();
        let request = HeartbeatRequest::default()
            .with_group_id(cx.config.group.clone())
            .with_generation_id(identity.generation.0)
            .with_member_id(identity.member.0.clone())
            .with_group_instance_id(cx.config.instance_id.clone());
        cx.send(coordinator, Sent::Heartbeat(identity), request);
    }

    pub(in crate::client) fn on_response(
        &mut self,
        cx: &mut Context,
        membership: &mut Membership,
        sent_as: &Identity,
        error: i16,
    ) -> Outcome {
        use ResponseError as E;
        match E::try_from_code(error) {
            None => self.reset_session(cx),
            Some(E::RebalanceInProgress) => {
                self.reset_session(cx);
                if membership.is_stable() {
                    membership.rejoin_at_once(cx.now);
                }
            }
            Some(E::NotCoordinator | E::CoordinatorNotAvailable) => {
                return Outcome::NotCoordinator;
            }
            Some(E::UnknownMemberId) => {
                let why = TransitionReason::UnknownMemberId;
                membership.reset_if_current(cx, sent_as, false, why);
            }
            Some(E::IllegalGeneration) => {
                let why = TransitionReason::IllegalGeneration;
                membership.reset_if_current(cx, sent_as, true, why);
            }
            Some(E::FencedInstanceId) if cx.identity() == sent_as => {
                membership.reset(cx, false, TransitionReason::Fenced);
                return Outcome::Fatal(error);
            }
            Some(E::FencedInstanceId) => {}
            Some(E::GroupAuthorizationFailed) => return Outcome::Fatal(error),
            Some(_) => return Outcome::Retry,
        }
        Outcome::Done
    }
}

fn in_flight(cx: &Context) -> bool {
    cx.links.awaits(Purpose::Coordinator, |sent| matches!(sent, Sent::Heartbeat(_)))
}
