//! Random schedules that the parser accepts, with every kind of step and setting.

mod cluster;
mod settings;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use groupsim::client::{MemberState, Purpose};
use groupsim::coordinator::GroupState;
use groupsim::protocol::{Api, BrokerId, TopicName, TopicPartition, str_bytes};
use groupsim::sim::schedule::{
    Action, BrokerSpec, Direction, Expectation, ExpectedResponse, GroupSpec, NodeName, Schedule,
    Side, Step, Tail, TopicSpec,
};
use groupsim::time::Time;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use settings::{RawSettings, broker, network, settings};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SECOND: Duration = Duration::from_secs(1);

/// A schedule that parses when printed.
pub fn schedule() -> impl Strategy<Value = Schedule> {
    let topics = prop::collection::btree_map(name(), (1..=100_000, rate()), 1..4);
    let groups = prop::collection::btree_map(name(), settings(), 1..4);
    let consumers = prop::collection::btree_set(consumer_name(), 1..6);
    let steps = prop::collection::vec((option::of(duration()), raw()), 0..40);
    let header = (prop_oneof![Just(0), any::<u64>()], network(), broker());
    (header, topics, groups, consumers, steps).prop_map(
        |((seed, network, broker), topics, groups, consumers, steps)| {
            let sessions = broker.min_session..=broker.max_session;
            let topics: Vec<TopicSpec> = topics
                .into_iter()
                .map(|(name, (partitions, rate))| TopicSpec { name, partitions, rate })
                .collect();
            let groups: Vec<GroupSpec> = groups
                .into_iter()
                .map(|(name, raw)| GroupSpec { settings: raw.group(&topics, &sessions), name })
                .collect();
            let steps =
                Builder::new(&topics, &groups, &broker, consumers.into_iter().collect()).all(steps);
            Schedule { seed, network, broker, topics, groups, steps }
        },
    )
}

/// A duration above zero, in any unit.
fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1..5_000_u64).prop_map(Duration::from_micros),
        (1..5_000_u64).prop_map(Duration::from_millis),
        (1..5_000_u64).prop_map(Duration::from_secs),
        (1..=DAY.as_secs()).prop_map(Duration::from_secs),
    ]
}

/// A duration of a Kafka setting: whole milliseconds.
fn millis() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1..5_000_u64).prop_map(Duration::from_millis),
        (1..=DAY.as_secs()).prop_map(Duration::from_secs),
    ]
}

fn maybe_zero() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), duration()]
}

fn range() -> impl Strategy<Value = RangeInclusive<Duration>> {
    (maybe_zero(), maybe_zero()).prop_map(|(a, b)| a.min(b)..=a.max(b))
}

fn rate() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1..=6_000_000_u32, (1..=100_000_u32).prop_map(|rate| rate * 60)]
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z_][A-Za-z0-9._-]{0,6}"
}

fn consumer_name() -> impl Strategy<Value = String> {
    let reserved = ["empty", "stable", "dead", "answer"];
    name().prop_filter("a word of the language", move |name| {
        !reserved.contains(&name.as_str())
            && name.strip_prefix('b').is_none_or(|id| id.parse::<u64>().is_err())
    })
}

/// A step before the declared names are known.
#[derive(Clone, Debug)]
struct Raw {
    kind: u8,
    who: Index,
    other: Index,
    flags: (bool, bool, bool),
    by: Duration,
    within: Option<Duration>,
    number: u32,
    offset: i64,
    ppm: i32,
    settings: RawSettings,
}

fn raw() -> impl Strategy<Value = Raw> {
    let names = (any::<Index>(), any::<Index>(), any::<(bool, bool, bool)>());
    let number = prop_oneof![Just(1), 1..=1_000_000_u32];
    let offset = prop_oneof![0..100_i64, Just(i64::MAX)];
    let times = (duration(), option::of(duration()));
    (0..40_u8, names, times, number, offset, -500_000..=500_000_i32, settings()).prop_map(
        |(kind, (who, other, flags), (by, within), number, offset, ppm, settings)| Raw {
            kind,
            who,
            other,
            flags,
            by,
            within,
            number,
            offset,
            ppm,
            settings,
        },
    )
}

/// Turns raw steps into steps that are valid at their position.
struct Builder<'a> {
    topics: &'a [TopicSpec],
    /// The current number of partitions by topic; `None` for a deleted topic.
    partitions: Vec<Option<i32>>,
    broker: &'a BrokerSpec,
    down: BTreeSet<BrokerId>,
    groups: &'a [GroupSpec],
    names: Vec<String>,
    joined: Vec<String>,
    running: BTreeSet<String>,
    earliest: Duration,
}

