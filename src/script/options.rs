//! Every `name=value` of the language: its name, what it holds, what it is for and how it is read.
//!
//! The table of verbs ([`super::verbs`]) says who takes which.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::assignor::Assignor;
use crate::protocol::TopicPartition;

use super::lexer::Piece;
use super::values::{self, MOST_CONSUMERS, MOST_COUNTED, MOST_PARTITIONS, Read};

/// One `name=value`.
pub(super) struct Opt<T: 'static> {
    name: &'static str,
    value: &'static str,
    about: &'static str,
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
}

/// A list of options of any types.
pub(super) type Options = &'static [&'static dyn Described];

macro_rules! options {
    ($($id:ident: $type:ty = $name:literal $value:literal $about:literal $read:expr;)*) => {
        $(
            #[doc = $about]
            pub(super) static $id: Opt<$type> =
                Opt { name: $name, value: $value, about: $about, read: $read };
        )*
    };
}

options! {
    LATENCY: RangeInclusive<Duration> = "latency" "RANGE"
        "one-way latency of a message, like 1ms..5ms" values::range;
    AIM: u16 = "aim" "COUNT"
        "how many of 1,000 requests are aimed at a deadline of the coordinator"
        |piece| Ok(values::whole(piece, 0, 1_000)? as u16);
    INITIAL_DELAY: Duration = "initial-delay" "DURATION"
        "group.initial.rebalance.delay.ms" values::millis_or_zero;
    COMMIT: RangeInclusive<Duration> = "commit" "RANGE"
        "from the append of an offsets-log record to its commit" values::commit;
    PARTITIONS: i32 = "partitions" "COUNT"
        "how many partitions the topic has"
        |piece| Ok(values::whole(piece, 1, i64::from(MOST_PARTITIONS))? as i32);
    RATE: u32 = "rate" "RATE"
        "records the workload produces, like 10/s or 30/m; none when not said" values::rate;
    TOPICS: Vec<String> = "topics" "TOPIC,…"
        "what it subscribes to; all topics when nobody says"
        |piece| values::list(piece, values::name);
    ASSIGNOR: Vec<Assignor> = "assignor" "ASSIGNOR,…"
        "partition.assignment.strategy, most wanted first: range, roundrobin"
        |piece| values::list(piece, values::assignor);
    SESSION: Duration = "session" "DURATION" "session.timeout.ms" values::session;
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
    VERSION: i16 = "version" "NUMBER"
        "JoinGroup version, 0 to 9; the other APIs are of the same age"
        |piece| Ok(values::whole(piece, 0, 9)? as i16);
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
        "exactly what it owns, like orders-0,orders-1; `none` for nothing" owns;
}

fn owns(piece: Piece<'_>) -> Read<Vec<TopicPartition>> {
    match piece.text {
        "none" => Ok(Vec::new()),
        _ => values::list(piece, values::partition),
    }
}
