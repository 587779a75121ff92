//! A schedule: everything a run does, as plain data.
//!
//! It comes out of a script ([`crate::script`]) or out of a seed ([`crate::swarm`]), and can be printed,
//! edited, committed and replayed after the generator has changed. `Display` on the parts prints the sim
//! language, one line each; the whole is printed by [`crate::script::print`].

mod text;

pub use text::{group_state_word, member_state_word};

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::assignor::Assignor;
use crate::consumer::{MemberState, Purpose};
use crate::coordinator::GroupState;
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

/// `network latency=1ms..5ms aim=20`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// The one-way latency of a message is drawn from this range.
    pub latency: RangeInclusive<Duration>,
    /// How many of 1,000 requests are held back so that they arrive just before, at or just after a
    /// deadline of the coordinator.
    pub aim: u16,
}

impl Default for NetworkSpec {
    fn default() -> Self {
        NetworkSpec { latency: Duration::from_millis(1)..=Duration::from_millis(5), aim: 0 }
    }
}

/// `broker initial-delay=3s commit=1ms..4ms`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSpec {
    /// `group.initial.rebalance.delay.ms`.
    pub initial_delay: Duration,
    /// The time from the append of a record to the offsets log until it is committed.
    pub commit: RangeInclusive<Duration>,
}

impl Default for BrokerSpec {
    fn default() -> Self {
        BrokerSpec {
            initial_delay: Duration::from_secs(3),
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
    /// `fetch=`, fetch.max.wait.ms.
    pub fetch: Option<Duration>,
    /// `version=`, the JoinGroup version (0 to 9).
    pub version: Option<i16>,
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
        settings: Settings,
    },
    /// `leave c1`: the application closes the consumer.
    Leave(String),
    /// `crash c1`: the process is gone at once, with its memory.
    Crash(String),
    /// `restart c1`: starts a crashed or closed consumer again, with the settings it had.
    Restart(String),
    /// `pause c1`, `pause b0`: alive, not running.
    Pause(NodeName),
    /// `resume c1`
    Resume(NodeName),
    /// `partition c1 b0`, `partition c1 -> b0`
    Partition(NodeName, NodeName, Direction),
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
    /// `calm`, `calm c1 c2`: faults are over. Broker, clocks, clogs, drops and processing times are
    /// healed everywhere; links, pauses and crashes of the named consumers (all, when none is named).
    /// The workload stops.
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
    /// `expect processed orders-0=5`: records 0..5 have been processed, and not the record after.
    Processed {
        /// The partition.
        partition: TopicPartition,
        /// One past the last processed offset of the unbroken run from 0.
        next: i64,
    },
}
