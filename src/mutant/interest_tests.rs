//! Tests that each invariant reads all the events that it needs ([`crate::invariant::Interest`]),
//! with every mutant.

use crate::invariant::{Checker, Violation};
use crate::run::{Checks, Run, Systems};
use crate::swarm::{Profile, schedule};

/// Invariants that report at the next event that something is overdue; with fewer events they
/// report later.
const OVERDUE: [&str; 2] = ["session", "response-deadline"];

/// The first violation, with invariants that see the events that they read and with invariants that
/// see every event.
fn found(seed: u64, systems: &Systems) -> [Option<Violation>; 2] {
    let mut checkers = [Checker::new(None), Checker::reading_everything()];
    let mut found = [None, None];
    let schedule = schedule(seed, Profile::Default);
    let watch = |event: &_, model: &_| {
        for (checker, found) in checkers.iter_mut().zip(&mut found) {
            if found.is_none() {
                *found = checker.check(model, event);
            }
        }
    };
    Run::of(&schedule).systems(systems).checks(Checks::NONE).watch(watch).run();
    found
}

#[test]
fn invariants_read_all_the_events_that_they_need() {
    for mutant in super::all() {
        for seed in 0..3 {
            let [filtered, everything] = found(seed, &mutant.systems());
            let context = format!("{} with seed {seed}", mutant.name);
            match (filtered, everything) {
                (Some(one), Some(other)) if OVERDUE.contains(&one.invariant) => {
                    assert_eq!(one.invariant, other.invariant, "{context}");
                }
                (one, other) => assert_eq!(one, other, "{context}"),
            }
        }
    }
}
