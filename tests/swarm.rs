//! The correct coordinator and consumers hold on every seed.
//!
//! `GROUPSIM_SEEDS=A..B` or `GROUPSIM_SEED=n` selects other seeds than the first thousand.

use std::sync::atomic::AtomicBool;

use groupsim::run::Systems;
use groupsim::swarm::{Profile, SeedRange, Summary, Swarm, assert_holds};

fn holds(count: u64, profile: Profile) -> Summary {
    assert_holds(SeedRange::first(count), profile, &Systems::default())
}

#[test]
fn the_default_profile_holds() {
    let summary = holds(1_000, Profile::Default);
    assert!(!summary.interrupted());
    // With a few seeds only, a vacuous one would exceed the limit.
    if summary.ran >= 100 {
        let permille = summary.vacuous_permille();
        assert!(permille < 50, "{permille} of 1,000 seeds are vacuous");
        for (fault, count) in &summary.faults {
            assert!(*count > 0, "{fault} never happened");
        }
        assert_eq!(summary.faults.len(), groupsim::trace::FaultKind::ALL.len());
    }
}

#[test]
fn every_other_profile_holds() {
    for profile in Profile::ALL.into_iter().filter(|profile| *profile != Profile::Default) {
        holds(60, profile);
    }
}

#[test]
fn the_fault_free_profile_has_no_faults() {
    let summary = holds(30, Profile::FaultFree);
    assert!(summary.faults.is_empty(), "{:?}", summary.faults);
}

#[test]
fn a_stopped_swarm_still_has_a_summary() {
    let stop = AtomicBool::new(true);
    let systems = Systems::default();
    let swarm = Swarm { jobs: 2, ..Swarm::of(0..50, Profile::Default, &systems) };
    let summary = swarm.run(&stop, &()).unwrap();
    assert_eq!((summary.ran, summary.interrupted()), (0, true));
    assert_eq!(summary.vacuous_permille(), 0);
}
