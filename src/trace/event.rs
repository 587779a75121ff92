//! The typed events of a run. Renderers, invariants and digests see nothing else.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use crate::broker::{ConnectionId, Term, TermState};
use crate::protocol::{
    Api, BrokerId, GroupId, RequestFrame, ResponseFrame, TopicName, TopicPartition,
};
use crate::time::Time;
use crate::{client, coordinator};

/// An event with its place and time.
#[derive(Clone, Debug)]
pub struct Event {
    /// The time on the run's own clock.
    pub at: Time,
    /// The time on the clock of the node where it happened; differs from `at` if the node's clock
    /// is skewed. Timing guarantees of a node are measured on this clock.
    pub local: Time,
    /// Where it happened.
    pub place: Place,
    /// What happened.
    pub kind: EventKind,
}

/// The process or component where an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The schedule, which acts on the simulation from outside.
    Schedule,
    /// A broker; printed `b0`.
    Broker(BrokerId),
    /// One incarnation of a consumer; printed `c2.1` for the first incarnation of c2.
    Consumer(ConsumerRef),
    /// The workload that produces records.
    Producer,
    /// The administrator, which sends group requests to brokers on behalf of the schedule.
    Admin,
    /// The cluster's controller, which elects leaders.
    Controller,
    /// An external client that connects to the run, identified by its connection; printed with its
    /// own client id, `kafka-python-3@7`.
    Client(ConnectionId),
}

/// One incarnation of one consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerRef {
    /// The number of the consumer, in the order of their first [`EventKind::ConsumerStarted`].
    pub index: u16,
    /// The incarnation: 1 for the first, one more after each crash or close.
    pub incarnation: u16,
}

impl ConsumerRef {
    /// The prefix of a consumer that is printed without its name.
    pub(super) const PRINTED: &str = "consumer ";

    /// Parses the text after [`Self::PRINTED`]; returns the rest of the text, too.
    pub(super) fn read(text: &str) -> Option<(ConsumerRef, &str)> {
        let (index, text) = text.split_once(" (incarnation ")?;
        let (incarnation, rest) = text.split_once(')')?;
        let consumer =
            ConsumerRef { index: index.parse().ok()?, incarnation: incarnation.parse().ok()? };
        Some((consumer, rest))
    }
}

/// Prints the consumer's number, for code that does not know its name; [`super::Names::shorten`]
/// replaces it by the name.
impl fmt::Display for ConsumerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} (incarnation {})", Self::PRINTED, self.index, self.incarnation)
    }
}

/// A message on a connection. Shared with the simulator, not copied.
#[derive(Clone, Debug)]
pub enum Message {
    /// A request on its way to a broker.
    Request(Arc<RequestFrame>),
    /// A response on its way back, with its request.
    Response {
        /// The request.
        request: Arc<RequestFrame>,
        /// The response.
        response: Arc<ResponseFrame>,
    },
}

impl Message {
    /// The API of the message.
    pub fn api(&self) -> Api {
        self.request().body.api()
    }

    /// The request: the message itself, or the one that the response belongs to.
    pub fn request(&self) -> &Arc<RequestFrame> {
        match self {
            Message::Request(request) | Message::Response { request, .. } => request,
        }
    }
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// A drop fault dropped it; the connection is stuck behind it until one end gives up.
    Dropped,
    /// An earlier message of the connection was dropped, so this one cannot arrive either.
    BehindDropped,
    /// The connection was closed while the message was in flight.
    ConnectionClosed,
    /// The connection was reset while the message was in flight.
    ConnectionReset,
    /// The receiving process is gone.
    ReceiverGone,
}

