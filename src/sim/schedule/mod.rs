//! A schedule: everything a run does, as plain data.
//!
//! A schedule comes from a script ([`crate::script`]) or from a seed ([`crate::swarm`]). It can be
//! printed, edited, committed, and replayed after the generator has changed. `Display` prints each
//! part as a line of the sim language; [`crate::script::print`] prints the whole. [`legal`] says
//! whether an action can be carried out at its place.

mod admin;
pub mod legal;
mod text;

pub use admin::{AdminRequest, ExpectedResponse};

pub use text::{group_state_word, member_state_word};

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::assignor::Assignor;
use crate::client::{MemberState, Purpose};
use crate::coordinator::{CoordinatorConfig, GroupState};
use crate::protocol::{Api, BrokerId, TopicPartition};
use crate::time::Time;

/// Everything a run does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The seed of everything that the schedule leaves to chance: latencies, backoff jitter, member
    /// ids.
    pub seed: u64,
    /// The network's settings.
    pub network: NetworkSpec,
    /// The broker's settings.
    pub broker: BrokerSpec,
    /// The topics, in the order of their lines.
    pub topics: Vec<TopicSpec>,
    /// The groups, in the order of their lines.
    pub groups: Vec<GroupSpec>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// `network latency=1ms..5ms loss=10 race=20`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// The range from which the one-way latency of each message is drawn.
    pub latency: RangeInclusive<Duration>,
    /// How many of 1,000 messages are lost each time they are sent. TCP retransmits them, and what
    /// is behind them waits.
    pub loss: u16,
    /// How many of 1,000 requests are delayed so that they arrive just before, at or just after a
    /// coordinator deadline. If not 0, events that are due at the same time also run in random
    /// order.
    pub race: u16,
}

impl Default for NetworkSpec {
    fn default() -> Self {
        let latency = Duration::from_millis(1)..=Duration::from_millis(5);
        NetworkSpec { latency, loss: 0, race: 0 }
    }
}

/// `broker count=3 racks=a,b,c initial-delay=3s commit=1ms..4ms`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSpec {
    /// `count=`: the number of brokers: `b0`, `b1`, …
    pub count: u8,
    /// `racks=a,b`: `broker.rack` of each broker, assigned in turn; no racks if empty.
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
    /// `linger=`, group.coordinator.append.linger.ms: appends within this time share a batch. With
    /// 0, the default here, nothing waits, and the records that one request appends are one batch.
    /// (Rule R12: Kafka's default is 10 ms.)
    pub linger: Duration,
    /// `load=`: how long a new leader takes to replay the log.
    pub load: RangeInclusive<Duration>,
    /// `detect=`: how long the controller takes to notice that a broker has crashed.
    pub detect: RangeInclusive<Duration>,
    /// `learn=`: how long a broker takes to learn what the controller has decided.
    pub learn: RangeInclusive<Duration>,
    /// `commit=`: the time from the append of a record to the offsets log until it is committed.
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
    /// The number of partitions, at least 1.
    pub partitions: i32,
    /// How many records per minute the workload produces, spread over the partitions in turn; 0 for
    /// none.
    pub rate: u32,
}

/// `group g topics=orders assignor=range session=10s`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// Its id.
    pub name: String,
    /// The settings of its consumers, unless their own `join` line overrides them.
    pub settings: Settings,
}

impl GroupSpec {
    /// The group that a line means: the named one, or the first one if it names none.
    pub fn find<'g>(groups: &'g [GroupSpec], name: Option<&str>) -> Option<&'g GroupSpec> {
        match name {
            Some(name) => groups.iter().find(|group| group.name == name),
            None => groups.first(),
        }
    }
}

/// The settings of consumers. An unset one falls back to the group's, then to
/// [`crate::client::ConsumerConfig::new`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `topics=a,b`; all topics if neither the consumer nor the group sets it.
    pub topics: Option<Vec<String>>,
    /// `assignor=range` or `assignor=range,roundrobin`, the preferred one first.
    pub assignors: Option<Vec<Assignor>>,
    /// `session=`, session.timeout.ms.
    pub session: Option<Duration>,
    /// `heartbeat=`, heartbeat.interval.ms.
    pub heartbeat: Option<Duration>,
    /// `rebalance=`, max.poll.interval.ms, which Kafka also uses as the rebalance timeout.
    pub rebalance: Option<Duration>,
    /// `process=`, the application's processing time per record.
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
    /// `metadata=`, metadata.max.age.ms: how soon a consumer notices that topics have grown or been
    /// deleted.
    pub metadata: Option<Duration>,
    /// `version=`, the JoinGroup version (0 to 9).
    pub version: Option<i16>,
    /// `instance=`, group.instance.id: a static member. On `join` lines only.
    pub instance: Option<String>,
    /// `rack=`, client.rack.
    pub rack: Option<String>,
}

