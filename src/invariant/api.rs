//! The interface of an invariant, and the form of a violation.

use std::fmt;
use std::sync::Arc;

use crate::protocol::GroupId;
use crate::time::Time;
use crate::trace::Event;

use super::interest::Interest;
use crate::model::Model;

/// A property of every run of a correct coordinator and correct clients.
///
/// The [module](super) has an example of one of your own.
pub trait Invariant: Send {
    /// The name, as the summary and the command line write it: `single-owner`. No two invariants of
    /// a run have the same.
    fn name(&self) -> &'static str;

    /// One line for the list of invariants: what it claims.
    fn statement(&self) -> &'static str;

    /// The kinds of events it reads. The checker calls this once and passes it no other events.
    fn reads(&self) -> Interest {
        Interest::ALL
    }

    /// Takes the next event of the trace; `model` has already processed it. An error says what is
    /// violated, with the group, member and generation.
    ///
    /// A run may continue after a violation. So an invariant that returns an error has processed
    /// the event all the same: it does not repeat the error at each event that follows, and judges
    /// other groups as before.
    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach>;
}

/// Makes a new instance of an invariant, once per run.
pub type MakeInvariant = Arc<dyn Fn() -> Box<dyn Invariant> + Send + Sync>;

/// The error of an invariant: which of its claims is violated, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The id of the claim, unique within the invariant. It stays the same when the message
    /// changes: whether two findings are the same is decided by invariant and rule.
    pub rule: &'static str,
    /// The group, if it is not the group of the event.
    pub group: Option<GroupId>,
    /// What the invariant claims and what the trace shows instead.
    pub message: String,
}

impl Breach {
    /// A violation of the claim with this id, in the group that the event is about.
    pub fn new(rule: &'static str, message: impl Into<String>) -> Breach {
        Breach { rule, group: None, message: message.into() }
    }

    /// The same breach in this group, where the event is about another group or about none.
    pub fn in_group(mut self, group: GroupId) -> Breach {
        self.group = Some(group);
        self
    }

    /// The same breach with `head` in front of the message.
    pub(super) fn within(mut self, head: impl fmt::Display) -> Breach {
        self.message = format!("{head} {}", self.message);
        self
    }
}

/// Builds an `Err(Breach)`: the id of the claim, then the message as for `format!`. `in` and a
/// group id name the group where the event may be about another group, or about none.
macro_rules! breach {
    ($rule:literal, $($message:tt)*) => {
        Err($crate::invariant::Breach::new($rule, format!($($message)*)))
    };
    ($rule:literal in $group:expr, $($message:tt)*) => {
        Err($crate::invariant::Breach::new($rule, format!($($message)*)).in_group($group.clone()))
    };
}
pub(super) use breach;

/// A violation of an invariant, as a report shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The name of the invariant.
    pub invariant: &'static str,
    /// The id of the claim that is violated.
    pub rule: &'static str,
    /// The group, if the violation is about one.
    pub group: Option<GroupId>,
    /// The time of the event, on the run's clock.
    pub at: Time,
    /// The line of the script, if the violation is that its `expect` is not met; 0 in a schedule
    /// that was generated.
    pub line: Option<u32>,
    /// What the invariant claims and what the trace shows instead.
    pub message: String,
}
