//! What was worth keeping: schedules that reached something which nothing before them had reached.

use crate::rng::Rng;
use crate::run::{Finding, Report, Systems, run};
use crate::script;
use crate::sim::schedule::Schedule;
use crate::trace::Reached;

use super::mutate::mutated;

/// Schedules worth keeping, and all that they and the others reached.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    reached: Reached,
    kept: Vec<Schedule>,
}

impl Corpus {
    /// What was reached so far.
    pub const fn reached(&self) -> &Reached {
        &self.reached
    }

    /// What is kept, the oldest first.
    pub fn kept(&self) -> &[Schedule] {
        &self.kept
    }

    /// Takes note of what a schedule reached, and keeps it if that is new: how much is.
    pub fn learn(&mut self, schedule: &Schedule, reached: &Reached) -> usize {
        let new = reached.beyond(&self.reached);
        if new > 0 {
            self.reached.union(reached);
            self.kept.push(schedule.clone());
        }
        new
    }

    /// The child of two that were kept, newer ones more often; none as long as there are none.
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

/// Runs a schedule that nobody has seen run. What turns out to be impossible is taken out of it.
pub fn run_mended(schedule: &mut Schedule, systems: &Systems) -> Report {
    loop {
        let report = run(schedule, systems, &mut |_| ());
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
    fn only_what_reaches_something_new_is_kept() {
        let mut corpus = Corpus::default();
        let mut seen = schedule(1, Profile::Default);
        let report = run_mended(&mut seen, &Systems::default());
        assert!(corpus.learn(&seen, &report.reached) > 50);
        assert_eq!(corpus.learn(&seen, &report.reached), 0);
        assert_eq!(corpus.kept().len(), 1);
        assert!(corpus.child(&mut Rng::stream(1, "test")).is_some());
        assert!(Corpus::default().child(&mut Rng::stream(1, "test")).is_none());
    }
}
