//! Finds the broker that coordinates the group, and rotates through the bootstrap brokers (rules
//! R13.6).

use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use crate::marks::{Mark, sometimes};
use crate::protocol::{Api, BrokerId, Request, ResponseError};
use crate::time::Time;

use super::links::{SendOptions, Sent};
use super::reason::CoordinatorLoss;
use super::versions::version_of;
use super::{ClientObservation, ClientOutput, Consumer, ConsumerConfig, Purpose};

pub(super) struct Discovery {
    /// The broker that coordinates the group, as far as this client knows.
    pub(super) coordinator: Option<BrokerId>,
    find_due: Time,
    find_failures: u32,
    /// The bootstrap broker in use: counts up, taken modulo their number.
    bootstrap_index: usize,
}

impl Discovery {
    pub(super) fn new(now: Time) -> Self {
        Discovery { coordinator: None, find_due: now, find_failures: 0, bootstrap_index: 0 }
    }

    /// The broker that Metadata and FindCoordinator are sent to.
    fn bootstrap(&self, config: &ConsumerConfig) -> BrokerId {
        config.bootstrap[self.bootstrap_index % config.bootstrap.len()]
    }

    /// Switches to the next bootstrap broker: the last one did not respond, or its view may be
    /// stale (rule R13.6.1).
    pub(super) fn next_bootstrap(&mut self) {
        self.bootstrap_index = self.bootstrap_index.wrapping_add(1);
    }
}

impl Consumer {
    /// Requests metadata and the coordinator where they are unknown or stale.
    pub(super) fn discover(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        self.request_metadata(now, out);
        self.find_coordinator(now, out);
    }

    /// Sends FindCoordinator if the coordinator is unknown.
    pub(super) fn find_coordinator(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        let unknown = self.discovery.coordinator.is_none();
        if unknown && self.find_at() <= now && !self.find_in_flight() {
            let key = self.config.group.0.clone();
            let request = match version_of(Api::FindCoordinator, self.config.join_version) {
                0..=3 => FindCoordinatorRequest::default().with_key(key),
                _ => FindCoordinatorRequest::default().with_coordinator_keys(vec![key]),
            };
            self.send(now, Purpose::Bootstrap, Sent::FindCoordinator, request, out);
        }
    }

    pub(super) fn on_find_coordinator(
        &mut self,
        now: Time,
        response: &FindCoordinatorResponse,
        out: &mut Vec<ClientOutput>,
    ) {
        // Version 4 moved the result into a list with one entry for each requested key.
        let (error, node) = match response.coordinators.first() {
            Some(found) => (found.error_code, found.node_id),
            None => (response.error_code, response.node_id),
        };
        match ResponseError::try_from_code(error) {
            // This coordinator was lost a moment ago and its reconnect backoff is not over. The
            // Java client treats it as unavailable and searches again after a backoff.
            None if self.connects_at(Purpose::Coordinator, BrokerId(node.0)) > now => {
                sometimes(Mark::CoordinatorUnavailable);
                out.push(ClientOutput::Observe(ClientObservation::CoordinatorLost {
                    why: CoordinatorLoss::Unavailable,
                }));
                self.find_failed(now);
            }
            None => {
                self.discovery.find_failures = 0;
                self.discovery.coordinator = Some(BrokerId(node.0));
                self.heartbeats.reset_session(now, &self.config);
            }
            Some(error) if error.is_retriable() => {
                self.discovery.next_bootstrap();
                self.find_failed(now);
            }
            Some(_) => self.fatal(error, out),
        }
    }

    pub(super) fn find_failed(&mut self, now: Time) {
        let pause = Consumer::backoff(&self.config, &mut self.rng, self.discovery.find_failures);
        self.discovery.find_due = now + pause;
        self.discovery.find_failures += 1;
    }

    /// Forgets the coordinator. The code that closes the connection reports the requests in flight
    /// on it.
    pub(super) fn coordinator_lost(&mut self, why: CoordinatorLoss, out: &mut Vec<ClientOutput>) {
        if self.discovery.coordinator.take().is_some() {
            // The bootstrap broker that named this coordinator may be stale: use the next one.
            self.discovery.next_bootstrap();
            out.push(ClientOutput::Observe(ClientObservation::CoordinatorLost { why }));
        }
    }

    /// Forgets the coordinator and closes the connection to it, so that no request in flight
    /// remains (rule R13.3.2).
    pub(super) fn abandon_coordinator(
        &mut self,
        now: Time,
        why: CoordinatorLoss,
        out: &mut Vec<ClientOutput>,
    ) {
        self.coordinator_lost(why, out);
        if let Some((conn, lost)) = self.links.close(Purpose::Coordinator) {
            out.push(ClientOutput::Close { conn });
            self.connection_lost(now, (conn.purpose, conn.broker), lost, why, out);
        }
    }

    pub(super) fn discovery_deadline(&self) -> Time {
        self.metadata_deadline().min(self.find_deadline())
    }

    pub(super) fn find_deadline(&self) -> Time {
        match self.discovery.coordinator {
            None if !self.find_in_flight() => self.find_at(),
            _ => Time::NEVER,
        }
    }

    fn find_at(&self) -> Time {
        self.discovery.find_due.max(self.bootstrap_connects_at())
    }

    /// The earliest time to send a request to the current bootstrap broker.
    pub(super) fn bootstrap_connects_at(&self) -> Time {
        self.connects_at(Purpose::Bootstrap, self.discovery.bootstrap(&self.config))
    }

    fn find_in_flight(&self) -> bool {
        self.links.awaits(Purpose::Bootstrap, |sent| *sent == Sent::FindCoordinator)
    }

    /// Sends a request with the client's ordinary request timeout.
    pub(super) fn send(
        &mut self,
        now: Time,
        purpose: Purpose,
        sent: Sent,
        request: impl Into<Request>,
        out: &mut Vec<ClientOutput>,
    ) {
        let (broker, client_id) = (self.broker_for(purpose), &self.config.client_id);
        let options =
            SendOptions { purpose, broker, client_id, timeout: self.config.request_timeout };
        self.links.send(now, options, sent, request.into(), out);
    }

    /// The broker that requests of that purpose go to.
    pub(super) fn broker_for(&self, purpose: Purpose) -> BrokerId {
        let broker = match purpose {
            Purpose::Bootstrap => Some(self.discovery.bootstrap(&self.config)),
            Purpose::Coordinator => self.discovery.coordinator,
            Purpose::Data => self.metadata.leader,
        };
        broker.unwrap_or_else(|| {
            panic!(
                "consumer {}: member {} of group {} has a request for its {purpose} connection in \
                 generation {} and knows no broker to send it to",
                self.config.client_id.as_str(),
                self.membership.identity.member,
                self.config.group.0.as_str(),
                self.membership.identity.generation,
            )
        })
    }
}
