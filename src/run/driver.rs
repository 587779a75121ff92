//! Line by line through the schedule, step by step through time.

use std::time::Duration;

use crate::sim::schedule::{Action, Expectation, Schedule, Step};
use crate::sim::{Sim, Systems};
use crate::time::{Pretty, Time};
use crate::trace::{Event, Kind};

use super::expect;
use super::watcher::{Stop, Watcher};

/// How long the administrator waits for an answer; Kafka's tools give up after as long.
const ANSWER: Duration = Duration::from_secs(60);

pub(super) struct Driver<'a, 'w> {
    sim: Sim<'a>,
    schedule: &'a Schedule,
    watcher: &'a mut Watcher<'w>,
    /// Reused between steps.
    events: Vec<Event>,
}

impl<'a, 'w> Driver<'a, 'w> {
    pub(super) fn new(
        schedule: &'a Schedule,
        systems: &'a Systems,
        watcher: &'a mut Watcher<'w>,
    ) -> Self {
        Driver { sim: Sim::new(schedule, systems), schedule, watcher, events: Vec::new() }
    }

    /// Carries out the whole schedule, or as much of it as it takes to find something.
    pub(super) fn drive(mut self) -> Result<(), Stop> {
        self.show()?;
        for step in &self.schedule.steps {
            self.carry_out(step)?;
        }
        self.report(Kind::Finished)
    }

    fn carry_out(&mut self, step: &Step) -> Result<(), Stop> {
        if let Some(at) = step.at {
            self.wait_for(step.line, at)?;
        }
        self.sim.echo(step.line, &step.action.to_string());
        self.show()?;
        match &step.action {
            Action::Advance(by) => self.run_until(self.sim.now() + *by),
            Action::Settle(within) => self.settle(*within),
            Action::Drain(within) => self.drain(*within),
            Action::Expect(expectation) => {
                if let Expectation::Answer(_) = expectation {
                    self.run_while(ANSWER, |sim| sim.awaits_answer())?;
                }
                let (expected, found) = expect::judge(expectation, &self.sim);
                self.report(Kind::Expected { line: step.line, expected: expected.into(), found })
            }
            action => match self.sim.apply(action) {
                Ok(()) => self.show(),
                Err(why) => {
                    self.show()?;
                    Err(self.watcher.bad_step(step.line, why.to_string()))
                }
            },
        }
    }

    fn wait_for(&mut self, line: u32, at: Time) -> Result<(), Stop> {
        if at < self.sim.now() {
            let at = Pretty(at.since(Time::ZERO));
            let message = format!("`at {at}` is over: it is {} by now", self.sim.now());
            return Err(self.watcher.bad_step(line, message));
        }
        self.run_until(at)
    }

    fn run_until(&mut self, to: Time) -> Result<(), Stop> {
        while self.sim.next_time().is_some_and(|next| next <= to) {
            self.step()?;
        }
        self.sim.idle_until(to);
        Ok(())
    }

    fn settle(&mut self, within: Option<Duration>) -> Result<(), Stop> {
        let within = within.unwrap_or_else(|| self.sim.settle_bound());
        self.sim.look_again();
        match self.run_while(within, |sim| !sim.settled())? {
            Some(took) => self.report(Kind::Settled { took }),
            None => {
                let waiting_for = self.sim.waiting_for();
                self.report(Kind::NotSettled { within, waiting_for })
            }
        }
    }

    fn drain(&mut self, within: Option<Duration>) -> Result<(), Stop> {
        let within = within.unwrap_or_else(|| self.sim.drain_bound());
        match self.run_while(within, |sim| !sim.drained())? {
            Some(took) => self.report(Kind::Drained { took }),
            None => {
                let waiting_for = self.sim.unprocessed();
                self.report(Kind::NotDrained { within, waiting_for })
            }
        }
    }

    /// Runs on until `more` is false, and says how long that took; none when the time was not enough.
    fn run_while(
        &mut self,
        within: Duration,
        mut more: impl FnMut(&mut Sim<'a>) -> bool,
    ) -> Result<Option<Duration>, Stop> {
        let (start, deadline) = (self.sim.now(), self.sim.now() + within);
        while more(&mut self.sim) {
            if self.sim.next_time().is_none_or(|next| next > deadline) {
                self.sim.idle_until(deadline);
                return Ok(None);
            }
            self.step()?;
        }
        Ok(Some(self.sim.now().since(start)))
    }

    fn step(&mut self) -> Result<(), Stop> {
        self.sim.step();
        self.show()
    }

    fn report(&mut self, kind: Kind) -> Result<(), Stop> {
        self.sim.report(kind);
        self.show()
    }

    /// Shows what has happened to everything that looks at events.
    fn show(&mut self) -> Result<(), Stop> {
        self.sim.take_events(&mut self.events);
        for event in self.events.drain(..) {
            self.watcher.observe(&event)?;
        }
        Ok(())
    }
}
