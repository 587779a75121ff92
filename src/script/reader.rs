//! Reads a script line by line, in one pass, into a schedule and a list of errors.

use std::time::Duration;

use crate::sim::schedule::{Action, Schedule, Step};
use crate::time::Time;

use super::args::Args;
use super::error::{ScriptError, quoted};
use super::lexer::{Line, Piece};
use super::scope::Scope;
use super::values::{self, Parsed};
use super::verbs::{self, Parser};
use super::{kafka, lexer, suggest};

/// The schedule of a script, or all its errors. With `external_clients`, consumers and groups need
/// not be declared.
pub(super) fn read(text: &str, external_clients: bool) -> Result<Schedule, Vec<ScriptError>> {
    let mut reader = ScriptReader::default();
    reader.scope.external_clients = external_clients;
    for line in lexer::lines(text) {
        reader.line(&line);
    }
    reader.errors.extend(reader.scope.end_of_settings());
    match reader.errors.is_empty() {
        true => Ok(reader.schedule),
        false => Err(reader.errors),
    }
}

/// Reads the lines of a script.
#[derive(Default)]
pub(super) struct ScriptReader {
    schedule: Schedule,
    scope: Scope,
    errors: Vec<ScriptError>,
}

impl ScriptReader {
    /// A reader of steps for external clients, which come one by one after the settings of
    /// `schedule`.
    pub(super) fn after_settings(schedule: &Schedule) -> ScriptReader {
        let settings = Schedule { steps: Vec::new(), ..schedule.clone() };
        let mut reader = ScriptReader::default();
        reader.scope.external_clients = true;
        for line in lexer::lines(&super::print(&settings)) {
            reader.line(&line);
        }
        reader
    }

    /// The step of a line, or its errors; `None` for a line without a step.
    pub(super) fn step_of(&mut self, text: &str) -> Result<Option<Step>, Vec<ScriptError>> {
        for line in lexer::lines(text) {
            self.line(&line);
        }
        match self.errors.is_empty() {
            true => Ok(self.schedule.steps.pop()),
            false => Err(std::mem::take(&mut self.errors)),
        }
    }

    fn line(&mut self, line: &Line<'_>) {
        let (at, words) = match line.words.split_first() {
            Some((head, rest)) if head.text == "at" => {
                let Some((time, rest)) = self.at(*head, rest) else { return };
                (Some((*head, time)), rest)
            }
            Some(_) | None => (None, &line.words[..]),
        };
        let Some((verb, length)) = verbs::find(words) else {
            self.errors.push(unknown_verb(words[0]));
            return;
        };
        let mut args = Args::new(verb, words[0], &words[length..]);
        let action = match verb.parser {
            Parser::Setting(parse) => {
                self.setting(&mut args, at.map(|(head, _)| head));
                parse(&mut args, &mut self.schedule, &mut self.scope);
                None
            }
            Parser::Action(parse) => {
                self.step(line.number);
                parse(&mut args, &mut self.scope)
            }
            Parser::Expect(parse) => {
                self.step(line.number);
                parse(&mut args, &mut self.scope).map(Action::Expect)
            }
        };
        self.errors.extend(args.finish());
        if let Some(action) = &action {
            self.scope.record(action);
        }
        let at = at.and_then(|(_, time)| time);
        self.schedule.steps.extend(action.map(|action| Step { line: line.number, at, action }));
    }

    /// The time after `at`, which is `None` if it is invalid, and the words of the step. `None` if
    /// there is no step.
    fn at<'a, 'b>(
        &mut self,
        head: Piece<'a>,
        words: &'b [Piece<'a>],
    ) -> Option<(Option<Time>, &'b [Piece<'a>])> {
        let error = match words {
            [] => ScriptError::new(head, "`at` needs a time").label("a time is missing"),
            [time] => {
                ScriptError::new(*time, "`at` needs a step").label("a step is missing after it")
            }
            [time, step @ ..] => {
                let time = self.time(*time);
                return Some((time, step));
            }
        };
        self.errors.push(error.help("usage: at DURATION STEP, such as at 12s pause c1"));
        None
    }

    fn time(&mut self, place: Piece<'_>) -> Option<Time> {
        let read: Parsed<Duration> = values::duration_or_zero(place);
        let time = self.ok(read).map(|since_start| Time::ZERO + since_start)?;
        let reached = self.scope.reach(place, time);
        self.ok(reached).map(|()| time)
    }

    fn setting(&mut self, args: &mut Args<'_>, at: Option<Piece<'_>>) {
        args.ok(self.scope.setting(args.head()));
        if let Some(at) = at {
            let error = ScriptError::new(at, "a setting cannot have a time");
            let error = error.label("not allowed before a setting");
            args.note(error.help("settings apply from the start of the run"));
        }
    }

    fn step(&mut self, line: u32) {
        self.scope.step(line);
        self.errors.extend(self.scope.end_of_settings());
    }

    fn ok<T>(&mut self, read: Parsed<T>) -> Option<T> {
        read.map_err(|error| self.errors.push(error)).ok()
    }
}

fn unknown_verb(head: Piece<'_>) -> ScriptError {
    let error = ScriptError::new(head, format!("there is no verb {}", quoted(head.text)));
    let (name, value) = head.text.split_once('=').unwrap_or((head.text, ""));
    if let Some(hint) = kafka::hint(None, name, value) {
        return error.label("a Kafka setting, not a verb").help(hint);
    }
    if let Some(verb) = suggest::synonym(head.text) {
        return error.label("unknown verb").help(format!("did you mean `{verb}`?"));
    }
    match head.text.split_once('=') {
        Some(_) => error
            .label("an option without a verb")
            .help("a line starts with a verb; its options follow on the same line"),
        None => error.label("unknown verb").help(suggest::help(
            head.text,
            verbs::names(),
            "expected one of",
        )),
    }
}
