//! What is worth a line at which zoom.

use std::fmt;
use std::str::FromStr;

use crate::trace::event::{Event, Kind, Message, Place};
use crate::trace::fields::outcome;
use crate::{consumer, coordinator};

/// How close a trace looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zoom {
    /// Every event but the arrival of messages, which repeats their sending, and expectations that are met.
    Wire,
    /// What happens to groups and members: the script, faults, state changes, generations,
    /// partitions changing hands, records handed to applications; of messages only what went wrong. Lines
    /// that repeat themselves are folded.
    Group,
    /// One line a generation, with the script and the faults between.
    Timeline,
}

impl Zoom {
    /// Every zoom, the closest first.
    pub const ALL: [Zoom; 3] = [Zoom::Wire, Zoom::Group, Zoom::Timeline];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Zoom::Wire => "wire",
            Zoom::Group => "group",
            Zoom::Timeline => "timeline",
        }
    }

    /// Whether an event has a line of its own. The timeline's lines of generations, scripts and faults
    /// are not events' own.
    pub(super) fn shows(self, event: &Event) -> bool {
        match self {
            // An expectation that is met says no more than its line in the script.
            Zoom::Wire => {
                !matches!(event.kind, Kind::Received { .. } | Kind::Expected { found: None, .. })
            }
            Zoom::Group => in_group(&event.kind),
            Zoom::Timeline => in_timeline(&event.kind),
        }
    }
}

fn in_group(kind: &Kind) -> bool {
    match kind {
        // What the administrator is told, scenarios rest on.
        Kind::Sent { to: Place::Admin, message: Message::Response { .. }, .. } => true,
        Kind::Sent { message: Message::Response { response, .. }, .. } => {
            outcome(&response.body) != 0
        }
        Kind::Sent { message: Message::Request(_), .. } | Kind::Received { .. } => false,
        Kind::Lost { message, .. } => message.api().is_group_api(),
        Kind::Coordinator(seen) => match seen {
            coordinator::Observation::State { .. }
            | coordinator::Observation::MemberAdded { .. }
            | coordinator::Observation::MemberRemoved { .. }
            | coordinator::Observation::MemberReplaced { .. }
            | coordinator::Observation::ReplacementUndone { .. }
            | coordinator::Observation::GroupLoaded(_)
            | coordinator::Observation::GroupRemoved { .. }
            | coordinator::Observation::OffsetRemoved { .. }
            | coordinator::Observation::GenerationBegan { .. } => true,
            // What a timer leads to is shown in its place; a pending id is no member, so nothing else says that it
            // is gone.
            coordinator::Observation::TimerFired { timer, .. } => {
                *timer == coordinator::TimerKind::PendingJoin
            }
        },
        Kind::Consumer(seen) => match seen {
            consumer::Observation::State { .. }
            | consumer::Observation::CoordinatorLost { .. }
            | consumer::Observation::Assigned { .. }
            | consumer::Observation::Revoked { .. }
            | consumer::Observation::Lost { .. }
            | consumer::Observation::Polled { .. }
            | consumer::Observation::CommitFailed { .. }
            | consumer::Observation::PollTimeout
            | consumer::Observation::Fatal { .. } => true,
            consumer::Observation::Positioned { .. } | consumer::Observation::Processed { .. } => {
                false
            }
        },
        Kind::Appended { .. } => false,
        Kind::TopicCreated { .. }
        | Kind::TopicGrown { .. }
        | Kind::TopicDeleted { .. }
        | Kind::LeaderElected { .. }
        | Kind::Shard { .. }
        | Kind::Uncommitted { .. }
        | Kind::CoordinatorStarted { .. }
        | Kind::ConsumerStarted { .. }
        | Kind::ConsumerClosed
        | Kind::Script { .. }
        | Kind::FaultBegan { .. }
        | Kind::FaultEnded { .. }
        | Kind::Calm { .. }
        | Kind::Settled { .. }
        | Kind::NotSettled { .. }
        | Kind::Drained { .. }
        | Kind::NotDrained { .. }
        | Kind::Finished => true,
        Kind::Expected { found, .. } => found.is_some(),
    }
}

fn in_timeline(kind: &Kind) -> bool {
    match kind {
        Kind::Consumer(seen) => {
            matches!(seen, consumer::Observation::PollTimeout | consumer::Observation::Fatal { .. })
        }
        Kind::Script { .. }
        | Kind::Settled { .. }
        | Kind::NotSettled { .. }
        | Kind::Drained { .. }
        | Kind::NotDrained { .. }
        | Kind::LeaderElected { .. }
        | Kind::Finished => true,
        Kind::Expected { found, .. } => found.is_some(),
        Kind::TopicCreated { .. }
        | Kind::TopicGrown { .. }
        | Kind::TopicDeleted { .. }
        | Kind::Shard { .. }
        | Kind::Uncommitted { .. }
        | Kind::CoordinatorStarted { .. }
        | Kind::ConsumerStarted { .. }
        | Kind::ConsumerClosed
        | Kind::FaultBegan { .. }
        | Kind::FaultEnded { .. }
        | Kind::Sent { .. }
        | Kind::Received { .. }
        | Kind::Lost { .. }
        | Kind::Coordinator(_)
        | Kind::Appended { .. }
        | Kind::Calm { .. } => false,
    }
}

impl fmt::Display for Zoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Zoom {
    type Err = String;

    fn from_str(name: &str) -> Result<Zoom, String> {
        Zoom::ALL
            .into_iter()
            .find(|zoom| zoom.name() == name)
            .ok_or_else(|| format!("there is no zoom {name:?}; there are wire, group and timeline"))
    }
}
