//! Drives a run: through the schedule line by line, through time step by step.

use std::time::Duration;

use crate::invariant::Allow;
use crate::model::Model;
use crate::sim::Sim;
use crate::sim::schedule::{Action, Expectation, Schedule, Step};
use crate::time::{Pretty, Time};
use crate::trace::{Event, EventKind};

use super::Finding;
use super::expect;
use super::watcher::{Stop, Watcher};
use super::world::World;

/// How long the administrator waits for a response. Kafka's tools use the same timeout.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

/// Carries out a schedule in a world.
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

    /// Carries out the schedule up to the first finding.
    ///
    /// # Errors
    ///
    /// When there is a finding.
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

    /// Makes the run continue after violations. They are recorded, except those in `allowed`.
    pub fn go_on_after_violations(&mut self, allowed: Vec<Allow>) {
        self.watcher.go_on_after_violations(allowed);
    }

    /// The findings since the last call, in a run that continues after violations.
    pub fn new_findings(&mut self) -> Vec<Finding> {
        self.watcher.new_findings()
    }

    /// Removes the finding of a bad step, so that the run can continue, and returns its reason.
    pub fn take_bad_step(&mut self) -> Option<String> {
        self.watcher.take_bad_step()
    }

    /// Ends the run: nothing happens any more.
    ///
    /// # Errors
    ///
    /// When there is a finding.
    pub fn finish(&mut self) -> Result<(), Stop> {
        self.report(EventKind::Finished)
    }

    /// Carries out one step.
    ///
    /// # Errors
    ///
    /// When there is a finding. A step that is impossible is a finding, too.
    pub fn carry_out(&mut self, step: &Step) -> Result<(), Stop> {
        if let Some(at) = step.at {
            self.wait_for(step.line, at)?;
        }
        self.world.core().echo(step.line, &step.action.to_string());
        self.show()?;
        match &step.action {
            Action::Advance(by) => {
                let now = self.world.core().now();
                self.run_until(now + *by)
            }
            Action::Settle(within) => self.settle(*within),
            Action::Drain(within) => self.drain(*within),
            Action::Expect(expectation) => {
                if let Expectation::Response(_) = expectation {
                    self.run_while(RESPONSE_TIMEOUT, |sim, _| sim.awaits_response())?;
                }
                if let Expectation::Group { group, .. } = expectation {
                    let model = self.watcher.model();
                    let request = self.world.core().description_request(model, group.as_deref());
                    self.run_while(RESPONSE_TIMEOUT, |sim, model| {
                        !sim.poll_until_described(model, &request)
                    })?;
                }
                let (expected, found) =
                    expect::judge(expectation, &self.world.core(), self.watcher.model());
                self.report(EventKind::Expected {
                    line: step.line,
                    expected: expected.into(),
                    found,
                })
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
        let now = self.world.core().now();
        if at + self.world.lateness() < now {
            let at = Pretty(at.since(Time::ZERO));
            let message = format!("`at {at}` has passed: the clock is at {now}");
            return Err(self.watcher.bad_step(line, message));
        }
        self.run_until(at)
    }

    /// Lets time pass until `to`.
    ///
    /// # Errors
    ///
    /// When there is a finding.
    pub fn run_until(&mut self, to: Time) -> Result<(), Stop> {
        while self.world.next(to) {
            self.show()?;
            self.end_if_requested()?;
        }
        Ok(())
    }

    fn end_if_requested(&self) -> Result<(), Stop> {
        if self.world.should_stop() { Err(Stop) } else { Ok(()) }
    }

    fn settle(&mut self, within: Option<Duration>) -> Result<(), Stop> {
        let within = within.unwrap_or_else(|| self.world.core().settle_bound());
        self.world.core().recheck_settled();
        match self.run_while(within, |sim, model| !sim.settled(model))? {
            Some(took) => self.report(EventKind::Settled { took }),
            None => {
                let waiting_for = self.world.core().waiting_for(self.watcher.model());
                self.report(EventKind::NotSettled { within, waiting_for })
            }
        }
    }

    fn drain(&mut self, within: Option<Duration>) -> Result<(), Stop> {
        let within = within.unwrap_or_else(|| self.world.core().drain_bound(self.watcher.model()));
        match self.run_while(within, |sim, model| !sim.drained(model))? {
            Some(took) => self.report(EventKind::Drained { took }),
            None => {
                let waiting_for = self.world.core().unprocessed(self.watcher.model());
                self.report(EventKind::NotDrained { within, waiting_for })
            }
        }
    }

    /// Runs until `more` is false and returns how long that took; `None` if it took longer than
    /// `within`.
    fn run_while(
        &mut self,
        within: Duration,
        mut more: impl FnMut(&mut Sim, &Model) -> bool,
    ) -> Result<Option<Duration>, Stop> {
        let start = self.world.core().now();
        let deadline = start + within;
        while more(&mut self.world.core(), self.watcher.model()) {
            if !self.world.next(deadline) {
                return Ok(None);
            }
            self.show()?;
            self.end_if_requested()?;
        }
        let now = self.world.core().now();
        Ok(Some(now.since(start)))
    }

    fn report(&mut self, kind: EventKind) -> Result<(), Stop> {
        self.world.core().report(kind);
        self.show()
    }

    /// Shows the pending events to the watcher.
    fn show(&mut self) -> Result<(), Stop> {
        self.world.core().take_events(&mut self.events);
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
