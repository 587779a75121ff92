//! A stand-in.

use crate::run::{Finding, Systems, run};
use crate::sim::schedule::Schedule;

/// What is left of a schedule.
pub struct Shrunk {
    /// The schedule.
    pub schedule: Schedule,
    /// What it finds.
    pub finding: Finding,
    /// How many runs it took.
    pub runs: u64,
}

/// Makes a schedule smaller; none if it finds nothing.
pub fn shrink(
    schedule: &Schedule,
    systems: &Systems,
    keep_on: &mut dyn FnMut(&Schedule, u64) -> bool,
) -> Option<Shrunk> {
    let finding = run(schedule, systems, &mut |_| ()).finding?;
    keep_on(schedule, 1);
    Some(Shrunk { schedule: schedule.clone(), finding, runs: 1 })
}
