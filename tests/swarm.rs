//! The correct coordinator and consumers hold on every seed.
//!
//! `GROUPSIM_SEEDS=A..B` or `GROUPSIM_SEED=n` choose other seeds than the first thousand.

use std::sync::atomic::AtomicBool;

use groupsim::run::Systems;
use groupsim::swarm::{Profile, SeedRange, Summary, describe_all, run_seeds, seeds_from_env};

/// Runs the seeds on all cores; a finding fails the test with all there is to say about it.
fn holds(seeds: &SeedRange, profile: Profile) -> Summary {
    let systems = Systems::default();
    let summary = run_seeds(seeds.range(), profile, 0, &systems, &AtomicBool::new(false), &|_| ())
        .expect("threads can be had");
    assert_eq!(summary.ran, seeds.count());
    assert!(
        summary.findings.is_empty(),
        "{} of {} seeds found something\n{}",
        summary.findings.len(),
        summary.ran,
        describe_all(&summary, &systems)
    );
    summary
}

#[test]
fn the_default_profile_holds() {
    let seeds = seeds_from_env(SeedRange::first(1_000)).unwrap_or_else(|why| panic!("{why}"));
    let summary = holds(&seeds, Profile::Default);
    // Of a few seeds one may well prove nothing.
    if seeds.count() >= 100 {
        let permille = summary.vacuous_permille();
        assert!(permille < 50, "{permille} of 1,000 seeds proved nothing");
        for (fault, count) in &summary.faults {
            assert!(*count > 0, "{fault} never happened");
        }
        assert_eq!(summary.faults.len(), groupsim::trace::FaultKind::ALL.len());
    }
}

#[test]
fn every_other_profile_holds() {
    let seeds = seeds_from_env(SeedRange::first(60)).unwrap_or_else(|why| panic!("{why}"));
    for profile in Profile::ALL.into_iter().filter(|profile| *profile != Profile::Default) {
        holds(&seeds, profile);
    }
}

#[test]
fn a_calm_world_has_no_faults() {
    let summary = holds(&SeedRange::first(30), Profile::Calm);
    assert!(summary.faults.is_empty(), "{:?}", summary.faults);
}

#[test]
fn a_stopped_swarm_still_has_a_summary() {
    let stop = AtomicBool::new(true);
    let summary =
        run_seeds(0..50, Profile::Default, 2, &Systems::default(), &stop, &|_| ()).unwrap();
    assert_eq!((summary.ran, summary.interrupted()), (0, true));
    assert_eq!(summary.vacuous_permille(), 0);
}
