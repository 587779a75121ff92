//! The heartbeat thread: heartbeats, the client's own session timeout, and the poll interval (rules
//! R13.3).
//!
//! A client whose session expires does *not* fence itself. It only marks its coordinator unknown,
//! and keeps fetching until a response says that it was removed from the group.

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{HeartbeatRequest, LeaveGroupRequest};

use crate::protocol::{Api, ResponseError};
use crate::time::Time;

use super::fetch::App;
use super::links::Sent;
use super::membership::Identity;
use super::reason::{CoordinatorLoss, TransitionReason};
use super::versions::version_of;
use super::{ClientObservation, ClientOutput, Consumer, ConsumerConfig, MemberState, Purpose};

#[derive(Default)]
pub(super) struct Heartbeats {
    /// When the next heartbeat is due.
    next: Time,
    /// When the client considers its coordinator dead.
    session_deadline: Time,
}

impl Heartbeats {
    /// Restarts all timers after a successful join.
    pub(super) fn reset(&mut self, now: Time, config: &ConsumerConfig) {
        self.next = now + config.heartbeat_interval;
        self.reset_session(now, config);
    }

    pub(super) fn reset_session(&mut self, now: Time, config: &ConsumerConfig) {
        self.session_deadline = now + config.session_timeout;
    }

    pub(super) fn failed(&mut self, now: Time, config: &ConsumerConfig) {
        self.next = now + config.retry_backoff;
    }
}

impl Consumer {
    /// Whether there is a membership to keep alive. An error that the next poll will raise ends the
    /// thread.
    fn heartbeat_thread_is_awake(&self) -> bool {
        self.membership.heartbeats() && self.failure.is_none()
    }

    /// One iteration of the heartbeat thread. It does at most one thing per iteration.
    pub(super) fn heartbeat_thread(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        if !self.heartbeat_thread_is_awake() {
            return;
        }
        if self.discovery.coordinator.is_none() {
            self.find_coordinator(now, out);
        } else if self.heartbeats.session_deadline <= now {
            self.abandon_coordinator(now, CoordinatorLoss::SessionTimeout, out);
        } else if self.poll_interval_deadline() <= now {
            out.push(ClientOutput::Observe(ClientObservation::PollTimeout));
            self.send_leave(now, out);
            self.reset_membership(false, TransitionReason::PollTimeout, out);
        } else if self.heartbeats.next <= now && !self.heartbeat_in_flight() {
            self.send_heartbeat(now, out);
        }
    }

    pub(super) fn heartbeat_deadline(&self) -> Time {
        if !self.heartbeat_thread_is_awake() {
            Time::NEVER
        } else if self.discovery.coordinator.is_none() {
            self.find_deadline()
        } else if self.heartbeat_in_flight() {
            self.heartbeats.session_deadline
        } else {
            self.heartbeats.session_deadline.min(self.heartbeats.next)
        }
    }

    /// When an application that is processing a batch is late for its next poll. Not checked while
    /// the coordinator is unknown: an iteration that looks for the coordinator does nothing else.
    pub(super) fn poll_interval_deadline(&self) -> Time {
        match self.app {
            App::Processing { polled_at, .. }
                if self.heartbeat_thread_is_awake() && self.discovery.coordinator.is_some() =>
            {
                polled_at + self.config.max_poll_interval
            }
            App::Processing { .. } | App::Polling => Time::NEVER,
        }
    }

    fn send_heartbeat(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        self.heartbeats.next = now + self.config.heartbeat_interval;
        let identity = self.membership.identity.clone();
        let request = HeartbeatRequest::default()
            .with_group_id(self.config.group.clone())
            .with_generation_id(identity.generation.0)
            .with_member_id(identity.member.0.clone())
            .with_group_instance_id(self.config.instance_id.clone());
        self.send(now, Purpose::Coordinator, Sent::Heartbeat(identity), request, out);
    }

    pub(super) fn on_heartbeat(
        &mut self,
        now: Time,
        sent_as: &Identity,
        error: i16,
        out: &mut Vec<ClientOutput>,
    ) {
        use ResponseError as E;
        match E::try_from_code(error) {
            None => self.heartbeats.reset_session(now, &self.config),
            Some(E::RebalanceInProgress) => {
                self.heartbeats.reset_session(now, &self.config);
                if self.membership.state == MemberState::Stable {
                    self.rejoin_at_once(now);
                }
            }
            Some(E::NotCoordinator | E::CoordinatorNotAvailable) => {
                self.abandon_coordinator(now, CoordinatorLoss::NotCoordinator, out);
                self.heartbeats.failed(now, &self.config);
            }
            Some(E::UnknownMemberId) => {
                self.reset_if_current(sent_as, false, TransitionReason::UnknownMemberId, out);
            }
            Some(E::IllegalGeneration) => {
                self.reset_if_current(sent_as, true, TransitionReason::IllegalGeneration, out);
            }
            Some(E::FencedInstanceId) if self.membership.identity == *sent_as => {
                self.reset_membership(false, TransitionReason::Fenced, out);
                self.fatal(error, out);
            }
            Some(E::FencedInstanceId) => {}
            Some(E::GroupAuthorizationFailed) => self.fatal(error, out),
            Some(_) => self.heartbeats.failed(now, &self.config),
        }
    }

    fn heartbeat_in_flight(&self) -> bool {
        self.links.awaits(Purpose::Coordinator, |sent| matches!(sent, Sent::Heartbeat(_)))
    }

    /// Sends LeaveGroup if the client is a member and knows the coordinator; returns whether it
    /// did. A static member never leaves: it may return before its session expires (rule R13.5.3).
    pub(super) fn send_leave(&mut self, now: Time, out: &mut Vec<ClientOutput>) -> bool {
        let member = self.membership.identity.member.0.clone();
        let gone = member.is_empty() || self.membership.state == MemberState::Unjoined;
        let is_static = self.config.instance_id.is_some();
        if gone || is_static || self.discovery.coordinator.is_none() {
            return false;
        }
        let request = LeaveGroupRequest::default().with_group_id(self.config.group.clone());
        let request = match version_of(Api::LeaveGroup, self.config.join_version) {
            0..=2 => request.with_member_id(member),
            _ => request.with_members(vec![MemberIdentity::default().with_member_id(member)]),
        };
        self.send(now, Purpose::Coordinator, Sent::Leave, request, out);
        true
    }
}
