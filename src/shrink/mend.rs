//! Makes a candidate valid: what the sim language refuses is taken out.

use crate::script;
use crate::sim::schedule::Schedule;

/// The schedule as its script reads, without the steps that make no sense any more. None if its settings make
/// none.
pub(super) fn mended(mut schedule: Schedule) -> Option<Schedule> {
    loop {
        let text = script::print(&schedule);
        let errors = match script::parse("candidate", &text) {
            Ok(schedule) => return Some(schedule),
            Err(errors) => errors,
        };
        let first = 1 + text.lines().count() - schedule.steps.len();
        let mut lines: Vec<usize> = errors
            .errors()
            .iter()
            .map(|error| 1 + text[..error.span.start].matches('\n').count())
            .collect();
        lines.dedup();
        // From the end, so that the numbers of those before stay what they are.
        for line in lines.into_iter().rev() {
            schedule.steps.remove(line.checked_sub(first)?);
        }
    }
}

/// Takes the step of a line out; false if there is none.
pub(super) fn without_line(schedule: &mut Schedule, line: u32) -> bool {
    let before = schedule.steps.len();
    schedule.steps.retain(|step| step.line != line);
    schedule.steps.len() < before
}
