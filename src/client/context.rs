//! What every part of a consumer is given: the time, the settings, the member's identity,
//! randomness, the connections, and the list of outputs.
//!
//! [`always!`](always) is the one way in which a part states what must hold of the client's own
//! state. What a broker sends is data and is never asserted.

use std::fmt;
use std::time::Duration;

use crate::assignor::{RebalanceProtocol, common_protocol};
use crate::protocol::{Api, BrokerId, Generation, MemberId, Request};
use crate::rng::Rng;
use crate::time::Time;

use super::links::{Links, Outgoing, Sent};
use super::membership::Identity;
use super::versions::version_of;
use super::{ClientObservation, ClientOutput, ConsumerConfig, Purpose};

pub(super) struct Context {
    /// The time of the input being handled.
    pub(super) now: Time,
    pub(super) config: ConsumerConfig,
    pub(super) rng: Rng,
    pub(super) links: Links,
    /// The outputs for the input being handled.
    pub(super) out: Vec<ClientOutput>,
    identity: Identity,
}

/// Asserts a statement about the client's own state. The message names the consumer, its member id,
/// group and generation, and costs nothing unless the statement is false.
macro_rules! always {
    ($cx:expr, $holds:expr, $($what:tt)+) => {
        if !$holds {
            $cx.broken(format_args!($($what)+));
        }
    };
}
pub(super) use always;

impl Context {
    pub(super) fn new(config: ConsumerConfig, rng: Rng, now: Time) -> Self {
        let identity = Identity { generation: Generation::NONE, member: MemberId::default() };
        let links = Links::new(config.join_version);
        Context { now, config, rng, links, out: Vec::new(), identity }
    }

    /// The member id and generation under which this consumer sends its requests.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// For [`super::membership::Membership`], which decides when the identity changes.
    pub(super) fn set_identity(&mut self, identity: Identity) {
        self.identity = identity;
    }

    pub(super) fn observe(&mut self, observation: ClientObservation) {
        self.out.push(ClientOutput::Observe(observation));
    }

    /// Sends a request with the client's ordinary request timeout.
    pub(super) fn send(&mut self, broker: BrokerId, sent: Sent, request: impl Into<Request>) {
        self.send_with_timeout(broker, sent, request, self.config.request_timeout);
    }

    pub(super) fn send_with_timeout(
        &mut self,
        broker: BrokerId,
        sent: Sent,
        request: impl Into<Request>,
        timeout: Duration,
    ) {
        let (purpose, body) = (sent.purpose(), request.into());
        always!(
            self,
            !self.links.awaits(purpose, |other| sent.excludes(other)),
            "sends {} while a request that excludes it is in flight",
            body.api()
        );
        let client_id = self.config.client_id.clone();
        let outgoing = Outgoing { broker, client_id, timeout, sent, body };
        self.links.send(self.now, outgoing, &mut self.out);
        always!(
            self,
            self.links.open_to(purpose).is_some(),
            "has a request in flight on its closed {purpose} connection"
        );
    }

    /// The version of an API that this client uses.
    pub(super) fn version_of(&self, api: Api) -> i16 {
        version_of(api, self.config.join_version)
    }

    /// Whether members keep partitions through a rebalance (KIP-429).
    pub(super) fn is_cooperative(&self) -> bool {
        common_protocol(&self.config.assignors) == RebalanceProtocol::Cooperative
    }

    /// Kafka's exponential backoff: doubled with each failure up to the maximum, ±20 % jitter.
    pub(super) fn backoff(&mut self, failures: u32) -> Duration {
        let doubled = self.config.retry_backoff.saturating_mul(1 << failures.min(16));
        let capped = doubled.min(self.config.retry_backoff_max);
        self.rng.duration(capped * 8 / 10..=capped * 12 / 10)
    }

    /// Handles the loss of a connection, whichever end closed it: it is not opened again before a
    /// backoff.
    pub(super) fn link_lost(&mut self, purpose: Purpose, broker: BrokerId) {
        self.links.lost(self.now, (purpose, broker), &self.config, &mut self.rng);
    }

    /// Panics: this client has broken a promise of its own. For [`always`].
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(super) fn broken(&self, what: fmt::Arguments<'_>) -> ! {
        panic!(
            "consumer {}, member {} of group {} in generation {}: {what}",
            self.config.client_id.as_str(),
            self.identity.member,
            self.config.group.0.as_str(),
            self.identity.generation,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{GroupId, str_bytes};

    fn context() -> Context {
        let config = ConsumerConfig::new(str_bytes("c1"), GroupId(str_bytes("g")), Vec::new());
        let mut cx = Context::new(config, Rng::stream(1, "consumer"), Time::ZERO);
        let member = MemberId(str_bytes("m1"));
        cx.set_identity(Identity { generation: Generation(3), member });
        cx
    }

    #[test]
    #[should_panic = "consumer c1, member m1 of group g in generation 3: has 2 of 1"]
    fn a_broken_promise_names_the_member_its_group_and_its_generation() {
        always!(context(), 2 < 1, "has {} of 1", 2);
    }

    #[test]
    fn requests_that_exclude_each_other() {
        let identity = || context().identity().clone();
        let excludes = |sent: Sent, other: Sent| sent.excludes(&other);
        assert!(excludes(Sent::Join(identity()), Sent::Sync(identity())));
        assert!(excludes(Sent::Heartbeat(identity()), Sent::Join(identity())));
        assert!(excludes(Sent::Fetch(1), Sent::Fetch(2)));
        // A member syncs while its heartbeat is in flight, and leaves at any time.
        assert!(!excludes(Sent::Heartbeat(identity()), Sent::Sync(identity())));
        assert!(!excludes(Sent::Sync(identity()), Sent::Heartbeat(identity())));
        assert!(!excludes(Sent::Leave, Sent::Join(identity())));
    }
}
