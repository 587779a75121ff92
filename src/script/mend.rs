//! Makes a schedule valid again from which lines were taken, or to which some were added: what the sim language
//! refuses is taken out.

use crate::sim::schedule::Schedule;

use super::{parse, print};

/// The schedule as its script reads, without the steps that make no sense any more. None if its settings make
/// none.
pub fn mended(mut schedule: Schedule) -> Option<Schedule> {
    loop {
        let text = print(&schedule);
        let errors = match parse("candidate", &text) {
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
pub fn without_line(schedule: &mut Schedule, line: u32) -> bool {
    let before = schedule.steps.len();
    schedule.steps.retain(|step| step.line != line);
    schedule.steps.len() < before
}
