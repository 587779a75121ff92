//! The consumers that a seed draws: their settings, and the ways in which they differ from each
//! other.

use std::time::Duration;

use crate::assignor::Assignor;
use crate::rng::Rng;
use crate::sim::schedule::{BrokerSpec, GroupSpec, Settings, TopicSpec};

use super::options::ConsumerOptions;
use super::windows::{round, wide};

/// The first JoinGroup version with static members (KIP-345) and with owned partitions in the
/// subscription. Without these, cooperative rebalancing assigns partitions that are still in use
/// (KIP-429).
const MODERN: i16 = 5;

/// The ways in which the consumers of a seed differ from each other.
pub struct Variety {
    versions: bool,
    assignors: bool,
    timeouts: bool,
    topics: bool,
    /// The number of static members in 1,000 consumers.
    statics: u64,
    /// Whether two consumers can have the same instance id, and fence each other.
    twins: bool,
    /// Whether a group can be full.
    full: bool,
    /// Whether coordinators fail over.
    failover: bool,
    racks: Vec<String>,
}

impl Variety {
    /// Draws the variety of a seed.
    pub fn draw(seed: u64, topics: &[TopicSpec], broker: &BrokerSpec, failover: bool) -> Variety {
        let rng = &mut Rng::stream(seed, "swarm/mix");
        let full = rng.chance(80);
        Variety {
            versions: rng.chance(250),
            assignors: rng.chance(200),
            timeouts: rng.chance(100),
            topics: rng.chance(100) && topics.len() > 1 && !full,
            statics: *rng.pick(&[0, 0, 0, 300, 1_000]),
            twins: rng.chance(150),
            full,
            failover,
            racks: broker.racks.clone(),
        }
    }
}

/// group.max.size: so small that the coordinator refuses some consumers, or unlimited.
pub fn max_size(seed: u64, at_start: usize, variety: &Variety) -> usize {
    let rng = &mut Rng::stream(seed, "swarm/max-size");
    match variety.full {
        true => rng.within(1..=at_start as u64 + 1) as usize,
        false => BrokerSpec::default().max_size,
    }
}

/// Draws the consumers of the start and the spares.
pub fn consumers(
    seed: u64,
    count: usize,
    groups: &[GroupSpec],
    variety: &Variety,
) -> Vec<ConsumerOptions> {
    let rng = &mut Rng::stream(seed, "swarm/consumers");
    let mut consumers: Vec<ConsumerOptions> = Vec::with_capacity(count);
    for index in 0..count {
        let group = &groups[index % groups.len()];
        // The first consumer of each group reads all topics and has no twin to fence it, so that
        // the group can drain.
        let first = index < groups.len();
        let mut settings = own_settings(rng, variety, group, first);
        if rng.chance(variety.statics) {
            settings.instance = Some(instance(rng, variety, &consumers, group, index, first));
        }
        settings.version = version(rng, variety, group, &settings);
        let (name, group) = (format!("c{}", index + 1), group.name.clone());
        consumers.push(ConsumerOptions { name, group, settings });
    }
    consumers
}

/// Draws a replacement for each static member except the first of a group. Half of them have a
/// session timeout of their own, like a deployment that changes the configuration too.
pub fn replacements(
    seed: u64,
    consumers: &[ConsumerOptions],
    at_start: usize,
    groups: &[GroupSpec],
    variety: &Variety,
) -> Vec<ConsumerOptions> {
    let rng = &mut Rng::stream(seed, "swarm/heirs");
    let mut drawn = Vec::new();
    for member in consumers[..at_start].iter().skip(groups.len()) {
        let Some(instance) = &member.settings.instance else { continue };
        let group = groups.iter().find(|group| group.name == member.group);
        let group = group.expect("options name their own groups");
        let mut settings = own_settings(rng, variety, group, false);
        if rng.chance(500) {
            own_session(rng, &mut settings);
        }
        settings.instance = Some(instance.clone());
        settings.version = version(rng, variety, group, &settings);
        let name = format!("c{}", consumers.len() + drawn.len() + 1);
        drawn.push(ConsumerOptions { name, group: group.name.clone(), settings });
    }
    drawn
}

fn own_session(rng: &mut Rng, own: &mut Settings) {
    let session = round(wide(rng, &(6_000..=30_000)), 100);
    own.session = Some(Duration::from_millis(session));
    own.heartbeat = Some(Duration::from_millis(session / rng.within(3..=10)));
}

