//! The sim language: parses scripts to schedules and prints schedules as scripts.
//!
//! [`parse`] returns the [`Schedule`] of a script, or all its errors, each with its line and a
//! caret. [`print`](print()) returns the canonical script of a schedule, which parses back to the
//! same schedule. Hand-written, random and shrunk scenarios are all written in this language;
//! [`language`] describes it.
//!
//! Errors that can be detected before a run are found here, in one pass. Errors that only a run can
//! detect (whether a consumer is still running, whether a time has already passed) are left to the
//! run. Nothing here knows what a step does.
//!
//! Read next: `verbs`, the table that drives the parser; then `reader`, which reads the lines.
//! [`crate::sim::schedule`] prints the steps.

mod actions;
mod admin;
mod args;
mod cluster;
mod error;
mod expect;
mod kafka;
mod language;
mod lexer;
mod load;
mod options;
mod print;
mod reader;
mod repair;
mod scope;
mod settings;
pub(crate) mod suggest;
mod values;
mod verbs;

pub use error::{ScriptError, ScriptErrors};
pub use language::{language, language_of};
pub use load::{LoadError, load, load_for_external_clients, read_text, read_text_from};
pub use print::{digest, print};
pub use repair::{repaired, without_line};

#[cfg(feature = "engines")]
pub(crate) use lexer::{Line, Piece, lines};
#[cfg(feature = "engines")]
pub(crate) use suggest::help;

use crate::sim::schedule::{Schedule, Step};

/// Parses a script. `file` is the name that errors show.
pub fn parse(file: &str, text: &str) -> Result<Schedule, ScriptErrors> {
    reader::read(text, false).map_err(|errors| ScriptErrors::new(file, text, errors))
}

/// Parses a script for external clients. Steps name them by client id, and groups by group id,
/// without `join` and `group` lines that declare them.
pub fn parse_for_external_clients(file: &str, text: &str) -> Result<Schedule, ScriptErrors> {
    reader::read(text, true).map_err(|errors| ScriptErrors::new(file, text, errors))
}

/// Parses steps one by one, while external clients are being served.
pub struct Console {
    reader: reader::ScriptReader,
    /// The number of lines so far.
    lines: usize,
}

impl Console {
    /// A console for steps after the settings of this schedule.
    pub fn new(settings: &Schedule) -> Console {
        Console { reader: reader::ScriptReader::after_settings(settings), lines: 0 }
    }

    /// Parses the step of a line; `None` if the line is blank.
    ///
    /// # Errors
    ///
    /// If the line is not a valid step.
    pub fn read(&mut self, line: &str) -> Result<Option<Step>, ScriptErrors> {
        self.lines += 1;
        let step = self
            .reader
            .step_of(line)
            .map_err(|errors| ScriptErrors::new("stdin", line, errors).starting_at(self.lines))?;
        // Each text has only one line, so the line number has to be set here.
        Ok(step.map(|step| Step { line: self.lines as u32, ..step }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKERS: &str = "broker count=3\n";
    /// Declares the names in the examples.
    const PREAMBLE: &str = "topic orders partitions=4\ngroup g\n";
    const JOINS: &str = "join c1\njoin c2\n";
    /// Steps that an example requires before it.
    const BEFORE: &[(&str, &str)] = &[("restart b1", "crash b1\n")];

    #[test]
    fn the_example_of_every_row_of_the_table_parses() {
        for verb in verbs::all().chain(verbs::EXPECT) {
            let line = verb.example;
            let text = match verb.parser {
                verbs::Parser::Setting(_) => format!("{PREAMBLE}{line}\n"),
                verbs::Parser::Action(_) | verbs::Parser::Expect(_) => {
                    let before = BEFORE.iter().find(|(example, _)| line == *example);
                    let before = before.map_or("", |(_, before)| before);
                    format!("{BROKERS}{PREAMBLE}{JOINS}{before}{line}\n")
                }
            };
            let schedule = parse("example.sim", &text).unwrap_or_else(|errors| panic!("{errors}"));
            assert!(print(&schedule).lines().any(|printed| printed == line), "{line}");
        }
    }

    #[test]
    fn the_help_page_has_every_verb() {
        let page = language();
        for name in verbs::names() {
            assert!(page.contains(&format!("  {name}")) || name == "at", "{name} is missing");
        }
    }
}
