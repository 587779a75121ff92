//! One run: a schedule is carried out in a simulator, every event is judged, and the result is a
//! [`Report`].
//!
//! A run never panics and never fails: whatever goes wrong in the system under test is a
//! [`Finding`]. A run keeps no trace. To get one, watch the events or run the same schedule again.
//!
//! | file | what it does |
//! |---|---|
//! | `builder` | [`Run`]: which schedule and systems, what is checked, who watches |
//! | `driver` | drives the schedule line by line and time step by step |
//! | `world` | what the driver drives: the event engine, or programs on another engine |
//! | `expect` | judges `expect` lines |
//! | `watcher` | sees every event: digest, model, invariants, coverage, counts |
//! | `judge` | continues to judge after a violation |
//! | `systems` | what is tested, and the user's own invariants |
//! | `diagnostics` | events as `tracing` diagnostics |
//! | `crash` | catches panics of the system under test |
//! | `report` | the result of a run |
//!
//! Read next: [`crate::invariant`] for what is judged, and [`crate::swarm`], which makes many runs.

mod builder;
mod crash;
mod diagnostics;
mod driver;
mod expect;
mod judge;
mod report;
mod systems;
mod watcher;
mod world;

pub use crate::sim::{MakeConsumer, MakeCoordinator};
pub use builder::Run;
pub use report::{Finding, Found, Report};
pub use systems::Systems;

#[doc(hidden)]
pub use driver::Driver;
#[doc(hidden)]
pub use watcher::Stop;
#[doc(hidden)]
pub use world::World;

/// What is done with the events of a run besides counting them. Everything, except in benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Digest the trace. Without it the report's digest is meaningless.
    pub digest: bool,
    /// Check the invariants. Without it the only findings are panics and bad steps.
    pub invariants: bool,
    /// Collect the coverage cells that are reached.
    pub coverage: bool,
    /// The brokers are black boxes: check only what the clients' side shows.
    pub black_box: bool,
}

impl Checks {
    /// Everything on, for brokers whose inside is visible.
    pub const ALL: Checks =
        Checks { digest: true, invariants: true, coverage: true, black_box: false };
    /// Everything off: the bare engine.
    pub const NONE: Checks =
        Checks { digest: false, invariants: false, coverage: false, black_box: false };
}