/// One step of the timed part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The script line of the step; 0 if it was generated.
    pub line: u32,
    /// `at 12s …`: run until this time first.
    pub at: Option<Time>,
    /// What the step does.
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

/// The directions in which a link is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `partition c1 b0`
    Both,
    /// `partition c1 -> b0`: messages from c1 to b0 are held, messages from b0 arrive.
    Forward,
}

/// A request or its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The request, on its way to the broker.
    Request,
    /// The response, on its way back.
    Response,
}

/// How much of the old leader's uncommitted tail the new leader has. In a real cluster it depends
/// on replication progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tail {
    /// A random number of the records.
    #[default]
    Random,
    /// `tail=lost`: none of them.
    Lost,
    /// `tail=kept`: all of them.
    Kept,
}

/// The errors with which a log refuses an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedWith {
    /// Too few replicas are in sync; the most common error.
    NotEnoughReplicas,
    /// The disk is broken.
    KafkaStorageError,
    /// The batch is too large.
    MessageTooLarge,
    /// The log's partition does not exist.
    UnknownTopicOrPartition,
    /// The broker is not the partition's leader or not a replica.
    NotLeaderOrFollower,
    /// Replication took too long.
    RequestTimedOut,
    /// The connection to the replicas broke.
    NetworkException,
    /// The batch is larger than a segment.
    RecordListTooLarge,
    /// An invalid size.
    InvalidFetchSize,
    /// The batch arrived damaged.
    CorruptMessage,
}

