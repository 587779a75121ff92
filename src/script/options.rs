//! The options of the language: their names, values, descriptions and parsers.
//!
//! The table of verbs ([`super::verbs`]) defines which verb takes which options.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::assignor::Assignor;
use crate::coordinator::GroupState;
use crate::protocol::{BrokerId, TopicPartition};
use crate::sim::schedule::{RefusedWith, Tail};

use super::lexer::Piece;
use super::values::{self, MOST_BROKERS, MOST_CONSUMERS, MOST_COUNTED, MOST_PARTITIONS, Parsed};

/// An option, written `name=value`.
pub(super) struct ScriptOption<T: 'static> {
    name: &'static str,
    value: &'static str,
    about: &'static str,
    /// The default; empty if there is none.
    default: &'static str,
    /// Kafka's default, if it differs; else empty.
    kafka: &'static str,
    /// Whether the value can be empty.
    may_be_empty: bool,
    /// Parses the value.
    pub(super) read: fn(Piece<'_>) -> Parsed<T>,
}

/// The properties of an option that do not depend on the type of its value.
pub(super) trait Described: Sync {
    /// The part before `=`.
    fn name(&self) -> &'static str;
    /// The placeholder of the value in a usage line.
    fn value(&self) -> &'static str;
    /// The description.
    fn about(&self) -> &'static str;
    /// The default; `None` if the option is required, or has no effect unless it is given.
    fn default(&self) -> Option<&'static str>;
    /// Kafka's default, if it differs.
    fn kafka_default(&self) -> Option<&'static str>;
    /// Whether the value can be empty.
    fn may_be_empty(&self) -> bool;
}

impl<T> Described for ScriptOption<T> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn value(&self) -> &'static str {
        self.value
    }
    fn about(&self) -> &'static str {
        self.about
    }
    fn default(&self) -> Option<&'static str> {
        Some(self.default).filter(|default| !default.is_empty())
    }
    fn kafka_default(&self) -> Option<&'static str> {
        Some(self.kafka).filter(|default| !default.is_empty())
    }
    fn may_be_empty(&self) -> bool {
        self.may_be_empty
    }
}

/// A list of options of any types.
pub(super) type Options = &'static [&'static dyn Described];

macro_rules! options {
    ($(
        $id:ident: $type:ty = $name:literal $value:literal
        $(=> $default:literal $(!= $kafka:literal)?)? $about:literal $read:expr;
    )*) => {
        $(
            #[doc = $about]
            pub(super) static $id: ScriptOption<$type> = ScriptOption {
                name: $name,
                value: $value,
                about: $about,
                default: concat!($($default)?),
                kafka: concat!($($($kafka)?)?),
                may_be_empty: false,
                read: $read,
            };
        )*
    };
}

/// The group id of `ask`.
pub(super) static ANY_GROUP: ScriptOption<String> = ScriptOption {
    name: "group",
    value: "[GROUP]",
    about: "group id; can be empty",
    default: "",
    kafka: "",
    may_be_empty: true,
    read: values::text,
};

/// The protocol type of `ask`.
pub(super) static TYPE: ScriptOption<String> = ScriptOption {
    name: "type",
    value: "[TYPE]",
    about: "protocol type; can be empty",
    default: "consumer",
    kafka: "",
    may_be_empty: true,
    read: values::text,
};

