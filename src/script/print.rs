//! Prints a schedule as a script.

use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_64;

use crate::sim::schedule::{BrokerSpec, NetworkSpec, Schedule};

/// The canonical script of a schedule: the settings that differ from the defaults, a blank line,
/// the steps. It parses back to the same schedule, except for the line numbers.
pub fn print(schedule: &Schedule) -> String {
    let mut text = settings(schedule);
    if !text.is_empty() && !schedule.steps.is_empty() {
        text.push('\n');
    }
    for step in &schedule.steps {
        line(&mut text, step);
    }
    text
}

/// The digest of the canonical script of a schedule.
pub fn digest(schedule: &Schedule) -> u64 {
    xxh3_64(print(schedule).as_bytes())
}

fn settings(schedule: &Schedule) -> String {
    let mut text = String::new();
    if schedule.seed != 0 {
        line(&mut text, format_args!("seed {}", schedule.seed));
    }
    if schedule.network != NetworkSpec::default() {
        line(&mut text, &schedule.network);
    }
    if schedule.broker != BrokerSpec::default() {
        line(&mut text, &schedule.broker);
    }
    for topic in &schedule.topics {
        line(&mut text, topic);
    }
    for group in &schedule.groups {
        line(&mut text, group);
    }
    text
}

fn line(text: &mut String, line: impl std::fmt::Display) {
    writeln!(text, "{line}").expect("writing to a String does not fail");
}
