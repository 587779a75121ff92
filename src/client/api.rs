//! The seam between a consumer and the code that drives it: the inputs it takes, the outputs it
//! returns.
//!
//! A consumer is a state machine without I/O. It combines the client library with the application
//! on top of it. The caller sends the requests it returns, passes it the responses, and calls
//! [`GroupConsumer::advance`] when [`GroupConsumer::next_deadline`] is due. To test your own
//! client, implement [`GroupConsumer`] for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::protocol::{
    BrokerId, Generation, MemberId, RequestFrame, ResponseFrame, TopicPartition,
};
use crate::time::Time;

use super::reason::{CommitFailure, CoordinatorLoss, TransitionReason};

/// Names one connection of a consumer. Names are never reused: after [`ClientOutput::Close`] or
/// [`ClientInput::Disconnected`], the next connection has the next number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn {
    /// What the consumer uses the connection for.
    pub purpose: Purpose,
    /// Counts the connections of one consumer, from 0.
    pub number: u32,
    /// The broker at the other end.
    pub broker: BrokerId,
}

/// What a connection is for. Group requests have a connection of their own, as in the Java client:
/// a parked JoinGroup must not delay a Fetch, and a waiting Fetch must not delay a JoinGroup.
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

/// An input to a consumer.
#[derive(Clone, Debug)]
pub enum ClientInput {
    /// A response has arrived.
    Response {
        /// The connection it arrived on.
        conn: Conn,
        /// The response.
        frame: Arc<ResponseFrame>,
    },
    /// A connection is gone. Requests in flight on it will get no response.
    Disconnected {
        /// The connection that is gone.
        conn: Conn,
    },
    /// The application closes the consumer: commit, revoke, leave.
    Close,
    /// From now on the application takes this long for each record. A batch in progress ends
    /// earlier if the new pace makes it end earlier, never later.
    ProcessingTime(Duration),
}

/// An output of a consumer.
#[derive(Clone, Debug)]
pub enum ClientOutput {
    /// Send a request. The connection is opened by the first request on it.
    Send {
        /// The connection to send it on.
        conn: Conn,
        /// The request.
        frame: Arc<RequestFrame>,
    },
    /// Close a connection. The consumer sends nothing more on it and ignores its responses.
    Close {
        /// The connection to close.
        conn: Conn,
    },
    /// Something that happened inside the consumer, for traces and invariants.
    Observe(ClientObservation),
    /// The consumer has closed. It returns no further outputs.
    Closed,
}

/// The state of a member, under the Java client's names (rules R13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberState {
    /// Not a member of a group, or no longer one.
    Unjoined,
    /// JoinGroup is in flight; no heartbeats are sent.
    PreparingRebalance,
    /// The coordinator has accepted the join and SyncGroup is in flight; heartbeats are sent.
    CompletingRebalance,
    /// The coordinator has accepted the sync.
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

    /// The states from which a member may enter this one: the complete transition table.
    pub const fn predecessors(self) -> &'static [MemberState] {
        use MemberState::*;
        match self {
            Unjoined => &[PreparingRebalance, CompletingRebalance, Stable],
            PreparingRebalance => &[Unjoined, CompletingRebalance, Stable],
            CompletingRebalance => &[PreparingRebalance],
            Stable => &[CompletingRebalance],
        }
    }

    /// Whether the table has a transition from `self` to `next`.
    pub fn may_become(self, next: MemberState) -> bool {
        next.predecessors().contains(&self)
    }

    /// The name of the state, as the Java client spells it.
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

/// Something that happened inside a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientObservation {
    /// The member moved from one state to another.
    State {
        /// The state before.
        from: MemberState,
        /// The state now.
        to: MemberState,
        /// The reason.
        why: TransitionReason,
    },
    /// The consumer no longer knows its coordinator.
    CoordinatorLost {
        /// The reason.
        why: CoordinatorLoss,
    },
    /// `onPartitionsAssigned`: from now on the consumer acts on these partitions. The list may be
    /// empty.
    Assigned {
        /// The member id under which the consumer received the assignment.
        member: MemberId,
        /// The generation of the assignment.
        generation: Generation,
        /// All partitions that the consumer now owns, sorted.
        partitions: Vec<TopicPartition>,
        /// The argument of `onPartitionsAssigned`, sorted: all owned partitions, or with
        /// cooperative rebalancing those not owned before (KIP-429).
        added: Vec<TopicPartition>,
    },
    /// `onPartitionsRevoked`: the consumer gave these partitions up in an orderly way.
    Revoked {
        /// The partitions given up, sorted.
        partitions: Vec<TopicPartition>,
    },
    /// `onPartitionsLost`: the consumer learned that it no longer owns these partitions.
    Lost {
        /// The lost partitions, sorted.
        partitions: Vec<TopicPartition>,
    },
    /// The consumer knows where to begin reading a partition.
    Positioned {
        /// The partition.
        partition: TopicPartition,
        /// The next offset it will read.
        offset: i64,
        /// True if this is the committed offset; false if it is the start of the log because
        /// nothing is committed.
        committed: bool,
    },
    /// `poll()` returned records of one partition and the application has begun to process them.
    Polled {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the first record.
        first: i64,
        /// The record values, in offset order.
        values: Vec<Bytes>,
    },
    /// The application has finished processing the records `first..next`.
    Processed {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the first record.
        first: i64,
        /// One past the offset of the last record.
        next: i64,
    },
    /// A commit failed without a request, because only a Stable member commits. The Java client
    /// throws CommitFailedException, or RebalanceInProgressException while the member rejoins (rule
    /// R13.4.7).
    CommitFailed {
        /// The offsets it would have committed, sorted by partition.
        offsets: Vec<(TopicPartition, i64)>,
        /// The reason.
        why: CommitFailure,
    },
    /// The application took longer than `max.poll.interval.ms`, so the consumer leaves the group.
    PollTimeout,
    /// An error that the consumer does not recover from; it closes.
    Fatal {
        /// The Kafka error code.
        error: i16,
    },
}

/// The state of a consumer, for the report of a group that does not converge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerDescription {
    /// The member's state.
    pub state: MemberState,
    /// Its member id, empty before the first join.
    pub member: MemberId,
    /// Its generation, −1 if it has none.
    pub generation: Generation,
    /// The partitions it owns, sorted.
    pub owned: Vec<TopicPartition>,
    /// What it waits for, in words: `the JoinGroup response, since 12.000000`.
    pub waiting_for: String,
}

/// A consumer without I/O. The module head says who calls what.
pub trait GroupConsumer {
    /// Handles one input.
    fn handle(&mut self, now: Time, input: ClientInput, out: &mut Vec<ClientOutput>);

    /// Does everything that is due at `now`.
    fn advance(&mut self, now: Time, out: &mut Vec<ClientOutput>);

    /// When [`Self::advance`] must be called next, if ever. May be too early, never too late.
    fn next_deadline(&self) -> Option<Time>;

    /// Describes the state of the consumer.
    fn describe(&self) -> ConsumerDescription;
}
