//! The systems under test: how a run makes its coordinator and its consumers.

use std::sync::Arc;

use crate::consumer::{Consumer, ConsumerConfig, GroupConsumer};
use crate::coordinator::{Coordinator, CoordinatorConfig, GroupCoordinator};
use crate::rng::Rng;
use crate::time::Time;

/// Makes a coordinator out of its settings and the luck of its member ids.
pub type MakeCoordinator =
    dyn Fn(CoordinatorConfig, Rng) -> Box<dyn GroupCoordinator> + Send + Sync;

/// Makes a consumer out of its settings, the luck of its backoff, and the time on its clock.
pub type MakeConsumer = dyn Fn(ConsumerConfig, Rng, Time) -> Box<dyn GroupConsumer> + Send + Sync;

/// What a run runs. The default is the correct coordinator and the correct consumer; put your own in
/// place of either to test it.
#[derive(Clone)]
pub struct Systems {
    /// Makes the coordinator.
    pub coordinator: Arc<MakeCoordinator>,
    /// Makes each consumer, once for each life.
    pub consumer: Arc<MakeConsumer>,
}

impl Default for Systems {
    fn default() -> Self {
        Systems {
            coordinator: Arc::new(|config, rng| Box::new(Coordinator::new(config, rng))),
            consumer: Arc::new(|config, rng, now| Box::new(Consumer::new(config, rng, now))),
        }
    }
}
