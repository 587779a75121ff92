//! Line by line through the schedule, step by step through time.

use std::time::Duration;

use crate::invariant::Allow;
use crate::sim::Sim;
use crate::sim::schedule::{Action, Expectation, Schedule, Step};
use crate::time::{Pretty, Time};
use crate::trace::{Event, Kind};

use super::Finding;
use super::expect;
use super::watcher::{Stop, Watcher};
use super::world::World;

/// How long the administrator waits for an answer; Kafka's tools give up after as long.
const ANSWER: Duration = Duration::from_secs(60);

/// Carries a schedule out in a world.
pub struct Driver<'a, 'w, W> {
    world: W,
    schedule: &'a Schedule,
    watcher: &'a mut Watcher<'w>,
    /// Reused between steps.
    events: Vec<Event>,
}

impl<'a, 'w, W: World> Driver<'a, 'w, W> {
    pub(super) fn new(schedule: &'a Schedule, world: W, watcher: &'a mut Watcher<'w>) -> Self {
        Driver { world, schedule, watcher, events: Vec::new() }
    }

    /// Carries out the whole schedule, or as much of it as it takes to find something.
    ///
    /// # Errors
    ///
    /// When something was found.
    pub fn drive(&mut self) -> Result<(), Stop> {
        self.show()?;
        for step in &self.schedule.steps {
            self.carry_out(step)?;
        }
        Ok(())
    }

    /// The world.
    pub fn world(&mut self) -> &mut W {
        &mut self.world
    }

    /// From now on a violation does not end the run: it is taken down, unless it is one of `allowed`.
    pub fn go_on_after_violations(&mut self, allowed: Vec<Allow>) {
        self.watcher.go_on_after_violations(allowed);
    }

    /// What was found since this was last asked, for whoever goes on after violations.
    pub fn news(&mut self) -> Vec<Finding> {
        self.watcher.news()
    }

    /// Takes back that a step could not be done, for whoever goes on with others: why it could not.
    pub fn forgive_bad_step(&mut self) -> Option<String> {
        self.watcher.forgive_bad_step()
    }

    /// Nothing happens any more.
    ///
    /// # Errors
    ///
    /// When something was found.
    pub fn finish(&mut self) -> Result<(), Stop> {
        self.report(Kind::Finished)
    }

    /// Carries out one step.
    ///
    /// # Errors
    ///
    /// When something was found, the step's own impossibility included.
    pub fn carry_out(&mut self, step: &Step) -> Result<(), Stop> {
        if let Some(at) = step.at {
            self.wait_for(step.line, at)?;
        }
        self.world.stage().echo(step.line, &step.action.to_string());
        self.show()?;
        match &step.action {
            Action::Advance(by) => {
                let now = self.world.stage().now();
                self.run_until(now + *by)
            }
            Action::Settle(within) => self.settle(*within),
            Action::Drain(within) => self.drain(*within),
            Action::Expect(expectation) => {
                if let Expectation::Answer(_) = expectation {
                    self.run_while(ANSWER, |sim| sim.awaits_answer())?;
                }
                if let Expectation::Group { group, .. } = expectation {
                    let inquiry = self.world.stage().inquiry(group.as_deref());
                    self.run_while(ANSWER, |sim| !sim.inquire_until_described(&inquiry))?;
                }
                let (expected, found) = expect::judge(expectation, &self.world.stage());
                self.report(Kind::Expected { line: step.line, expected: expected.into(), found })
            }
            action => match self.world.apply(action) {
                Ok(()) => self.show(),
                Err(why) => {
                    self.show()?;
                    Err(self.watcher.bad_step(step.line, why.to_string()))
                }
            },
        }
    }

    fn wait_for(&mut self, line: u32, at: Time) -> Result<(), Stop> {
        let now = self.world.stage().now();
        if at + self.world.lateness() < now {
            let at = Pretty(at.since(Time::ZERO));
            let message = format!("`at {at}` has passed: the clock is at {now}");
            return Err(self.watcher.bad_step(line, message));
        }
        self.run_until(at)
    }

    /// Lets time pass.
    ///
    /// # Errors
    ///
    /// When something was found.
    pub fn run_until(&mut self, to: Time) -> Result<(), Stop> {
        while self.world.next(to) {
            self.show()?;
            self.end_if_asked()?;
        }
        Ok(())
    }

    fn end_if_asked(&self) -> Result<(), Stop> {
        if self.world.is_over() { Err(Stop) } else { Ok(()) }
    }

    fn settle(&mut self, within: Option<Duration>) -> Result<(), Stop> {
        let within = within.unwrap_or_else(|| self.world.stage().settle_bound());
        self.world.stage().look_again();
        match self.run_while(within, |sim| !sim.settled())? {
            Some(took) => self.report(Kind::Settled { took }),
            None => {
                let waiting_for = self.world.stage().waiting_for();
                self.report(Kind::NotSettled { within, waiting_for })
            }
        }
    }

    fn drain(&mut self, within: Option<Duration>) -> Result<(), Stop> {
        let within = within.unwrap_or_else(|| self.world.stage().drain_bound());
        match self.run_while(within, |sim| !sim.drained())? {
            Some(took) => self.report(Kind::Drained { took }),
            None => {
                let waiting_for = self.world.stage().unprocessed();
                self.report(Kind::NotDrained { within, waiting_for })
            }
        }
    }

    /// Runs on until `more` is false, and says how long that took; none when the time was not enough.
    fn run_while(
        &mut self,
        within: Duration,
        mut more: impl FnMut(&mut Sim) -> bool,
    ) -> Result<Option<Duration>, Stop> {
        let start = self.world.stage().now();
        let deadline = start + within;
        while more(&mut self.world.stage()) {
            if !self.world.next(deadline) {
                return Ok(None);
            }
            self.show()?;
            self.end_if_asked()?;
        }
        let now = self.world.stage().now();
        Ok(Some(now.since(start)))
    }

    fn report(&mut self, kind: Kind) -> Result<(), Stop> {
        self.world.stage().report(kind);
        self.show()
    }

    /// Shows what has happened to everything that looks at events.
    fn show(&mut self) -> Result<(), Stop> {
        self.world.stage().take_events(&mut self.events);
        let mut found = Ok(());
        let mut shown = 0;
        while found.is_ok() && shown < self.events.len() {
            found = self.watcher.observe(&self.events[shown]);
            shown += 1;
        }
        self.events.drain(..shown);
        found
    }
}
