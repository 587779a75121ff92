//! Which events have a line at which zoom.

use std::fmt;
use std::str::FromStr;

use crate::trace::fields::outcome;
use crate::trace::{Event, EventKind, Message, Place};
use crate::{client, coordinator};

/// The level of detail of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zoom {
    /// Every event except the arrival of messages, which repeats their sending, and expectations
    /// that are met.
    Wire,
    /// Events of groups and members: the script, faults, state changes, generations, changes of
    /// ownership, polled records; of messages only refusals and losses. Repeated lines are folded.
    Group,
    /// One line per generation, with the script and the faults between.
    Timeline,
}

impl Zoom {
    /// Every zoom, the most detailed first.
    pub const ALL: [Zoom; 3] = [Zoom::Wire, Zoom::Group, Zoom::Timeline];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Zoom::Wire => "wire",
            Zoom::Group => "group",
            Zoom::Timeline => "timeline",
        }
    }

    /// Whether an event has a line of its own. The timeline writes its lines of generations and
    /// faults itself.
    pub(super) fn shows(self, event: &Event) -> bool {
        match self {
            // A met expectation adds nothing to its line in the script.
            Zoom::Wire => !matches!(
                event.kind,
                EventKind::Received { .. } | EventKind::Expected { found: None, .. }
            ),
            Zoom::Group => in_group(&event.kind),
            Zoom::Timeline => in_timeline(&event.kind),
        }
    }
}

fn in_group(kind: &EventKind) -> bool {
    match kind {
        // Scenarios rely on the responses to the administrator.
        EventKind::Sent { to: Place::Admin, message: Message::Response { .. }, .. } => true,
        EventKind::Sent { message: Message::Response { response, .. }, .. } => {
            outcome(&response.body) != 0
        }
        EventKind::Sent { message: Message::Request(_), .. } | EventKind::Received { .. } => false,
        EventKind::Lost { message, .. } => message.api().is_group_api(),
        EventKind::Coordinator(seen) => match seen {
            coordinator::Observation::Classic(coordinator::ClassicObservation::State {
                ..
            })
            | coordinator::Observation::Classic(coordinator::ClassicObservation::MemberAdded {
                ..
            })
            | coordinator::Observation::Classic(coordinator::ClassicObservation::MemberRemoved {
                ..
            })
            | coordinator::Observation::Classic(
                coordinator::ClassicObservation::MemberReplaced { .. },
            )
            | coordinator::Observation::Classic(
                coordinator::ClassicObservation::ReplacementUndone { .. },
            )
            | coordinator::Observation::GroupLoaded(_)
            | coordinator::Observation::GroupRemoved { .. }
            | coordinator::Observation::OffsetRemoved { .. }
            | coordinator::Observation::Classic(
                coordinator::ClassicObservation::GenerationBegan { .. },
            ) => true,
            // The effects of a timer are shown instead. A pending id is not a member, so no other
            // line shows that it is gone.
            coordinator::Observation::Classic(coordinator::ClassicObservation::TimerFired {
                timer,
                ..
            }) => *timer == coordinator::TimerKind::PendingJoin,
        },
        EventKind::Consumer(seen) => match seen {
            client::ClientObservation::State { .. }
            | client::ClientObservation::CoordinatorLost { .. }
            | client::ClientObservation::Assigned { .. }
            | client::ClientObservation::Revoked { .. }
            | client::ClientObservation::Lost { .. }
            | client::ClientObservation::Polled { .. }
            | client::ClientObservation::CommitFailed { .. }
            | client::ClientObservation::PollTimeout
            | client::ClientObservation::Fatal { .. } => true,
            client::ClientObservation::Positioned { .. }
            | client::ClientObservation::Processed { .. } => false,
        },
        EventKind::Appended { .. } => false,
        EventKind::TopicCreated { .. }
        | EventKind::TopicGrown { .. }
        | EventKind::TopicDeleted { .. }
        | EventKind::LeaderElected { .. }
        | EventKind::TermChanged { .. }
        | EventKind::Uncommitted { .. }
        | EventKind::CoordinatorStarted { .. }
        | EventKind::ConsumerStarted { .. }
        | EventKind::ConsumerClosed
        | EventKind::Script { .. }
        | EventKind::FaultBegan { .. }
        | EventKind::FaultEnded { .. }
        | EventKind::Quiesced { .. }
        | EventKind::Settled { .. }
        | EventKind::NotSettled { .. }
        | EventKind::Drained { .. }
        | EventKind::NotDrained { .. }
        | EventKind::Finished => true,
        EventKind::Expected { found, .. } => found.is_some(),
    }
}

fn in_timeline(kind: &EventKind) -> bool {
    match kind {
        EventKind::Consumer(seen) => {
            matches!(
                seen,
                client::ClientObservation::PollTimeout | client::ClientObservation::Fatal { .. }
            )
        }
        EventKind::Script { .. }
        | EventKind::Settled { .. }
        | EventKind::NotSettled { .. }
        | EventKind::Drained { .. }
        | EventKind::NotDrained { .. }
        | EventKind::LeaderElected { .. }
        | EventKind::Finished => true,
        EventKind::Expected { found, .. } => found.is_some(),
        EventKind::TopicCreated { .. }
        | EventKind::TopicGrown { .. }
        | EventKind::TopicDeleted { .. }
        | EventKind::TermChanged { .. }
        | EventKind::Uncommitted { .. }
        | EventKind::CoordinatorStarted { .. }
        | EventKind::ConsumerStarted { .. }
        | EventKind::ConsumerClosed
        | EventKind::FaultBegan { .. }
        | EventKind::FaultEnded { .. }
        | EventKind::Sent { .. }
        | EventKind::Received { .. }
        | EventKind::Lost { .. }
        | EventKind::Coordinator(_)
        | EventKind::Appended { .. }
        | EventKind::Quiesced { .. } => false,
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
            .ok_or_else(|| format!("unknown zoom {name:?}: expected wire, group or timeline"))
    }
}
