//! Finding things: the topics' partition counts, and the broker that coordinates the group.

use kafka_protocol::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest, MetadataResponse,
};

use crate::assignor::PartitionCounts;
use crate::protocol::{Api, BrokerId, Request, ResponseError};
use crate::rng::Rng;
use crate::time::Time;

use super::links::Sent;
use super::versions::version_of;
use super::{Consumer, ConsumerConfig, Observation, Output, Purpose};

pub(super) struct Discovery {
    /// How many partitions each topic has; none until the first answer.
    pub(super) counts: Option<PartitionCounts>,
    /// When to ask again.
    metadata_due: Time,
    metadata_failures: u32,
    /// The broker that coordinates the group, as far as this client knows.
    pub(super) coordinator: Option<BrokerId>,
    find_due: Time,
    find_failures: u32,
}

impl Discovery {
    pub(super) fn new(now: Time) -> Self {
        Discovery {
            counts: None,
            metadata_due: now,
            metadata_failures: 0,
            coordinator: None,
            find_due: now,
            find_failures: 0,
        }
    }

    pub(super) fn metadata_failed(&mut self, now: Time, config: &ConsumerConfig, rng: &mut Rng) {
        self.metadata_due = now + Consumer::backoff(config, rng, self.metadata_failures);
        self.metadata_failures += 1;
    }

    pub(super) fn find_failed(&mut self, now: Time, config: &ConsumerConfig, rng: &mut Rng) {
        self.find_due = now + Consumer::backoff(config, rng, self.find_failures);
        self.find_failures += 1;
    }
}

impl Consumer {
    /// Asks for what is not known, or not known freshly enough.
    pub(super) fn discover(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.discovery.metadata_due <= now && !self.metadata_in_flight() {
            // All topics, not only its own: a leader assigns what others subscribe to.
            let request = MetadataRequest::default().with_topics(None);
            self.send(now, Purpose::Bootstrap, Sent::Metadata, request, out);
        }
        self.find_coordinator(now, out);
    }

    /// Asks which broker coordinates the group, if that is not known.
    pub(super) fn find_coordinator(&mut self, now: Time, out: &mut Vec<Output>) {
        let unknown = self.discovery.coordinator.is_none();
        if unknown && self.discovery.find_due <= now && !self.find_in_flight() {
            let key = self.config.group.0.clone();
            let request = match version_of(Api::FindCoordinator, self.config.join_version) {
                0..=3 => FindCoordinatorRequest::default().with_key(key),
                _ => FindCoordinatorRequest::default().with_coordinator_keys(vec![key]),
            };
            self.send(now, Purpose::Bootstrap, Sent::FindCoordinator, request, out);
        }
    }

    pub(super) fn on_metadata(&mut self, now: Time, answer: &MetadataResponse) {
        self.discovery.metadata_failures = 0;
        self.discovery.metadata_due = now + self.config.metadata_max_age;
        let known = answer.topics.iter().filter(|topic| topic.error_code == 0);
        let counts: PartitionCounts = known
            .filter_map(|topic| Some((topic.name.clone()?, topic.partitions.len() as i32)))
            .collect();
        self.discovery.counts = Some(counts);
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
            None => {
                self.discovery.find_failures = 0;
                self.discovery.coordinator = Some(BrokerId(node.0));
                self.heartbeats.reset_session(now, &self.config);
            }
            Some(ResponseError::GroupAuthorizationFailed) => {
                self.fatal(error, out);
            }
            Some(_) => self.discovery.find_failed(now, &self.config, &mut self.rng),
        }
    }

    /// Forgets the coordinator. Whoever closes the connection reports what was in flight on it.
    pub(super) fn coordinator_lost(&mut self, why: &'static str, out: &mut Vec<Output>) {
        if self.discovery.coordinator.take().is_some() {
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
            self.fail(now, Purpose::Coordinator, lost, why, out);
        }
    }

    pub(super) fn discovery_deadline(&self) -> Time {
        let metadata =
            if self.metadata_in_flight() { Time::NEVER } else { self.discovery.metadata_due };
        metadata.min(self.find_deadline())
    }

    pub(super) fn find_deadline(&self) -> Time {
        match self.discovery.coordinator {
            None if !self.find_in_flight() => self.discovery.find_due,
            _ => Time::NEVER,
        }
    }

    fn metadata_in_flight(&self) -> bool {
        self.links.awaits(Purpose::Bootstrap, |sent| *sent == Sent::Metadata)
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
        let timeout = self.config.request_timeout;
        let how = (purpose, &self.config.client_id, timeout);
        self.links.send(now, how, sent, request.into(), out);
    }
}
