//! Removes steps.

use std::time::Duration;

use crate::sim::schedule::{Action, Schedule, Step};
use crate::swarm::parts;
use crate::time::Time;

use super::Shrinker;

/// Whether an action belongs to a family.
type Family = fn(&Action) -> bool;

/// The families of actions that are tried to be removed as a whole. The action that ends a fault is
/// in the family of the fault.
const FAMILIES: [Family; 15] = [
    |action| matches!(action, Action::Skew(..)),
    |action| matches!(action, Action::Clog(..) | Action::Unclog(..)),
    |action| matches!(action, Action::Slow(..)),
    |action| matches!(action, Action::Reset(..)),
    |action| matches!(action, Action::Compact(_)),
    |action| matches!(action, Action::Stall(_) | Action::Unstall(_)),
    |action| matches!(action, Action::Refuse(..) | Action::Accept(_)),
    |action| matches!(action, Action::Admin(_)),
    |action| matches!(action, Action::Grow { .. } | Action::DeleteTopic(_)),
    |action| matches!(action, Action::Produce { .. }),
    |action| matches!(action, Action::Move { .. }),
    |action| matches!(action, Action::Drop { .. }),
    |action| {
        matches!(
            action,
            Action::Partition(..) | Action::Heal(..) | Action::Isolate(_) | Action::Reconnect(_)
        )
    },
    |action| matches!(action, Action::Pause(_) | Action::Resume(_)),
    |action| matches!(action, Action::Crash(..) | Action::Restart(_) | Action::Leave(_)),
];

impl Shrinker<'_> {
    /// Removes the steps after the finding, which ended the run.
    pub(super) fn cut_off(&mut self) {
        let Some(at) = parts(&self.best.finding).at else { return };
        let steps = &self.schedule().steps;
        let Some(end) = steps.iter().position(|step| step.at.is_some_and(|time| time > at)) else {
            return;
        };
        let last = steps[..end].iter().rev().find_map(|step| step.at).unwrap_or(Time::ZERO);
        let rest = Duration::from_secs(at.since(last).as_secs() + 1);
        for tail in [None, Some(Action::Settle(None)), Some(Action::Advance(rest))] {
            let tail = tail.map(|action| Step { line: 0, at: None, action });
            let cut = |schedule: &mut Schedule| {
                schedule.steps.truncate(end);
                schedule.steps.extend(tail);
            };
            if self.attempt(cut) {
                return;
            }
        }
    }

    /// Removes all faults at once, or one family after the other.
    pub(super) fn drop_families(&mut self) {
        let is_fault = |action: &Action| FAMILIES.iter().any(|family| family(action));
        if self.attempt(|schedule| schedule.steps.retain(|step| !is_fault(&step.action))) {
            return;
        }
        for family in FAMILIES {
            self.attempt(|schedule| schedule.steps.retain(|step| !family(&step.action)));
        }
    }

    /// Removes all steps that name a consumer, consumer by consumer, starting with the last to
    /// join.
    pub(super) fn drop_consumers(&mut self) {
        let joins = self.schedule().steps.iter().rev().filter_map(|step| match &step.action {
            Action::Join { consumer, .. } => Some(consumer.clone()),
            _ => None,
        });
        for name in joins.collect::<Vec<String>>() {
            self.attempt(|schedule| {
                schedule.steps.retain_mut(|step| !names(&mut step.action, &name));
            });
        }
    }

    /// Removes half of the steps, then a quarter, and so on down to one step at a time, from the
    /// end.
    pub(super) fn drop_lines(&mut self) {
        let mut size = self.schedule().steps.len().div_ceil(2);
        while size > 0 && !self.stopped {
            let mut end = self.schedule().steps.len();
            while end > 0 && !self.stopped {
                let start = end.saturating_sub(size);
                self.attempt(|schedule| drop(schedule.steps.drain(start..end)));
                // Repairing may have removed more steps.
                end = start.min(self.schedule().steps.len());
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }
}

/// Whether an action names a consumer. `quiesce` is kept: only the name is removed from it.
fn names(action: &mut Action, name: &str) -> bool {
    if let Action::Quiesce(Some(core)) = action {
        core.retain(|other| other != name);
        return false;
    }
    action.to_string().split([' ', '=', ',']).any(|word| word == name)
}