impl Loss {
    /// Its name in traces: `dropped`, `connection-reset`, …
    pub const fn name(self) -> &'static str {
        match self {
            Loss::Dropped => "dropped",
            Loss::BehindDropped => "behind-dropped",
            Loss::ConnectionClosed => "connection-closed",
            Loss::ConnectionReset => "connection-reset",
            Loss::ReceiverGone => "receiver-gone",
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The direction in which a link is cut, as seen from the node that has the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CutWay {
    /// The peer does not receive what the node sends.
    ToPeer,
    /// The node does not receive what the peer sends.
    FromPeer,
}

impl CutWay {
    /// Its name in traces: `to-peer`, `from-peer`.
    pub const fn name(self) -> &'static str {
        match self {
            CutWay::ToPeer => "to-peer",
            CutWay::FromPeer => "from-peer",
        }
    }
}

/// The families of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A link is cut, in one or both directions: messages wait until it heals or the sender gives
    /// up.
    Partition,
    /// A link is slow.
    Clog,
    /// One message is dropped.
    Drop,
    /// A connection is reset.
    Reset,
    /// A process does not run.
    Pause,
    /// A process is gone, with its memory.
    Crash,
    /// A node's clock runs at a different speed.
    Skew,
    /// An application takes long for each record.
    Slow,
    /// The leadership of a partition of the offsets log moves, in an orderly way or after a crash.
    Move,
    /// A broker has been replaced as leader and does not know it yet.
    Zombie,
    /// The high watermark of a partition of the offsets log does not move.
    Stall,
    /// A partition of the offsets log refuses appends.
    Refuse,
    /// A partition of the offsets log is compacted.
    Compact,
}

impl FaultKind {
    /// Every family.
    pub const ALL: [FaultKind; 13] = [
        FaultKind::Partition,
        FaultKind::Clog,
        FaultKind::Drop,
        FaultKind::Reset,
        FaultKind::Pause,
        FaultKind::Crash,
        FaultKind::Skew,
        FaultKind::Slow,
        FaultKind::Move,
        FaultKind::Zombie,
        FaultKind::Stall,
        FaultKind::Refuse,
        FaultKind::Compact,
    ];

