//! What a run comes to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::invariant::Violation;
use crate::time::Time;
use crate::trace::{FaultKind, Reached};

/// What a run comes to. Plain data: it can cross threads and does not hold the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The digest of the whole trace.
    pub digest: u64,
    /// How much virtual time passed.
    pub simulated: Duration,
    /// How many trace events there were.
    pub events: u64,
    /// How many protocol messages were handed to the network.
    pub messages: u64,
    /// How many generations began.
    pub rebalances: u64,
    /// How many records applications were done with.
    pub processed: u64,
    /// How many faults began, by family.
    pub faults: BTreeMap<FaultKind, u64>,
    /// Which situations and which corners of the code the run reached.
    pub reached: Reached,
    /// The first thing found wrong, if any; a simulation stops there.
    pub finding: Option<Finding>,
    /// All that was found wrong, in the order in which it was: more than one thing only where a run goes on.
    pub findings: Vec<Found>,
}

/// Something found wrong, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What, as it was the first time.
    pub finding: Finding,
    /// How many times.
    pub times: u64,
}

impl Report {
    /// Whether the run proves nothing: it did not rebalance at least once after its first generation,
    /// or consumed nothing.
    pub fn vacuous(&self) -> bool {
        self.rebalances < 2 || self.processed == 0
    }
}

impl Finding {
    /// The finding that a violation is.
    pub(super) fn of(violation: Violation) -> Finding {
        match violation.invariant {
            "convergence" => Finding::NoConvergence(violation),
            _ => Finding::Violation(violation),
        }
    }
}

/// What a run can find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An invariant (or an `expect` line) does not hold.
    Violation(Violation),
    /// The group did not converge within its bound after faults had stopped.
    NoConvergence(Violation),
    /// The system under test panicked.
    Crash {
        /// When.
        at: Time,
        /// The panic's message and place.
        message: String,
    },
    /// The schedule asks for something that cannot be done at that point of the run; the user's mistake.
    BadStep {
        /// The line of the script, 0 when generated.
        line: u32,
        /// What is wrong with it.
        message: String,
    },
}

/// What kind of finding it is and when it was made, and below that what is wrong:
///
/// ```text
/// violation (single-owner) at 12.345678
///   group g: the plan of generation 3 gives orders-0 to c1#1 and to c2#1
/// ```
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = match self {
            Finding::Violation(found) => {
                write!(f, "violation ({}) at {}", found.invariant, found.at)?;
                &found.message
            }
            Finding::NoConvergence(found) => {
                write!(f, "no convergence ({}) at {}", found.invariant, found.at)?;
                &found.message
            }
            Finding::Crash { at, message } => {
                write!(f, "crash of the system under test at {at}")?;
                message
            }
            Finding::BadStep { line, message } => {
                write!(f, "bad step in line {line}")?;
                message
            }
        };
        message.lines().try_for_each(|line| write!(f, "\n  {line}"))
    }
}
