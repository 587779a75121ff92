//! Repairs a schedule after steps were removed or added: removes the steps that the sim language
//! refuses.

use crate::sim::schedule::Schedule;

use super::{parse, print};

/// The schedule without its invalid steps, with line numbers as in its script. `None` if its
/// settings are invalid.
pub fn repaired(mut schedule: Schedule) -> Option<Schedule> {
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
        // From the end, so that the indices of earlier steps stay valid.
        for line in lines.into_iter().rev() {
            schedule.steps.remove(line.checked_sub(first)?);
        }
    }
}

/// Removes the step of a line. Returns false if there is none.
pub fn without_line(schedule: &mut Schedule, line: u32) -> bool {
    let before = schedule.steps.len();
    schedule.steps.retain(|step| step.line != line);
    schedule.steps.len() < before
}
