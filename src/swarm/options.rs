//! Options: what a seed draws before its schedule is generated.
//!
//! `replay` prints them in full before the trace.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::rng::Rng;
use crate::sim::schedule::{BrokerSpec, GroupSpec, NetworkSpec, Settings, TopicSpec};
use crate::time::{Pretty, Time};

use super::profile::{FaultFamily, Profile, Spec};
use super::windows::{millis, round, span, wide, wide_millis};
use super::{cluster, fleet, text};

/// The options of one seed: cluster, groups, consumers, network and fault families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// The profile that the options were drawn from.
    pub profile: Profile,
    /// The duration of the fault phase.
    pub duration: Duration,
    /// Latency, random loss, and the share of requests that race deadlines.
    pub network: NetworkSpec,
    /// The settings of the brokers.
    pub broker: BrokerSpec,
    /// The topics, with their rates of records.
    pub topics: Vec<TopicSpec>,
    /// The groups, with their settings.
    pub groups: Vec<GroupSpec>,
    /// All consumers that can join: first those of the start, then the spares, then the
    /// static-member replacements.
    pub consumers: Vec<ConsumerOptions>,
    /// The number of consumers that join at the start.
    pub at_start: usize,
    /// The number of static-member replacements.
    pub replacements: usize,
    /// The way in which the first consumers join.
    pub arrival: Arrival,
    /// The options of the fault families.
    pub faults: FaultOptions,
}

/// A consumer that a schedule can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerOptions {
    /// The name: c1, c2, …
    pub name: String,
    /// The group.
    pub group: String,
    /// The settings that override those of the group.
    pub settings: Settings,
}

/// The way in which the first consumers join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// All within this time.
    Herd(Duration),
    /// One after the other, at most this far apart.
    Staggered(Duration),
}

/// The options of the fault families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultOptions {
    /// The families that are on. A family that is off draws nothing.
    pub families: BTreeSet<FaultFamily>,
    /// The number of lanes: how many faults of one family can be on at a time.
    pub lanes: u64,
    /// The minimum time healthy between two faults of a lane.
    pub healthy: Duration,
    /// The minimum time broken.
    pub broken: Duration,
    /// The number of faults in 1,000 that last as long as a timeout.
    pub at_timeout: u64,
    /// The mean time between two rounds of joins and leaves.
    pub churn: Duration,
}

impl Options {
    /// Draws the options of a seed.
    pub fn draw(seed: u64, profile: Profile) -> Options {
        let spec = profile.spec();
        let rng = &mut Rng::stream(seed, "swarm/world");
        let duration = Duration::from_secs(wide(rng, &(60..=300)));
        let (network, mut broker) = (network(rng, seed, spec), cluster::draw(rng, seed, spec));
        let topics = topics(rng);
        let groups = groups(&mut Rng::stream(seed, "swarm/groups"), spec, &topics);
        let faults = faults(&mut Rng::stream(seed, "swarm/families"), spec);
        let fleet = &mut Rng::stream(seed, "swarm/fleet");
        let at_start = fleet_size(fleet, spec).max(groups.len());
        let spares = if faults.families.contains(&FaultFamily::Churn) {
            fleet.within(spec.spares.clone()) as usize
        } else {
            1
        };
        let arrival = match fleet.chance(400) {
            true => Arrival::Herd(millis(fleet, 0..=200)),
            false => Arrival::Staggered(wide_millis(fleet, &(10..=4_000))),
        };
        let variety = fleet::Variety::draw(
            seed,
            &topics,
            &broker,
            faults.families.contains(&FaultFamily::Failover),
        );
        broker.max_size = fleet::max_size(seed, at_start, &variety);
        let mut consumers = fleet::consumers(seed, at_start + spares, &groups, &variety);
        let static_replacements = match faults.families.contains(&FaultFamily::Churn) {
            true => fleet::replacements(seed, &consumers, at_start, &groups, &variety),
            false => Vec::new(),
        };
        let count = static_replacements.len();
        consumers.extend(static_replacements);
        let options = Options {
            seed,
            profile,
            duration,
            network,
            broker,
            topics,
            groups,
            consumers,
            at_start,
            replacements: count,
            arrival,
            faults,
        };
        assert!(!options.spares().is_empty(), "seed {seed}: no consumer can join late");
        options
    }

