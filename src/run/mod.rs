//! One run: a schedule carried out in a simulator, every event of it judged, and all of it made into a
//! [`Report`].
//!
//! A run never panics and never fails: whatever goes wrong in the system under test is a [`Finding`]. It
//! keeps no trace; whoever wants one watches the events go by, or runs the same schedule again.
//!
//! | file | what it does |
//! |---|---|
//! | `driver` | line by line through the schedule, step by step through time |
//! | `world` | what the driver drives: the event engine, or programs on another engine |
//! | `expect` | judging `expect` lines |
//! | `watcher` | what looks at every event: digest, invariants, coverage, counts |
//! | `judge` | judging on after a violation |
//! | `diagnostics` | events as `tracing` diagnostics |
//! | `crash` | catching panics of the system under test |
//! | `report` | what a run comes to |
//!
//! Read next: [`crate::invariant`], what is judged, and [`crate::swarm`], which makes many runs.

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

/// What is done with the events of a run besides counting them. Everything, outside of benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Digest the trace. Without it the report's digest means nothing.
    pub digest: bool,
    /// Judge the invariants. Without it nothing is found but panics and bad steps.
    pub invariants: bool,
    /// Collect the cells that are reached.
    pub coverage: bool,
    /// Nobody looks into the brokers: judge what can be judged from the clients' side alone.
    pub from_outside: bool,
}

impl Checks {
    /// Everything on.
    pub const ALL: Checks =
        Checks { digest: true, invariants: true, coverage: true, from_outside: false };
    /// Everything off: the bare engine.
    pub const NONE: Checks =
        Checks { digest: false, invariants: false, coverage: false, from_outside: false };
}

/// Carries out `schedule` with the given systems under test, and shows every event to `watch`.
///
/// The run ends at the first finding. The same schedule gives the same report and the same events in any
/// process, in debug and release, whatever else the machine does.
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

/// Like [`run_with`], in a world that `make` makes. A panic of it is a finding too.
pub fn run_in<W: World>(
    schedule: &Schedule,
    make: impl FnOnce() -> W,
    checks: Checks,
    watch: &mut dyn FnMut(&Event),
) -> Report {
    let drive = |driver: &mut Driver<'_, '_, W>| driver.drive().and_then(|()| driver.finish());
    // A finding ends the drive early; it is in the report then.
    drive_in(schedule, make, checks, watch, |driver| drop(drive(driver)))
}

/// Like [`run_in`], with somebody else at the wheel.
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
