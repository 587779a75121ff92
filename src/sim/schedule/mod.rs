//! A schedule: everything a run does, as plain data.
//!
//! It comes out of a script ([`crate::script`]) or out of a seed ([`crate::swarm`]), and can be printed,
//! edited, committed and replayed after the generator has changed. `Display` on the parts prints the sim
//! language, one line each; the whole is printed by [`crate::script::print`].

mod admin;
mod text;

pub use admin::{AdminRequest, Answer};

pub use text::{group_state_word, member_state_word};

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::assignor::Assignor;
use crate::consumer::{MemberState, Purpose};
use crate::coordinator::{CoordinatorConfig, GroupState};
use crate::protocol::{Api, BrokerId, TopicPartition};
use crate::time::Time;

/// Everything a run does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The seed of all luck that the schedule leaves open: latencies, backoff jitter, member ids.
    pub seed: u64,
    /// The network's settings.
    pub network: NetworkSpec,
    /// The broker's settings.
    pub broker: BrokerSpec,
    /// The topics, in the order of their lines.
    pub topics: Vec<TopicSpec>,
    /// The groups, in the order of their lines.
    pub groups: Vec<GroupSpec>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// `network latency=1ms..5ms loss=10 aim=20`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// The one-way latency of a message is drawn from this range.
    pub latency: RangeInclusive<Duration>,
    /// How many of 1,000 messages are lost on their way, each time they are sent, so that TCP has to send
    /// them again and what is behind them waits.
    pub loss: u16,
    /// How many of 1,000 requests are held back so that they arrive just before, at or just after a
    /// deadline of the coordinator. If any are, what is due at one instant happens in any order, too.
    pub aim: u16,
}

impl Default for NetworkSpec {
    fn default() -> Self {
        let latency = Duration::from_millis(1)..=Duration::from_millis(5);
        NetworkSpec { latency, loss: 0, aim: 0 }
    }
}

/// `broker count=3 racks=a,b,c initial-delay=3s commit=1ms..4ms`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSpec {
    /// `count=`: how many brokers there are, `b0`, `b1`, …
    pub count: u8,
    /// `racks=a,b`: `broker.rack` of each broker in turn; none when empty.
    pub racks: Vec<String>,
    /// `offsets-partitions=`, offsets.topic.num.partitions.
    pub offsets_partitions: u8,
    /// `initial-delay=`, group.initial.rebalance.delay.ms.
    pub initial_delay: Duration,
    /// `min-session=`, group.min.session.timeout.ms.
    pub min_session: Duration,
    /// `max-session=`, group.max.session.timeout.ms.
    pub max_session: Duration,
    /// `max-size=`, group.max.size.
    pub max_size: usize,
    /// `metadata-max=`, offset.metadata.max.bytes.
    pub metadata_max: usize,
    /// `retention=`, offsets.retention.minutes.
    pub retention: Duration,
    /// `retention-check=`, offsets.retention.check.interval.ms.
    pub retention_check: Duration,
    /// `write-timeout=`, offsets.commit.timeout.ms.
    pub write_timeout: Duration,
    /// `linger=`, group.coordinator.append.linger.ms: appends of this long share a batch. With 0, the
    /// default here, nothing waits and what one request appends is one batch. (Rule R12: Kafka's own default
    /// is 10 ms.)
    pub linger: Duration,
    /// `load=`: how long a new leader takes to replay the log.
    pub load: RangeInclusive<Duration>,
    /// `detect=`: how long the controller takes to notice that a broker has crashed.
    pub detect: RangeInclusive<Duration>,
    /// `learn=`: how long a broker takes to learn what the controller has decided.
    pub learn: RangeInclusive<Duration>,
    /// The time from the append of a record to the offsets log until it is committed.
    pub commit: RangeInclusive<Duration>,
}

impl Default for BrokerSpec {
    fn default() -> Self {
        let coordinator = CoordinatorConfig::default();
        let millis = Duration::from_millis;
        BrokerSpec {
            count: 1,
            racks: Vec::new(),
            offsets_partitions: 50,
            initial_delay: coordinator.initial_rebalance_delay,
            min_session: coordinator.min_session_timeout,
            max_session: coordinator.max_session_timeout,
            max_size: coordinator.max_size,
            metadata_max: coordinator.offset_metadata_max,
            retention: coordinator.offsets_retention,
            retention_check: coordinator.offsets_retention_check,
            write_timeout: millis(5_000),
            linger: Duration::ZERO,
            load: millis(1)..=millis(10),
            detect: millis(9_000)..=millis(9_000),
            learn: millis(1)..=millis(20),
            commit: Duration::from_millis(1)..=Duration::from_millis(4),
        }
    }
}

/// `topic orders partitions=4 rate=10/s`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions it has, at least 1.
    pub partitions: i32,
    /// How many records a minute the workload produces, spread over the partitions in turn; 0 for none.
    pub rate: u32,
}

/// `group g topics=orders assignor=range session=10s`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// Its id.
    pub name: String,
    /// What its consumers are set to where their own `join` line does not say otherwise.
    pub settings: Settings,
}

