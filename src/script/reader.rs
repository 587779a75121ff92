//! One pass over a script: line by line into a schedule, with every mistake on the way.

use std::time::Duration;

use crate::sim::schedule::{Action, Schedule, Step};
use crate::time::Time;

use super::args::Args;
use super::error::{ScriptError, quoted};
use super::lexer::{Line, Piece};
use super::scope::Scope;
use super::values::{self, Read};
use super::verbs::{self, Reader as Row};
use super::{kafka, lexer, suggest};

/// The schedule of a script, or every mistake in it. With `outsiders` its consumers and groups may be
/// anybody's.
pub(super) fn read(text: &str, outsiders: bool) -> Result<Schedule, Vec<ScriptError>> {
    let mut reader = Reader::default();
    reader.scope.outsiders = outsiders;
    for line in lexer::lines(text) {
        reader.line(&line);
    }
    reader.errors.extend(reader.scope.end_of_settings());
    match reader.errors.is_empty() {
        true => Ok(reader.schedule),
        false => Err(reader.errors),
    }
}

#[derive(Default)]
pub(super) struct Reader {
    schedule: Schedule,
    scope: Scope,
    errors: Vec<ScriptError>,
}

impl Reader {
    /// A reader that knows the settings of `schedule`, for steps that come one by one.
    pub(super) fn after_settings(schedule: &Schedule) -> Reader {
        let settings = Schedule { steps: Vec::new(), ..schedule.clone() };
        let mut reader = Reader::default();
        reader.scope.outsiders = true;
        for line in lexer::lines(&super::print(&settings)) {
            reader.line(&line);
        }
        reader
    }

    /// The steps of a line, at most one, or what is wrong with it.
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
        let action = match verb.reader {
            Row::Setting(read) => {
                self.setting(&mut args, at.map(|(head, _)| head));
                read(&mut args, &mut self.schedule, &mut self.scope);
                None
            }
            Row::Action(read) => {
                self.step(line.number);
                read(&mut args, &mut self.scope)
            }
            Row::Expect(read) => {
                self.step(line.number);
                read(&mut args, &mut self.scope).map(Action::Expect)
            }
        };
        self.errors.extend(args.finish());
        let at = at.and_then(|(_, time)| time);
        self.schedule.steps.extend(action.map(|action| Step { line: line.number, at, action }));
    }

    /// The time behind `at`, nothing in its place when that is wrong, and the words of the step; nothing
    /// at all when there is no step.
    fn at<'a, 'b>(
        &mut self,
        head: Piece<'a>,
        words: &'b [Piece<'a>],
    ) -> Option<(Option<Time>, &'b [Piece<'a>])> {
        let error = match words {
            [] => ScriptError::new(head, "`at` needs a time").label("a time is missing"),
            [time] => ScriptError::new(*time, format!("nothing happens at {}", quoted(time.text)))
                .label("a step is missing behind it"),
            [time, step @ ..] => {
                let time = self.time(*time);
                return Some((time, step));
            }
        };
        self.errors.push(error.help("usage: at DURATION STEP, like at 12s pause c1"));
        None
    }

    fn time(&mut self, place: Piece<'_>) -> Option<Time> {
        let read: Read<Duration> = values::duration_or_zero(place);
        let time = self.ok(read).map(|since_start| Time::ZERO + since_start)?;
        let reached = self.scope.reach(place, time);
        self.ok(reached).map(|()| time)
    }

    fn setting(&mut self, args: &mut Args<'_>, at: Option<Piece<'_>>) {
        args.ok(self.scope.setting(args.head()));
        if let Some(at) = at {
            let error = ScriptError::new(at, "a setting has no time").label("not before a setting");
            args.note(error.help("settings hold from the start of the run"));
        }
    }

    fn step(&mut self, line: u32) {
        self.scope.step(line);
        self.errors.extend(self.scope.end_of_settings());
    }

    fn ok<T>(&mut self, read: Read<T>) -> Option<T> {
        read.map_err(|error| self.errors.push(error)).ok()
    }
}

fn unknown_verb(head: Piece<'_>) -> ScriptError {
    let error = ScriptError::new(head, format!("there is no verb {}", quoted(head.text)));
    let (name, value) = head.text.split_once('=').unwrap_or((head.text, ""));
    if let Some(answer) = kafka::answer(None, name, value) {
        return error.label("no verb, but a setting of Kafka's").help(answer);
    }
    if let Some(verb) = suggest::translated(head.text) {
        return error.label("unknown verb").help(format!("did you mean `{verb}`?"));
    }
    match head.text.split_once('=') {
        Some(_) => error
            .label("an option without a verb")
            .help("a line begins with a verb; its options follow on the same line"),
        None => error.label("unknown verb").help(suggest::help(
            head.text,
            verbs::names(),
            "expected one of",
        )),
    }
}
