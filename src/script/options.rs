//! Every `name=value` of the language: its name, what it holds, what it is for and how it is read.
//!
//! The table of verbs ([`super::verbs`]) says who takes which.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::assignor::Assignor;
use crate::coordinator::GroupState;
use crate::protocol::{BrokerId, TopicPartition};
use crate::sim::schedule::{RefusedWith, Tail};

use super::lexer::Piece;
use super::values::{self, MOST_BROKERS, MOST_CONSUMERS, MOST_COUNTED, MOST_PARTITIONS, Read};

/// One `name=value`.
pub(super) struct Opt<T: 'static> {
    name: &'static str,
    value: &'static str,
    about: &'static str,
    /// Whether nothing at all behind the `=` is a value.
    may_be_empty: bool,
    /// Reads the value.
    pub(super) read: fn(Piece<'_>) -> Read<T>,
}

/// What is known of an option whatever type its value has.
pub(super) trait Described: Sync {
    /// The part before `=`.
    fn name(&self) -> &'static str;
    /// What stands for the value in a usage line.
    fn value(&self) -> &'static str;
    /// What it is for.
    fn about(&self) -> &'static str;
    /// Whether nothing at all behind the `=` is a value.
    fn may_be_empty(&self) -> bool;
}

impl<T> Described for Opt<T> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn value(&self) -> &'static str {
        self.value
    }
    fn about(&self) -> &'static str {
        self.about
    }
    fn may_be_empty(&self) -> bool {
        self.may_be_empty
    }
}

/// A list of options of any types.
pub(super) type Options = &'static [&'static dyn Described];

macro_rules! options {
    ($($id:ident: $type:ty = $name:literal $value:literal $about:literal $read:expr;)*) => {
        $(
            #[doc = $about]
            pub(super) static $id: Opt<$type> =
                Opt { name: $name, value: $value, about: $about, may_be_empty: false, read: $read };
        )*
    };
}

/// Which group a bare request names.
pub(super) static ANY_GROUP: Opt<String> = Opt {
    name: "group",
    value: "[GROUP]",
    about: "the group id, which may be empty",
    may_be_empty: true,
    read: values::text,
};

/// The protocol type that a bare request names.
pub(super) static TYPE: Opt<String> = Opt {
    name: "type",
    value: "[TYPE]",
    about: "the protocol type, which may be empty; consumer when not said",
    may_be_empty: true,
    read: values::text,
};

