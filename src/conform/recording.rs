//! Recordings: the transcript of a script on a real broker, as text.
//!
//! A response that is not the same every time has variants: its line begins with `~`, and each
//! further variant follows on a line of its own after `~|`. Responses vary for reasons inside the
//! broker: the order of a hash map selects the leader, or two timers race. Times are those of the
//! first run; a recording does not show how responses depend on them.

use std::fmt::{self, Write as _};
use std::path::Path;

use super::transcript::{Answer, Transcript, TranscriptItem};

/// The responses of a broker to a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Its file name, as errors show it.
    pub file: String,
    pub(super) rows: Vec<Row>,
}

/// A line of a recording, with its variants.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// Its number in the file, from 1.
    pub line: usize,
    pub item: Recorded,
}

/// A step, or the variants of a response.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Recorded {
    Step(String),
    Answer(Vec<Variant>),
}

/// One of the recorded responses at one place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variant {
    pub conn: String,
    /// Seconds since the script began.
    pub at: f64,
    pub text: String,
}

impl Variant {
    pub(super) fn with_connection(&self) -> String {
        format!("{} {}", self.conn, self.text)
    }

    fn of(answer: &Answer) -> Variant {
        Variant { conn: answer.conn.clone(), at: answer.seconds(), text: answer.text.clone() }
    }
}

/// A mistake in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for RecordingError {}

impl Recording {
    /// Reads a recording from a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not a recording.
    pub fn load(path: &Path) -> Result<Recording, RecordingError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Recording::parse(&file, &text),
            Err(error) => {
                Err(RecordingError { file, line: 1, message: format!("cannot be read: {error}") })
            }
        }
    }

    /// Parses a recording; `file` is the name that errors show.
    ///
    /// # Errors
    ///
    /// When the text is not a recording.
    pub fn parse(file: &str, text: &str) -> Result<Recording, RecordingError> {
        let wrong = |line: usize, message: &str| {
            Err(RecordingError { file: file.to_owned(), line, message: message.to_owned() })
        };
        let mut rows: Vec<Row> = Vec::new();
        for (at, text) in text.lines().enumerate() {
            let line = at + 1;
            let head = text.starts_with("== ");
            if head != (line == 1) {
                return wrong(line, "expected `== SCRIPT.txt` as the first line, and only there");
            }
            if head {
                continue;
            }
            if let Some(variant) = text.strip_prefix("~|") {
                match (answer(variant), rows.last_mut().map(|row| &mut row.item)) {
                    (Some(variant), Some(Recorded::Answer(variants))) => variants.push(variant),
                    _ => return wrong(line, "expected another variant of the response above"),
                }
                continue;
            }
            let (varies, text) = match text.strip_prefix('~') {
                Some(text) => (true, text),
                None => (false, text),
            };
            let item = match answer(text) {
                Some(variant) => Recorded::Answer(vec![variant]),
                None if varies || text.starts_with(' ') => {
                    return wrong(
                        line,
                        "expected a response: two spaces, CONNECTION, SECONDS, TEXT",
                    );
                }
                None => Recorded::Step(text.to_owned()),
            };
            rows.push(Row { line, item });
        }
        Ok(Recording { file: file.to_owned(), rows })
    }

    /// A new recording of this transcript. It keeps the variants of the earlier recording, if that
    /// was of the same script.
    pub fn merged(before: Option<&Recording>, now: &Transcript) -> Recording {
        let rows = now.entries.iter().zip(2..).map(|(entry, line)| Row {
            line,
            item: match &entry.item {
                TranscriptItem::Step(text) => Recorded::Step(text.clone()),
                TranscriptItem::Answer(answer) => Recorded::Answer(vec![Variant::of(answer)]),
            },
        });
        let mut rows: Vec<Row> = rows.collect();
        let same = |before: &&Recording| before.is_of(&rows);
        if let Some(before) = before.filter(same) {
            for (row, before) in rows.iter_mut().zip(&before.rows) {
                row.item = both(&before.item, &row.item);
            }
        }
        Recording { file: format!("{}.txt", now.name), rows }
    }

    /// Whether it has the same steps, with the same number of responses to each.
    fn is_of(&self, rows: &[Row]) -> bool {
        let alike = |(a, b): (&Row, &Row)| match (&a.item, &b.item) {
            (Recorded::Step(a), Recorded::Step(b)) => a == b,
            (Recorded::Answer(_), Recorded::Answer(_)) => true,
            _ => false,
        };
        self.rows.len() == rows.len() && self.rows.iter().zip(rows).all(alike)
    }

    /// The recording as text, under the name of its script.
    pub fn text(&self, script: &str) -> String {
        let mut text = format!("== {script}.txt\n");
        for row in &self.rows {
            match &row.item {
                Recorded::Step(step) => text.push_str(&format!("{step}\n")),
                Recorded::Answer(variants) => {
                    for (at, variant) in variants.iter().enumerate() {
                        let mark = match at {
                            0 if variants.len() == 1 => "",
                            0 => "~",
                            _ => "~|",
                        };
                        let Variant { conn, at, text: shown } = variant;
                        let _ = writeln!(text, "{mark}  {conn} {at:.1} {shown}");
                    }
                }
            }
        }
        text
    }
}

