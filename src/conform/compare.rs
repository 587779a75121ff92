//! Compares a transcript with a recording.
//!
//! Responses are compared as text, each with all its variants, step by step. The time that a
//! response took since the previous one is compared separately: over a network it depends on the
//! machine.

use std::time::Duration;

use super::recording::{Recorded, Recording, RecordingError, Row, Variant};
use super::transcript::{Answer, Entry, Transcript, TranscriptItem};

/// The permitted difference between the recorded and the actual time of a response. Recorded times
/// are multiples of 0.2 s, and a busy machine is slower.
pub const TOLERANCE: Duration = Duration::from_millis(700);

/// The differences between a transcript and a recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The number of responses that were compared.
    pub answers: usize,
    /// Responses that differ from the recording.
    pub differences: Vec<Difference>,
    /// Responses with the recorded text that took much less or more time.
    pub late: Vec<Late>,
}

/// A response that differs from the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line of the script that awaited the response.
    pub line: u32,
    /// The line of its request, if there is one.
    pub request: Option<u32>,
    /// The recorded variants, each as `CONNECTION TEXT`. Empty if no response was expected.
    pub expected: Vec<String>,
    /// The actual response; `None` if it is missing.
    pub got: Option<String>,
}

/// A response that took much less or more time than recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Late {
    /// The line of the script that awaited the response.
    pub line: u32,
    /// The line of its request, if there is one.
    pub request: Option<u32>,
    /// Seconds since the previous response.
    pub took: f64,
    /// Seconds since the previous response when it was recorded.
    pub recorded: f64,
}

/// Compares a transcript with a recording of the same script.
///
/// # Errors
///
/// When the recording is of another script, or of another version of the script.
pub fn compare(
    recording: &Recording,
    transcript: &Transcript,
    tolerance: Duration,
) -> Result<Comparison, RecordingError> {
    let mut comparing =
        Comparing { tolerance, clocks: Clocks::default(), all: Comparison::default() };
    let (mut rows, mut entries) = (recording.rows.as_slice(), transcript.entries.as_slice());
    loop {
        let (wanted, more_rows) = leading_responses(rows);
        let (got, more_entries) = own_responses(entries);
        let line = transcript.entries.len() - entries.len();
        comparing.answers(&wanted, got, line.checked_sub(1).map(|at| &transcript.entries[at]));
        (rows, entries) = (more_rows, more_entries);
        let ((row, rest), (entry, others)) = match (rows.split_first(), entries.split_first()) {
            (None, None) => return Ok(comparing.all),
            (Some(row), Some(entry)) => (row, entry),
            (row, _) => {
                let line = row.map_or(recording.rows.len() + 1, |(row, _)| row.line);
                return Err(another(recording, line, "the script has more or fewer steps"));
            }
        };
        let (Recorded::Step(step), TranscriptItem::Step(replayed)) = (&row.item, &entry.item)
        else {
            unreachable!("responses have been removed")
        };
        if step != replayed {
            let what = format!("the script has `{replayed}` at line {}", entry.line);
            return Err(another(recording, row.line, &what));
        }
        comparing.clocks.wait(step);
        (rows, entries) = (rest, others);
    }
}

fn another(recording: &Recording, line: usize, what: &str) -> RecordingError {
    let message = format!("the recording is of another script: {what}");
    RecordingError { file: recording.file.clone(), line, message }
}

/// The responses at the start of a list of rows.
fn leading_responses(rows: &[Row]) -> (Vec<&[Variant]>, &[Row]) {
    let variants = |row: &'_ Row| matches!(row.item, Recorded::Answer(_));
    let count = rows.iter().take_while(|row| variants(row)).count();
    let answers = rows[..count].iter().filter_map(|row| match &row.item {
        Recorded::Answer(variants) => Some(variants.as_slice()),
        Recorded::Step(_) => None,
    });
    (answers.collect(), &rows[count..])
}

fn own_responses(entries: &[Entry]) -> (&[Entry], &[Entry]) {
    let count =
        entries.iter().take_while(|entry| matches!(entry.item, TranscriptItem::Answer(_))).count();
    entries.split_at(count)
}

/// The time of the last response, now and in the recording, in seconds.
#[derive(Default)]
struct Clocks {
    now: f64,
    recorded: f64,
}

impl Clocks {
    /// Both clocks advance during a wait, so that it does not count towards the next response.
    fn wait(&mut self, step: &str) {
        let seconds = step.strip_prefix("wait ").and_then(|seconds| seconds.trim().parse().ok());
        let seconds: f64 = seconds.unwrap_or(0.0);
        self.now += seconds;
        self.recorded += seconds;
    }
}

struct Comparing {
    tolerance: Duration,
    clocks: Clocks,
    all: Comparison,
}

