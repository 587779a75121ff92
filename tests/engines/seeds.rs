//! Generated schedules on every engine: no invariant is violated, the groups converge, and the
//! records are read.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use groupsim::engine::{EngineKind, expressible};
use groupsim::run::Systems;
use groupsim::sim::schedule::{Action, Schedule};
use groupsim::swarm::{Conditions, Options, Profile, Swarm, describe_all, expand};

use crate::{REPEATABLE, look};

/// Runs the seeds and panics with a full description if there is a finding.
fn hold(seeds: std::ops::Range<u64>, conditions: Conditions) {
    crate::plug_in();
    let (systems, stop) = (Systems::default(), AtomicBool::new(false));
    let summary = Swarm::of(seeds.clone(), conditions, &systems)
        .run(&stop, &())
        .unwrap_or_else(|why| panic!("{conditions}: {why}"));
    assert_eq!(summary.ran, seeds.end - seeds.start);
    assert!(
        summary.findings.is_empty(),
        "{} of {} seeds have findings with {conditions}\n{}",
        summary.findings.len(),
        summary.ran,
        describe_all(&summary, &systems)
    );
}

#[cfg(madsim)]
#[test]
fn seeds_hold_on_madsim() {
    for profile in Profile::ALL {
        hold(0..10, Conditions { profile, engine: EngineKind::Madsim, mutant: None });
    }
}

/// The first seed of a profile that is small enough for turmoil to run in a few seconds. Its
/// running time grows faster than the number of hosts.
fn small(profile: Profile) -> Options {
    let hosts = |options: &Options| options.consumers.len() + usize::from(options.broker.count);
    let mut seeds = (0..1_000).map(|seed| Options::draw(seed, profile));
    seeds.find(|options| hosts(options) <= 5).expect("some groups are small")
}

/// The profiles of which one seed runs on turmoil; those of [`ALIKE`] run there as well. The groups
/// of the churn profile are all too large.
const HOLD: [Profile; 3] = [Profile::Default, Profile::Network, Profile::Failover];

/// The profiles of which one seed must have the same outcome on every engine.
const ALIKE: [Profile; 3] = [Profile::FaultFree, Profile::Process, Profile::Timers];

#[test]
fn small_seeds_hold_on_turmoil() {
    std::thread::scope(|scope| {
        for profile in HOLD {
            let seed = small(profile).seed;
            let conditions = Conditions { profile, engine: EngineKind::Turmoil, mutant: None };
            scope.spawn(move || hold(seed..seed + 1, conditions));
        }
    });
}

/// The same schedule on each engine: at the end the groups are in the same states and have read the
/// same records.
#[test]
fn a_seed_has_the_same_outcome_on_every_engine() {
    std::thread::scope(|scope| {
        for profile in ALIKE {
            scope.spawn(move || check_same_outcome(&small(profile)));
        }
    });
}

fn check_same_outcome(options: &Options) {
    crate::plug_in();
    let engines = REPEATABLE.into_iter().filter(|at| *at != EngineKind::Madsim || cfg!(madsim));
    let engines: Vec<EngineKind> = engines.collect();
    // Only what all engines support, so that it is the same schedule.
    let schedule = engines.iter().fold(expand(options), |all, at| expressible(*at, all).0);
    let drained = schedule.steps.iter().any(|step| matches!(step.action, Action::Drain(_)));
    assert!(drained, "seed {} {}: the schedule does not drain", options.seed, options.profile);
    let ends: Vec<_> = engines.iter().map(|engine| end(*engine, &schedule, options)).collect();
    let alike = ends.iter().all(|end| *end == ends[0]);
    assert!(alike, "seed {} {}: {ends:#?}", options.seed, options.profile);
}

/// The states of the groups with consumers, and how many records were read from each partition.
fn end(engine: EngineKind, schedule: &Schedule, options: &Options) -> BTreeMap<String, String> {
    let (report, outcome) = look(engine, schedule);
    assert_eq!(report.finding, None, "seed {} {} on {engine}", options.seed, options.profile);
    let mut facts = outcome.facts();
    let states: Vec<String> =
        options.groups.iter().map(|group| format!("{} state", group.name)).collect();
    facts.retain(|name, _| states.contains(name) || name.contains(" processed "));
    facts
}
