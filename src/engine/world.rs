//! A run on an engine: the core, the engine, and the code that carries out the core's commands.

use std::cell::RefMut;
use std::ops::DerefMut;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use crate::model::Model;
use crate::run::{Report, Run, World};
use crate::sim::hosted::{Command, Topology};
use crate::sim::schedule::{Action, Schedule};
use crate::sim::{Impossible, Sim};
use crate::time::Time;
use crate::trace::Event;

use super::api::Engine;
use super::plug::Parts;
use super::router::Router;

/// Makes a run on a thread of its own, because an engine may keep thread-local state, and the
/// standard library seeds the hash maps of a run once per thread.
pub(super) fn on_own_thread<E: Engine>(
    run: Run<'_>,
    make: impl FnOnce(&Schedule) -> Parts<E> + Send,
) -> Report {
    let Run { schedule, systems, checks, mut watch } = run;
    let (sender, events) = mpsc::channel::<Event>();
    std::thread::scope(|scope| {
        let run = scope.spawn(move || {
            let shared = Rc::new(schedule.clone());
            let world = || {
                let (engine, net, addresses) = make(&shared);
                let sim = Sim::hosted(&shared, &(&systems).into(), &Topology::default());
                Hosted::new(engine, Router::new(net, sim, addresses))
            };
            // The receiver may be gone if `watch` has panicked.
            let watch = |event: &Event, _: &Model| drop(sender.send(event.clone()));
            Run::of(schedule).systems(&systems).checks(checks).watch(watch).run_in(world)
        });
        // The model of the run stays on its thread.
        let mut model = Model::default();
        for event in events {
            model.feed(&event);
            watch(&event, &model);
        }
        run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The core and the engine that its processes run on.
pub(super) struct Hosted<E: Engine> {
    engine: E,
    router: Router<E::Net>,
}

impl<E: Engine> Hosted<E> {
    pub(super) fn new(engine: E, router: Router<E::Net>) -> Self {
        let mut hosted = Hosted { engine, router };
        hosted.carry_out();
        hosted
    }

    pub(super) fn router(&self) -> &Router<E::Net> {
        &self.router
    }

    /// Carries out the core's commands for the engine.
    fn carry_out(&mut self) {
        self.router.dispatch();
        for command in self.router.engine_commands() {
            match command {
                Command::Start(process) => self.engine.start(&self.router, process),
                Command::Kill(process) => {
                    self.engine.kill(process);
                    self.router.drop_dials(process);
                }
                Command::Pause(process) => self.engine.pause(process),
                Command::Resume(process) => self.engine.resume(process),
                Command::Cut(link, directions) => self.engine.cut(&self.router, link, directions),
                Command::Heal(link) => self.engine.heal(&self.router, link),
                Command::Isolate(process) => self.engine.isolate(&self.router, process),
                Command::Reconnect(process) => self.engine.reconnect(&self.router, process),
                Command::StopLoss => self.engine.stop_loss(),
                Command::Clog(link, by) => self.engine.clog(&self.router, link, by),
                Command::Describe(group) => self.engine.describe(&self.router, group),
                Command::Wake(_)
                | Command::Open { .. }
                | Command::Request(..)
                | Command::Response(..)
                | Command::Swallow(_)
                | Command::Close(_)
                | Command::Reset(_) => unreachable!("the router dispatches {command:?} itself"),
            }
        }
    }

    fn at_time(&mut self) -> RefMut<'_, Sim> {
        let now = self.engine.now();
        let mut sim = self.router.core();
        sim.set_time(now);
        sim
    }
}

impl<E: Engine> World for Hosted<E> {
    fn core(&mut self) -> impl DerefMut<Target = Sim> {
        self.at_time()
    }

    fn lateness(&self) -> Duration {
        E::LATENESS
    }

    /// The core's own queue holds what belongs to no process: the workload, the controller, the
    /// administrator.
    fn next(&mut self, limit: Time) -> bool {
        // The driver may have changed the core since the last call.
        self.carry_out();
        let due = self.router.core().next_time();
        let until = due.map_or(limit, |due| due.min(limit));
        self.engine.run(&self.router, until);
        self.router.rethrow();
        let now = self.engine.now();
        let mut sim = self.at_time();
        while sim.next_time().is_some_and(|due| due <= now) {
            sim.step();
        }
        drop(sim);
        self.carry_out();
        now < limit
    }

    fn apply(&mut self, action: &Action) -> Result<(), Impossible> {
        if let Some(why) = E::refusal(action) {
            return Err(Impossible(why.to_owned()));
        }
        let done = self.at_time().apply(action);
        self.carry_out();
        done
    }
}
