//! What was said and answered while a script ran, and its text.
//!
//! The text is what recordings are made of: a head, each step as it stands in the script, and each
//! answer as `  CONNECTION TIME ANSWER`, with the seconds since the script began.

use std::fmt;
use std::time::Duration;

/// A script, step by step, with what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// The script's name.
    pub name: String,
    /// What happened, in its order.
    pub entries: Vec<Entry>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The line of the script that had it happen.
    pub line: u32,
    /// What it was.
    pub said: Said,
}

/// A step, or an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A step that is not a wait for answers, as it stands in the script.
    Step(String),
    /// What a wait for an answer came to.
    Answer(Answer),
}

/// What was read from a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The connection.
    pub conn: String,
    /// When, since the script began.
    pub at: Duration,
    /// The answer in its normal form; in parentheses when there was none.
    pub text: String,
    /// The line of the request that it answers.
    pub request: Option<u32>,
}

impl Answer {
    /// Seconds in fifths, as recordings have them: no finer than a broker's own delays.
    pub(super) fn seconds(&self) -> f64 {
        (self.at.as_secs_f64() * 5.0).round() / 5.0
    }

    /// What recordings are compared by.
    pub(super) fn said(&self) -> String {
        format!("{} {}", self.conn, self.text)
    }
}

impl Transcript {
    /// The step at a line of the script.
    pub fn step(&self, line: u32) -> Option<&str> {
        self.entries.iter().find_map(|entry| match &entry.said {
            Said::Step(text) if entry.line == line => Some(text.as_str()),
            Said::Step(_) | Said::Answer(_) => None,
        })
    }

    /// How many answers there are.
    pub fn answers(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry.said, Said::Answer(_))).count()
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Step(text) => f.write_str(text),
            Said::Answer(answer) => {
                write!(f, "  {} {:.1} {}", answer.conn, answer.seconds(), answer.text)
            }
        }
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "== {}.txt", self.name)?;
        self.entries.iter().try_for_each(|entry| writeln!(f, "{}", entry.said))
    }
}
