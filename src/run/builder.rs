//! One run, put together: which schedule, which systems under test, what is checked, who watches.

use std::rc::Rc;

use crate::model::Model;
use crate::sim::Sim;
use crate::sim::schedule::Schedule;
use crate::trace::Event;

use super::driver::Driver;
use super::watcher::Watcher;
use super::world::World;
use super::{Checks, Report, Systems, crash};

/// Sees every event of a run, with the model after it.
pub(crate) type Watch<'a> = Box<dyn FnMut(&Event, &Model) + 'a>;

/// One run of a schedule.
///
/// By default the coordinator and the consumer are those of this crate, everything is checked, and
/// no one watches.
///
/// ```
/// use groupsim::render::{Renderer, Zoom};
/// use groupsim::run::{Run, Systems};
/// use groupsim::script;
///
/// let schedule = script::parse("pause.sim", "
///     topic orders partitions=4
///     group g assignor=range session=10s
///     join c1
///     join c2
///     settle
///     pause c2
///     advance 14s
///     expect c1 stable owns=orders-0,orders-1,orders-2,orders-3
/// ").expect("a valid script");
///
/// let systems = Systems::default(); // put your coordinator or your consumer here
/// let (mut renderer, mut trace) = (Renderer::new(Zoom::Group), String::new());
/// let report = Run::of(&schedule)
///     .systems(&systems)
///     .watch(|event, model| renderer.render(event, model, &mut trace))
///     .run();
///
/// assert_eq!(report.finding, None);
/// assert!(trace.contains("session-expired"));
/// ```
///
/// [`run`](Run::run) executes the schedule in the event engine, and `run_on`, which is in the
/// module [`crate::engine`], on any engine.
#[must_use = "nothing runs before `run` is called"]
pub struct Run<'a> {
    pub(crate) schedule: &'a Schedule,
    pub(crate) systems: Systems,
    pub(crate) checks: Checks,
    pub(crate) watch: Watch<'a>,
}

impl<'a> Run<'a> {
    /// A run of `schedule`.
    pub fn of(schedule: &'a Schedule) -> Run<'a> {
        let systems = Systems::default();
        Run { schedule, systems, checks: Checks::ALL, watch: Box::new(|_, _| ()) }
    }

    /// Tests these systems.
    pub fn systems(mut self, systems: &Systems) -> Self {
        self.systems = systems.clone();
        self
    }

    /// Leaves out checks, so that their cost can be measured.
    pub fn checks(mut self, checks: Checks) -> Self {
        self.checks = checks;
        self
    }

    /// Shows every event to `watch`, with the model of the run after it, in place of an earlier
    /// `watch`.
    pub fn watch(mut self, watch: impl FnMut(&Event, &Model) + 'a) -> Self {
        self.watch = Box::new(watch);
        self
    }

    /// Runs the schedule in the event engine, up to the first finding.
    ///
    /// The same schedule gives the same report and the same events in any process, in debug and
    /// release builds, under any load.
    pub fn run(self) -> Report {
        let (schedule, systems) = (Rc::new(self.schedule.clone()), self.systems.clone());
        self.run_in(|| Sim::new(&schedule, &(&systems).into()))
    }

    /// Runs the schedule in the world that `make` creates. A panic in `make` is a finding, too.
    #[doc(hidden)]
    pub fn run_in<W: World>(self, make: impl FnOnce() -> W) -> Report {
        let drive = |driver: &mut Driver<'_, '_, W>| driver.drive().and_then(|()| driver.finish());
        // A finding ends the drive early. The report contains it.
        self.drive_in(make, |driver| drop(drive(driver)))
    }

    /// Like [`run_in`](Run::run_in), but `drive` drives the schedule.
    #[doc(hidden)]
    pub fn drive_in<W: World>(
        mut self,
        make: impl FnOnce() -> W,
        drive: impl FnOnce(&mut Driver<'_, '_, W>),
    ) -> Report {
        let mut watcher = Watcher::new(self.checks, &self.systems.invariants, &mut self.watch);
        let caught = crash::catch(|| drive(&mut Driver::new(self.schedule, make(), &mut watcher)));
        if let Err(message) = caught {
            watcher.crashed(message);
        }
        watcher.into_report()
    }
}
