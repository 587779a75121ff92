//! A run on an engine: the stage, the engine, and who carries out what the stage wants.

use std::cell::RefMut;
use std::ops::DerefMut;
use std::time::Duration;

use crate::run::World;
use crate::sim::hosted::Order;
use crate::sim::schedule::Action;
use crate::sim::{Impossible, Sim};
use crate::time::Time;

use super::api::Engine;
use super::hub::Hub;

/// The stage and the engine that its hosts run on.
pub(super) struct Hosted<E: Engine> {
    engine: E,
    hub: Hub<E::Net>,
}

impl<E: Engine> Hosted<E> {
    pub(super) fn new(engine: E, hub: Hub<E::Net>) -> Self {
        let mut hosted = Hosted { engine, hub };
        hosted.carry_out();
        hosted
    }

    pub(super) fn hub(&self) -> &Hub<E::Net> {
        &self.hub
    }

    /// Does what the stage wants of the engine.
    fn carry_out(&mut self) {
        self.hub.sort();
        for order in self.hub.engine_orders() {
            match order {
                Order::Start(host) => self.engine.start(&self.hub, host),
                Order::Kill(host) => {
                    self.engine.kill(host);
                    self.hub.forget(host);
                }
                Order::Pause(host) => self.engine.pause(host),
                Order::Resume(host) => self.engine.resume(host),
                Order::Cut(link, ways) => self.engine.cut(&self.hub, link, ways),
                Order::Heal(link) => self.engine.heal(&self.hub, link),
                Order::Isolate(host) => self.engine.isolate(&self.hub, host),
                Order::Reconnect(host) => self.engine.reconnect(&self.hub, host),
                Order::StopLoss => self.engine.stop_loss(),
                Order::Clog(link, by) => self.engine.clog(&self.hub, link, by),
                Order::Describe(group) => self.engine.describe(&self.hub, group),
                Order::Wake(_)
                | Order::Open { .. }
                | Order::Request(..)
                | Order::Response(..)
                | Order::Swallow(_)
                | Order::Close(_)
                | Order::Reset(_) => unreachable!("the hub sorts {order:?} itself"),
            }
        }
    }

    fn at_time(&mut self) -> RefMut<'_, Sim> {
        let now = self.engine.now();
        let mut sim = self.hub.stage();
        sim.set_time(now);
        sim
    }
}

impl<E: Engine> World for Hosted<E> {
    fn stage(&mut self) -> impl DerefMut<Target = Sim> {
        self.at_time()
    }

    fn lateness(&self) -> Duration {
        E::LATENESS
    }

    /// The stage's own queue holds what has no host: the workload, the controller, the administrator.
    fn next(&mut self, limit: Time) -> bool {
        // Who looked at the stage may have made it want something.
        self.carry_out();
        let due = self.hub.stage().next_time();
        let until = due.map_or(limit, |due| due.min(limit));
        self.engine.run(&self.hub, until);
        self.hub.rethrow();
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