    /// The family's name in traces and profiles.
    pub const fn name(self) -> &'static str {
        match self {
            FaultKind::Partition => "partition",
            FaultKind::Clog => "clog",
            FaultKind::Drop => "drop",
            FaultKind::Reset => "reset",
            FaultKind::Pause => "pause",
            FaultKind::Crash => "crash",
            FaultKind::Skew => "skew",
            FaultKind::Slow => "slow",
            FaultKind::Move => "move",
            FaultKind::Zombie => "zombie",
            FaultKind::Stall => "stall",
            FaultKind::Refuse => "refuse",
            FaultKind::Compact => "compact",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// A topic was created. Place: the schedule.
    TopicCreated {
        /// Its name.
        topic: TopicName,
        /// The number of partitions.
        partitions: i32,
    },
    /// A topic has more partitions than before. Place: the schedule.
    TopicGrown {
        /// Its name.
        topic: TopicName,
        /// The new number of partitions.
        partitions: i32,
    },
    /// A topic was deleted. Place: the schedule.
    TopicDeleted {
        /// Its name.
        topic: TopicName,
    },
    /// The controller has elected a leader for a partition of the offsets log, or found none.
    /// Place: the controller. Brokers learn of it later.
    LeaderElected {
        /// The partition, with the epoch of its new leader.
        term: Term,
        /// The new leader, if there is one.
        leader: Option<BrokerId>,
        /// How many records at the end of the log were lost; none of them was committed.
        lost: u64,
    },
    /// A broker's term as coordinator of a partition's groups has a new state. Place: the broker.
    /// Do not judge the coordinator of one term by what the coordinator of the next term does.
    TermChanged {
        /// The partition and the epoch of the term.
        term: Term,
        /// The new state.
        state: TermState,
    },
    /// The number of records that a term found in the log and that are not committed, because the
    /// high watermark is stalled. Its coordinator acts on them, and another election may lose them.
    /// Reported when the term becomes active, and with 0 when they are committed. Place: the
    /// broker.
    Uncommitted {
        /// The partition and the epoch of the term.
        term: Term,
        /// The number of records.
        records: u64,
    },
    /// The settings of every coordinator; once, before all other events. Place: the first broker.
    CoordinatorStarted {
        /// The settings.
        config: coordinator::CoordinatorConfig,
        /// The number of partitions of the offsets log.
        offsets_partitions: i32,
    },
    /// A consumer's process started. Place: the consumer, in its new incarnation.
    ConsumerStarted {
        /// Its name in the schedule.
        name: Arc<str>,
        /// Its settings.
        config: Arc<client::ConsumerConfig>,
    },
    /// A consumer's process ended in an orderly way. Place: the consumer.
    ConsumerClosed,
    /// A line of the schedule is executed. Place: the schedule.
    Script {
        /// The line number in the file, 0 for a generated schedule.
        line: u32,
        /// The text of the line.
        text: Arc<str>,
    },
    /// A fault begins, or happens if it has no duration (a drop rule begins when it is armed).
    /// Place: the node that has the fault.
    FaultBegan {
        /// The family of the fault.
        fault: FaultKind,
        /// The other end, for faults of a link.
        peer: Option<Place>,
        /// The direction in which the link is cut, if only one is.
        direction: Option<CutWay>,
    },
    /// A fault ends. Place: the node that had it. A restart ends a crash.
    FaultEnded {
        /// The family of the fault.
        fault: FaultKind,
        /// The other end, for faults of a link.
        peer: Option<Place>,
    },
    /// A message was passed to the network. Place: the sender. For a response, this is when the
    /// coordinator's result becomes visible.
    Sent {
        /// The receiver.
        to: Place,
        /// The connection.
        conn: ConnectionId,
        /// The message.
        message: Message,
    },
    /// The receiver began to handle a message. Place: the receiver. For a request this may be later
    /// than its arrival: a broker handles the requests of one connection one at a time, and a
    /// paused process handles none.
    Received {
        /// The sender.
        from: Place,
        /// The connection.
        conn: ConnectionId,
        /// The message.
        message: Message,
    },
    /// A message will never arrive. Place: the sender.
    Lost {
        /// The intended receiver.
        to: Place,
        /// The connection.
        conn: ConnectionId,
        /// The message.
        message: Message,
        /// Why it was lost.
        why: Loss,
    },
    /// Something that happened inside a coordinator. Place: its broker.
    Coordinator(coordinator::Observation),
    /// Something that happened inside a consumer. Place: the consumer.
    Consumer(client::ClientObservation),
    /// Records `first..next` were appended to a partition's log. Place: the broker.
    Appended {
        /// The partition.
        partition: TopicPartition,
        /// The first offset.
        first: i64,
        /// One past the last offset.
        next: i64,
    },
    /// The fault phase is over: the core is healed and the workload has stopped. Place: the
    /// schedule.
    Quiesced {
        /// The consumers that must converge from now on.
        core: Vec<ConsumerRef>,
    },
    /// The groups settled: no rebalance is in progress, and every reachable consumer agrees with
    /// the coordinator about its membership. Place: the schedule.
    Settled {
        /// How long it took.
        took: Duration,
    },
    /// The groups did not settle within the bound. Place: the schedule.
    NotSettled {
        /// The bound.
        within: Duration,
        /// What has not happened yet.
        waiting_for: Vec<Awaited>,
    },
    /// Every record in the logs has been processed. Place: the schedule.
    Drained {
        /// How long it took.
        took: Duration,
    },
    /// Unprocessed records were left at the end of the bound. Place: the schedule.
    NotDrained {
        /// The bound.
        within: Duration,
        /// What has not happened yet.
        waiting_for: Vec<Awaited>,
    },
    /// An `expect` line was checked. Place: the schedule.
    Expected {
        /// The line number in the file.
        line: u32,
        /// The expectation.
        expected: Arc<str>,
        /// The actual state, if the expectation was not met.
        found: Option<String>,
    },
    /// The run is over. Place: the schedule. Always the last event.
    Finished,
}

impl EventKind {
    /// The message that was sent, received or lost; `None` for all other events.
    pub fn message(&self) -> Option<&Message> {
        match self {
            EventKind::Sent { message, .. }
            | EventKind::Received { message, .. }
            | EventKind::Lost { message, .. } => Some(message),
            _ => None,
        }
    }
}

/// Something that a wait waited for in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The group that it is about, if it is about one.
    pub group: Option<GroupId>,
    /// What has not happened yet, on one line.
    pub what: String,
}

impl Awaited {
    /// Something that is about a group.
    pub fn of(group: &GroupId, what: String) -> Awaited {
        Awaited { group: Some(group.clone()), what }
    }
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
