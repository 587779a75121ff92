//! Expands options to a schedule.

use std::time::Duration;

use crate::rng::Rng;
use crate::sim::schedule::{Action, BrokerSpec, GroupSpec, Schedule, Settings, Step};
use crate::time::Time;

use super::admin_ops;
use super::churn::{arrivals, churn};
use super::faults::{Steps, faults};
use super::options::{ConsumerOptions, Options};
use super::profile::{FaultFamily, Profile};
use super::schedule_state::ScheduleState;
use super::windows::{millis, wide};

/// The schedule of a seed. It is always the same, as long as the generator does not change.
pub fn schedule(seed: u64, profile: Profile) -> Schedule {
    expand(&Options::draw(seed, profile))
}

/// The schedule of the options of a seed.
pub fn expand(options: &Options) -> Schedule {
    let mut steps = arrivals(options);
    let faults = faults(options);
    if options.faults.families.contains(&FaultFamily::Churn) {
        steps.extend(churn(options, &faults));
    }
    steps.extend(faults);
    let bursts = bursts(options);
    let records = records(options, &bursts);
    steps.extend(bursts);

    let mut state = ScheduleState::new(options);
    let mut steps = in_order(options, steps, &mut state);
    steps.extend(healed_phase(options, &state, records));
    Schedule {
        seed: options.seed,
        network: options.network.clone(),
        broker: options.broker.clone(),
        topics: options.topics.clone(),
        groups: groups(options),
        steps,
    }
}

/// The groups of the consumers, and one that only admin tools commit to.
fn groups(options: &Options) -> Vec<GroupSpec> {
    let tools = options
        .faults
        .families
        .contains(&FaultFamily::Admin)
        .then(|| GroupSpec { name: admin_ops::TOOLS.to_owned(), settings: Settings::default() });
    options.groups.iter().cloned().chain(tools).collect()
}

/// The proposed steps by time, without those after the fault phase and those that are impossible at
/// their time. Steps at the same time keep the order in which they were proposed.
fn in_order(options: &Options, mut steps: Vec<Step>, state: &mut ScheduleState<'_>) -> Vec<Step> {
    steps.retain(|step| step.at < Some(options.faults_end()));
    steps.sort_by_key(|step| step.at);
    steps.retain(|step| state.admit(&step.action));
    steps
}

/// Bursts of records in addition to the steady rate.
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

/// The number of records that are produced during the fault phase, rounded up.
fn records(options: &Options, bursts: &[Step]) -> u32 {
    let minutes = options.duration.as_secs().div_ceil(60) as u32;
    let steady: u32 = options.topics.iter().map(|topic| topic.rate * minutes).sum();
    let bursts = bursts.iter().map(|step| match step.action {
        Action::Produce { count, .. } => count,
        _ => 0,
    });
    steady + bursts.sum::<u32>()
}

/// The healed phase: the core is healed, and must converge and read the remaining records. Some
/// seeds run for a while longer, to check that no rebalance storm follows.
fn healed_phase(options: &Options, state: &ScheduleState<'_>, records: u32) -> Vec<Step> {
    let rng = &mut Rng::stream(options.seed, "swarm/core");
    let core = core(rng, options, state);
    let mut actions = vec![Action::Settle(None)];
    actions.extend(admin_ops::end_transactions(options));
    if options.consumers.iter().any(|consumer| consumer.settings.instance.is_some()) {
        actions.extend(static_aftermath(options, &core));
    }
    // Consumers that a full group refuses give up, so that perhaps no reader is left in the end.
    if options.broker.max_size == BrokerSpec::default().max_size {
        actions.push(Action::Drain(Some(drain_bound(options, records))));
    }
    let watched = match rng.below(12) {
        // A storm that pauses now and then shows only after the last effect of the faults.
        0 => Some(Duration::from_secs(900)),
        1..=5 => Some(Duration::from_secs(30)),
        _ => None,
    };
    actions.extend(watched.map(Action::Advance));
    let rest = actions.into_iter().map(|action| Step { line: 0, at: None, action });
    let quiesce = Step { line: 0, at: Some(options.faults_end()), action: Action::Quiesce(core) };
    std::iter::once(quiesce).chain(rest).collect()
}

/// Static members need two interventions to converge. A static member whose last restart is missing
/// from the log is fenced by its earlier member id and gives up: `quiesce` has to start it again.
/// And restarts of static members cause no rebalance, so partitions that were unassigned at the
/// time (new ones, or ones that were being handed over) stay unassigned: a new member has to join
/// (rules R8.3, R8.9).
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
    actions.extend([Action::Quiesce(core), Action::Settle(None)]);
    actions
}

/// The core, which must converge: all consumers (`None`), or all healthy ones and some of the
/// others, with at least one consumer per group that reads all its topics.
fn core(rng: &mut Rng, options: &Options, state: &ScheduleState<'_>) -> Option<Vec<String>> {
    let all = rng.chance(500);
    let mut core: Vec<&ConsumerOptions> = Vec::new();
    for (consumer, broken) in state.members() {
        let healed = rng.chance(500);
        if !broken || healed || state.is_partially_cut(&consumer.name) {
            core.push(consumer);
        }
    }
    for group in &options.groups {
        let reads = |consumer: &ConsumerOptions| {
            consumer.group == group.name && options.reads_all(consumer)
        };
        if !core.iter().any(|consumer| reads(consumer)) {
            core.extend(state.members().map(|(consumer, _)| consumer).find(|c| reads(c)));
        }
    }
    let names = core.into_iter().map(|consumer| consumer.name.clone()).collect();
    (!all).then_some(names)
}

/// The time that the slowest lone consumer needs to read all records more than once, with a lost
/// request and a rebalance in between.
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