impl<'a> Builder<'a> {
    fn new(
        topics: &'a [TopicSpec],
        groups: &'a [GroupSpec],
        broker: &'a BrokerSpec,
        names: Vec<String>,
    ) -> Self {
        Builder {
            topics,
            partitions: topics.iter().map(|topic| Some(topic.partitions)).collect(),
            broker,
            down: BTreeSet::new(),
            groups,
            names,
            joined: Vec::new(),
            running: BTreeSet::new(),
            earliest: Duration::ZERO,
        }
    }

    fn all(mut self, raw: Vec<(Option<Duration>, Raw)>) -> Vec<Step> {
        raw.into_iter().map(|(later, raw)| self.step(later, raw)).collect()
    }

    fn step(&mut self, later: Option<Duration>, raw: Raw) -> Step {
        let at = later.map(|later| self.earliest + later / 8).filter(|at| *at <= 30 * DAY);
        let at = at.map(|at| Duration::from_micros(at.as_micros() as u64));
        self.earliest = at.unwrap_or(self.earliest);
        let action = match self.joined.is_empty() {
            true => self.join(raw),
            false => self.action(raw),
        };
        Step { line: 0, at: at.map(|at| Time::ZERO + at), action }
    }

    fn join(&mut self, raw: Raw) -> Action {
        let free: Vec<&String> =
            self.names.iter().filter(|name| !self.running.contains(*name)).collect();
        let Some(&consumer) = raw.who.get_or(&free) else { return Action::Settle(raw.within) };
        let consumer = consumer.clone();
        let group = raw.flags.0.then(|| raw.other.get(self.groups));
        let inherited = &group.unwrap_or(&self.groups[0]).settings;
        let sessions = self.broker.min_session..=self.broker.max_session;
        let settings = raw.settings.settle(self.topics, inherited, &sessions);
        self.running.insert(consumer.clone());
        if !self.joined.contains(&consumer) {
            self.joined.push(consumer.clone());
        }
        let group = group.map(|group| group.name.clone());
        Action::Join { consumer, group, settings: Box::new(settings) }
    }

    fn action(&mut self, raw: Raw) -> Action {
        let who = raw.who.get(&self.joined).clone();
        let client = NodeName::Consumer(who.clone());
        let id = self.broker_id(raw.number);
        let broker = NodeName::Broker(id);
        let node = if raw.flags.0 { broker.clone() } else { client.clone() };
        let (a, b) = if raw.flags.1 { (client, broker) } else { (broker, client) };
        match raw.kind {
            0..=2 => self.join(raw),
            3 => self.ends(who, Action::Leave),
            4 if raw.flags.0 && self.down.insert(id) => {
                Action::Crash(NodeName::Broker(id), raw.tail())
            }
            4 => self.ends(who, |who| Action::Crash(NodeName::Consumer(who), Tail::Random)),
            5 if raw.flags.0 && self.down.remove(&id) => Action::Restart(NodeName::Broker(id)),
            5 => {
                self.running.insert(who.clone());
                Action::Restart(NodeName::Consumer(who))
            }
            6 => Action::Pause(node),
            7 => Action::Resume(node),
            8 if raw.flags.0 => Action::Partition(a, b, Direction::Both),
            8 => Action::Partition(a, b, Direction::Forward),
            9 => Action::Heal(a, b),
            10 if raw.flags.0 && raw.flags.1 => Action::Isolate(node),
            10 => Action::Clog(a, b, raw.by),
            11 if raw.flags.0 && raw.flags.1 => Action::Reconnect(node),
            11 => Action::Unclog(a, b),
            12 => {
                Action::Reset(who, [None, Some(PURPOSES[raw.other.index(3)])][raw.flags.0 as usize])
            }
            13 => Action::Drop {
                consumer: who,
                api: *raw.other.get(Api::ALL),
                side: if raw.flags.0 { Side::Request } else { Side::Response },
                nth: raw.number,
                count: if raw.flags.1 { 1 } else { raw.number },
            },
            14 => Action::Skew(node, raw.ppm),
            15 => Action::Slow(who, if raw.flags.0 { raw.by } else { Duration::ZERO }),
            16 => self.produce(raw),
            17 => {
                self.earliest += raw.by;
                Action::Advance(raw.by)
            }
            18 => Action::Settle(raw.within),
            19 => Action::Drain(raw.within),
            20 => self.quiesce(who, raw.flags.0),
            21..=27 => self.cluster(raw, id),
            28..=35 => Action::Admin(self.admin(who, raw, id)),
            _ => Action::Expect(self.expect(who, raw)),
        }
    }

    fn broker_id(&self, number: u32) -> BrokerId {
        BrokerId(number as i32 % i32::from(self.broker.count))
    }

    fn produce(&self, raw: Raw) -> Action {
        let partition = self.partition(raw.other, raw.number);
        if self.partitions[raw.other.index(self.topics.len())].is_none() {
            return Action::Settle(raw.within);
        }
        let topic = partition.topic.0.to_string();
        let partition = raw.flags.0.then_some(partition.partition);
        Action::Produce { topic, partition, count: raw.number }
    }

