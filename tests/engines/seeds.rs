//! Generated schedules on every engine: no invariant objects, the groups converge, the records are read.

use std::sync::atomic::AtomicBool;

use groupsim::engine::{Engine, expressible};
use groupsim::run::Systems;
use groupsim::sim::schedule::Action;
use groupsim::swarm::{Conditions, Profile, describe_all, run_seeds, schedule};

use crate::{REPEATABLE, look};

/// The number of seeds of each profile.
fn hold(engine: Engine, seeds: u64) {
    for profile in Profile::ALL {
        let conditions = Conditions { profile, engine };
        let (systems, stop) = (Systems::default(), AtomicBool::new(false));
        let summary = run_seeds(0..seeds, conditions, 0, &systems, &stop, &|_| ())
            .unwrap_or_else(|why| panic!("{engine}: {why}"));
        assert_eq!(summary.ran, seeds);
        assert!(
            summary.findings.is_empty(),
            "{} of {} seeds found something on {engine}\n{}",
            summary.findings.len(),
            summary.ran,
            describe_all(&summary, &systems)
        );
    }
}

#[cfg(madsim)]
#[test]
fn seeds_hold_on_madsim() {
    hold(Engine::Madsim, 12);
}

#[test]
fn a_seed_of_each_profile_holds_on_turmoil() {
    hold(Engine::Turmoil, 1);
}

/// The same schedule on each engine. Where its records are awaited at the end, all of them were read
/// everywhere, and each partition has as many.
#[test]
fn the_engines_agree_on_what_was_read() {
    let mut compared = 0;
    for seed in 0..6 {
        // What all can express, so that it is one schedule. Without a steady rate nothing depends on when faults
        // end.
        let mut schedule = schedule(seed, Profile::Calm);
        for engine in REPEATABLE {
            (schedule, _) = expressible(engine, schedule);
        }
        schedule.topics.iter_mut().for_each(|topic| topic.rate = 0);
        let drained = schedule.steps.iter().any(|step| matches!(step.action, Action::Drain(_)));
        let ends = REPEATABLE.map(|engine| {
            let (report, outcome) = look(engine, &schedule);
            assert_eq!(report.finding, None, "seed {seed} on {engine}");
            let states = outcome.groups.iter().map(|(id, group)| (id.clone(), group.state));
            (states.collect::<Vec<_>>(), drained.then_some(outcome.processed))
        });
        assert!(ends.iter().all(|end| *end == ends[0]), "seed {seed}: {ends:#?}");
        compared += usize::from(drained);
    }
    assert!(compared > 0, "no seed was compared");
}
