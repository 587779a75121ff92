//! Shortens waits, rounds times, and reduces numbers.

use std::time::Duration;

use crate::sim::schedule::{Action, Schedule};
use crate::time::Time;

use super::Shrinker;

/// Round durations in milliseconds, shortest first.
const ROUND: [u64; 14] =
    [1, 10, 100, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000];

impl Shrinker<'_> {
    /// Shortens the time between steps, and the numbers in them.
    pub(super) fn shorten(&mut self) {
        for index in 0..self.schedule().steps.len() {
            self.shorten_wait(index);
            self.round_time(index);
            self.shrink_numbers(index);
        }
    }

    /// Moves a step and all later ones to an earlier time, as early as possible.
    fn shorten_wait(&mut self, index: usize) {
        let Some(at) = self.time_of(index) else { return };
        let before = (0..index).rev().find_map(|earlier| self.time_of(earlier));
        let wait = at.since(before.unwrap_or(Time::ZERO));
        if self.attempt(|schedule| bring_forward(schedule, index, wait, true)) {
            return;
        }
        for round in ROUND.map(Duration::from_millis).into_iter().filter(|round| *round < wait) {
            if self.attempt(|schedule| bring_forward(schedule, index, wait - round, false)) {
                return;
            }
        }
    }

    fn time_of(&self, index: usize) -> Option<Time> {
        self.schedule().steps.get(index)?.at
    }

    /// Moves one step to a round time, without the others.
    fn round_time(&mut self, index: usize) {
        let Some(at) = self.time_of(index) else { return };
        let micros = at.since(Time::ZERO).as_micros() as u64;
        for to in [10_000_000, 1_000_000, 100_000, 10_000] {
            for rounded in [micros / to * to, micros.div_ceil(to) * to] {
                let time = Time::ZERO + Duration::from_micros(rounded);
                if time == at || self.attempt(|schedule| schedule.steps[index].at = Some(time)) {
                    return;
                }
            }
        }
    }

    fn shrink_numbers(&mut self, index: usize) {
        let Some(step) = self.schedule().steps.get(index) else { return };
        for action in smaller(&step.action) {
            if self.attempt(|schedule| schedule.steps[index].action = action) {
                return;
            }
        }
    }
}

/// Moves a step and all later ones to an earlier time. With `at_once` the step itself follows the
/// one before without waiting.
fn bring_forward(schedule: &mut Schedule, index: usize, by: Duration, at_once: bool) {
    for step in &mut schedule.steps[index..] {
        step.at = step.at.map(|at| Time::ZERO + at.since(Time::ZERO).saturating_sub(by));
    }
    if at_once {
        schedule.steps[index].at = None;
    }
}

/// The same action with smaller numbers, smallest first.
fn smaller(action: &Action) -> Vec<Action> {
    let rounds = |now: Duration, make: &dyn Fn(Duration) -> Action| {
        let lengths = ROUND.map(Duration::from_millis).into_iter().filter(|round| *round < now);
        lengths.map(make).collect()
    };
    match action {
        Action::Advance(by) => rounds(*by, &Action::Advance),
        Action::Clog(a, b, by) => rounds(*by, &|by| Action::Clog(a.clone(), b.clone(), by)),
        Action::Slow(name, each) => rounds(*each, &|each| Action::Slow(name.clone(), each)),
        Action::Skew(node, ppm) => {
            let least = [1_000, 10_000, 50_000].map(|to| to * ppm.signum());
            let least = least.into_iter().filter(|to| to.abs() < ppm.abs());
            least.map(|ppm| Action::Skew(node.clone(), ppm)).collect()
        }
        Action::Drop { consumer, api, side, nth, count } => [(1, 1), (*nth, 1), (1, *count)]
            .into_iter()
            .filter(|to| *to != (*nth, *count))
            .map(|(nth, count)| {
                let consumer = consumer.clone();
                Action::Drop { consumer, api: *api, side: *side, nth, count }
            })
            .collect(),
        Action::Produce { topic, partition, count } => [1, 2, 5, 10, 20, 50, 100]
            .into_iter()
            .filter(|fewer| fewer < count)
            .map(|count| Action::Produce { topic: topic.clone(), partition: *partition, count })
            .collect(),
        Action::Settle(Some(_)) => vec![Action::Settle(None)],
        Action::Drain(Some(_)) => vec![Action::Drain(None)],
        Action::Quiesce(Some(_)) => vec![Action::Quiesce(None)],
        _ => Vec::new(),
    }
}
