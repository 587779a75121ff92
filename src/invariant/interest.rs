//! Which events an invariant reads, so that events that no invariant needs cost nothing.
//!
//! Most of a run is polls, heartbeats and their responses, and most invariants are about
//! rebalances. The [`Checker`](super::Checker) asks each invariant once for its interest and passes
//! it only these kinds of events. An invariant with too small an interest misses violations
//! silently; a test of [`crate::mutant`] compares the violations with and without the filter, over
//! seeds and mutants.

use crate::protocol::Api;
use crate::trace::{Event, EventKind, Message};

/// The number of rows of a table of kinds of events: one for each stage of a message, and one for
/// everything else.
pub(super) const ROWS: usize = 5;

/// The number of columns: one for each API, which is more than there are other kinds of events.
pub(super) const COLUMNS: usize = Api::ALL.len();

/// The row of events that are not about a message that is sent or received.
const OTHERS: usize = 4;

/// The APIs whose requests are about one group and mostly about one member: those with a
/// [`RequestContext`](crate::model::RequestContext).
pub const GROUP_APIS: &[Api] = &[
    Api::JoinGroup,
    Api::SyncGroup,
    Api::Heartbeat,
    Api::LeaveGroup,
    Api::OffsetCommit,
    Api::OffsetFetch,
];

/// The APIs with which a producer or an administrator changes the state of a group.
pub const SIDE_APIS: &[Api] =
    &[Api::TxnOffsetCommit, Api::WriteTxnMarkers, Api::DeleteGroups, Api::OffsetDelete];

/// Events that occur whenever the groups of a broker are in use: occasions to check what is
/// overdue.
pub const OCCASIONS: Interest =
    Interest::RECORDS.requests(GROUP_APIS).requests(&[Api::FindCoordinator, Api::Metadata]);

/// A set of kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest([u64; ROWS]);

impl Interest {
    /// No events.
    pub const NONE: Interest = Interest([0; ROWS]);
    /// All events.
    pub const ALL: Interest = Interest([u64::MAX; ROWS]);
    /// What a coordinator observes about its groups.
    pub const COORDINATOR: Interest = Interest::other(OtherEvents::Coordinator);
    /// What a consumer observes about itself.
    pub const CONSUMER: Interest = Interest::other(OtherEvents::Consumer);
    /// Consumers that start and close.
    pub const PROCESSES: Interest = Interest::other(OtherEvents::Processes);
    /// Faults that begin and end, including crashes.
    pub const FAULTS: Interest = Interest::other(OtherEvents::Faults);
    /// Elections, the states of terms, uncommitted records, and the start of a coordinator.
    pub const TERMS: Interest = Interest::other(OtherEvents::Terms);
    /// Topics that are created, grown and deleted.
    pub const TOPICS: Interest = Interest::other(OtherEvents::Topics);
    /// Records that are appended to topics.
    pub const RECORDS: Interest = Interest::other(OtherEvents::Records);
    /// The steps of the schedule, the outcome of their waits, and the end of the run.
    pub const SCHEDULE: Interest = Interest::other(OtherEvents::Schedule);

    const fn other(other: OtherEvents) -> Interest {
        Interest::NONE.with(OTHERS, other as usize)
    }

    /// Adds requests of these APIs that brokers begin to handle.
    pub const fn requests(self, apis: &[Api]) -> Interest {
        self.messages(MessageStage::Request, apis)
    }

    /// Adds responses of these APIs that brokers send.
    pub const fn responses(self, apis: &[Api]) -> Interest {
        self.messages(MessageStage::Response, apis)
    }

    /// Adds requests of these APIs that clients send.
    pub const fn sends(self, apis: &[Api]) -> Interest {
        self.messages(MessageStage::Sent, apis)
    }

    /// Adds responses of these APIs that clients receive.
    pub const fn receives(self, apis: &[Api]) -> Interest {
        self.messages(MessageStage::Received, apis)
    }

    /// The union of both sets.
    pub const fn and(mut self, other: Interest) -> Interest {
        let mut row = 0;
        while row < ROWS {
            self.0[row] |= other.0[row];
            row += 1;
        }
        self
    }

    const fn messages(mut self, stage: MessageStage, apis: &[Api]) -> Interest {
        let mut next = 0;
        while next < apis.len() {
            self = self.with(stage as usize, apis[next].index());
            next += 1;
        }
        self
    }

    const fn with(mut self, row: usize, column: usize) -> Interest {
        self.0[row] |= 1 << column;
        self
    }

    /// Whether the set contains events of this kind.
    pub(super) const fn has(&self, kind: (usize, usize)) -> bool {
        self.0[kind.0] & 1 << kind.1 != 0
    }
}

/// The stages of a message, on the broker's side and on the client's side.
#[derive(Clone, Copy)]
enum MessageStage {
    Request,
    Response,
    Sent,
    Received,
}

/// Kinds of events that are not about a message, and messages that are lost.
#[derive(Clone, Copy)]
enum OtherEvents {
    Coordinator,
    Consumer,
    Processes,
    Faults,
    Terms,
    Topics,
    Records,
    Schedule,
    Lost,
}

/// The kind of an event: its row and its column.
pub(super) fn kind_of(event: &Event) -> (usize, usize) {
    let other = match &event.kind {
        EventKind::Sent { message, .. } => {
            return kind_of_message(message, MessageStage::Sent, MessageStage::Response);
        }
        EventKind::Received { message, .. } => {
            return kind_of_message(message, MessageStage::Request, MessageStage::Received);
        }
        EventKind::Lost { .. } => OtherEvents::Lost,
        EventKind::Coordinator(_) => OtherEvents::Coordinator,
        EventKind::Consumer(_) => OtherEvents::Consumer,
        EventKind::ConsumerStarted { .. } | EventKind::ConsumerClosed => OtherEvents::Processes,
        EventKind::FaultBegan { .. } | EventKind::FaultEnded { .. } => OtherEvents::Faults,
        EventKind::LeaderElected { .. }
        | EventKind::TermChanged { .. }
        | EventKind::Uncommitted { .. }
        | EventKind::CoordinatorStarted { .. } => OtherEvents::Terms,
        EventKind::TopicCreated { .. }
        | EventKind::TopicGrown { .. }
        | EventKind::TopicDeleted { .. } => OtherEvents::Topics,
        EventKind::Appended { .. } => OtherEvents::Records,
        EventKind::Script { .. }
        | EventKind::Quiesced { .. }
        | EventKind::Settled { .. }
        | EventKind::NotSettled { .. }
        | EventKind::Drained { .. }
        | EventKind::NotDrained { .. }
        | EventKind::Expected { .. }
        | EventKind::Finished => OtherEvents::Schedule,
    };
    (OTHERS, other as usize)
}

fn kind_of_message(
    message: &Message,
    request: MessageStage,
    response: MessageStage,
) -> (usize, usize) {
    match message {
        Message::Request(frame) => (request as usize, frame.body.api().index()),
        Message::Response { request, .. } => (response as usize, request.body.api().index()),
    }
}
