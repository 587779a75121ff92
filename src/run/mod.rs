//! One run: a schedule is carried out in a simulator, every event is judged, and the result is a
//! [`Report`].
//!
//! A run never panics and never fails: whatever goes wrong in the system under test is a
//! [`Finding`]. A run keeps no trace. To get one, watch the events or run the same schedule again.
//!
//! | file | what it does |
//! |---|---|
//! | `driver` | drives the schedule line by line and time step by step |
//! | `world` | what the driver drives: the event engine, or programs on another engine |
//! | `expect` | judges `expect` lines |
//! | `watcher` | sees every event: digest, invariants, coverage, counts |
//! | `judge` | continues to judge after a violation |
//! | `diagnostics` | events as `tracing` diagnostics |
//! | `crash` | catches panics of the system under test |
//! | `report` | the result of a run |
//!
//! Read next: [`crate::invariant`] for what is judged, and [`crate::swarm`], which makes many runs.

mod crash;
mod diagnostics;
mod driver;
mod expect;
mod judge;
mod report;
mod watcher;
mod world;

pub use crate::sim::Systems;
pub use driver::Driver;
pub use report::{Finding, Found, Report};
pub use watcher::Stop;
pub use world::World;

use std::rc::Rc;

use crate::sim::Sim;
use crate::sim::schedule::Schedule;
use crate::trace::Event;

use watcher::Watcher;

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

/// Carries out `schedule` with the given systems under test, and shows every event to `watch`.
///
/// The run ends at the first finding. The same schedule gives the same report and the same events
/// in any process, in debug and release builds, under any load.
pub fn run(schedule: &Schedule, systems: &Systems, watch: &mut dyn FnMut(&Event)) -> Report {
    run_with(schedule, systems, Checks::ALL, watch)
}

/// Like [`run`], with some of the checks left out, so that their cost can be measured.
pub fn run_with(
    schedule: &Schedule,
    systems: &Systems,
    checks: Checks,
    watch: &mut dyn FnMut(&Event),
) -> Report {
    let schedule = Rc::new(schedule.clone());
    run_in(&schedule, || Sim::new(&schedule, systems), checks, watch)
}

/// Like [`run_with`], in the world that `make` creates. A panic in `make` is a finding, too.
pub fn run_in<W: World>(
    schedule: &Schedule,
    make: impl FnOnce() -> W,
    checks: Checks,
    watch: &mut dyn FnMut(&Event),
) -> Report {
    let drive = |driver: &mut Driver<'_, '_, W>| driver.drive().and_then(|()| driver.finish());
    // A finding ends the drive early. The report contains it.
    drive_in(schedule, make, checks, watch, |driver| drop(drive(driver)))
}

/// Like [`run_in`], but `drive` drives the schedule.
pub fn drive_in<W: World>(
    schedule: &Schedule,
    make: impl FnOnce() -> W,
    checks: Checks,
    watch: &mut dyn FnMut(&Event),
    drive: impl FnOnce(&mut Driver<'_, '_, W>),
) -> Report {
    let mut watcher = Watcher::new(checks, watch);
    let caught = crash::catch(|| drive(&mut Driver::new(schedule, make(), &mut watcher)));
    if let Err(message) = caught {
        watcher.crashed(message);
    }
    watcher.into_report()
}
