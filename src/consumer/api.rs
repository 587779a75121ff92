//! The seam: what a consumer takes and gives.
//!
//! A consumer is a state machine without I/O: the client library and the application on top of it in one.
//! Whoever hosts it sends the requests it gives, hands it the responses, and calls
//! [`GroupConsumer::advance`] when [`GroupConsumer::next_deadline`] has come. To test a client of your
//! own, implement [`GroupConsumer`] for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::protocol::{
    BrokerId, Generation, MemberId, RequestFrame, ResponseFrame, TopicPartition,
};
use crate::time::Time;

/// The name a consumer gives to one of its connections. It never reuses one: after
/// [`Output::Close`] or [`Input::Disconnected`] the next connection has the next number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn {
    /// What the consumer uses it for.
    pub purpose: Purpose,
    /// Counts the connections of one consumer, from 0.
    pub number: u32,
    /// The broker at the other end.
    pub broker: BrokerId,
}

/// What a connection is for. Group requests have one of their own, as in the Java client: a parked
/// JoinGroup must not hold up a Fetch, nor the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Metadata and FindCoordinator.
    Bootstrap,
    /// The group APIs.
    Coordinator,
    /// Fetch and ListOffsets.
    Data,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Purpose::Bootstrap => "bootstrap",
            Purpose::Coordinator => "coordinator",
            Purpose::Data => "data",
        })
    }
}

/// What a consumer is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// A response has arrived.
    Response {
        /// On which connection.
        conn: Conn,
        /// The response.
        frame: Arc<ResponseFrame>,
    },
    /// A connection is gone; whatever was in flight on it will not be answered.
    Disconnected {
        /// Which.
        conn: Conn,
    },
    /// The application closes the consumer: commit, revoke, leave.
    Close,
    /// From now on the application takes this long for each record. A batch that is being processed is
    /// cut short to it when it would take longer.
    ProcessingTime(Duration),
}

/// What a consumer wants done.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a request, opening the connection if this is its first.
    Send {
        /// On which connection.
        conn: Conn,
        /// The request.
        frame: Arc<RequestFrame>,
    },
    /// Close a connection; nothing more is sent or expected on it.
    Close {
        /// Which.
        conn: Conn,
    },
    /// Something a trace or a checker wants to know.
    Observe(Observation),
    /// The consumer has closed and wants nothing more.
    Closed,
}

/// The state of a member as the Java client names it (rules R13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberState {
    /// Not part of a group, or no longer.
    Unjoined,
    /// JoinGroup is in flight; no heartbeats.
    PreparingRebalance,
    /// JoinGroup was answered, SyncGroup is in flight; heartbeats run.
    CompletingRebalance,
    /// SyncGroup was answered.
    Stable,
}

impl MemberState {
    /// Every state.
    pub const ALL: [MemberState; 4] = [
        MemberState::Unjoined,
        MemberState::PreparingRebalance,
        MemberState::CompletingRebalance,
        MemberState::Stable,
    ];

    /// The states a member may come from when it enters this one: the whole table.
    pub const fn predecessors(self) -> &'static [MemberState] {
        use MemberState::*;
        match self {
            Unjoined => &[PreparingRebalance, CompletingRebalance, Stable],
            PreparingRebalance => &[Unjoined, CompletingRebalance, Stable],
            CompletingRebalance => &[PreparingRebalance],
            Stable => &[CompletingRebalance],
        }
    }

    /// Whether the table has the move from `self` to `next`.
    pub fn may_become(self, next: MemberState) -> bool {
        next.predecessors().contains(&self)
    }

    /// The name of the state.
    pub const fn name(self) -> &'static str {
        match self {
            MemberState::Unjoined => "Unjoined",
            MemberState::PreparingRebalance => "PreparingRebalance",
            MemberState::CompletingRebalance => "CompletingRebalance",
            MemberState::Stable => "Stable",
        }
    }
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What happened inside a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The member moved from one state to another.
    State {
        /// Where it was.
        from: MemberState,
        /// Where it is now.
        to: MemberState,
        /// Why, in a few words.
        why: &'static str,
    },
    /// The consumer no longer knows its coordinator.
    CoordinatorLost {
        /// Why, in a few words: `request timed out`, `session timeout`.
        why: &'static str,
    },
    /// `onPartitionsAssigned`: from here on the consumer acts on these partitions. The list may be
    /// empty.
    Assigned {
        /// Under which member id.
        member: MemberId,
        /// In which generation.
        generation: Generation,
        /// Everything it now owns, sorted.
        partitions: Vec<TopicPartition>,
        /// What `onPartitionsAssigned` is called with, sorted: everything, or with cooperative rebalancing
        /// what it did not own before (KIP-429).
        added: Vec<TopicPartition>,
    },
    /// `onPartitionsRevoked`: the consumer gave these up in an orderly way.
    Revoked {
        /// What it gave up, sorted.
        partitions: Vec<TopicPartition>,
    },
    /// `onPartitionsLost`: the consumer learned that these had been taken from it.
    Lost {
        /// What it lost, sorted.
        partitions: Vec<TopicPartition>,
    },
    /// Where reading of a partition begins.
    Positioned {
        /// The partition.
        partition: TopicPartition,
        /// The next offset it will read.
        offset: i64,
        /// Whether that is the committed offset, or the start of the log because there is none.
        committed: bool,
    },
    /// `poll()` returned records and the application has begun with them.
    Polled {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the first record.
        first: i64,
        /// The values, in order.
        values: Vec<Bytes>,
    },
    /// The application is done with records `first..next`.
    Processed {
        /// The partition.
        partition: TopicPartition,
        /// The first of them.
        first: i64,
        /// One past the last of them.
        next: i64,
    },
    /// A commit failed without a request, because only a Stable member commits: what the Java client throws as
    /// CommitFailedException, or as RebalanceInProgressException while the member rejoins (rule R13.4.7).
    CommitFailed {
        /// What it would have committed, sorted.
        offsets: Vec<(TopicPartition, i64)>,
        /// Why, in a few words: `not a member`, `rebalance in progress`.
        why: &'static str,
    },
    /// The application took longer than `max.poll.interval`, so the consumer leaves.
    PollTimeout,
    /// An error the consumer does not recover from; it closes.
    Fatal {
        /// The error code.
        error: i16,
    },
}

/// A look inside a consumer: what a report prints when a group does not converge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerDescription {
    /// The member's state.
    pub state: MemberState,
    /// Its id, empty before the first join.
    pub member: MemberId,
    /// Its generation.
    pub generation: Generation,
    /// What it owns, sorted.
    pub owned: Vec<TopicPartition>,
    /// What it waits for, in words: `JoinGroup response since 12.000000`.
    pub waiting_for: String,
}

/// A consumer without I/O. See the module head for who calls what.
pub trait GroupConsumer {
    /// Takes one input.
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>);

    /// Does whatever is due at `now`.
    fn advance(&mut self, now: Time, out: &mut Vec<Output>);

    /// When [`Self::advance`] wants to be called next. May be too early, never too late.
    fn next_deadline(&self) -> Option<Time>;

    /// A look inside.
    fn describe(&self) -> ConsumerDescription;
}
