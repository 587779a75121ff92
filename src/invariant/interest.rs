//! Which events an invariant looks at, so that those which no invariant needs cost nothing.
//!
//! Most of a run is polling, heartbeats and their answers, and most invariants are about rebalances. The
//! [`Checker`](super::Checker) asks each invariant once, and hands it only events of the sorts that it named.
//! An invariant that names too few misses violations silently; a test of [`crate::mutant`] compares what is found
//! with and without, over seeds and mutants.

use crate::protocol::Api;
use crate::trace::{Event, Kind, Message};

/// How many rows a table by sort has: one for each way of a message, and one for everything else.
pub(super) const ROWS: usize = 5;

/// How many columns: one for each number of an API, and more than there are other sorts.
pub(super) const COLUMNS: usize = 64;

/// The row of what is not a message that is sent or received.
const OTHERS: usize = 4;

/// The APIs whose requests are about one group and mostly about one member: those of [`super::Asked`].
pub const GROUP_APIS: &[Api] = &[
    Api::JoinGroup,
    Api::SyncGroup,
    Api::Heartbeat,
    Api::LeaveGroup,
    Api::OffsetCommit,
    Api::OffsetFetch,
];

/// The APIs by which a producer or an administrator changes what a group knows.
pub const SIDE_APIS: &[Api] =
    &[Api::TxnOffsetCommit, Api::WriteTxnMarkers, Api::DeleteGroups, Api::OffsetDelete];

/// What happens whenever the groups of a broker are in use: occasions to look what is overdue.
pub const OCCASIONS: Interest =
    Interest::RECORDS.asked(GROUP_APIS).asked(&[Api::FindCoordinator, Api::Metadata]);

/// A set of sorts of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest([u64; ROWS]);

impl Interest {
    /// In nothing.
    pub const NONE: Interest = Interest([0; ROWS]);
    /// In everything.
    pub const ALL: Interest = Interest([u64::MAX; ROWS]);
    /// What a coordinator does inside.
    pub const COORDINATOR: Interest = Interest::other(Other::Coordinator);
    /// What a consumer does inside.
    pub const CONSUMER: Interest = Interest::other(Other::Consumer);
    /// Consumers that start and end in an orderly way.
    pub const LIVES: Interest = Interest::other(Other::Lives);
    /// Faults that begin and end, crashes included.
    pub const FAULTS: Interest = Interest::other(Other::Faults);
    /// Who leads which partition of the offsets log, and how far its term is; the start of a coordinator.
    pub const TERMS: Interest = Interest::other(Other::Terms);
    /// Topics that come, grow and go.
    pub const TOPICS: Interest = Interest::other(Other::Topics);
    /// Records that are appended.
    pub const RECORDS: Interest = Interest::other(Other::Records);
    /// What the schedule says: its lines, what they wait for, and the end.
    pub const SCHEDULE: Interest = Interest::other(Other::Schedule);

    const fn other(other: Other) -> Interest {
        Interest::NONE.with(OTHERS, other as usize)
    }

    /// Also in requests of these APIs that brokers begin to handle.
    pub const fn asked(self, apis: &[Api]) -> Interest {
        self.messages(Way::Asked, apis)
    }

    /// Also in answers to them that brokers send.
    pub const fn answered(self, apis: &[Api]) -> Interest {
        self.messages(Way::Answered, apis)
    }

    /// Also in requests of these APIs that clients send.
    pub const fn says(self, apis: &[Api]) -> Interest {
        self.messages(Way::Says, apis)
    }

    /// Also in answers to them that clients receive.
    pub const fn hears(self, apis: &[Api]) -> Interest {
        self.messages(Way::Hears, apis)
    }

    /// In both.
    pub const fn and(mut self, other: Interest) -> Interest {
        let mut row = 0;
        while row < ROWS {
            self.0[row] |= other.0[row];
            row += 1;
        }
        self
    }

    const fn messages(mut self, way: Way, apis: &[Api]) -> Interest {
        let mut next = 0;
        while next < apis.len() {
            self = self.with(way as usize, apis[next] as usize);
            next += 1;
        }
        self
    }

    const fn with(mut self, row: usize, column: usize) -> Interest {
        self.0[row] |= 1 << column;
        self
    }

    /// Whether events of the sort belong to it.
    pub(super) const fn has(&self, sort: (usize, usize)) -> bool {
        self.0[sort.0] & 1 << sort.1 != 0
    }
}

/// What becomes of a message.
#[derive(Clone, Copy)]
enum Way {
    Asked,
    Answered,
    Says,
    Hears,
}

/// Events that are not about a message, and messages that are lost.
#[derive(Clone, Copy)]
enum Other {
    Coordinator,
    Consumer,
    Lives,
    Faults,
    Terms,
    Topics,
    Records,
    Schedule,
    Lost,
}

/// The sort of an event: its row and its column.
pub(super) fn sort(event: &Event) -> (usize, usize) {
    let other = match &event.kind {
        Kind::Sent { message, .. } => return sort_of_message(message, Way::Says, Way::Answered),
        Kind::Received { message, .. } => return sort_of_message(message, Way::Asked, Way::Hears),
        Kind::Lost { .. } => Other::Lost,
        Kind::Coordinator(_) => Other::Coordinator,
        Kind::Consumer(_) => Other::Consumer,
        Kind::ConsumerStarted { .. } | Kind::ConsumerClosed => Other::Lives,
        Kind::FaultBegan { .. } | Kind::FaultEnded { .. } => Other::Faults,
        Kind::LeaderElected { .. }
        | Kind::Shard { .. }
        | Kind::Uncommitted { .. }
        | Kind::CoordinatorStarted { .. } => Other::Terms,
        Kind::TopicCreated { .. } | Kind::TopicGrown { .. } | Kind::TopicDeleted { .. } => {
            Other::Topics
        }
        Kind::Appended { .. } => Other::Records,
        Kind::Script { .. }
        | Kind::Calm { .. }
        | Kind::Settled { .. }
        | Kind::NotSettled { .. }
        | Kind::Drained { .. }
        | Kind::NotDrained { .. }
        | Kind::Expected { .. }
        | Kind::Finished => Other::Schedule,
    };
    (OTHERS, other as usize)
}

fn sort_of_message(message: &Message, request: Way, response: Way) -> (usize, usize) {
    match message {
        Message::Request(frame) => (request as usize, frame.body.api() as usize),
        Message::Response { request, .. } => (response as usize, request.body.api() as usize),
    }
}