impl Comparing {
    /// Compares the responses after one step; `before` is the last entry before them.
    fn answers(&mut self, wanted: &[&[Variant]], got: &[Entry], before: Option<&Entry>) {
        for at in 0..wanted.len().max(got.len()) {
            let expected = wanted.get(at).copied().unwrap_or_default();
            let answer = got.get(at).and_then(|entry| match &entry.item {
                TranscriptItem::Answer(answer) => Some((entry.line, answer)),
                TranscriptItem::Step(_) => None,
            });
            self.all.answers += 1;
            let text = answer.map(|(_, answer)| answer.with_connection());
            if let Some(text) = &text
                && expected.iter().any(|variant| variant.with_connection() == *text)
            {
                let (line, answer) = answer.expect("there is a response");
                self.time(line, answer, &expected[0]);
                continue;
            }
            let nearest = got.last().or(before).map_or(0, |entry| entry.line);
            self.all.differences.push(Difference {
                line: answer.map_or(nearest, |(line, _)| line),
                request: answer.and_then(|(_, answer)| answer.request),
                expected: expected.iter().map(Variant::with_connection).collect(),
                got: text,
            });
            if let (Some((_, answer)), Some(variant)) = (answer, expected.first()) {
                (self.clocks.now, self.clocks.recorded) = (answer.seconds(), variant.at);
            }
        }
    }

    fn time(&mut self, line: u32, answer: &Answer, variant: &Variant) {
        let took = answer.seconds() - self.clocks.now;
        let recorded = variant.at - self.clocks.recorded;
        if (took - recorded).abs() > self.tolerance.as_secs_f64() {
            self.all.late.push(Late { line, request: answer.request, took, recorded });
        }
        (self.clocks.now, self.clocks.recorded) = (answer.seconds(), variant.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transcript that a recording describes.
    fn transcript(text: &str) -> Transcript {
        let recording = Recording::parse("t.txt", text).expect("a transcript");
        let entries = recording.rows.iter().zip(1..).map(|(row, line)| Entry {
            line,
            item: match &row.item {
                Recorded::Step(step) => TranscriptItem::Step(step.clone()),
                Recorded::Answer(variants) => TranscriptItem::Answer(Answer {
                    conn: variants[0].conn.clone(),
                    at: Duration::from_secs_f64(variants[0].at),
                    text: variants[0].text.clone(),
                    request: line.checked_sub(1),
                }),
            },
        });
        Transcript { name: "t".to_owned(), entries: entries.collect() }
    }

    fn compared(recording: &str, got: &str) -> Result<Comparison, RecordingError> {
        let recording = Recording::parse("t.txt", recording).expect("a recording");
        compare(&recording, &transcript(got), TOLERANCE)
    }

    const RECORDED: &str =
        "== t.txt\na: X/1\n~  a 0.0 one\n~|  a 0.0 two\nwait 3\na: Y/1\n  a 3.0 three\n";

    #[test]
    fn any_variant_is_accepted() {
        for variant in ["one", "two"] {
            let got =
                format!("== t.txt\na: X/1\n  a 0.2 {variant}\nwait 3\na: Y/1\n  a 3.6 three\n");
            let comparison = compared(RECORDED, &got).expect("the same script");
            assert_eq!(comparison, Comparison { answers: 2, ..Comparison::default() }, "{variant}");
        }
    }

    #[test]
    fn a_difference_says_what_was_expected_and_for_which_request() {
        let got = "== t.txt\na: X/1\n  a 0.0 other\nwait 3\na: Y/1\n  a 3.0 three\n  b 3.0 more\n";
        let differences = compared(RECORDED, got).expect("the same script").differences;
        let other = Difference {
            line: 2,
            request: Some(1),
            expected: vec!["a one".to_owned(), "a two".to_owned()],
            got: Some("a other".to_owned()),
        };
        let more = Difference {
            line: 6,
            request: Some(5),
            expected: Vec::new(),
            got: Some("b more".to_owned()),
        };
        assert_eq!(differences, [other, more]);
        let missing = compared(RECORDED, "== t.txt\na: X/1\n  a 0.0 one\nwait 3\na: Y/1\n");
        let missing = missing.expect("the same script").differences;
        assert_eq!(missing[0].got, None);
        assert_eq!(
            (missing[0].line, missing[0].expected.as_slice()),
            (4, &["a three".to_owned()][..])
        );
    }

    #[test]
    fn a_late_response_is_reported_once() {
        let got = "== t.txt\na: X/1\n  a 1.0 one\nwait 3\na: Y/1\n  a 4.0 three\n";
        let comparison = compared(RECORDED, got).expect("the same script");
        assert_eq!(comparison.differences, []);
        let lines: Vec<u32> = comparison.late.iter().map(|late| late.line).collect();
        assert_eq!(lines, [2]);
    }

    #[test]
    fn a_recording_of_another_script_is_refused_with_its_line() {
        let line = |got| compared(RECORDED, got).expect_err(got).line;
        assert_eq!(line("== t.txt\na: X/2\n  a 0.0 one\nwait 3\na: Y/1\n  a 3.0 three\n"), 2);
        assert_eq!(line("== t.txt\na: X/1\n  a 0.0 one\n"), 5);
        assert_eq!(line(&format!("{RECORDED}close a\n")), 6);
    }
}