/// The settings of consumers; unset ones fall back to the group's, then to
/// [`crate::consumer::ConsumerConfig::new`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `topics=a,b`; all topics when nobody says.
    pub topics: Option<Vec<String>>,
    /// `assignor=range` or `assignor=range,roundrobin`, most wanted first.
    pub assignors: Option<Vec<Assignor>>,
    /// `session=`, session.timeout.ms.
    pub session: Option<Duration>,
    /// `heartbeat=`, heartbeat.interval.ms.
    pub heartbeat: Option<Duration>,
    /// `rebalance=`, max.poll.interval.ms, which Kafka also takes as the rebalance timeout.
    pub rebalance: Option<Duration>,
    /// `process=`, what the application takes for one record.
    pub process: Option<Duration>,
    /// `records=`, max.poll.records.
    pub records: Option<usize>,
    /// `autocommit=`, auto.commit.interval.ms.
    pub autocommit: Option<Duration>,
    /// `request=`, request.timeout.ms.
    pub request: Option<Duration>,
    /// `reconnect-backoff=`, reconnect.backoff.ms.
    pub reconnect_backoff: Option<Duration>,
    /// `reconnect-backoff-max=`, reconnect.backoff.max.ms.
    pub reconnect_backoff_max: Option<Duration>,
    /// `fetch=`, fetch.max.wait.ms.
    pub fetch: Option<Duration>,
    /// `metadata=`, metadata.max.age.ms: how soon it notices that topics have grown or gone.
    pub metadata: Option<Duration>,
    /// `version=`, the JoinGroup version (0 to 9).
    pub version: Option<i16>,
    /// `instance=`, group.instance.id: a static member. On `join` lines only.
    pub instance: Option<String>,
    /// `rack=`, client.rack.
    pub rack: Option<String>,
}

/// One line of the timed part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line of the script it came from, 0 when generated.
    pub line: u32,
    /// `at 12s …`: run until this time first.
    pub at: Option<Time>,
    /// What happens.
    pub action: Action,
}

/// A process of the cluster as a script names it: `b0`, or a consumer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeName {
    /// `b0`
    Broker(BrokerId),
    /// Any other name.
    Consumer(String),
}

/// Which way a link is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `partition c1 b0`
    Both,
    /// `partition c1 -> b0`: what c1 sends does not arrive, what b0 sends does.
    Forward,
}

/// Which of a request and its response is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The request, on its way to the broker.
    Request,
    /// The response, on its way back.
    Response,
}

/// What the new leader has of the records that the old one had appended and not committed. Which of them
/// had reached it is a matter of luck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tail {
    /// Luck decides how many.
    #[default]
    Luck,
    /// `tail=lost`: none of them.
    Lost,
    /// `tail=kept`: all of them.
    Kept,
}

/// The errors with which a log refuses an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedWith {
    /// Too few replicas are in sync; the usual one.
    NotEnoughReplicas,
    /// The disk is broken.
    KafkaStorageError,
    /// The batch is too large.
    MessageTooLarge,
    /// The partition of the log is not there.
    UnknownTopicOrPartition,
    /// The broker is no replica of it, or not the one that leads.
    NotLeaderOrFollower,
    /// The replicas took too long.
    RequestTimedOut,
    /// The connection to them broke.
    NetworkException,
    /// The batch is larger than a segment.
    RecordListTooLarge,
    /// A size that cannot be.
    InvalidFetchSize,
    /// The batch arrived damaged.
    CorruptMessage,
}

impl RefusedWith {
    /// All of them, the usual one first.
    pub const ALL: [RefusedWith; 10] = [
        RefusedWith::NotEnoughReplicas,
        RefusedWith::KafkaStorageError,
        RefusedWith::MessageTooLarge,
        RefusedWith::UnknownTopicOrPartition,
        RefusedWith::NotLeaderOrFollower,
        RefusedWith::RequestTimedOut,
        RefusedWith::NetworkException,
        RefusedWith::RecordListTooLarge,
        RefusedWith::InvalidFetchSize,
        RefusedWith::CorruptMessage,
    ];
}

