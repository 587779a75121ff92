//! What an invariant is, and what a broken one looks like.

use std::fmt;

use crate::protocol::GroupId;
use crate::time::Time;
use crate::trace::Event;

use super::interest::Interest;
use super::ledger::Ledger;

/// A property that every run of a correct coordinator and correct consumers has.
pub trait Invariant: Send {
    /// Its name, as the summary and the command line write it: `single-owner`.
    fn name(&self) -> &'static str;

    /// One line for the list of invariants: what it states.
    fn statement(&self) -> &'static str;

    /// Which events it looks at; it is asked once, and handed no others.
    fn reads(&self) -> Interest {
        Interest::ALL
    }

    /// Takes the next event of the trace; `ledger` has seen it already. An error says what is broken,
    /// with the group, member and generation.
    ///
    /// A run may go on after it. So whoever objects has taken the event in all the same: it does not object
    /// to the same thing again at each event that follows, and judges other groups as before.
    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach>;
}

/// What an invariant objects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which of its claims does not hold, in a word that stays when the message changes.
    pub rule: &'static str,
    /// The group, where it is not the one that the event is about.
    pub group: Option<GroupId>,
    /// What is broken.
    pub message: String,
}

impl Breach {
    /// The same, with these words in front of the message.
    pub(super) fn within(mut self, head: impl fmt::Display) -> Breach {
        self.message = format!("{head} {}", self.message);
        self
    }
}

/// An objection: the name of the claim, then the message as for `format!`. With `in` and the group's id where
/// the event may be about another group, or about none.
macro_rules! breach {
    ($rule:literal, $($message:tt)*) => {
        Err($crate::invariant::Breach { rule: $rule, group: None, message: format!($($message)*) })
    };
    ($rule:literal in $group:expr, $($message:tt)*) => {
        Err($crate::invariant::Breach {
            rule: $rule,
            group: Some($group.clone()),
            message: format!($($message)*),
        })
    };
}
pub(super) use breach;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: &'static str,
    /// Which of its claims.
    pub rule: &'static str,
    /// In which group, where it is about one.
    pub group: Option<GroupId>,
    /// When, on the run's clock.
    pub at: Time,
    /// What is broken.
    pub message: String,
}