fn both(before: &Recorded, now: &Recorded) -> Recorded {
    let (Recorded::Answer(before), Recorded::Answer(now)) = (before, now) else {
        return now.clone();
    };
    let mut variants = before.clone();
    for variant in now {
        if variants.iter().all(|known| known.with_connection() != variant.with_connection()) {
            variants.push(variant.clone());
        }
    }
    Recorded::Answer(variants)
}

/// `  a 0.2 TEXT`
fn answer(line: &str) -> Option<Variant> {
    let mut parts = line.strip_prefix("  ")?.splitn(3, ' ');
    let (conn, at, text) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Variant { conn: conn.to_owned(), at: at.parse().ok()?, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::conform::transcript::Entry;

    fn transcript(answers: &[&str]) -> Transcript {
        let answer = |text: &&str| Answer {
            conn: "a".to_owned(),
            at: Duration::from_millis(310),
            text: (*text).to_owned(),
            request: Some(1),
        };
        let step = TranscriptItem::Step("a: Heartbeat/4".to_owned());
        let items = std::iter::once(step)
            .chain(answers.iter().map(|text| TranscriptItem::Answer(answer(text))));
        let entries = items.map(|item| Entry { line: 1, item }).collect();
        Transcript { name: "s".to_owned(), entries }
    }

    #[test]
    fn a_repeated_recording_gains_variants() {
        let once = Recording::merged(None, &transcript(&["Heartbeat NONE"]));
        let text = "== s.txt\na: Heartbeat/4\n  a 0.4 Heartbeat NONE\n";
        assert_eq!(once.text("s"), text);
        assert_eq!(Recording::parse("s.txt", text).as_ref(), Ok(&once));
        let same = Recording::merged(Some(&once), &transcript(&["Heartbeat NONE"]));
        assert_eq!(same, once);
        let twice = Recording::merged(Some(&once), &transcript(&["(no answer)"]));
        let text = "== s.txt\na: Heartbeat/4\n~  a 0.4 Heartbeat NONE\n~|  a 0.4 (no answer)\n";
        assert_eq!(twice.text("s"), text);
        let another = Recording::merged(Some(&twice), &transcript(&["x", "y"]));
        assert_eq!(another.text("s").matches('~').count(), 0, "the script has changed");
    }

    #[test]
    fn a_malformed_recording_is_refused_with_its_line() {
        let refused = |text| Recording::parse("r.txt", text).expect_err(text).to_string();
        for text in ["a: X/1\n", "== s.txt\n  a NONE\n", "== s.txt\n~|  a 0.0 x\n", "== s\n== s\n"]
        {
            let line = text.lines().count();
            assert!(refused(text).starts_with(&format!("r.txt:{line}: expected")), "{text}");
        }
    }
}
