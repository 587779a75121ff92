//! The typed events of a run: all that a renderer, a checker or a digest ever sees.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use crate::cluster::{ConnectionId, Shard, ShardState};
use crate::protocol::{Api, BrokerId, RequestFrame, ResponseFrame, TopicName, TopicPartition};
use crate::time::Time;
use crate::{consumer, coordinator};

/// Something that happened, where and when.
#[derive(Clone, Debug)]
pub struct Event {
    /// When, on the run's own clock.
    pub at: Time,
    /// When, on the clock of the node it happened on; differs from `at` where clocks are skewed. What
    /// a node promises about time, it promises on this clock.
    pub local: Time,
    /// Where.
    pub place: Place,
    /// What.
    pub kind: Kind,
}

/// Where an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The schedule, which acts on the world from outside.
    Schedule,
    /// A broker; printed `b0`.
    Broker(BrokerId),
    /// One life of a consumer; printed `c2.1` for the first life of c2.
    Consumer(ConsumerRef),
    /// The workload that produces records.
    Producer,
    /// The administrator, who asks brokers about groups on behalf of the schedule.
    Admin,
    /// The cluster's controller, which names leaders.
    Controller,
    /// A client that is not part of the run and speaks to it from outside, by its connection; printed with
    /// the client id that it gave itself, `kafka-python-3@7`.
    Client(ConnectionId),
}

/// One life of one consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerRef {
    /// Which consumer, in the order of their first [`Kind::ConsumerStarted`].
    pub index: u16,
    /// Which of its lives: 1 for the first, one more after each crash or close.
    pub incarnation: u16,
}

impl ConsumerRef {
    /// What it begins with when it is printed without its name.
    pub(super) const PRINTED: &str = "consumer ";

    /// Reads what follows [`Self::PRINTED`], and gives back what stands behind it.
    pub(super) fn read(text: &str) -> Option<(ConsumerRef, &str)> {
        let (index, text) = text.split_once(" (life ")?;
        let (incarnation, rest) = text.split_once(')')?;
        let consumer =
            ConsumerRef { index: index.parse().ok()?, incarnation: incarnation.parse().ok()? };
        Some((consumer, rest))
    }
}

/// Its number, for whoever does not know its name; [`super::Names::shorten`] puts the name there.
impl fmt::Display for ConsumerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} (life {})", Self::PRINTED, self.index, self.incarnation)
    }
}

/// A message on a connection. Shared with the simulator, not copied.
#[derive(Clone, Debug)]
pub enum Message {
    /// A request on its way to a broker.
    Request(Arc<RequestFrame>),
    /// A response on its way back, with the request it answers.
    Response {
        /// What was asked.
        request: Arc<RequestFrame>,
        /// What was answered.
        response: Arc<ResponseFrame>,
    },
}

impl Message {
    /// The API it belongs to.
    pub fn api(&self) -> Api {
        self.request().body.api()
    }

    /// The request: itself, or the one it answers.
    pub fn request(&self) -> &Arc<RequestFrame> {
        match self {
            Message::Request(request) | Message::Response { request, .. } => request,
        }
    }
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// A drop fault swallowed it; the connection is stuck behind it until an end gives up.
    Dropped,
    /// An earlier message of the connection was swallowed, so this one cannot arrive either.
    BehindDropped,
    /// The connection closed while it was under way.
    ConnectionClosed,
    /// The connection was reset while it was under way.
    ConnectionReset,
    /// The process it was meant for is gone.
    ReceiverGone,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loss::Dropped => "dropped",
            Loss::BehindDropped => "behind-dropped",
            Loss::ConnectionClosed => "connection-closed",
            Loss::ConnectionReset => "connection-reset",
            Loss::ReceiverGone => "receiver-gone",
        })
    }
}

/// Which way of a link is cut, seen from the node that it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CutWay {
    /// What the node sends does not arrive at its peer.
    ToPeer,
    /// What the peer sends does not arrive at the node.
    FromPeer,
}

impl CutWay {
    /// Its name.
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
    /// A link is cut, one way or both: what is sent waits for the heal or for the sender to give up.
    Partition,
    /// A link is slow.
    Clog,
    /// One message is swallowed.
    Drop,
    /// A connection is reset.
    Reset,
    /// A process does not run.
    Pause,
    /// A process is gone, with its memory.
    Crash,
    /// A node's clock runs at another speed.
    Skew,
    /// An application takes long for each record.
    Slow,
    /// The leadership of a partition of the offsets log moves, in an orderly way or after a crash.
    Move,
    /// A broker has been replaced as leader and does not know it yet.
    Zombie,
    /// The high watermark of a partition of the offsets log stands still.
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

