//! The words after a verb: operands by position, options by name.
//!
//! A parser takes the words it needs. Errors are collected and parsing continues, so that one pass
//! finds all errors of a line. Words that the parser has not taken are errors too.

use super::error::{ScriptError, quoted};
use super::lexer::Piece;
use super::options::{Described as _, ScriptOption};
use super::values::Parsed;
use super::verbs::Verb;
use super::{kafka, suggest};

/// The words after a verb.
pub(super) struct Args<'a> {
    verb: &'static Verb,
    head: Piece<'a>,
    operands: std::vec::IntoIter<Piece<'a>>,
    options: Vec<Given<'a>>,
    errors: Vec<ScriptError>,
}

struct Given<'a> {
    name: &'a str,
    value: Piece<'a>,
    taken: bool,
}

impl<'a> Args<'a> {
    /// Sorts `words`, which follow the verb `head`, into operands and options.
    pub(super) fn new(verb: &'static Verb, head: Piece<'a>, words: &[Piece<'a>]) -> Args<'a> {
        let mut operands = Vec::new();
        let mut args = Args {
            verb,
            head,
            operands: Vec::new().into_iter(),
            options: Vec::new(),
            errors: Vec::new(),
        };
        for (index, word) in words.iter().enumerate() {
            // `session = 10s` is one error, at `session`.
            let split = word.text.starts_with('=') && verb.takes(words[index.max(1) - 1].text);
            let option = |name: Piece<'_>| !split && !verb.claims(index, name.text);
            match word.split_once("=").filter(|(name, _)| option(*name)) {
                Some((name, value)) => {
                    args.give(*word, name, value);
                }
                None => operands.push(*word),
            }
        }
        args.operands = operands.into_iter();
        args
    }

    /// The verb itself: the position of errors that belong to no other word.
    pub(super) fn head(&self) -> Piece<'a> {
        self.head
    }

    /// Adds an error.
    pub(super) fn note(&mut self, error: ScriptError) {
        self.errors.push(error);
    }

    /// The value; `None` after adding its error.
    pub(super) fn ok<T>(&mut self, read: Parsed<T>) -> Option<T> {
        read.map_err(|error| self.note(error)).ok()
    }

    /// The next operand, which is required.
    pub(super) fn operand(&mut self, what: &str) -> Option<Piece<'a>> {
        let operand = self.operands.next();
        // If the line already has an error, such as a misspelt option, that is the likelier reason.
        if operand.is_none() && self.errors.is_empty() {
            let message = format!("`{}` needs {what}", self.verb.name);
            let error = ScriptError::new(self.head, message).label(format!("expected {what}"));
            self.note(error.help(format!("usage: {}", self.verb.usage())));
        }
        operand
    }

    /// The next operand, if there is one.
    pub(super) fn optional_operand(&mut self) -> Option<Piece<'a>> {
        self.operands.next()
    }

    /// Whether the verb takes the option at all.
    pub(super) fn takes<T>(&self, option: &ScriptOption<T>) -> bool {
        self.verb.takes(option.name())
    }

    /// Whether the option was given, with a valid value or not.
    pub(super) fn given<T>(&self, option: &ScriptOption<T>) -> bool {
        self.options.iter().any(|given| given.name == option.name())
    }

    /// Whether the line has no error so far.
    pub(super) fn is_right(&self) -> bool {
        self.errors.is_empty()
    }

    /// The value of an option, if it was given.
    pub(super) fn option<T>(&mut self, option: &ScriptOption<T>) -> Option<T> {
        self.placed(option).map(|(value, _)| value)
    }

    /// The value of an option and its position, if it was given.
    pub(super) fn placed<T>(&mut self, option: &ScriptOption<T>) -> Option<(T, Piece<'a>)> {
        let name = option.name();
        assert!(self.verb.takes(name), "the table has no option {name} for {}", self.verb.name);
        let given = self.options.iter_mut().find(|given| given.name == name)?;
        given.taken = true;
        let place = given.value;
        if place.text.is_empty() && !option.may_be_empty() {
            self.note(
                ScriptError::new(Piece { text: "", ..place }, format!("`{name}=` has no value"))
                    .label("a value is missing")
                    .help("write the value directly after `=`, without blanks"),
            );
            return None;
        }
        self.ok((option.read)(place)).map(|value| (value, place))
    }

    /// The value of an option that must be given.
    pub(super) fn required<T>(&mut self, option: &ScriptOption<T>) -> Option<T> {
        let (name, value) = (option.name(), option.value());
        let left_over = self.operands.as_slice().iter().any(|operand| operand.text == name);
        let given = left_over || self.options.iter().any(|given| given.name == name);
        if self.errors.is_empty() && !given {
            let message = format!("`{}` needs {name}={value}", self.verb.name);
            self.note(
                ScriptError::new(self.head, message)
                    .label(format!("`{name}=` is missing"))
                    .help(format!("usage: {}", self.verb.usage())),
            );
        }
        self.option(option)
    }

    /// The errors of the line, including those of words that the parser has not taken.
    pub(super) fn finish(mut self) -> Vec<ScriptError> {
        // A word after `session=` and a blank was meant to be the value.
        let needs_value =
            |name| self.verb.options().any(|opt| opt.name() == name && !opt.may_be_empty());
        let value_is_detached =
            self.options.iter().any(|given| given.value.text.is_empty() && needs_value(given.name));
        if let (Some(operand), false) = (self.operands.next(), value_is_detached) {
            let error = self.left_over(operand);
            self.note(error);
        }
        for given in &self.options {
            let read = given.taken || !self.errors.is_empty();
            assert!(read, "`{}` takes {} and does not read it", self.verb.name, given.name);
        }
        self.errors
    }

    fn give(&mut self, word: Piece<'a>, name: Piece<'a>, value: Piece<'a>) {
        if let Err(error) = self.known(word, name, value) {
            self.note(error);
        } else if self.options.iter().any(|given| given.name == name.text) {
            let message = format!("`{}` is given twice", name.text);
            self.note(ScriptError::new(name, message).label("already set on this line"));
        } else {
            self.options.push(Given { name: name.text, value, taken: false });
        }
    }

    fn known(&self, word: Piece<'a>, name: Piece<'a>, value: Piece<'a>) -> Parsed<()> {
        if self.verb.takes(name.text) {
            return Ok(());
        }
        if name.text.is_empty() {
            return Err(ScriptError::new(word, "an option without a name")
                .label("expected NAME=VALUE")
                .help("write NAME=VALUE without blanks"));
        }
        let verb = self.verb.name;
        let message = format!("`{verb}` has no option {}", quoted(name.text));
        let error = ScriptError::new(name, message).label("unknown option");
        if let Some(hint) = kafka::hint(Some(self.verb), name.text, value.text) {
            return Err(error.help(hint));
        }
        let names: Vec<&str> = self.verb.options().map(|option| option.name()).collect();
        Err(match names.is_empty() {
            true => error.help(format!("`{verb}` takes no options")),
            false => error.help(suggest::help(name.text, names, "expected one of")),
        })
    }

    fn left_over(&self, operand: Piece<'a>) -> ScriptError {
        let message = format!("unexpected {}", quoted(operand.text));
        let error = ScriptError::new(operand, message).label("expected the end of the line");
        match self.verb.takes(operand.text) {
            true => error.help(format!("write {}=VALUE, without blanks", operand.text)),
            false => error.help(format!("usage: {}", self.verb.usage())),
        }
    }
}
