//! The sim language: scripts in, schedules out, and back.
//!
//! [`parse`] reads a script into a [`Schedule`] or returns every mistake in it, each with its line and a
//! caret; [`print`](print()) writes a schedule as its canonical script, which parses back to the same schedule.
//! Hand-written, random and shrunk scenarios are all in this one language; [`language`] describes it.
//!
//! What a script can be wrong about before it runs is found here, in one pass. What only a run can tell
//! (whether a consumer still lives, whether a time has passed already) is left to it, and nothing here
//! knows what a step does.
//!
//! Read next: `verbs`, the table that everything goes by; then `reader`, which walks the lines. The words
//! themselves are printed by [`crate::sim::schedule`].

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
mod mend;
mod options;
mod print;
mod reader;
mod scope;
mod settings;
pub(crate) mod suggest;
mod values;
mod verbs;

pub use error::{ScriptError, ScriptErrors};
pub use language::{language, language_of};
pub use load::{LoadError, load, load_outside, read_text, read_text_from};
pub use mend::{mended, without_line};
pub use print::{digest, print};

pub(crate) use lexer::{Line, Piece, lines};
pub(crate) use suggest::help;

use crate::sim::schedule::{Schedule, Step};

/// The schedule of a script. `file` is the name that errors show.
pub fn parse(file: &str, text: &str) -> Result<Schedule, ScriptErrors> {
    reader::read(text, false).map_err(|errors| ScriptErrors::new(file, text, errors))
}

/// The schedule of a script for a world whose consumers come from outside: they are known by their client
/// ids, and groups by their names, without a line that announces them.
pub fn parse_outside(file: &str, text: &str) -> Result<Schedule, ScriptErrors> {
    reader::read(text, true).map_err(|errors| ScriptErrors::new(file, text, errors))
}

/// Reads steps one by one, while a world with outsiders is running.
pub struct Console {
    reader: reader::Reader,
    /// How many lines were read.
    lines: usize,
}

impl Console {
    /// A console for a world with these settings.
    pub fn new(settings: &Schedule) -> Console {
        Console { reader: reader::Reader::after_settings(settings), lines: 0 }
    }

    /// The step of a line; none when it holds nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with the line.
    pub fn read(&mut self, line: &str) -> Result<Option<Step>, ScriptErrors> {
        self.lines += 1;
        let step = self
            .reader
            .step_of(line)
            .map_err(|errors| ScriptErrors::new("stdin", line, errors).starting_at(self.lines))?;
        // Each line is read by itself; two that are alike are still two.
        Ok(step.map(|step| Step { line: self.lines as u32, ..step }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKERS: &str = "broker count=3\n";
    /// Names for the examples to speak of.
    const PREAMBLE: &str = "topic orders partitions=4\ngroup g\n";
    const JOINS: &str = "join c1\njoin c2\n";
    /// Steps that go before an example which is only possible after them.
    const BEFORE: &[(&str, &str)] = &[("restart b1", "crash b1\n")];

    #[test]
    fn the_example_of_every_row_of_the_table_parses() {
        for verb in verbs::all().chain(verbs::EXPECT) {
            let line = verb.example;
            let text = match verb.reader {
                verbs::Reader::Setting(_) => format!("{PREAMBLE}{line}\n"),
                verbs::Reader::Action(_) | verbs::Reader::Expect(_) => {
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