/// What one line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `join c1 group=g process=5ms`: starts a consumer.
    Join {
        /// The consumer, new or closed.
        consumer: String,
        /// Its group; the first one when not said.
        group: Option<String>,
        /// What is set for it alone.
        settings: Box<Settings>,
    },
    /// `leave c1`: the application closes the consumer.
    Leave(String),
    /// `crash c1`, `crash b1 tail=lost`: the process is gone at once, with its memory. A broker keeps its
    /// disk; when the controller has noticed (`detect=`), others lead what it led.
    Crash(NodeName, Tail),
    /// `restart c1`, `restart b1`: starts a crashed or closed consumer again, with the settings it had, or
    /// a crashed broker.
    Restart(NodeName),
    /// `move g to=b2 unaware=10s tail=lost`: another broker coordinates the group (and every group of the
    /// same partition of the offsets log).
    Move {
        /// The group; the first one when not said.
        group: Option<String>,
        /// The new leader; the next broker that is up when not said. It may be the old one, in a new
        /// epoch.
        to: Option<BrokerId>,
        /// How long the old leader goes on as if nothing had happened: a zombie. Zero for a clean move.
        unaware: Duration,
        /// What the new leader has of the log's uncommitted end.
        tail: Tail,
    },
    /// `stall g`: the high watermark of the group's partition of the offsets log stands still.
    Stall(Option<String>),
    /// `unstall g`
    Unstall(Option<String>),
    /// `refuse g error=NOT_ENOUGH_REPLICAS`: that log refuses appends with the error.
    Refuse(Option<String>, RefusedWith),
    /// `accept g`: it takes them again.
    Accept(Option<String>),
    /// `compact g`: of each key of the committed part of that log only the last record is kept.
    Compact(Option<String>),
    /// `grow orders partitions=8`
    Grow {
        /// The topic.
        topic: String,
        /// How many partitions it has from here on; more than before.
        partitions: i32,
    },
    /// `delete-topic orders`
    DeleteTopic(String),
    /// A request of the administrator: `describe g`, `list`, `delete-group g`, …
    Admin(AdminRequest),
    /// `pause c1`, `pause b0`: alive, not running.
    Pause(NodeName),
    /// `resume c1`
    Resume(NodeName),
    /// `partition c1 b0`, `partition c1 -> b0`
    Partition(NodeName, NodeName, Direction),
    /// `isolate c1`, `isolate b0`: all links of the node are cut both ways, those of consumers that are yet to
    /// come as well.
    Isolate(NodeName),
    /// `reconnect c1`: ends an isolation, and no partition of a single link.
    Reconnect(NodeName),
    /// `heal c1 b0`
    Heal(NodeName, NodeName),
    /// `clog c1 b0 by=2s`: everything on the link, both ways, takes this much longer.
    Clog(NodeName, NodeName, Duration),
    /// `unclog c1 b0`
    Unclog(NodeName, NodeName),
    /// `reset c1`, `reset c1 coordinator`: resets its connections, or the one.
    Reset(String, Option<Purpose>),
    /// `drop c1 Heartbeat request nth=1 count=2`: swallows messages, counted from now.
    Drop {
        /// The consumer at the client's end.
        consumer: String,
        /// Which API.
        api: Api,
        /// The request or the response.
        side: Side,
        /// The first one swallowed: 1 for the next.
        nth: u32,
        /// How many.
        count: u32,
    },
    /// `skew c1 ppm=50000`: from now on its clock runs that much fast (or slow, when negative).
    Skew(NodeName, i32),
    /// `slow c1 process=400s`: the application takes this long for each record.
    Slow(String, Duration),
    /// `produce orders count=10`, `produce orders partition=0 count=10`
    Produce {
        /// The topic.
        topic: String,
        /// The partition; in turn when not said.
        partition: Option<i32>,
        /// How many records.
        count: u32,
    },
    /// `advance 11s`
    Advance(Duration),
    /// `settle`, `settle within=60s`
    Settle(Option<Duration>),
    /// `drain`, `drain within=60s`: until every record in the logs has been processed.
    Drain(Option<Duration>),
    /// `calm`, `calm c1 c2`: faults are over. Brokers, logs, clocks, clogs, drops and processing times are
    /// healed everywhere; links and pauses of the named consumers (all, when none is named), and those of
    /// them that have crashed or given up are started again. The workload stops.
    Calm(Option<Vec<String>>),
    /// `expect …`
    Expect(Expectation),
}

/// What an `expect` line claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// `expect stable generation=4 members=2 group=g`
    Group {
        /// The group; the first one when not said.
        group: Option<String>,
        /// Its state.
        state: GroupState,
        /// Its generation.
        generation: Option<i32>,
        /// How many members it has.
        members: Option<usize>,
    },
    /// `expect c1 stable owns=orders-0,orders-1 generation=4`
    Consumer {
        /// The consumer.
        consumer: String,
        /// Its member state.
        state: Option<MemberState>,
        /// Exactly what it owns; `owns=none` for nothing.
        owns: Option<Vec<TopicPartition>>,
        /// The generation it believes in.
        generation: Option<i32>,
    },
    /// `expect committed orders-0=5 group=g`: the committed offset; −1 for none.
    Committed {
        /// The group; the first one when not said.
        group: Option<String>,
        /// The partition.
        partition: TopicPartition,
        /// The offset.
        offset: i64,
    },
    /// `expect answer NON_EMPTY_GROUP`, `expect answer state=Stable members=2`: what the administrator was
    /// last told.
    Answer(Answer),
    /// `expect coordinator b1 group=g`: which broker leads the group's partition of the offsets log, as the
    /// controller knows; `none` for no broker.
    Coordinator {
        /// The group; the first one when not said.
        group: Option<String>,
        /// Who leads.
        broker: Option<BrokerId>,
    },
    /// `expect processed orders-0=5`: records 0..5 have been processed, and not the record after.
    Processed {
        /// The partition.
        partition: TopicPartition,
        /// One past the last processed offset of the unbroken run from 0.
        next: i64,
    },
}
