//! The steps and responses of one run of a script, and their text form.
//!
//! Recordings consist of this text: a head, each step as it is written in the script, and each
//! response as `  CONNECTION TIME RESPONSE`, with the seconds since the script began.

use std::fmt;
use std::time::Duration;

/// One run of a script: its steps and the responses.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// The script's name.
    pub name: String,
    /// The steps and responses, in order.
    pub entries: Vec<Entry>,
}

/// A step or a response, with its line.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The line of the script that caused it.
    pub line: u32,
    /// The step or the response.
    pub item: TranscriptItem,
}

/// A step or a response.
#[derive(Clone, Debug, PartialEq)]
pub enum TranscriptItem {
    /// A step that does not await responses, as written in the script.
    Step(String),
    /// A response, or its absence.
    Answer(Answer),
}

/// A response, as read from a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The name of the connection.
    pub conn: String,
    /// The time since the script began.
    pub at: Duration,
    /// The response in its normal form, or in parentheses the reason why there is none.
    pub text: String,
    /// The line of its request.
    pub request: Option<u32>,
}

impl Answer {
    /// Seconds, rounded to 0.2 s as in recordings: no finer than a broker's own delays.
    pub(super) fn seconds(&self) -> f64 {
        (self.at.as_secs_f64() * 5.0).round() / 5.0
    }

    /// The text that is compared: `CONNECTION TEXT`.
    pub(super) fn with_connection(&self) -> String {
        format!("{} {}", self.conn, self.text)
    }
}

impl Transcript {
    /// The step at a line of the script.
    pub fn step(&self, line: u32) -> Option<&str> {
        self.entries.iter().find_map(|entry| match &entry.item {
            TranscriptItem::Step(text) if entry.line == line => Some(text.as_str()),
            TranscriptItem::Step(_) | TranscriptItem::Answer(_) => None,
        })
    }

    /// The number of responses.
    pub fn answers(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry.item, TranscriptItem::Answer(_))).count()
    }
}

impl fmt::Display for TranscriptItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TranscriptItem::Step(text) => f.write_str(text),
            TranscriptItem::Answer(answer) => {
                write!(f, "  {} {:.1} {}", answer.conn, answer.seconds(), answer.text)
            }
        }
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "== {}.txt", self.name)?;
        self.entries.iter().try_for_each(|entry| writeln!(f, "{}", entry.item))
    }
}