    /// The end of the fault phase.
    pub fn faults_end(&self) -> Time {
        Time::ZERO + self.duration
    }

    /// The consumers that join later. The first of them does in every schedule, the others only as
    /// churn.
    pub fn spares(&self) -> &[ConsumerOptions] {
        &self.consumers[self.at_start..self.consumers.len() - self.replacements]
    }

    /// The static-member replacements: consumers that can join with the instance id of another one.
    pub fn replacements(&self) -> &[ConsumerOptions] {
        &self.consumers[self.consumers.len() - self.replacements..]
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> &GroupSpec {
        self.groups.iter().find(|group| group.name == name).expect("options name their own groups")
    }

    /// The time that the application of a consumer takes per record, unless a fault slows it down.
    pub fn process_of(&self, consumer: &ConsumerOptions) -> Duration {
        let group = self.group(&consumer.group).settings.process;
        consumer.settings.process.or(group).unwrap_or(Duration::from_millis(1))
    }

    /// Whether the consumer reads all topics of its group.
    pub fn reads_all(&self, consumer: &ConsumerOptions) -> bool {
        consumer.settings.topics.is_none()
    }
}

/// One `key=value` per line.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in text::lines(self) {
            writeln!(f, "{key}={value}")?;
        }
        Ok(())
    }
}

fn network(rng: &mut Rng, seed: u64, spec: &Spec) -> NetworkSpec {
    let latency = match rng.chance(500) {
        true => NetworkSpec::default().latency,
        false => {
            let low = wide(rng, &(1..=20));
            span(low..=low + wide(rng, &(1..=200)))
        }
    };
    let race = if rng.chance(spec.race_seeds) { wide(rng, &spec.race) as u16 } else { 0 };
    let mut rng = Rng::stream(seed, "swarm/loss");
    let loss = if rng.chance(spec.lossy_seeds) { wide(&mut rng, &(1..=50)) as u16 } else { 0 };
    NetworkSpec { latency, loss, race }
}

fn topics(rng: &mut Rng) -> Vec<TopicSpec> {
    (1..=rng.within(1..=3))
        .map(|number| TopicSpec {
            name: format!("t{number}"),
            partitions: wide(rng, &(1..=12)) as i32,
            rate: wide(rng, &(12..=600)) as u32,
        })
        .collect()
}

fn groups(rng: &mut Rng, spec: &Spec, topics: &[TopicSpec]) -> Vec<GroupSpec> {
    let count = if rng.chance(300) { rng.within(2..=3) } else { 1 };
    (1..=count)
        .map(|number| GroupSpec {
            name: format!("g{number}"),
            settings: group_settings(rng, spec, topics, number == 1),
        })
        .collect()
}

/// The settings of a group. The first group reads all topics, so that each topic is read; others
/// can read fewer.
fn group_settings(rng: &mut Rng, spec: &Spec, topics: &[TopicSpec], first: bool) -> Settings {
    let all: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let read = if first { all.len() } else { rng.within(1..=all.len() as u64) as usize };
    let session = round(wide(rng, &spec.session), 100);
    let rebalance = round(wide(rng, &spec.rebalance), 100);
    let records = wide(rng, &(1..=500));
    let slowest = slowest_process(topics, rebalance, records);
    let exclude_v0 = session > rebalance || slowest * records / 1_000 * 2 > session;
    let assignors = fleet::assignors(rng);
    Settings {
        topics: Some(all[..read].to_vec()),
        version: fleet::group_version(rng, &assignors, exclude_v0),
        assignors: Some(assignors),
        session: Some(Duration::from_millis(session)),
        heartbeat: Some(Duration::from_millis(session / rng.within(spec.heartbeats.clone()))),
        rebalance: Some(Duration::from_millis(rebalance)),
        process: Some(Duration::from_micros(round(wide(rng, &(100..=slowest)), 100))),
        records: Some(records as usize),
        autocommit: Some(wide_millis(rng, &(500..=10_000))),
        request: Some(Duration::from_millis(round(wide(rng, &(8_000..=40_000)), 100))),
        reconnect_backoff: None,
        reconnect_backoff_max: None,
        fetch: None,
        metadata: Some(wide_millis(rng, &(4_000..=60_000))),
        instance: None,
        rack: None,
    }
}

