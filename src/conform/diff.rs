//! Differences as text: the steps that led to one, the response of a real Kafka, and the actual
//! one.

use std::fmt::Write as _;

use super::compare::{Difference, Late};
use super::transcript::{Entry, Transcript, TranscriptItem};

/// How many lines of context are shown before a difference.
const CONTEXT: usize = 4;

/// A difference as text: the lines before it, then `-` and the recorded response, `+` and the
/// actual one. `file` is the name of the script.
pub fn difference(file: &str, transcript: &Transcript, difference: &Difference) -> String {
    let mut text = format!("  {file}:{}\n", difference.line);
    let entries = &transcript.entries;
    let at = entries.iter().position(|entry| is_at(entry, difference)).unwrap_or(entries.len());
    lead(transcript, at, difference.request, &mut text);
    if difference.expected.is_empty() {
        text.push_str("    - nothing\n");
    }
    for (nth, expected) in difference.expected.iter().enumerate() {
        let or = if nth == 0 { "" } else { " or" };
        let _ = writeln!(text, "    -{or} {}", shown(expected));
    }
    let got = difference.got.as_deref().map_or("nothing".to_owned(), shown);
    let _ = writeln!(text, "    + {got}");
    text
}

/// A response that took much less or more time than recorded, as text.
pub fn late(file: &str, transcript: &Transcript, late: &Late) -> String {
    let request = late.request.and_then(|line| transcript.step(line)).unwrap_or("no request");
    format!(
        "  {file}:{}\n      {request}\n    took {:.1} s, recorded {:.1} s\n",
        late.line, late.took, late.recorded
    )
}

fn is_at(entry: &Entry, difference: &Difference) -> bool {
    let text = match &entry.item {
        TranscriptItem::Answer(answer) => Some(answer.with_connection()),
        TranscriptItem::Step(_) => None,
    };
    entry.line == difference.line && text.is_some() && text == difference.got
}

/// The context of the entry at `at`: the last lines before it, and its request if that is further
/// up.
fn lead(transcript: &Transcript, at: usize, request: Option<u32>, text: &mut String) {
    let from = at.saturating_sub(CONTEXT);
    let before = &transcript.entries[from..at];
    let above = request.filter(|&line| before.iter().all(|entry| !is_step(entry, line)));
    if let Some(step) = above.and_then(|line| transcript.step(line)) {
        let _ = writeln!(text, "      {step}");
        text.push_str("      …\n");
    }
    for entry in before {
        let line = match &entry.item {
            TranscriptItem::Step(step) => step.clone(),
            TranscriptItem::Answer(answer) => shown(&answer.with_connection()),
        };
        let _ = writeln!(text, "      {line}");
    }
}

fn is_step(entry: &Entry, line: u32) -> bool {
    entry.line == line && matches!(entry.item, TranscriptItem::Step(_))
}

/// `a TEXT` as `a? TEXT`, like the line that awaits it.
fn shown(text: &str) -> String {
    match text.split_once(' ') {
        Some((conn, rest)) => format!("{conn}? {rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::conform::transcript::Answer;

    #[test]
    fn a_difference_shows_what_led_to_it() {
        let step = |line, text: &str| Entry { line, item: TranscriptItem::Step(text.to_owned()) };
        let answer = |line, text: &str, request| Entry {
            line,
            item: TranscriptItem::Answer(Answer {
                conn: "a".to_owned(),
                at: Duration::ZERO,
                text: text.to_owned(),
                request: Some(request),
            }),
        };
        let transcript = Transcript {
            name: "s".to_owned(),
            entries: vec![
                step(1, "a: JoinGroup/7"),
                step(2, "b: Heartbeat/4"),
                answer(3, "one", 2),
                step(4, "wait 1"),
                step(5, "wait 2"),
                answer(6, "two", 1),
            ],
        };
        let differs = Difference {
            line: 6,
            request: Some(1),
            expected: vec!["a three".to_owned(), "a four".to_owned()],
            got: Some("a two".to_owned()),
        };
        let shown = difference("s.txt", &transcript, &differs);
        let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "  s.txt:6",
                "      a: JoinGroup/7",
                "      …",
                "      b: Heartbeat/4",
                "      a? one",
                "      wait 1",
                "      wait 2",
                "    - a? three",
                "    - or a? four",
                "    + a? two",
            ]
        );
    }
}