    fn ends(&mut self, who: String, action: fn(String) -> Action) -> Action {
        self.running.remove(&who);
        action(who)
    }

    /// Like the parser, it counts the crashed consumers as running after the step.
    fn quiesce(&mut self, who: String, named: bool) -> Action {
        self.running.extend(self.joined.iter().cloned());
        self.down.clear();
        Action::Quiesce(named.then(|| vec![who]))
    }

    fn expect(&self, consumer: String, raw: Raw) -> Expectation {
        let group = raw.flags.0.then(|| raw.other.get(self.groups).name.clone());
        let partition = self.partition(raw.other, raw.number);
        let generation = raw.flags.1.then_some(raw.ppm.max(-1));
        match raw.offset % 6 {
            0 => Expectation::Group {
                group,
                state: *raw.who.get(&GroupState::ALL),
                generation,
                members: raw.flags.2.then_some(raw.number as usize % 10_001),
            },
            1 => Expectation::Consumer {
                consumer,
                state: raw.flags.0.then(|| *raw.who.get(&MemberState::ALL)),
                owns: (raw.flags.2 || !raw.flags.0).then(|| self.owned(&partition, raw.flags.1)),
                generation,
            },
            2 => Expectation::Committed { group, partition, offset: raw.offset - 3 },
            3 => Expectation::Response(self.response(partition, &raw)),
            4 => Expectation::Coordinator {
                group,
                broker: raw.flags.1.then(|| self.broker_id(raw.number)),
            },
            _ => Expectation::Processed { partition, next: raw.offset },
        }
    }

    fn response(&self, partition: TopicPartition, raw: &Raw) -> ExpectedResponse {
        let (error, state, groups) = raw.flags;
        let offset = (!error || raw.number.is_multiple_of(2)).then_some((partition, raw.offset));
        ExpectedResponse {
            error: error.then(|| ["NONE", "NON_EMPTY_GROUP"][raw.who.index(2)].to_owned()),
            state: state.then(|| *raw.who.get(&GroupState::ALL)),
            members: raw.within.map(|_| raw.number as usize % 10_001),
            groups: groups.then(|| {
                let names = self.groups.iter().map(|group| group.name.clone());
                names.take(raw.number as usize % 3).collect()
            }),
            offset,
        }
    }

    fn owned(&self, partition: &TopicPartition, any: bool) -> Vec<TopicPartition> {
        if any { vec![partition.clone()] } else { Vec::new() }
    }

    fn partition(&self, index: Index, number: u32) -> TopicPartition {
        let topic = index.index(self.topics.len());
        let count = self.partitions[topic].unwrap_or(self.topics[topic].partitions);
        let name = TopicName(str_bytes(&self.topics[topic].name));
        TopicPartition::new(name, number as i32 % count)
    }
}

impl Raw {
    fn tail(&self) -> Tail {
        [Tail::Random, Tail::Lost, Tail::Kept][self.who.index(3)]
    }
}

const PURPOSES: [Purpose; 3] = [Purpose::Bootstrap, Purpose::Coordinator, Purpose::Data];

/// Words of the language, valid and invalid ones.
pub fn word() -> impl Strategy<Value = String> {
    let verbs = "at join leave crash restart pause resume partition heal clog unclog reset drop skew \
                 slow produce advance settle drain calm expect topic group network broker seed move stall \
                 unstall refuse accept compact grow delete-topic describe list delete-group \
                 delete-offsets remove commit offsets txn-commit end-txn ask";
    let other = "c1 c2 b0 b1 -> orders g orders-0 orders-9 orders-0=5 request response Heartbeat \
                 coordinator stable committed processed answer NONE JoinGroup abort Stable # = == 10s 0s 99d 1ms..5ms 5ms..1ms";
    let keys = "group topics assignor session heartbeat latency loss aim partitions rate by nth count ppm \
                process partition within owns generation members version commit racks max-session \
                instance rack to unaware tail error on states types note retention stable producer as \
                state groups type";
    let values = "1 0 -1 10s 1us 1ns 10/s 10/ none orders orders,orders range,sticky é , lost yes";
    let split = |text: &'static str| select(text.split_whitespace().collect::<Vec<_>>());
    prop_oneof![
        3 => split(verbs).prop_map(str::to_owned),
        3 => split(other).prop_map(str::to_owned),
        2 => (split(keys), split(values)).prop_map(|(key, value)| format!("{key}={value}")),
        1 => (split(keys), "\\PC{0,8}").prop_map(|(key, value)| format!("{key}={value}")),
        1 => "[0-9]{1,22}(y|M|s|ms|us|ns)[0-9]{0,4}(ms|s)?",
    ]
}

trait GetOr {
    fn get_or<'a, T>(&self, from: &'a [T]) -> Option<&'a T>;
}

impl GetOr for Index {
    /// The element, or `None` for an empty slice, where `get` panics.
    fn get_or<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        (!from.is_empty()).then(|| self.get(from))
    }
}