/// The longest processing time of a record, in microseconds, with which a lone healthy consumer
/// keeps up: a full poll takes at most a quarter of max.poll.interval, and the records of all
/// topics at most a third of the time. With a longer one a group would rebalance forever without
/// any fault.
fn slowest_process(topics: &[TopicSpec], rebalance: u64, records: u64) -> u64 {
    let per_minute: u64 = topics.iter().map(|topic| u64::from(topic.rate)).sum();
    let poll = rebalance * 1_000 / 4 / records;
    (20_000_000 / per_minute).min(poll).clamp(100, 2_000_000)
}

fn fleet_size(rng: &mut Rng, spec: &Spec) -> usize {
    match rng.chance(spec.crowd) {
        true => rng.within(9..=16) as usize,
        false => rng.within(spec.consumers.clone()) as usize,
    }
}

fn faults(rng: &mut Rng, spec: &Spec) -> FaultOptions {
    let families = FaultFamily::ALL
        .into_iter()
        .zip(spec.families)
        .filter_map(|(family, on)| rng.chance(on).then_some(family))
        .collect();
    FaultOptions {
        families,
        lanes: rng.within(1..=3),
        healthy: wide_millis(rng, &spec.healthy),
        broken: wide_millis(rng, &spec.broken),
        at_timeout: spec.timeout_faults,
        churn: wide_millis(rng, &spec.churn),
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arrival::Herd(within) => write!(f, "herd:{}", Pretty(*within)),
            Arrival::Staggered(apart) => write!(f, "staggered:{}", Pretty(*apart)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_of_every_group_have_an_assignor_in_common() {
        for seed in 0..500 {
            for profile in Profile::ALL {
                let options = Options::draw(seed, profile);
                for consumer in &options.consumers {
                    let group = &options.group(&consumer.group).settings;
                    let common = group.assignors.as_ref().unwrap()[0];
                    let own = consumer.settings.assignors.as_ref().or(group.assignors.as_ref());
                    assert!(own.unwrap().contains(&common), "seed {seed} {profile}: {consumer:?}");
                }
            }
        }
    }

    #[test]
    fn a_lone_healthy_consumer_keeps_up() {
        for seed in 0..500 {
            let options = Options::draw(seed, Profile::Default);
            let per_minute: u32 = options.topics.iter().map(|topic| topic.rate).sum();
            for group in &options.groups {
                let settings = &group.settings;
                let process = settings.process.unwrap();
                assert!(process * per_minute < Duration::from_secs(30), "seed {seed}: {group:?}");
                let poll = process * settings.records.unwrap() as u32;
                assert!(poll < settings.rebalance.unwrap() / 2, "seed {seed}: {group:?}");
            }
        }
    }

    #[test]
    fn each_family_is_off_in_about_half_of_the_seeds() {
        for family in FaultFamily::ALL {
            let on = (0..1_000)
                .filter(|seed| {
                    Options::draw(*seed, Profile::Default).faults.families.contains(&family)
                })
                .count();
            assert!((250..700).contains(&on), "{family} is on in {on} of 1,000 seeds");
        }
    }

    #[test]
    fn the_options_are_printed_in_full() {
        let text = Options::draw(42, Profile::Timers).to_string();
        for key in ["seed=42", "profile=timers", "families=", "group.g1=", "consumer.c1="] {
            assert!(text.contains(key), "{key} is missing in\n{text}");
        }
    }
}
