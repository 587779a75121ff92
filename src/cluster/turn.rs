//! What a broker may use while it acts: itself, what all brokers share, its clock, and where to put what it
//! wants done.

use std::rc::Rc;

use crate::coordinator::GroupCoordinator;
use crate::rng::Rng;
use crate::time::Time;

use super::broker::{Broker, Output};
use super::cluster::{ClusterConfig, CoordinatorFactory};
use super::controller::Controller;
use super::offsets_log::OffsetsLog;
use super::routing::Routing;
use super::topics::Topics;

/// What outlives every broker.
pub(super) struct Shared<'a> {
    pub(super) config: ClusterConfig,
    pub(super) make: Rc<CoordinatorFactory<'a>>,
    pub(super) seed: u64,
    pub(super) topics: Topics,
    /// By partition of the offsets log.
    pub(super) logs: Vec<OffsetsLog>,
    /// What the controller has decided so far.
    pub(super) controller: Controller,
    pub(super) routing: Routing,
    /// The id of the next idempotent producer.
    pub(super) next_producer: i64,
}

pub(super) struct Turn<'t, 'a> {
    pub(super) broker: &'t mut Broker,
    pub(super) shared: &'t mut Shared<'a>,
    pub(super) now: Time,
    pub(super) out: &'t mut Vec<Output>,
}

impl Turn<'_, '_> {
    /// The coordinator of one term. A broker that comes back in the same epoch must not hand out the
    /// member ids of its former life again, so that is part of the luck's name.
    pub(super) fn make_coordinator(
        &self,
        partition: usize,
        epoch: i32,
    ) -> Box<dyn GroupCoordinator> {
        let purpose = format!("members/{partition}/{epoch}/{}", self.broker.crashes);
        let luck = Rng::stream(self.shared.seed, &purpose);
        (self.shared.make)(self.shared.config.coordinator.clone(), luck)
    }
}
