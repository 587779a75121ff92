//! Generated schedules on every engine: no invariant objects, the groups converge, the records are read.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use groupsim::engine::{Engine, expressible};
use groupsim::run::Systems;
use groupsim::sim::schedule::{Action, Schedule};
use groupsim::swarm::{Conditions, Options, Profile, describe_all, expand, run_seeds};

use crate::{REPEATABLE, look};

/// These hold, or all there is to say about it.
fn hold(seeds: std::ops::Range<u64>, conditions: Conditions) {
    let (systems, stop) = (Systems::default(), AtomicBool::new(false));
    let summary = run_seeds(seeds.clone(), conditions, 0, &systems, &stop, &|_| ())
        .unwrap_or_else(|why| panic!("{conditions}: {why}"));
    assert_eq!(summary.ran, seeds.end - seeds.start);
    assert!(
        summary.findings.is_empty(),
        "{} of {} seeds found something with {conditions}\n{}",
        summary.findings.len(),
        summary.ran,
        describe_all(&summary, &systems)
    );
}

#[cfg(madsim)]
#[test]
fn seeds_hold_on_madsim() {
    for profile in Profile::ALL {
        hold(0..10, Conditions { profile, engine: Engine::Madsim, mutant: None });
    }
}

/// The first seed of a profile with no more hosts than turmoil gets through in a few seconds: what it takes grows
/// faster than their number.
fn small(profile: Profile) -> Options {
    let hosts = |options: &Options| options.consumers.len() + usize::from(options.broker.count);
    let mut seeds = (0..1_000).map(|seed| Options::draw(seed, profile));
    seeds.find(|options| hosts(options) <= 5).expect("some fleets are small")
}

/// The profiles of which a seed holds on turmoil; those of [`ALIKE`] do as well. The fleets of churn are all too
/// large.
const HOLD: [Profile; 3] = [Profile::Default, Profile::Network, Profile::Failover];

/// The profiles of which a seed comes to the same end everywhere.
const ALIKE: [Profile; 3] = [Profile::Calm, Profile::Process, Profile::Timers];

#[test]
fn small_seeds_hold_on_turmoil() {
    std::thread::scope(|scope| {
        for profile in HOLD {
            let seed = small(profile).seed;
            let conditions = Conditions { profile, engine: Engine::Turmoil, mutant: None };
            scope.spawn(move || hold(seed..seed + 1, conditions));
        }
    });
}

/// The same schedule on each engine: the groups are in the same states at the end, and have read the same.
#[test]
fn a_seed_comes_to_the_same_end_on_every_engine() {
    std::thread::scope(|scope| {
        for profile in ALIKE {
            scope.spawn(move || comes_to_the_same_end(&small(profile)));
        }
    });
}

fn comes_to_the_same_end(options: &Options) {
    let engines = REPEATABLE.into_iter().filter(|at| *at != Engine::Madsim || cfg!(madsim));
    let engines: Vec<Engine> = engines.collect();
    // What all can express, so that it is one schedule.
    let schedule = engines.iter().fold(expand(options), |all, at| expressible(*at, all).0);
    let drained = schedule.steps.iter().any(|step| matches!(step.action, Action::Drain(_)));
    assert!(drained, "seed {} {}: nothing says when all is read", options.seed, options.profile);
    let ends: Vec<_> = engines.iter().map(|engine| end(*engine, &schedule, options)).collect();
    let alike = ends.iter().all(|end| *end == ends[0]);
    assert!(alike, "seed {} {}: {ends:#?}", options.seed, options.profile);
}

/// The states of the groups that have consumers, and how much was read of what.
fn end(engine: Engine, schedule: &Schedule, options: &Options) -> BTreeMap<String, String> {
    let (report, outcome) = look(engine, schedule);
    assert_eq!(report.finding, None, "seed {} {} on {engine}", options.seed, options.profile);
    let mut facts = outcome.facts();
    let states: Vec<String> =
        options.groups.iter().map(|group| format!("{} state", group.name)).collect();
    facts.retain(|name, _| states.contains(name) || name.contains(" processed "));
    facts
}
