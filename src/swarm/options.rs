//! Options: the world a seed draws, before anything is done to it.
//!
//! They are printed in full before a seed is replayed, so that a reader knows what they look at.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::rng::Rng;
use crate::sim::schedule::{BrokerSpec, GroupSpec, NetworkSpec, Settings, TopicSpec};
use crate::time::{Pretty, Time};

use super::profile::{Family, Profile, Spec};
use super::windows::{millis, round, span, wide, wide_millis};
use super::{cluster, fleet, text};

/// The world a seed draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// What it was drawn from.
    pub profile: Profile,
    /// How long faults fly.
    pub duration: Duration,
    /// Latency and aim.
    pub network: NetworkSpec,
    /// Initial delay and commit times.
    pub broker: BrokerSpec,
    /// The topics and how fast they fill.
    pub topics: Vec<TopicSpec>,
    /// The groups, with their settings.
    pub groups: Vec<GroupSpec>,
    /// Everybody who may ever join: those that start the fleet first, then the spares, then the heirs.
    pub consumers: Vec<ConsumerOptions>,
    /// How many of them start the fleet.
    pub at_start: usize,
    /// How many of them come, if at all, in the name of another.
    pub heirs: usize,
    /// How they arrive.
    pub arrival: Arrival,
    /// What is done to them.
    pub faults: FaultOptions,
}

/// One consumer a schedule may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerOptions {
    /// Its name: c1, c2, …
    pub name: String,
    /// Its group.
    pub group: String,
    /// What is set for it alone.
    pub settings: Settings,
}

/// How the first consumers of a fleet arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// All within this time.
    Herd(Duration),
    /// One after the other, up to this long apart.
    Staggered(Duration),
}

/// What is done to a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultOptions {
    /// The families that are on. One that is off draws nothing.
    pub families: BTreeSet<Family>,
    /// How many faults of one family may be on at a time.
    pub lanes: u64,
    /// The minimum time healthy.
    pub healthy: Duration,
    /// The minimum time broken.
    pub broken: Duration,
    /// How many of 1,000 faults last as long as a timeout.
    pub aimed: u64,
    /// The mean time between two rounds of coming and going.
    pub churn: Duration,
}

impl Options {
    /// Draws the world of `seed`.
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
        let spares = if faults.families.contains(&Family::Churn) {
            fleet.within(spec.spares.clone()) as usize
        } else {
            1
        };
        let arrival = match fleet.chance(400) {
            true => Arrival::Herd(millis(fleet, 0..=200)),
            false => Arrival::Staggered(wide_millis(fleet, &(10..=4_000))),
        };
        let mix =
            fleet::Mix::draw(seed, &topics, &broker, faults.families.contains(&Family::Failover));
        broker.max_size = fleet::max_size(seed, at_start, &mix);
        let mut consumers = fleet::consumers(seed, at_start + spares, &groups, &mix);
        let heirs = match faults.families.contains(&Family::Churn) {
            true => fleet::heirs(seed, &consumers, at_start, &groups, &mix),
            false => Vec::new(),
        };
        let count = heirs.len();
        consumers.extend(heirs);
        let world = Options {
            seed,
            profile,
            duration,
            network,
            broker,
            topics,
            groups,
            consumers,
            at_start,
            heirs: count,
            arrival,
            faults,
        };
        assert!(!world.spares().is_empty(), "seed {seed}: nobody may join late");
        world
    }

    /// When faults are over.
    pub fn faults_end(&self) -> Time {
        Time::ZERO + self.duration
    }

    /// Those that come while the run goes on. The first of them is late in every schedule, the others are left to churn.
    pub fn spares(&self) -> &[ConsumerOptions] {
        &self.consumers[self.at_start..self.consumers.len() - self.heirs]
    }

    /// Those that come, if at all, in the name of another.
    pub fn heirs(&self) -> &[ConsumerOptions] {
        &self.consumers[self.consumers.len() - self.heirs..]
    }

    /// The group of that name.
    pub fn group(&self, name: &str) -> &GroupSpec {
        self.groups.iter().find(|group| group.name == name).expect("options name their own groups")
    }

    /// How long the application of a consumer takes for one record when it is well.
    pub fn process_of(&self, consumer: &ConsumerOptions) -> Duration {
        let group = self.group(&consumer.group).settings.process;
        consumer.settings.process.or(group).unwrap_or(Duration::from_millis(1))
    }

    /// Whether the consumer reads everything its group reads.
    pub fn reads_all(&self, consumer: &ConsumerOptions) -> bool {
        consumer.settings.topics.is_none()
    }
}

/// One `key=value` after the other, one subject a line.
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
    let aim = if rng.chance(spec.aimed_seeds) { wide(rng, &spec.aim) as u16 } else { 0 };
    let mut luck = Rng::stream(seed, "swarm/loss");
    let loss = if luck.chance(spec.lossy_seeds) { wide(&mut luck, &(1..=50)) as u16 } else { 0 };
    NetworkSpec { latency, loss, aim }
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

/// The first group reads every topic, so that no topic is left unread; others may read fewer.
fn group_settings(rng: &mut Rng, spec: &Spec, topics: &[TopicSpec], first: bool) -> Settings {
    let all: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let read = if first { all.len() } else { rng.within(1..=all.len() as u64) as usize };
    let session = round(wide(rng, &spec.session), 100);
    let rebalance = round(wide(rng, &spec.rebalance), 100);
    let records = wide(rng, &(1..=500));
    let slowest = slowest_process(topics, rebalance, records);
    let unhurried = session > rebalance || slowest * records / 1_000 * 2 > session;
    let assignors = fleet::assignors(rng);
    Settings {
        topics: Some(all[..read].to_vec()),
        version: fleet::group_version(rng, &assignors, unhurried),
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

/// The most microseconds a record may take, so that a lone healthy consumer keeps up: a full poll stays
/// under a quarter of max.poll.interval, and all topics at once under a third of its time. Without that
/// a group would rebalance for ever with nothing wrong.
fn slowest_process(topics: &[TopicSpec], rebalance: u64, records: u64) -> u64 {
    let a_minute: u64 = topics.iter().map(|topic| u64::from(topic.rate)).sum();
    let poll = rebalance * 1_000 / 4 / records;
    (20_000_000 / a_minute).min(poll).clamp(100, 2_000_000)
}

fn fleet_size(rng: &mut Rng, spec: &Spec) -> usize {
    match rng.chance(spec.crowd) {
        true => rng.within(9..=16) as usize,
        false => rng.within(spec.consumers.clone()) as usize,
    }
}

fn faults(rng: &mut Rng, spec: &Spec) -> FaultOptions {
    let families = Family::ALL
        .into_iter()
        .zip(spec.families)
        .filter_map(|(family, on)| rng.chance(on).then_some(family))
        .collect();
    FaultOptions {
        families,
        lanes: rng.within(1..=3),
        healthy: wide_millis(rng, &spec.healthy),
        broken: wide_millis(rng, &spec.broken),
        aimed: spec.aimed_faults,
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
    fn every_seed_draws_a_world_whose_members_can_agree() {
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
            let a_second: u32 = options.topics.iter().map(|topic| topic.rate).sum();
            for group in &options.groups {
                let settings = &group.settings;
                let process = settings.process.unwrap();
                assert!(process * a_second < Duration::from_secs(30), "seed {seed}: {group:?}");
                let poll = process * settings.records.unwrap() as u32;
                assert!(poll < settings.rebalance.unwrap() / 2, "seed {seed}: {group:?}");
            }
        }
    }

    #[test]
    fn each_family_is_off_in_about_half_of_the_seeds() {
        for family in Family::ALL {
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
