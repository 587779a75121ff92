//! The result of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::coverage::Reached;
use crate::invariant::Violation;
use crate::time::Time;
use crate::trace::FaultKind;

/// The result of a run. It is plain data that can cross threads, without the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The digest of the whole trace.
    pub digest: u64,
    /// How much virtual time passed.
    pub simulated: Duration,
    /// The number of trace events.
    pub events: u64,
    /// The number of protocol messages that were handed to the network.
    pub messages: u64,
    /// The number of generations that began.
    pub rebalances: u64,
    /// The number of records that applications have processed.
    pub processed: u64,
    /// The number of faults that began, by kind.
    pub faults: BTreeMap<FaultKind, u64>,
    /// The coverage cells and code marks that the run reached.
    pub reached: Reached,
    /// The first finding, if any. A simulation ends there.
    pub finding: Option<Finding>,
    /// All findings in their order. There is more than one only if the run continues after
    /// violations.
    pub findings: Vec<Found>,
}

/// A finding and its number of occurrences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The finding at its first occurrence.
    pub finding: Finding,
    /// The number of occurrences.
    pub times: u64,
}

impl Report {
    /// Whether the run proves nothing: it had no rebalance after its first generation, or processed
    /// no record.
    pub fn vacuous(&self) -> bool {
        self.rebalances < 2 || self.processed == 0
    }
}

impl Finding {
    /// Turns a violation into a finding.
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
    /// An invariant or an `expect` line does not hold.
    Violation(Violation),
    /// The group did not converge within its bound after the faults had ended.
    NoConvergence(Violation),
    /// The system under test panicked.
    Crash {
        /// When it panicked.
        at: Time,
        /// The panic's message and source location.
        message: String,
    },
    /// The schedule asks for something that is impossible at this point of the run. It is a mistake
    /// in the schedule.
    BadStep {
        /// The line of the script; 0 if it was generated.
        line: u32,
        /// What is wrong with the step.
        message: String,
    },
}

/// The kind and time of the finding, and below that the message:
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
