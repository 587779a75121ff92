//! Finds the broker that coordinates the group, and rotates through the bootstrap brokers (rules
//! R13.6).

use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use crate::marks::{Mark, sometimes};
use crate::protocol::{Api, BrokerId, ResponseError};
use crate::time::Time;

use super::context::{Context, always};
use super::links::Sent;
use super::reason::CoordinatorLoss;
use super::responses::Outcome;
use super::{ClientObservation, ConsumerConfig, Purpose};

pub(super) struct Discovery {
    /// The broker that coordinates the group, as far as this client knows.
    coordinator: Option<BrokerId>,
    find_due: Time,
    find_failures: u32,
    /// The bootstrap broker in use: counts up, taken modulo their number.
    bootstrap_index: usize,
}

impl Discovery {
    pub(super) fn new(now: Time) -> Self {
        Discovery { coordinator: None, find_due: now, find_failures: 0, bootstrap_index: 0 }
    }

    /// The broker that coordinates the group, as far as this client knows.
    pub(super) fn coordinator(&self) -> Option<BrokerId> {
        self.coordinator
    }

    pub(super) fn knows_coordinator(&self) -> bool {
        self.coordinator.is_some()
    }

    /// The broker that Metadata and FindCoordinator are sent to.
    pub(super) fn bootstrap(&self, config: &ConsumerConfig) -> BrokerId {
        config.bootstrap[self.bootstrap_index % config.bootstrap.len()]
    }

    /// Switches to the next bootstrap broker: the last one did not respond, or its view may be
    /// stale (rule R13.6.1).
    pub(super) fn next_bootstrap(&mut self) {
        self.bootstrap_index = self.bootstrap_index.wrapping_add(1);
    }

    /// Sends FindCoordinator if the coordinator is unknown.
    pub(super) fn find(&mut self, cx: &mut Context) {
        let unknown = self.coordinator.is_none();
        if unknown && self.find_at(cx) <= cx.now && !in_flight(cx) {
            let key = cx.config.group.0.clone();
            let request = match cx.version_of(Api::FindCoordinator) {
                0..=3 => FindCoordinatorRequest::default().with_key(key),
                _ => FindCoordinatorRequest::default().with_coordinator_keys(vec![key]),
            };
            cx.send(self.bootstrap(&cx.config), Sent::FindCoordinator, request);
        }
    }

    pub(super) fn on_response(
        &mut self,
        cx: &mut Context,
        response: &FindCoordinatorResponse,
    ) -> Outcome {
        always!(cx, self.coordinator.is_none(), "looked for a coordinator that it knows");
        // Version 4 moved the result into a list with one entry for each requested key.
        let (error, node) = match response.coordinators.first() {
            Some(found) => (found.error_code, found.node_id),
            None => (response.error_code, response.node_id),
        };
        match ResponseError::try_from_code(error) {
            // This coordinator was lost a moment ago and its reconnect backoff is not over. The
            // Java client treats it as unavailable and searches again after a backoff.
            None if cx.links.connects_at(Purpose::Coordinator, BrokerId(node.0)) > cx.now => {
                sometimes(Mark::CoordinatorUnavailable);
                let why = CoordinatorLoss::Unavailable;
                cx.observe(ClientObservation::CoordinatorLost { why });
                Outcome::Retry
            }
            None => {
                self.find_failures = 0;
                self.coordinator = Some(BrokerId(node.0));
                Outcome::Done
            }
            Some(error) if error.is_retriable() => {
                self.next_bootstrap();
                Outcome::Retry
            }
            Some(_) => Outcome::Fatal(error),
        }
    }

    /// Handles a FindCoordinator that failed or got no response.
    pub(super) fn find_failed(&mut self, cx: &mut Context) {
        always!(cx, self.coordinator.is_none(), "looked for a coordinator that it knows");
        let pause = cx.backoff(self.find_failures);
        self.find_due = cx.now + pause;
        self.find_failures += 1;
    }

    /// Forgets the coordinator. The code that closes the connection reports the requests in flight
    /// on it.
    pub(super) fn coordinator_lost(&mut self, cx: &mut Context, why: CoordinatorLoss) {
        if self.coordinator.take().is_some() {
            // The bootstrap broker that named this coordinator may be stale: use the next one.
            self.next_bootstrap();
            cx.observe(ClientObservation::CoordinatorLost { why });
        }
    }

    pub(super) fn find_deadline(&self, cx: &Context) -> Time {
        match self.coordinator {
            None if !in_flight(cx) => self.find_at(cx),
            _ => Time::NEVER,
        }
    }

    fn find_at(&self, cx: &Context) -> Time {
        self.find_due.max(self.bootstrap_connects_at(cx))
    }

    /// The earliest time to send a request to the current bootstrap broker.
    fn bootstrap_connects_at(&self, cx: &Context) -> Time {
        cx.links.connects_at(Purpose::Bootstrap, self.bootstrap(&cx.config))
    }
}

fn in_flight(cx: &Context) -> bool {
    cx.links.awaits(Purpose::Bootstrap, |sent| *sent == Sent::FindCoordinator)
}