options! {
    LATENCY: RangeInclusive<Duration> = "latency" "RANGE"
        "one-way latency of a message, like 1ms..5ms" values::range;
    LOSS: u16 = "loss" "COUNT"
        "how many of 1,000 messages are lost, each time they are sent; 500 at most"
        |piece| Ok(values::whole(piece, 0, 500)? as u16);
    AIM: u16 = "aim" "COUNT"
        "how many of 1,000 requests are aimed at a deadline of the coordinator; then ties fall as luck has it, too"
        |piece| Ok(values::whole(piece, 0, 1_000)? as u16);
    INITIAL_DELAY: Duration = "initial-delay" "DURATION"
        "group.initial.rebalance.delay.ms" values::millis_or_zero;
    COMMIT: RangeInclusive<Duration> = "commit" "RANGE"
        "from the append of an offsets-log record to its commit" values::commit;
    BROKERS: u8 = "count" "COUNT"
        "how many brokers there are; 1 when not said"
        |piece| Ok(values::whole(piece, 1, MOST_BROKERS)? as u8);
    RACKS: Vec<String> = "racks" "RACK,…"
        "broker.rack of each broker in turn" values::names;
    OFFSETS_PARTITIONS: u8 = "offsets-partitions" "COUNT"
        "offsets.topic.num.partitions" |piece| Ok(values::whole(piece, 1, 255)? as u8);
    MIN_SESSION: Duration = "min-session" "DURATION"
        "group.min.session.timeout.ms" values::millis;
    MAX_SESSION: Duration = "max-session" "DURATION"
        "group.max.session.timeout.ms" values::millis;
    MAX_SIZE: usize = "max-size" "COUNT"
        "group.max.size" |piece| Ok(values::whole(piece, 1, i64::from(i32::MAX))? as usize);
    METADATA_MAX: usize = "metadata-max" "COUNT"
        "offset.metadata.max.bytes" |piece| Ok(values::whole(piece, 0, MOST_COUNTED)? as usize);
    RETENTION: Duration = "retention" "DURATION"
        "how long offsets are kept: offsets.retention.minutes, or a commit's own retention time"
        values::millis;
    RETENTION_CHECK: Duration = "retention-check" "DURATION"
        "offsets.retention.check.interval.ms" values::millis;
    WRITE_TIMEOUT: Duration = "write-timeout" "DURATION"
        "offsets.commit.timeout.ms" values::millis;
    LINGER: Duration = "linger" "DURATION"
        "group.coordinator.append.linger.ms; Kafka's is 10ms, or adaptive, which 0s comes to here" values::linger;
    LOAD: RangeInclusive<Duration> = "load" "RANGE"
        "how long a new leader takes to replay the offsets log" values::range;
    DETECT: RangeInclusive<Duration> = "detect" "RANGE"
        "how long the controller takes to notice that a broker has crashed" values::range;
    LEARN: RangeInclusive<Duration> = "learn" "RANGE"
        "how long a broker takes to learn what the controller has decided" values::range;
    PARTITIONS: i32 = "partitions" "COUNT"
        "how many partitions the topic has"
        |piece| Ok(values::whole(piece, 1, i64::from(MOST_PARTITIONS))? as i32);
    RATE: u32 = "rate" "RATE"
        "records the workload produces, like 10/s or 30/m; none when not said" values::rate;
    TOPICS: Vec<String> = "topics" "TOPIC,…"
        "what it subscribes to; all topics when nobody says"
        |piece| values::list(piece, values::name);
    ASSIGNOR: Vec<Assignor> = "assignor" "ASSIGNOR,…"
        "partition.assignment.strategy, most wanted first: range, roundrobin, sticky, cooperative-sticky"
        |piece| values::list(piece, values::assignor);
    SESSION: Duration = "session" "DURATION" "session.timeout.ms" values::millis;
    HEARTBEAT: Duration = "heartbeat" "DURATION" "heartbeat.interval.ms" values::millis;
    REBALANCE: Duration = "rebalance" "DURATION"
        "max.poll.interval.ms, which is also the rebalance timeout" values::millis;
    PROCESS: Duration = "process" "DURATION"
        "how long the application takes for one record" values::duration_or_zero;
    RECORDS: usize = "records" "COUNT"
        "max.poll.records" |piece| Ok(values::whole(piece, 1, MOST_COUNTED)? as usize);
    AUTOCOMMIT: Duration = "autocommit" "DURATION" "auto.commit.interval.ms" values::millis;
    REQUEST: Duration = "request" "DURATION" "request.timeout.ms" values::millis;
    FETCH: Duration = "fetch" "DURATION" "fetch.max.wait.ms" values::millis;
    METADATA: Duration = "metadata" "DURATION"
        "metadata.max.age.ms: how soon it notices that topics have grown or gone" values::millis;
    VERSION: i16 = "version" "NUMBER"
        "JoinGroup version, 0 to 9; the other APIs are of the same age"
        |piece| Ok(values::whole(piece, 0, 9)? as i16);
    API_VERSION: i16 = "version" "NUMBER"
        "the version of the request; the newest when not said"
        |piece| Ok(values::whole(piece, 0, 9)? as i16);
    INSTANCE: String = "instance" "NAME"
        "group.instance.id: a static member" values::name;
    RACK: String = "rack" "RACK" "client.rack" values::name;
    GROUP: String = "group" "GROUP"
        "which group; the first one when not said" values::name;
    BY: Duration = "by" "DURATION" "how much longer everything takes" values::duration;
    NTH: u32 = "nth" "NUMBER"
        "the first message swallowed, counted from now; 1, the next, when not said"
        |piece| Ok(values::whole(piece, 1, MOST_COUNTED)? as u32);
    COUNT: u32 = "count" "COUNT"
        "how many; 1 when not said" |piece| Ok(values::whole(piece, 1, MOST_COUNTED)? as u32);
    PPM: i32 = "ppm" "NUMBER"
        "microseconds gained per second; negative for a slow clock"
        |piece| Ok(values::whole(piece, -500_000, 500_000)? as i32);
    PARTITION: i32 = "partition" "NUMBER"
        "which partition; each in turn when not said"
        |piece| Ok(values::whole(piece, 0, i64::from(MOST_PARTITIONS - 1))? as i32);
    WITHIN: Duration = "within" "DURATION" "how long that may take at most" values::duration;
    GENERATION: i32 = "generation" "NUMBER"
        "the generation; a consumer without one has -1"
        |piece| Ok(values::whole(piece, -1, i64::from(i32::MAX))? as i32);
    MEMBERS: usize = "members" "COUNT"
        "how many members the group has"
        |piece| Ok(values::whole(piece, 0, MOST_CONSUMERS as i64)? as usize);
    OWNS: Vec<TopicPartition> = "owns" "PARTITION,…"
        "exactly what it owns, like orders-0,orders-1; `none` for nothing"
        |piece| values::list_or_none(piece, values::partition);
    TO: BrokerId = "to" "BROKER"
        "the new leader, maybe the old one; the next broker that is up when not said"
        values::broker;
    UNAWARE: Duration = "unaware" "DURATION"
        "how long the old leader goes on as if nothing had happened" values::duration_or_zero;
    TAIL: Tail = "tail" "FATE"
        "what survives of the log's uncommitted end: lost, kept, or luck when not said"
        values::tail;
    ERROR: RefusedWith = "error" "ERROR"
        "what the log says: NOT_ENOUGH_REPLICAS when not said, KAFKA_STORAGE_ERROR, MESSAGE_TOO_LARGE, \
         UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, NETWORK_EXCEPTION, \
         RECORD_LIST_TOO_LARGE, INVALID_FETCH_SIZE or CORRUPT_MESSAGE"
        values::refused_with;
    ON: BrokerId = "on" "BROKER" "which broker is asked; b0 when not said" values::broker;
    STATES: Vec<String> = "states" "STATE,…"
        "only groups in these states, like Stable,Empty"
        |piece| values::list(piece, values::name);
    TYPES: Vec<String> = "types" "TYPE,…"
        "only groups of these types, like classic"
        |piece| values::list(piece, values::name);
    MEMBER: String = "member" "CONSUMER"
        "the consumer whose member id is named" values::consumer_name;
    NOTE: usize = "note" "COUNT"
        "how many characters of metadata go along"
        |piece| Ok(values::whole(piece, 0, MOST_COUNTED)? as usize);
    STABLE: bool = "stable" "YES"
        "yes: only offsets that no open transaction may change (RequireStable)"
        values::yes_or_no;
    PRODUCER: i64 = "producer" "NUMBER"
        "the producer id, which names the transaction"
        |piece| values::whole(piece, 0, i64::MAX);
    AS: String = "as" "CONSUMER"
        "the consumer whose member id and generation go along" values::consumer_name;
    SESSION_ASKED: Duration = "session" "DURATION"
        "session.timeout.ms" values::millis_or_zero;
    STATE: GroupState = "state" "STATE"
        "of the first group described, like Stable" values::answered_state;
    GROUPS: Vec<String> = "groups" "GROUP,…"
        "the groups listed, in any order; `none` for none"
        |piece| values::list_or_none(piece, values::name);
}
