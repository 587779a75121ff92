//! The table of verbs: their operands, options, descriptions, examples and parsers.
//!
//! The table drives the parser, the usage lines in errors, and the help page, which lists verbs in
//! the order of the table. The files below this one have the rows, by subject.

mod admin;
mod claims;
mod cluster;
mod settings;
mod steps;

use crate::sim::schedule::{Action, Expectation, Schedule};

use super::args::Args;
use super::lexer::Piece;
use super::options::{Described, Options};
use super::scope::Scope;
use super::values;

pub(super) use claims::EXPECT;

/// One row: a verb, or one of the forms of `expect`.
pub(super) struct Verb {
    /// The word or words that a line starts with.
    pub(super) name: &'static str,
    /// The operands in a usage line.
    pub(super) operands: &'static str,
    /// The positions of claims such as `orders-0=5`, which are not options in spite of their `=`.
    claims: Claims,
    /// The required options.
    required: Options,
    /// The other options.
    optional: Options,
    /// The description.
    pub(super) about: &'static str,
    /// An example, which parses after `topic`, `group` and `join` lines that declare its names.
    pub(super) example: &'static str,
    /// Parses the words after the verb.
    pub(super) parser: Parser,
}

/// The positions of claims after a verb.
#[derive(Clone, Copy)]
enum Claims {
    /// The verb takes no claims.
    No,
    /// The word at this index, counted from 0, is a claim, even if it does not name a partition. So
    /// is any word that names one.
    At(usize),
    /// Any word that names a partition is a claim.
    Anywhere,
}

/// The function that parses the words after a verb.
pub(super) enum Parser {
    /// For a setting above the first step.
    Setting(fn(&mut Args<'_>, &mut Schedule, &mut Scope)),
    /// For a step.
    Action(fn(&mut Args<'_>, &mut Scope) -> Option<Action>),
    /// For an `expect` step.
    Expect(fn(&mut Args<'_>, &mut Scope) -> Option<Expectation>),
}

impl Verb {
    /// The options of the verb, required ones first.
    pub(super) fn options(&self) -> impl Iterator<Item = &'static dyn Described> {
        self.required.iter().chain(self.optional).copied()
    }

    /// Whether the verb takes an option of this name.
    pub(super) fn takes(&self, option: &str) -> bool {
        self.options().any(|known| known.name() == option)
    }

    /// Whether the word at this index after the verb, with `name` before its `=`, is a claim.
    pub(super) fn claims(&self, index: usize, name: &str) -> bool {
        let number = name.rsplit_once('-').map(|(_, number)| number);
        let partition =
            number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()));
        match self.claims {
            Claims::No => false,
            Claims::At(place) => partition || (index == place && !self.takes(name)),
            Claims::Anywhere => partition,
        }
    }

    /// The usage line, such as `clog NODE NODE by=DURATION`; for `expect` the lines of all its
    /// forms.
    pub(super) fn usage(&self) -> String {
        match self.name {
            "expect" => EXPECT.map(Verb::own_usage).join("\n       "),
            _ => self.own_usage(),
        }
    }

    /// The usage line of this row.
    pub(super) fn own_usage(&self) -> String {
        const MOST_OPTIONS: usize = 4;
        let mut words = vec![self.name.to_owned()];
        words.extend((!self.operands.is_empty()).then(|| self.operands.to_owned()));
        words.extend(self.required.iter().map(|opt| format!("{}={}", opt.name(), opt.value())));
        match self.optional {
            few if few.len() <= MOST_OPTIONS => {
                words.extend(few.iter().map(|opt| format!("[{}={}]", opt.name(), opt.value())));
            }
            _ => words.push("[OPTION=VALUE …]".to_owned()),
        }
        words.join(" ")
    }
}

/// The row for the words of a line, and how many of them belong to the verb; `None` if there is no
/// such verb.
pub(super) fn find(words: &[Piece<'_>]) -> Option<(&'static Verb, usize)> {
    let head = words.first()?.text;
    if head != "expect" {
        return all().find(|verb| verb.name == head).map(|verb| (verb, 1));
    }
    let is_state = |word: &str| values::expect_words().any(|state| state == word);
    Some(match words.get(1).map(|claim| claim.text) {
        Some("committed") => (&claims::COMMITTED, 2),
        Some("processed") => (&claims::PROCESSED, 2),
        Some("response") => (&claims::ANSWER, 2),
        Some("coordinator") => (&claims::COORDINATOR, 2),
        Some(word) if !is_state(word) && !word.contains('=') => (&claims::CONSUMER, 1),
        Some(_) | None => (&claims::GROUP_STATE, 1),
    })
}

/// The words that a line can start with.
pub(super) fn names() -> Vec<&'static str> {
    all().map(|verb| verb.name).chain(["expect", "at"]).collect()
}

/// All rows except those of `expect`.
pub(super) fn all() -> impl Iterator<Item = &'static Verb> {
    let subjects = [settings::ROWS, steps::FAULTS, cluster::ROWS, admin::ROWS, steps::COURSE];
    subjects.into_iter().flatten()
}

const fn setting(
    name: &'static str,
    operands: &'static str,
    read: fn(&mut Args<'_>, &mut Schedule, &mut Scope),
    example: &'static str,
) -> Verb {
    row(name, operands, Parser::Setting(read), example)
}

const fn action(
    name: &'static str,
    operands: &'static str,
    read: fn(&mut Args<'_>, &mut Scope) -> Option<Action>,
    example: &'static str,
) -> Verb {
    row(name, operands, Parser::Action(read), example)
}

const fn claim(
    name: &'static str,
    operands: &'static str,
    read: fn(&mut Args<'_>, &mut Scope) -> Option<Expectation>,
    example: &'static str,
) -> Verb {
    row(name, operands, Parser::Expect(read), example)
}

const fn row(
    name: &'static str,
    operands: &'static str,
    parser: Parser,
    example: &'static str,
) -> Verb {
    Verb {
        name,
        operands,
        claims: Claims::No,
        required: &[],
        optional: &[],
        about: "",
        example,
        parser,
    }
}
