//! The consumers a seed draws: what their group sets, and in which ways they differ from each other.

use std::time::Duration;

use crate::assignor::Assignor;
use crate::rng::Rng;
use crate::sim::schedule::{BrokerSpec, GroupSpec, Settings, TopicSpec};

use super::options::ConsumerOptions;
use super::windows::{round, wide};

/// The first JoinGroup version of static members (KIP-345) and of clients that say what they own, without
/// which cooperative rebalancing hands out what is still in use (KIP-429).
const MODERN: i16 = 5;

/// In which ways the consumers of a seed differ from each other.
pub struct Mix {
    versions: bool,
    assignors: bool,
    timeouts: bool,
    topics: bool,
    /// How many of 1,000 consumers are static members.
    statics: u64,
    /// Now and then two of them claim the same instance id, and fence each other.
    twins: bool,
    /// A group may be full.
    full: bool,
    /// Coordinators come and go.
    failover: bool,
    racks: Vec<String>,
}

impl Mix {
    /// Draws it.
    pub fn draw(seed: u64, topics: &[TopicSpec], broker: &BrokerSpec, failover: bool) -> Mix {
        let rng = &mut Rng::stream(seed, "swarm/mix");
        let full = rng.chance(80);
        Mix {
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

/// group.max.size: so small that some of the fleet are turned away, or without limit.
pub fn max_size(seed: u64, at_start: usize, mix: &Mix) -> usize {
    let rng = &mut Rng::stream(seed, "swarm/max-size");
    match mix.full {
        true => rng.within(1..=at_start as u64 + 1) as usize,
        false => BrokerSpec::default().max_size,
    }
}

/// Everybody who may ever join.
pub fn consumers(seed: u64, count: usize, groups: &[GroupSpec], mix: &Mix) -> Vec<ConsumerOptions> {
    let rng = &mut Rng::stream(seed, "swarm/consumers");
    let mut consumers: Vec<ConsumerOptions> = Vec::with_capacity(count);
    for index in 0..count {
        let group = &groups[index % groups.len()];
        // The first of each group reads everything and is fenced by nobody, so that somebody can drain it.
        let first = index < groups.len();
        let mut settings = own_settings(rng, mix, group, first);
        if rng.chance(mix.statics) {
            settings.instance = Some(instance(rng, mix, &consumers, group, index, first));
        }
        settings.version = version(rng, mix, group, &settings);
        let (name, group) = (format!("c{}", index + 1), group.name.clone());
        consumers.push(ConsumerOptions { name, group, settings });
    }
    consumers
}

/// For each static member one who may come in its name, half of them with a session timeout of their own: a deployment
/// that has changed more than the program. The first of a group has none.
pub fn heirs(
    seed: u64,
    consumers: &[ConsumerOptions],
    at_start: usize,
    groups: &[GroupSpec],
    mix: &Mix,
) -> Vec<ConsumerOptions> {
    let rng = &mut Rng::stream(seed, "swarm/heirs");
    let mut heirs = Vec::new();
    for member in consumers[..at_start].iter().skip(groups.len()) {
        let Some(instance) = &member.settings.instance else { continue };
        let group = groups.iter().find(|group| group.name == member.group);
        let group = group.expect("options name their own groups");
        let mut settings = own_settings(rng, mix, group, false);
        if rng.chance(500) {
            own_session(rng, &mut settings);
        }
        settings.instance = Some(instance.clone());
        settings.version = version(rng, mix, group, &settings);
        let name = format!("c{}", consumers.len() + heirs.len() + 1);
        heirs.push(ConsumerOptions { name, group: group.name.clone(), settings });
    }
    heirs
}

fn own_session(rng: &mut Rng, own: &mut Settings) {
    let session = round(wide(rng, &(6_000..=30_000)), 100);
    own.session = Some(Duration::from_millis(session));
    own.heartbeat = Some(Duration::from_millis(session / rng.within(3..=10)));
}

fn own_settings(rng: &mut Rng, mix: &Mix, group: &GroupSpec, first: bool) -> Settings {
    let mut own = Settings::default();
    if mix.assignors {
        own.assignors = Some(match mix.failover {
            true => with_all(rng, group),
            false => with_common(rng, group),
        });
    }
    if mix.timeouts && rng.chance(500) {
        own_session(rng, &mut own);
    }
    if mix.topics && !first && rng.chance(500) {
        let topics = group.settings.topics.as_deref().unwrap_or_default();
        own.topics = Some(vec![rng.pick(topics).clone()]);
    }
    if !mix.racks.is_empty() && rng.chance(800) {
        own.rack = Some(rng.pick(&mix.racks).clone());
    }
    own
}

fn instance(
    rng: &mut Rng,
    mix: &Mix,
    others: &[ConsumerOptions],
    group: &GroupSpec,
    index: usize,
    first: bool,
) -> String {
    let is_twin =
        |other: &&ConsumerOptions| other.group == group.name && other.settings.instance.is_some();
    // Never a twin of the first of a group, who sits at the front.
    let twins: Vec<&ConsumerOptions> = others.iter().skip(3).filter(is_twin).collect();
    if mix.twins && !first && !twins.is_empty() && rng.chance(300) {
        return rng.pick(&twins).settings.instance.clone().unwrap_or_default();
    }
    format!("i{}", index + 1)
}

/// The version of its own, where the group's would be too old for it or where versions are mixed.
fn version(rng: &mut Rng, mix: &Mix, group: &GroupSpec, own: &Settings) -> Option<i16> {
    let assignors = own.assignors.as_ref().or(group.settings.assignors.as_ref());
    let modern = own.instance.is_some() || assignors.is_some_and(needs_modern);
    let session = own.session.or(group.settings.session);
    let records = own.records.or(group.settings.records).unwrap_or(500) as u32;
    let poll = own.process.or(group.settings.process).map(|process| process * records * 2);
    let oldest = oldest(modern, session > group.settings.rebalance || poll > session);
    let of_group = group.settings.version.unwrap_or(9);
    match mix.versions || of_group < oldest {
        true => Some(rng.within(oldest as u64..=9) as i16),
        false => None,
    }
}

/// The version of a group whose clients are not of today; `unhurried` as in [`oldest`].
pub fn group_version(rng: &mut Rng, assignors: &[Assignor], unhurried: bool) -> Option<i16> {
    let oldest = oldest(needs_modern(assignors), unhurried);
    rng.chance(300).then(|| rng.within(oldest as u64..=9) as i16)
}

/// The oldest version there may be; `unhurried` if the session is longer than the rebalance timeout, or not much longer
/// than what a full poll takes: who is busy for longer never joins in time. A client of
/// version 0 cannot say how long it may take, and is waited for as long as its session (rule R6.1.16). Others give
/// up when their own rebalance timeout is over, and some come back as new members, whose former selves have to
/// expire before the next rebalance is done; for that they give up again. Such a group may never settle.
fn oldest(modern: bool, unhurried: bool) -> i16 {
    match modern {
        true => MODERN,
        false => i16::from(unhurried),
    }
}

fn needs_modern(assignors: impl AsRef<[Assignor]>) -> bool {
    assignors.as_ref().iter().any(|assignor| assignor.name() == "cooperative-sticky")
}

/// What a group's members offer: mostly one assignor.
pub fn assignors(rng: &mut Rng) -> Vec<Assignor> {
    let mut list = Assignor::ALL.to_vec();
    rng.shuffle(&mut list);
    list.truncate(if rng.chance(700) { 1 } else { 2 });
    list
}

/// A list of its own that begins with all assignors of the group, in any order. A coordinator that takes over
/// knows of each member only the assignor that was chosen (rule R11.3), and would turn away who lacks it.
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

/// A list of its own that shares the group's first assignor, so that the members can agree.
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
