//! What a run tests: the coordinators and consumers, and the user's own invariants that judge them.

use std::sync::Arc;

use crate::invariant::{Invariant, MakeInvariant};
use crate::sim::{self, MakeConsumer, MakeCoordinator};

/// The systems that a run tests. By default the correct coordinator and the correct consumer;
/// replace either with your own to test it.
#[derive(Clone)]
pub struct Systems {
    /// Creates a coordinator, once per term.
    pub coordinator: Arc<MakeCoordinator>,
    /// Creates a consumer, once per incarnation.
    pub consumer: Arc<MakeConsumer>,
    /// Invariants of your own, which check each event after those of this crate.
    pub invariants: Vec<MakeInvariant>,
}

impl Systems {
    /// The same systems, also judged by an invariant of your own. `make` is called once per run.
    #[must_use]
    pub fn with_invariant<I: Invariant + 'static>(
        mut self,
        make: impl Fn() -> I + Send + Sync + 'static,
    ) -> Systems {
        self.invariants.push(Arc::new(move || Box::new(make())));
        self
    }
}

impl Default for Systems {
    fn default() -> Self {
        let sim::Systems { coordinator, consumer } = sim::Systems::default();
        Systems { coordinator, consumer, invariants: Vec::new() }
    }
}

/// What a simulation needs of them: it knows nothing of invariants.
impl From<&Systems> for sim::Systems {
    fn from(systems: &Systems) -> sim::Systems {
        let Systems { coordinator, consumer, .. } = systems.clone();
        sim::Systems { coordinator, consumer }
    }
}
