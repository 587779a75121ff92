//! The table of the language: every verb, what follows it, what it does, and who reads it.
//!
//! Parsing, the errors that say what was expected and the help page all go by this table. Its rows are
//! in the order in which the help page lists them; the files below this one hold them by subject.

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
    /// The word, or words, it begins with.
    pub(super) name: &'static str,
    /// What stands for its operands in a usage line.
    pub(super) operands: &'static str,
    /// Where a claim `orders-0=5` stands, which is no option in spite of its `=`.
    claims: Claims,
    /// The options it cannot do without.
    required: Options,
    /// The others.
    optional: Options,
    /// What it does.
    pub(super) about: &'static str,
    /// How it is used; parses, after `topic`, `group` and `join` lines for the names in it.
    pub(super) example: &'static str,
    /// Who reads what follows it.
    pub(super) reader: Reader,
}

/// Where claims stand behind a verb.
#[derive(Clone, Copy)]
enum Claims {
    /// Nowhere.
    No,
    /// The word of that place is one, from 0, even if it is none of a partition; so is every other
    /// word that is.
    At(usize),
    /// Every word that is a claim of a partition.
    Anywhere,
}

/// Who reads what follows a verb.
pub(super) enum Reader {
    /// A line above the first step.
    Setting(fn(&mut Args<'_>, &mut Schedule, &mut Scope)),
    /// A step.
    Action(fn(&mut Args<'_>, &mut Scope) -> Option<Action>),
    /// A step that claims something.
    Expect(fn(&mut Args<'_>, &mut Scope) -> Option<Expectation>),
}

impl Verb {
    /// Every option it takes, those it cannot do without first.
    pub(super) fn options(&self) -> impl Iterator<Item = &'static dyn Described> {
        self.required.iter().chain(self.optional).copied()
    }

    /// Whether it takes an option of that name.
    pub(super) fn takes(&self, option: &str) -> bool {
        self.options().any(|known| known.name() == option)
    }

    /// Whether the word with `name` before its `=`, the `index`-th behind the verb, is a claim.
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

    /// `clog NODE NODE by=DURATION`; for `expect`, whose forms begin alike, all of them.
    pub(super) fn usage(&self) -> String {
        match self.name {
            "expect" => EXPECT.map(Verb::own_usage).join("\n       "),
            _ => self.own_usage(),
        }
    }

    /// The usage of this row alone.
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

/// The row that a line of these words goes by, and how many of them belong to the verb. Nothing when
/// there is no such verb.
pub(super) fn find(words: &[Piece<'_>]) -> Option<(&'static Verb, usize)> {
    let head = words.first()?.text;
    if head != "expect" {
        return all().find(|verb| verb.name == head).map(|verb| (verb, 1));
    }
    let is_state = |word: &str| values::expect_words().any(|state| state == word);
    Some(match words.get(1).map(|claim| claim.text) {
        Some("committed") => (&claims::COMMITTED, 2),
        Some("processed") => (&claims::PROCESSED, 2),
        Some("answer") => (&claims::ANSWER, 2),
        Some("coordinator") => (&claims::COORDINATOR, 2),
        Some(word) if !is_state(word) && !word.contains('=') => (&claims::CONSUMER, 1),
        Some(_) | None => (&claims::GROUP_STATE, 1),
    })
}

/// The first words of all lines.
pub(super) fn names() -> Vec<&'static str> {
    all().map(|verb| verb.name).chain(["expect", "at"]).collect()
}

/// Every row but those of `expect`.
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
    row(name, operands, Reader::Setting(read), example)
}

const fn action(
    name: &'static str,
    operands: &'static str,
    read: fn(&mut Args<'_>, &mut Scope) -> Option<Action>,
    example: &'static str,
) -> Verb {
    row(name, operands, Reader::Action(read), example)
}

const fn claim(
    name: &'static str,
    operands: &'static str,
    read: fn(&mut Args<'_>, &mut Scope) -> Option<Expectation>,
    example: &'static str,
) -> Verb {
    row(name, operands, Reader::Expect(read), example)
}

const fn row(
    name: &'static str,
    operands: &'static str,
    reader: Reader,
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
        reader,
    }
}