    /// The family's name.
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
pub enum Kind {
    /// A topic exists. Place: the schedule.
    TopicCreated {
        /// Its name.
        topic: TopicName,
        /// How many partitions it has.
        partitions: i32,
    },
    /// A topic has more partitions. Place: the schedule.
    TopicGrown {
        /// Its name.
        topic: TopicName,
        /// How many partitions it has by now.
        partitions: i32,
    },
    /// A topic is gone. Place: the schedule.
    TopicDeleted {
        /// Its name.
        topic: TopicName,
    },
    /// The controller has named a leader for a partition of the offsets log, or found none. Place: the
    /// controller. Brokers learn of it later.
    LeaderElected {
        /// The partition, with the epoch of its new leader.
        shard: Shard,
        /// Who leads.
        leader: Option<BrokerId>,
        /// How many records at the end of the log did not survive; none of them was committed.
        lost: u64,
    },
    /// A broker's term as coordinator of a partition's groups begins, has begun or is over. Place: the
    /// broker. What its coordinator did before is not to be judged by what the next one does.
    Shard {
        /// The partition and the epoch of the term.
        shard: Shard,
        /// How far it is.
        state: ShardState,
    },
    /// So many records that a term has found in the log are not committed, because the high watermark stands
    /// still: its coordinator acts on them, and another election may take them away. Said when the term
    /// becomes active, and with 0 when they are committed. Place: the broker.
    Uncommitted {
        /// The partition and the epoch of the term.
        shard: Shard,
        /// How many.
        records: u64,
    },
    /// The settings of every coordinator, once, before anything else happens. Place: the first broker.
    CoordinatorStarted {
        /// Its settings.
        config: coordinator::CoordinatorConfig,
        /// How many partitions the offsets log has.
        offsets_partitions: i32,
    },
    /// A consumer's process started. Place: the consumer, in its new life.
    ConsumerStarted {
        /// The name the schedule gave it.
        name: Arc<str>,
        /// Its settings.
        config: Arc<consumer::ConsumerConfig>,
    },
    /// A consumer's process ended in an orderly way. Place: the consumer.
    ConsumerClosed,
    /// A line of the schedule is carried out. Place: the schedule.
    Script {
        /// The line in the file, 0 for a generated schedule.
        line: u32,
        /// The line.
        text: Arc<str>,
    },
    /// A fault begins, or happens if it has no length (drop rules begin when armed). Place: the node it
    /// is done to.
    FaultBegan {
        /// Which family.
        fault: FaultKind,
        /// The other end, for faults of a link.
        peer: Option<Place>,
        /// Which way of the link is cut, if only one is.
        direction: Option<CutWay>,
    },
    /// A fault is over. Place: the node it was done to. Restart ends a crash.
    FaultEnded {
        /// Which family.
        fault: FaultKind,
        /// The other end, for faults of a link.
        peer: Option<Place>,
    },
    /// A message was handed to the network. Place: the sender. For a response this is the moment the
    /// coordinator's answer became visible.
    Sent {
        /// The receiver.
        to: Place,
        /// The connection.
        conn: ConnectionId,
        /// The message.
        message: Message,
    },
    /// A message was taken up by its receiver. Place: the receiver. For a request this is the moment
    /// the broker began to handle it, which may be later than its arrival: requests of one connection are
    /// handled one at a time, and a paused process handles none.
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
        /// The receiver it was meant for.
        to: Place,
        /// The connection.
        conn: ConnectionId,
        /// The message.
        message: Message,
        /// Why.
        why: Loss,
    },
    /// Something inside the coordinator. Place: its broker.
    Coordinator(coordinator::Observation),
    /// Something inside a consumer. Place: the consumer.
    Consumer(consumer::Observation),
    /// Records `first..next` are in a partition's log. Place: the broker.
    Appended {
        /// The partition.
        partition: TopicPartition,
        /// The first offset.
        first: i64,
        /// One past the last offset.
        next: i64,
    },
    /// Faults are over: the core is healed and the workload has stopped. Place: the schedule.
    Calm {
        /// The consumers that must converge from here on.
        core: Vec<ConsumerRef>,
    },
    /// The world settled: no rebalance is under way, and every consumer that can be reached agrees with
    /// the coordinator about its membership. Place: the schedule.
    Settled {
        /// How long that took.
        took: Duration,
    },
    /// The world did not settle within the bound. Place: the schedule.
    NotSettled {
        /// The bound.
        within: Duration,
        /// What is waited for: one reason a line.
        waiting_for: Vec<String>,
    },
    /// Every record in the logs has been processed. Place: the schedule.
    Drained {
        /// How long that took.
        took: Duration,
    },
    /// Records were left unprocessed at the end of the bound. Place: the schedule.
    NotDrained {
        /// The bound.
        within: Duration,
        /// What is waited for: one reason a line.
        waiting_for: Vec<String>,
    },
    /// An `expect` line was judged. Place: the schedule.
    Expected {
        /// The line in the file.
        line: u32,
        /// What was expected.
        expected: Arc<str>,
        /// What was found instead, when it was not met.
        found: Option<String>,
    },
    /// The run is over. Place: the schedule. Always the last event.
    Finished,
}
