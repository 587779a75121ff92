//! From options to a schedule.

use std::time::Duration;

use crate::rng::Rng;
use crate::sim::schedule::{Action, BrokerSpec, GroupSpec, Schedule, Settings, Step};
use crate::time::Time;

use super::churn::{arrivals, churn};
use super::faults::{Steps, faults};
use super::lives::Lives;
use super::options::{ConsumerOptions, Options};
use super::profile::{Family, Profile};
use super::upkeep;
use super::windows::{millis, wide};

/// The schedule of `seed`: the same one for ever, as long as the generator does not change.
pub fn schedule(seed: u64, profile: Profile) -> Schedule {
    expand(&Options::draw(seed, profile))
}

/// The schedule of options that have been drawn.
pub fn expand(options: &Options) -> Schedule {
    let mut steps = arrivals(options);
    let faults = faults(options);
    if options.faults.families.contains(&Family::Churn) {
        steps.extend(churn(options, &faults));
    }
    steps.extend(faults);
    let bursts = bursts(options);
    let records = records(options, &bursts);
    steps.extend(bursts);

    let mut lives = Lives::new(options);
    let mut steps = in_order(options, steps, &mut lives);
    steps.extend(healed_phase(options, &lives, records));
    Schedule {
        seed: options.seed,
        network: options.network.clone(),
        broker: options.broker.clone(),
        topics: options.topics.clone(),
        groups: groups(options),
        steps,
    }
}

/// The groups of the consumers, and one that only tools commit to.
fn groups(options: &Options) -> Vec<GroupSpec> {
    let tools = options
        .faults
        .families
        .contains(&Family::Admin)
        .then(|| GroupSpec { name: upkeep::TOOLS.to_owned(), settings: Settings::default() });
    options.groups.iter().cloned().chain(tools).collect()
}

/// The proposed steps by time, without those that come too late or make no sense by then. Steps of one
/// instant stay in the order they were proposed in.
fn in_order(options: &Options, mut steps: Vec<Step>, lives: &mut Lives<'_>) -> Vec<Step> {
    steps.retain(|step| step.at < Some(options.faults_end()));
    steps.sort_by_key(|step| step.at);
    steps.retain(|step| lives.admit(&step.action));
    steps
}

/// Records that come all at once, on top of the steady rate.
fn bursts(options: &Options) -> Vec<Step> {
    let rng = &mut Rng::stream(options.seed, "swarm/workload");
    let mut steps = Steps::default();
    if rng.chance(300) {
        for _ in 0..rng.within(1..=4) {
            let at = Time::ZERO + millis(rng, 0..=options.duration.as_millis() as u64 - 1);
            let topic = rng.pick(&options.topics).name.clone();
            let count = wide(rng, &(1..=200)) as u32;
            steps.at(at, Action::Produce { topic, partition: None, count });
        }
    }
    steps.0
}

fn records(options: &Options, bursts: &[Step]) -> u32 {
    let minutes = options.duration.as_secs().div_ceil(60) as u32;
    let steady: u32 = options.topics.iter().map(|topic| topic.rate * minutes).sum();
    let bursts = bursts.iter().map(|step| match step.action {
        Action::Produce { count, .. } => count,
        _ => 0,
    });
    steady + bursts.sum::<u32>()
}

/// The second phase: the core is healed, and must converge and read what is left. Sometimes it is
/// watched for a while longer, to see that no storm follows.
fn healed_phase(options: &Options, lives: &Lives<'_>, records: u32) -> Vec<Step> {
    let rng = &mut Rng::stream(options.seed, "swarm/core");
    let core = core(rng, options, lives);
    let mut actions = vec![Action::Settle(None)];
    actions.extend(upkeep::end_transactions(options));
    if options.consumers.iter().any(|consumer| consumer.settings.instance.is_some()) {
        actions.extend(static_aftermath(options, &core));
    }
    // Of a full group, those who are turned away give up, and in the end perhaps nobody is left to read.
    if options.broker.max_size == BrokerSpec::default().max_size {
        actions.push(Action::Drain(Some(drain_bound(options, records))));
    }
    let watched = match rng.below(12) {
        // A storm that settles now and then shows only when the last echo of the faults has died away.
        0 => Some(Duration::from_secs(900)),
        1..=5 => Some(Duration::from_secs(30)),
        _ => None,
    };
    actions.extend(watched.map(Action::Advance));
    let rest = actions.into_iter().map(|action| Step { line: 0, at: None, action });
    let calm = Step { line: 0, at: Some(options.faults_end()), action: Action::Calm(core) };
    std::iter::once(calm).chain(rest).collect()
}

/// Static members need a hand. One whose last restart the log has lost is fenced by the id it had before, and
/// gives up: somebody has to start it once more. And since their restarts cause no rebalance, what nobody was
/// assigned when they went stays with nobody (new partitions, or such as were being handed over): somebody
/// new has to join (rules R8.3, R8.9).
fn static_aftermath(options: &Options, core: &Option<Vec<String>>) -> Vec<Action> {
    let mut core = core.clone();
    let mut actions = Vec::new();
    for group in &options.groups {
        let consumer = format!("last-of-{}", group.name);
        if let Some(core) = &mut core {
            core.push(consumer.clone());
        }
        let settings = Box::new(Settings { version: Some(9), ..Settings::default() });
        actions.push(Action::Join { consumer, group: Some(group.name.clone()), settings });
    }
    actions.extend([Action::Calm(core), Action::Settle(None)]);
    actions
}

/// Who must converge: everybody, or all that are well and some of the others, but somebody of each
/// group who reads all of it.
fn core(rng: &mut Rng, options: &Options, lives: &Lives<'_>) -> Option<Vec<String>> {
    let all = rng.chance(500);
    let mut core: Vec<&ConsumerOptions> = Vec::new();
    for (consumer, broken) in lives.members() {
        let healed = rng.chance(500);
        if !broken || healed || lives.is_half_cut(&consumer.name) {
            core.push(consumer);
        }
    }
    for group in &options.groups {
        let reads = |consumer: &ConsumerOptions| {
            consumer.group == group.name && options.reads_all(consumer)
        };
        if !core.iter().any(|consumer| reads(consumer)) {
            core.extend(lives.members().map(|(consumer, _)| consumer).find(|c| reads(c)));
        }
    }
    let names = core.into_iter().map(|consumer| consumer.name.clone()).collect();
    (!all).then_some(names)
}

/// Time enough for the slowest lone consumer to read everything, more than once, with a request lost
/// and a rebalance on the way.
fn drain_bound(options: &Options, records: u32) -> Duration {
    let groups = options.groups.iter().map(|group| &group.settings);
    let slowest = groups
        .map(|settings| {
            let reading = settings.process.unwrap_or_default() * records * 3;
            let waiting =
                settings.request.unwrap_or_default() + settings.rebalance.unwrap_or_default();
            let noticing = settings.metadata.unwrap_or_default();
            reading + noticing + waiting * 2
        })
        .max()
        .unwrap_or_default();
    Duration::from_secs(slowest.as_secs() + 60)
}

#[cfg(test)]
#[path = "generate_tests.rs"]
mod tests;
