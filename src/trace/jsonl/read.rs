//! Reads a trace, line by line.

use std::fmt;
use std::io::BufRead;

use serde_json::{Map, Value};

use super::fields::Wrong;
use super::places::Places;
use super::write::Header;
use super::{VERSION, events};
use crate::trace::event::Event;

/// One line of a file with traces.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A trace begins. A file may have several.
    Header(Header),
    /// An event.
    Event(Event),
    /// Another object with this `type`, such as the report of the run.
    Other(String, Map<String, Value>),
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The name of the file.
    pub file: String,
    /// The number of the line, from 1.
    pub line: u64,
    /// What was expected, and what is there instead.
    pub message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  --> {}:{}", self.message, self.file, self.line)
    }
}

impl std::error::Error for ReadError {}

/// Reads lines one by one. It keeps one line and the names of the consumers in memory. After an
/// error it returns nothing more.
pub struct Reader<R> {
    input: R,
    file: String,
    line: u64,
    text: Vec<u8>,
    places: Places,
    is_over: bool,
}

impl<R: BufRead> Reader<R> {
    /// A reader from the start of a file; `file` is its name in errors.
    pub fn new(file: impl Into<String>, input: R) -> Reader<R> {
        Reader {
            input,
            file: file.into(),
            line: 0,
            text: Vec::new(),
            places: Places::default(),
            is_over: false,
        }
    }

    /// The number of the line that was read last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    fn read(&mut self) -> Result<Option<Entry>, Wrong> {
        self.text.clear();
        self.line += 1;
        self.input
            .read_until(b'\n', &mut self.text)
            .map_err(|error| Wrong(format!("cannot read the file: {error}")))?;
        if self.text.is_empty() {
            return match self.line {
                1 => Err(Wrong(format!("the file is empty: {EXPECTED_HEADER}"))),
                _ => Ok(None),
            };
        }
        let object = self.object()?;
        match (object.contains_key("groupsim-trace"), self.line) {
            (true, _) => {
                self.places = Places::default();
                header(object).map(Some)
            }
            (false, 1) => Err(Wrong(format!("this is not a recorded trace: {EXPECTED_HEADER}"))),
            (false, _) => self.entry(object).map(Some),
        }
    }

    /// The object in the current line.
    fn object(&self) -> Result<Map<String, Value>, Wrong> {
        let is_whole = self.text.ends_with(b"\n");
        serde_json::from_slice(&self.text).map_err(|error| match (self.line, is_whole) {
            (1, true) => Wrong(format!("this is not a recorded trace: {EXPECTED_HEADER}")),
            (_, false) if error.is_eof() => {
                Wrong("the last line is cut off: the trace was not written to its end".to_owned())
            }
            _ => {
                let at = error.column();
                Wrong(format!("expected a JSON object in one line: {}", plain(&error, at)))
            }
        })
    }

    fn entry(&mut self, mut object: Map<String, Value>) -> Result<Entry, Wrong> {
        let kind = object.get("type").and_then(Value::as_str).map(str::to_owned);
        match (kind.as_deref(), object.get_mut("event")) {
            (Some("event"), Some(Value::Object(event))) => {
                events::read(event, &mut self.places).map(Entry::Event)
            }
            (Some("event"), _) => Err(Wrong("\"event\" is missing: expected an object".to_owned())),
            (Some(kind), _) => Ok(Entry::Other(kind.to_owned(), object)),
            (None, _) => {
                Err(Wrong("\"type\" is missing: expected event, report or another type".to_owned()))
            }
        }
    }
}

/// What the first line must be, for errors.
const EXPECTED_HEADER: &str = "expected {\"groupsim-trace\":1,…} in the first line, as \
     `groupsim run --format json` writes it";

fn header(object: Map<String, Value>) -> Result<Entry, Wrong> {
    match object.get("groupsim-trace").and_then(Value::as_u64) {
        Some(VERSION) => {}
        Some(version) => {
            let by = object.get("groupsim").and_then(Value::as_str).unwrap_or("of unknown version");
            return Err(Wrong(format!(
                "the trace has version {version} of the format, and this program reads version \
                 {VERSION}: read it with the program that wrote it, groupsim {by}"
            )));
        }
        None => return Err(Wrong("\"groupsim-trace\": expected a version".to_owned())),
    }
    serde_json::from_value(Value::Object(object))
        .map(Entry::Header)
        .map_err(|error| Wrong(format!("expected the first line of a trace: {error}")))
}

/// The message of a JSON error, with its column. Its line is always the first.
fn plain(error: &serde_json::Error, column: usize) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    format!("{text} at column {column}")
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let read = self.read().map_err(|Wrong(message)| ReadError {
            file: self.file.clone(),
            line: self.line,
            message,
        });
        self.is_over = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}
