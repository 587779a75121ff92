//! Finding the broker that coordinates the group, and asking around among several brokers (rules R13.6).

use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use crate::protocol::{Api, BrokerId, Request, ResponseError};
use crate::sometimes::{Mark, sometimes};
use crate::time::Time;

use super::links::{How, Sent};
use super::versions::version_of;
use super::{Consumer, ConsumerConfig, Observation, Output, Purpose};

pub(super) struct Discovery {
    /// The broker that coordinates the group, as far as this client knows.
    pub(super) coordinator: Option<BrokerId>,
    find_due: Time,
    find_failures: u32,
    /// Which of the bootstrap brokers is asked; counts up, modulo their number.
    turn: usize,
}

impl Discovery {
    pub(super) fn new(now: Time) -> Self {
        Discovery { coordinator: None, find_due: now, find_failures: 0, turn: 0 }
    }

    /// The broker that Metadata and FindCoordinator are sent to.
    fn bootstrap(&self, config: &ConsumerConfig) -> BrokerId {
        config.bootstrap[self.turn % config.bootstrap.len()]
    }

    /// From here on the next bootstrap broker is asked: the last one does not answer, or may be behind
    /// (rule R13.6.1).
    pub(super) fn next_bootstrap(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }
}

impl Consumer {
    /// Asks for what is not known, or not known freshly enough.
    pub(super) fn discover(&mut self, now: Time, out: &mut Vec<Output>) {
        self.ask_metadata(now, out);
        self.find_coordinator(now, out);
    }

    /// Asks which broker coordinates the group, if that is not known.
    pub(super) fn find_coordinator(&mut self, now: Time, out: &mut Vec<Output>) {
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
        answer: &FindCoordinatorResponse,
        out: &mut Vec<Output>,
    ) {
        // Version 4 moved the answer into a list, one entry for each key asked for.
        let (error, node) = match answer.coordinators.first() {
            Some(found) => (found.error_code, found.node_id),
            None => (answer.error_code, answer.node_id),
        };
        match ResponseError::try_from_code(error) {
            // It was lost a moment ago and may not be connected to yet: it is looked for again after a while.
            None if self.connects_at(Purpose::Coordinator, BrokerId(node.0)) > now => {
                sometimes(Mark::CoordinatorUnavailable);
                out.push(Output::Observe(Observation::CoordinatorLost { why: "unavailable" }));
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

    /// Forgets the coordinator. Whoever closes the connection reports what was in flight on it.
    pub(super) fn coordinator_lost(&mut self, why: &'static str, out: &mut Vec<Output>) {
        if self.discovery.coordinator.take().is_some() {
            // Whoever named that coordinator may be behind: somebody else is asked next.
            self.discovery.next_bootstrap();
            out.push(Output::Observe(Observation::CoordinatorLost { why }));
        }
    }

    /// Forgets the coordinator and closes the connection to it, so that nothing in flight is left behind
    /// (rule R13.3.2).
    pub(super) fn abandon_coordinator(
        &mut self,
        now: Time,
        why: &'static str,
        out: &mut Vec<Output>,
    ) {
        self.coordinator_lost(why, out);
        if let Some((conn, lost)) = self.links.close(Purpose::Coordinator) {
            out.push(Output::Close { conn });
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
        self.discovery.find_due.max(self.asks_at())
    }

    /// From when on the bootstrap broker whose turn it is may be asked.
    pub(super) fn asks_at(&self) -> Time {
        self.connects_at(Purpose::Bootstrap, self.discovery.bootstrap(&self.config))
    }

    fn find_in_flight(&self) -> bool {
        self.links.awaits(Purpose::Bootstrap, |sent| *sent == Sent::FindCoordinator)
    }

    /// Sends a request under the client's ordinary request timeout.
    pub(super) fn send(
        &mut self,
        now: Time,
        purpose: Purpose,
        sent: Sent,
        request: impl Into<Request>,
        out: &mut Vec<Output>,
    ) {
        let (broker, client_id) = (self.broker_for(purpose), &self.config.client_id);
        let how = How { purpose, broker, client_id, timeout: self.config.request_timeout };
        self.links.send(now, how, sent, request.into(), out);
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
                "consumer {}: member {} of group {} has a request on its {purpose} connection in generation {} \
                 and knows no broker to send it to",
                self.config.client_id.as_str(),
                self.membership.identity.member,
                self.config.group.0.as_str(),
                self.membership.identity.generation,
            )
        })
    }
}