options! {
    LATENCY: RangeInclusive<Duration> = "latency" "RANGE" => "1ms..5ms"
        "one-way latency of a message, such as 1ms..5ms" values::range;
    LOSS: u16 = "loss" "COUNT" => "0"
        "number of messages in 1,000 that are lost per transmission; at most 500"
        |piece| Ok(values::whole(piece, 0, 500)? as u16);
    RACE: u16 = "race" "COUNT" => "0"
        "number of requests in 1,000 that are delayed to arrive just before, at or just after a \
         coordinator deadline; also randomizes ties"
        |piece| Ok(values::whole(piece, 0, 1_000)? as u16);
    INITIAL_DELAY: Duration = "initial-delay" "DURATION" => "3s"
        "group.initial.rebalance.delay.ms" values::millis_or_zero;
    COMMIT: RangeInclusive<Duration> = "commit" "RANGE" => "1ms..4ms"
        "time from the append of an offsets-log record to its commit" values::commit;
    BROKERS: u8 = "count" "COUNT" => "1"
        "number of brokers"
        |piece| Ok(values::whole(piece, 1, MOST_BROKERS)? as u8);
    RACKS: Vec<String> = "racks" "RACK,…" => "none"
        "broker.rack of each broker in turn" values::names;
    OFFSETS_PARTITIONS: u8 = "offsets-partitions" "COUNT" => "50"
        "offsets.topic.num.partitions" |piece| Ok(values::whole(piece, 1, 255)? as u8);
    MIN_SESSION: Duration = "min-session" "DURATION" => "6s"
        "group.min.session.timeout.ms" values::millis;
    MAX_SESSION: Duration = "max-session" "DURATION" => "30m"
        "group.max.session.timeout.ms" values::millis;
    MAX_SIZE: usize = "max-size" "COUNT" => "2147483647"
        "group.max.size" |piece| Ok(values::whole(piece, 1, i64::from(i32::MAX))? as usize);
    METADATA_MAX: usize = "metadata-max" "COUNT" => "4096"
        "offset.metadata.max.bytes" |piece| Ok(values::whole(piece, 0, MOST_COUNTED)? as usize);
    RETENTION: Duration = "retention" "DURATION" => "7d"
        "offsets.retention.minutes: how long offsets are kept"
        values::millis;
    COMMIT_RETENTION: Duration = "retention" "DURATION"
        "how long the offset is kept; without it, the broker's retention applies" values::millis;
    RETENTION_CHECK: Duration = "retention-check" "DURATION" => "10m"
        "offsets.retention.check.interval.ms" values::millis;
    WRITE_TIMEOUT: Duration = "write-timeout" "DURATION" => "5s"
        "offsets.commit.timeout.ms" values::millis;
    LINGER: Duration = "linger" "DURATION" => "0s"
        "group.coordinator.append.linger.ms; 0s behaves like Kafka's adaptive linger (-1)"
        values::linger;
    LOAD: RangeInclusive<Duration> = "load" "RANGE" => "1ms..10ms"
        "time that a new leader takes to load the offsets log" values::range;
    DETECT: RangeInclusive<Duration> = "detect" "RANGE" => "9s"
        "broker.session.timeout.ms: time until the controller notices that a broker has crashed"
        values::range;
    LEARN: RangeInclusive<Duration> = "learn" "RANGE" => "1ms..20ms"
        "time until a broker learns of a decision of the controller" values::range;
    PARTITIONS: i32 = "partitions" "COUNT"
        "number of partitions of the topic"
        |piece| Ok(values::whole(piece, 1, i64::from(MOST_PARTITIONS))? as i32);
    RATE: u32 = "rate" "RATE" => "none"
        "rate at which the workload produces records, such as 10/s or 30/m" values::rate;
    TOPICS: Vec<String> = "topics" "TOPIC,…" => "all topics"
        "topics to subscribe to"
        |piece| values::list(piece, values::name);
    ASSIGNOR: Vec<Assignor> = "assignor" "ASSIGNOR,…" => "range" != "range,cooperative-sticky"
        "partition.assignment.strategy, in order of preference: range, roundrobin, sticky, \
         cooperative-sticky"
        |piece| values::list(piece, values::assignor);
    SESSION: Duration = "session" "DURATION" => "45s" "session.timeout.ms" values::millis;
    HEARTBEAT: Duration = "heartbeat" "DURATION" => "3s" "heartbeat.interval.ms" values::millis;
    REBALANCE: Duration = "rebalance" "DURATION" => "5m"
        "max.poll.interval.ms, which is also the rebalance timeout" values::millis;
    PROCESS: Duration = "process" "DURATION" => "1ms"
        "time that the application takes per record" values::duration_or_zero;
    RECORDS: usize = "records" "COUNT" => "500"
        "max.poll.records" |piece| Ok(values::whole(piece, 1, MOST_COUNTED)? as usize);
    AUTOCOMMIT: Duration = "autocommit" "DURATION" => "5s" "auto.commit.interval.ms" values::millis;
    REQUEST: Duration = "request" "DURATION" => "30s" "request.timeout.ms" values::millis;
    RECONNECT_BACKOFF: Duration = "reconnect-backoff" "DURATION" => "50ms"
        "reconnect.backoff.ms: delay before the first attempt to reconnect"
        values::millis_or_zero;
    RECONNECT_BACKOFF_MAX: Duration = "reconnect-backoff-max" "DURATION" => "1s"
        "reconnect.backoff.max.ms: limit up to which the delay doubles with each failure"
        values::millis_or_zero;
    FETCH: Duration = "fetch" "DURATION" => "5s" != "500ms" "fetch.max.wait.ms" values::millis;
    METADATA: Duration = "metadata" "DURATION" => "5m"
        "metadata.max.age.ms: time until a consumer notices new partitions and deleted topics"
        values::millis;
    VERSION: i16 = "version" "NUMBER" => "9"
        "JoinGroup version, 0 to 9; other APIs use versions of the same age"
        |piece| Ok(values::whole(piece, 0, 9)? as i16);
    API_VERSION: i16 = "version" "NUMBER" => "the newest"
        "version of the request"
        |piece| Ok(values::whole(piece, 0, 9)? as i16);
    INSTANCE: String = "instance" "NAME"
        "group.instance.id of a static member" values::name;
    RACK: String = "rack" "RACK" "client.rack" values::name;
    GROUP: String = "group" "GROUP" => "the first group"
        "name of the group" values::name;
    BY: Duration = "by" "DURATION" "additional latency" values::duration;
    NTH: u32 = "nth" "NUMBER" => "1, the next"
        "first message to drop, counted from now"
        |piece| Ok(values::whole(piece, 1, MOST_COUNTED)? as u32);
    COUNT: u32 = "count" "COUNT" => "1"
        "number of messages or records"
        |piece| Ok(values::whole(piece, 1, MOST_COUNTED)? as u32);
    PPM: i32 = "ppm" "NUMBER"
        "microseconds gained per second; negative for a slow clock"
        |piece| Ok(values::whole(piece, -500_000, 500_000)? as i32);
    PARTITION: i32 = "partition" "NUMBER" => "each in turn"
        "number of the partition to produce to"
        |piece| Ok(values::whole(piece, 0, i64::from(MOST_PARTITIONS - 1))? as i32);
    WITHIN: Duration = "within" "DURATION" => "computed from the timeouts of brokers and consumers"
        "time limit" values::duration;
    GENERATION: i32 = "generation" "NUMBER"
        "generation; -1 for a consumer without one"
        |piece| Ok(values::whole(piece, -1, i64::from(i32::MAX))? as i32);
    MEMBERS: usize = "members" "COUNT"
        "number of members of the group"
        |piece| Ok(values::whole(piece, 0, MOST_CONSUMERS as i64)? as usize);
    OWNS: Vec<TopicPartition> = "owns" "PARTITION,…"
        "all owned partitions, such as orders-0,orders-1; `none` for no partition"
        |piece| values::list_or_none(piece, values::partition);
    TO: BrokerId = "to" "BROKER" => "the next broker that is up"
        "new leader; can be the old one"
        values::broker;
    UNAWARE: Duration = "unaware" "DURATION" => "0s"
        "how long the old leader continues as a zombie" values::duration_or_zero;
    TAIL: Tail = "tail" "FATE" => "random"
        "fate of the uncommitted records at the end of the log: lost or kept"
        values::tail;
    ERROR: RefusedWith = "error" "ERROR" => "NOT_ENOUGH_REPLICAS"
        "error of refused appends: NOT_ENOUGH_REPLICAS, KAFKA_STORAGE_ERROR, MESSAGE_TOO_LARGE, \
         UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, NETWORK_EXCEPTION, \
         RECORD_LIST_TOO_LARGE, INVALID_FETCH_SIZE or CORRUPT_MESSAGE"
        values::refused_with;
    ON: BrokerId = "on" "BROKER" => "b0" "broker that receives the request" values::broker;
    STATES: Vec<String> = "states" "STATE,…"
        "only groups in these states, such as Stable,Empty"
        |piece| values::list(piece, values::name);
    TYPES: Vec<String> = "types" "TYPE,…"
        "only groups of these types, such as classic"
        |piece| values::list(piece, values::name);
    MEMBER: String = "member" "CONSUMER"
        "consumer whose member id is removed" values::consumer_name;
    NOTE: usize = "note" "COUNT" => "0"
        "length of the metadata string, in characters"
        |piece| Ok(values::whole(piece, 0, MOST_COUNTED)? as usize);
    STABLE: bool = "stable" "YES"
        "yes: only offsets that no open transaction can change (RequireStable)"
        values::yes_or_no;
    PRODUCER: i64 = "producer" "NUMBER"
        "producer id, which identifies the transaction"
        |piece| values::whole(piece, 0, i64::MAX);
    AS: String = "as" "CONSUMER"
        "consumer whose member id and generation are sent" values::consumer_name;
    REQUESTED_SESSION: Duration = "session" "DURATION"
        "session.timeout.ms" values::millis_or_zero;
    STATE: GroupState = "state" "STATE"
        "state of the first described group, such as Stable" values::parse_response_state;
    GROUPS: Vec<String> = "groups" "GROUP,…"
        "names of all listed groups, in any order; `none` for no group"
        |piece| values::list_or_none(piece, values::name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ConsumerConfig;
    use crate::protocol::{GroupId, StrBytes};
    use crate::sim::schedule::{BrokerSpec, NetworkSpec};

    /// The value that the text of the default parses to.
    fn default<T>(option: &ScriptOption<T>) -> T {
        (option.read)(Piece { text: option.default, start: 0 }).expect("the default is a value")
    }

    #[test]
    fn the_documented_defaults_of_consumers_are_the_actual_ones() {
        let consumer = ConsumerConfig::new(StrBytes::default(), GroupId::default(), Vec::new());
        assert_eq!(default(&SESSION), consumer.session_timeout);
        assert_eq!(default(&HEARTBEAT), consumer.heartbeat_interval);
        assert_eq!(default(&REBALANCE), consumer.max_poll_interval);
        assert_eq!(default(&PROCESS), consumer.processing_time);
        assert_eq!(default(&RECORDS), consumer.max_poll_records);
        assert_eq!(default(&AUTOCOMMIT), consumer.auto_commit_interval);
        assert_eq!(default(&REQUEST), consumer.request_timeout);
        assert_eq!(default(&FETCH), consumer.fetch_max_wait);
        assert_eq!(default(&METADATA), consumer.metadata_max_age);
        assert_eq!(default(&VERSION), consumer.join_version);
        assert_eq!(default(&ASSIGNOR), consumer.assignors);
    }

    #[test]
    fn the_documented_defaults_of_brokers_and_the_network_are_the_actual_ones() {
        let (broker, network) = (BrokerSpec::default(), NetworkSpec::default());
        assert_eq!(default(&BROKERS), broker.count);
        assert_eq!(default(&OFFSETS_PARTITIONS), broker.offsets_partitions);
        assert_eq!(default(&INITIAL_DELAY), broker.initial_delay);
        assert_eq!(default(&MIN_SESSION), broker.min_session);
        assert_eq!(default(&MAX_SESSION), broker.max_session);
        assert_eq!(default(&MAX_SIZE), broker.max_size);
        assert_eq!(default(&METADATA_MAX), broker.metadata_max);
        assert_eq!(default(&RETENTION), broker.retention);
        assert_eq!(default(&RETENTION_CHECK), broker.retention_check);
        assert_eq!(default(&WRITE_TIMEOUT), broker.write_timeout);
        assert_eq!(default(&LINGER), broker.linger);
        assert_eq!(default(&LOAD), broker.load);
        assert_eq!(default(&DETECT), broker.detect);
        assert_eq!(default(&LEARN), broker.learn);
        assert_eq!(default(&COMMIT), broker.commit);
        assert_eq!(default(&LATENCY), network.latency);
        assert_eq!((default(&LOSS), default(&RACE)), (network.loss, network.race));
    }
}
