//! The corpus of an exploration: schedules that reached new coverage.

use crate::coverage::Reached;
use crate::rng::Rng;
use crate::run::{Finding, Report, Run, Systems};
use crate::script;
use crate::sim::schedule::Schedule;

use super::mutate::mutated;

/// The schedules that reached new coverage, and the coverage of all schedules so far.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    reached: Reached,
    kept: Vec<Schedule>,
}

impl Corpus {
    /// The coverage so far.
    pub const fn reached(&self) -> &Reached {
        &self.reached
    }

    /// The kept schedules, oldest first.
    pub fn kept(&self) -> &[Schedule] {
        &self.kept
    }

    /// Adds the coverage of a schedule, and keeps the schedule if some of it is new. Returns how
    /// much is new.
    pub fn learn(&mut self, schedule: &Schedule, reached: &Reached) -> usize {
        let new = reached.beyond(&self.reached);
        if new > 0 {
            self.reached.union(reached);
            self.kept.push(schedule.clone());
        }
        new
    }

    /// A mutated schedule with parts of two kept ones, of which newer ones are picked more often.
    /// `None` while the corpus is empty.
    pub fn child(&self, rng: &mut Rng) -> Option<Schedule> {
        let pick = |rng: &mut Rng| {
            let newest = self.kept.len().saturating_sub(16);
            let from = if rng.chance(500) { newest } else { 0 };
            self.kept.get(rng.within(from as u64..=self.kept.len().max(1) as u64 - 1) as usize)
        };
        let (parent, other) = (pick(rng)?, pick(rng)?);
        mutated(rng, parent, other)
    }
}

/// Runs a mutated schedule and removes the steps that turn out to be impossible.
pub fn run_repaired(schedule: &mut Schedule, systems: &Systems) -> Report {
    loop {
        let report = Run::of(schedule).systems(systems).run();
        match report.finding {
            Some(Finding::BadStep { line, .. }) if script::without_line(schedule, line) => {}
            _ => return report,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::{Profile, schedule};

    #[test]
    fn only_schedules_that_reach_new_coverage_are_kept() {
        let mut corpus = Corpus::default();
        let mut seen = schedule(1, Profile::Default);
        let report = run_repaired(&mut seen, &Systems::default());
        assert!(corpus.learn(&seen, &report.reached) > 50);
        assert_eq!(corpus.learn(&seen, &report.reached), 0);
        assert_eq!(corpus.kept().len(), 1);
        assert!(corpus.child(&mut Rng::stream(1, "test")).is_some());
        assert!(Corpus::default().child(&mut Rng::stream(1, "test")).is_none());
    }
}