fn own_settings(rng: &mut Rng, variety: &Variety, group: &GroupSpec, first: bool) -> Settings {
    let mut own = Settings::default();
    if variety.assignors {
        own.assignors = Some(match variety.failover {
            true => with_all(rng, group),
            false => with_common(rng, group),
        });
    }
    if variety.timeouts && rng.chance(500) {
        own_session(rng, &mut own);
    }
    if variety.topics && !first && rng.chance(500) {
        let topics = group.settings.topics.as_deref().unwrap_or_default();
        own.topics = Some(vec![rng.pick(topics).clone()]);
    }
    if !variety.racks.is_empty() && rng.chance(800) {
        own.rack = Some(rng.pick(&variety.racks).clone());
    }
    own
}

fn instance(
    rng: &mut Rng,
    variety: &Variety,
    others: &[ConsumerOptions],
    group: &GroupSpec,
    index: usize,
    first: bool,
) -> String {
    let is_twin =
        |other: &&ConsumerOptions| other.group == group.name && other.settings.instance.is_some();
    // The first consumers of the groups (at most three) never get a twin.
    let twins: Vec<&ConsumerOptions> = others.iter().skip(3).filter(is_twin).collect();
    if variety.twins && !first && !twins.is_empty() && rng.chance(300) {
        return rng.pick(&twins).settings.instance.clone().unwrap_or_default();
    }
    format!("i{}", index + 1)
}

/// The JoinGroup version of a consumer, if versions are mixed or the group's version is too old for
/// it.
fn version(rng: &mut Rng, variety: &Variety, group: &GroupSpec, own: &Settings) -> Option<i16> {
    let assignors = own.assignors.as_ref().or(group.settings.assignors.as_ref());
    let modern = own.instance.is_some() || assignors.is_some_and(needs_modern);
    let session = own.session.or(group.settings.session);
    let records = own.records.or(group.settings.records).unwrap_or(500) as u32;
    let poll = own.process.or(group.settings.process).map(|process| process * records * 2);
    let oldest = oldest(modern, session > group.settings.rebalance || poll > session);
    let of_group = group.settings.version.unwrap_or(9);
    match variety.versions || of_group < oldest {
        true => Some(rng.within(oldest as u64..=9) as i16),
        false => None,
    }
}

/// The JoinGroup version of a group with older clients, in some seeds; `exclude_v0` as in
/// [`oldest`].
pub fn group_version(rng: &mut Rng, assignors: &[Assignor], exclude_v0: bool) -> Option<i16> {
    let oldest = oldest(needs_modern(assignors), exclude_v0);
    rng.chance(300).then(|| rng.within(oldest as u64..=9) as i16)
}

/// The oldest JoinGroup version that a client may use. `exclude_v0` excludes version 0: the session
/// is longer than the rebalance timeout, or a full poll takes more than half of it, so that a busy
/// member may join too late. A version 0 client sends no rebalance timeout, so the coordinator
/// waits for it as long as its session (rule R6.1.16). Meanwhile other members give up when their
/// own rebalance timeout expires. Some rejoin as new members, whose former memberships have to
/// expire before the next rebalance completes; waiting for that they give up again. Such a group
/// may never settle.
fn oldest(modern: bool, exclude_v0: bool) -> i16 {
    match modern {
        true => MODERN,
        false => i16::from(exclude_v0),
    }
}

fn needs_modern(assignors: impl AsRef<[Assignor]>) -> bool {
    assignors.as_ref().iter().any(|assignor| assignor.name() == "cooperative-sticky")
}

/// The assignors of a group: mostly one, sometimes two.
pub fn assignors(rng: &mut Rng) -> Vec<Assignor> {
    let mut list = Assignor::ALL.to_vec();
    rng.shuffle(&mut list);
    list.truncate(if rng.chance(700) { 1 } else { 2 });
    list
}

/// A list of assignors that starts with all those of the group, in any order. After a failover the
/// coordinator knows only the selected assignor of each member (rule R11.3), and would refuse a
/// member without it.
fn with_all(rng: &mut Rng, group: &GroupSpec) -> Vec<Assignor> {
    let mut list = group.settings.assignors.clone().unwrap_or_default();
    rng.shuffle(&mut list);
    let others = Assignor::ALL.into_iter().filter(|assignor| !list.contains(assignor));
    let others: Vec<Assignor> = others.collect();
    if !others.is_empty() && rng.chance(500) {
        list.push(*rng.pick(&others));
    }
    list
}

/// A list of assignors with the first one of the group, so that the members have one in common.
fn with_common(rng: &mut Rng, group: &GroupSpec) -> Vec<Assignor> {
    let common = group.settings.assignors.as_deref().unwrap_or_default().first();
    let mut list: Vec<Assignor> = common.copied().into_iter().collect();
    if rng.chance(500) {
        let others = Assignor::ALL.iter().filter(|assignor| Some(*assignor) != common);
        let others: Vec<Assignor> = others.copied().collect();
        list.push(*rng.pick(&others));
        rng.shuffle(&mut list);
    }
    list
}
