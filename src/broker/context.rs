//! What a broker may use while it acts: itself, the state that all brokers share, its clock, and
//! the list of its outputs.

use std::rc::Rc;

use crate::coordinator::GroupCoordinator;
use crate::rng::Rng;
use crate::time::Time;

use super::cluster::{ClusterConfig, CoordinatorFactory};
use super::controller::Controller;
use super::node::{Broker, BrokerOutput};
use super::offsets_log::OffsetsLog;
use super::routing::Routing;
use super::topics::Topics;

/// The state that survives the crash of any broker.
pub(super) struct Shared<'a> {
    pub(super) config: ClusterConfig,
    pub(super) make: Rc<CoordinatorFactory<'a>>,
    pub(super) seed: u64,
    pub(super) topics: Topics,
    /// Indexed by partition of the offsets log.
    pub(super) logs: Vec<OffsetsLog>,
    /// The controller's current state.
    pub(super) controller: Controller,
    pub(super) routing: Routing,
    /// The id of the next idempotent producer.
    pub(super) next_producer: i64,
}

pub(super) struct BrokerContext<'t, 'a> {
    pub(super) broker: &'t mut Broker,
    pub(super) shared: &'t mut Shared<'a>,
    pub(super) now: Time,
    pub(super) out: &'t mut Vec<BrokerOutput>,
}

impl BrokerContext<'_, '_> {
    /// Creates the coordinator of one term. A broker that restarts in the same epoch must not issue
    /// the member ids of its former incarnation again, so the number of crashes is part of the name
    /// of the random stream.
    pub(super) fn make_coordinator(
        &self,
        partition: usize,
        epoch: i32,
    ) -> Box<dyn GroupCoordinator> {
        let purpose = format!("members/{partition}/{epoch}/{}", self.broker.crashes);
        let rng = Rng::stream(self.shared.seed, &purpose);
        (self.shared.make)(self.shared.config.coordinator.clone(), rng)
    }
}
