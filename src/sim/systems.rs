//! The systems under test: the coordinators and consumers that a run creates.

use std::sync::Arc;

use crate::client::{Consumer, ConsumerConfig, GroupConsumer};
use crate::coordinator::{Coordinator, CoordinatorConfig, GroupCoordinator};
use crate::rng::Rng;
use crate::time::Time;

/// Creates a coordinator from its config and the random stream for its member ids.
pub type MakeCoordinator =
    dyn Fn(CoordinatorConfig, Rng) -> Box<dyn GroupCoordinator> + Send + Sync;

/// Creates a consumer from its config, the random stream for its backoff, and the time on its
/// clock.
pub type MakeConsumer = dyn Fn(ConsumerConfig, Rng, Time) -> Box<dyn GroupConsumer> + Send + Sync;

/// The systems that a simulation consists of. By default the correct coordinator and the correct
/// consumer.
#[derive(Clone)]
pub struct Systems {
    /// Creates a coordinator, once per term.
    pub coordinator: Arc<MakeCoordinator>,
    /// Creates a consumer, once per incarnation.
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