impl RefusedWith {
    /// All of them, the most common one first.
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

/// What one step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `join c1 group=g process=5ms`: starts a consumer.
    Join {
        /// The consumer, new or closed.
        consumer: String,
        /// Its group; the first one by default.
        group: Option<String>,
        /// Settings for this consumer alone.
        settings: Box<Settings>,
    },
    /// `leave c1`: the application closes the consumer.
    Leave(String),
    /// `crash c1`, `crash b1 tail=lost`: the process and its memory are gone at once. A broker
    /// keeps its disk; once the controller notices the crash (`detect=`), it elects other leaders.
    Crash(NodeName, Tail),
    /// `restart c1`, `restart b1`: restarts a crashed or closed consumer with its previous
    /// settings, or a crashed broker.
    Restart(NodeName),
    /// `move g to=b2 unaware=10s tail=lost`: another broker becomes the coordinator of the group,
    /// and of every group in the same partition of the offsets log.
    Move {
        /// The group; the first one by default.
        group: Option<String>,
        /// The new leader; the next live broker by default. It may be the old one, in a new epoch.
        to: Option<BrokerId>,
        /// How long the old leader is unaware of the move and acts as a zombie. Zero for a clean
        /// move.
        unaware: Duration,
        /// How much of the log's uncommitted tail the new leader has.
        tail: Tail,
    },
    /// `stall g`: the high watermark of the group's partition of the offsets log stops advancing.
    Stall(Option<String>),
    /// `unstall g`: the high watermark advances again.
    Unstall(Option<String>),
    /// `refuse g error=NOT_ENOUGH_REPLICAS`: that log refuses appends with the error.
    Refuse(Option<String>, RefusedWith),
    /// `accept g`: that log accepts appends again.
    Accept(Option<String>),
    /// `compact g`: the committed part of that log keeps only the last record of each key.
    Compact(Option<String>),
    /// `grow orders partitions=8`: adds partitions to a topic.
    Grow {
        /// The topic.
        topic: String,
        /// The new number of partitions, more than before.
        partitions: i32,
    },
    /// `delete-topic orders`: deletes a topic.
    DeleteTopic(String),
    /// A request of the administrator: `describe g`, `list`, `delete-group g`, …
    Admin(AdminRequest),
    /// `pause c1`, `pause b0`: suspends the process.
    Pause(NodeName),
    /// `resume c1`: resumes a paused process.
    Resume(NodeName),
    /// `partition c1 b0`, `partition c1 -> b0`: cuts a link, in both directions or in one.
    Partition(NodeName, NodeName, Direction),
    /// `isolate c1`, `isolate b0`: cuts all links of the node in both directions, including those
    /// of consumers that start later.
    Isolate(NodeName),
    /// `reconnect c1`: ends an isolation, but not the partition of a single link.
    Reconnect(NodeName),
    /// `heal c1 b0`: ends the partition of a link.
    Heal(NodeName, NodeName),
    /// `clog c1 b0 by=2s`: delays everything on the link by this much, in both directions.
    Clog(NodeName, NodeName, Duration),
    /// `unclog c1 b0`: ends the delay.
    Unclog(NodeName, NodeName),
    /// `reset c1`, `reset c1 coordinator`: resets all connections of a consumer, or the one with
    /// this purpose.
    Reset(String, Option<Purpose>),
    /// `drop c1 Heartbeat request nth=1 count=2`: swallows messages, counted from now.
    Drop {
        /// The consumer at the client's end.
        consumer: String,
        /// The API of the messages.
        api: Api,
        /// Requests or responses.
        side: Side,
        /// The first message to swallow; 1 is the next one.
        nth: u32,
        /// How many messages to swallow.
        count: u32,
    },
    /// `skew c1 ppm=50000`: its clock runs this much fast from now on, or slow if negative.
    Skew(NodeName, i32),
    /// `slow c1 process=400s`: the application takes this long to process each record.
    Slow(String, Duration),
    /// `produce orders count=10`, `produce orders partition=0 count=10`: produces records now.
    Produce {
        /// The topic.
        topic: String,
        /// The partition; all in turn by default.
        partition: Option<i32>,
        /// The number of records.
        count: u32,
    },
    /// `advance 11s`: lets time pass.
    Advance(Duration),
    /// `settle`, `settle within=60s`: runs until no rebalance is in progress; paused and
    /// partitioned consumers are ignored.
    Settle(Option<Duration>),
    /// `drain`, `drain within=60s`: runs until every record in the logs has been processed.
    Drain(Option<Duration>),
    /// `quiesce`, `quiesce c1 c2`: ends faults. Brokers, logs, clocks, clogs, drops and processing
    /// times recover everywhere. The links and pauses of the named consumers recover (of all, if
    /// none is named), and those of them that crashed or gave up are restarted. The workload stops.
    Quiesce(Option<Vec<String>>),
    /// `expect …`: checks a claim about the current state.
    Expect(Expectation),
}

/// What an `expect` line claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// `expect stable generation=4 members=2 group=g`
    Group {
        /// The group; the first one by default.
        group: Option<String>,
        /// Its state.
        state: GroupState,
        /// Its generation.
        generation: Option<i32>,
        /// Its number of members.
        members: Option<usize>,
    },
    /// `expect c1 stable owns=orders-0,orders-1 generation=4`
    Consumer {
        /// The consumer.
        consumer: String,
        /// Its member state.
        state: Option<MemberState>,
        /// Exactly the partitions that it owns; `owns=none` for none.
        owns: Option<Vec<TopicPartition>>,
        /// The generation that it uses.
        generation: Option<i32>,
    },
    /// `expect committed orders-0=5 group=g`: the committed offset; −1 for none.
    Committed {
        /// The group; the first one by default.
        group: Option<String>,
        /// The partition.
        partition: TopicPartition,
        /// The offset.
        offset: i64,
    },
    /// `expect response NON_EMPTY_GROUP`, `expect response state=Stable members=2`: the
    /// administrator's last response.
    Response(ExpectedResponse),
    /// `expect coordinator b1 group=g`: the leader of the group's partition of the offsets log, as
    /// the controller knows it; `none` for no leader.
    Coordinator {
        /// The group; the first one by default.
        group: Option<String>,
        /// The leader; `None` for no leader.
        broker: Option<BrokerId>,
    },
    /// `expect processed orders-0=5`: records 0 to 4 have been processed, and record 5 has not.
    Processed {
        /// The partition.
        partition: TopicPartition,
        /// One past the last processed offset of the contiguous range from 0.
        next: i64,
    },
}
