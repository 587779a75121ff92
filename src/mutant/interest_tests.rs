//! Whether each invariant asks for all the events that it needs ([`crate::invariant::Interest`]): with every mutant.

use crate::invariant::{Checker, Violation};
use crate::run::{Checks, Systems, run_with};
use crate::swarm::{Profile, schedule};

/// They say at the next occasion that something is overdue, and see fewer occasions.
const OVERDUE: [&str; 2] = ["session", "answered"];

/// What is found first, by invariants that see what they asked for and by those that see everything.
fn found(seed: u64, systems: &Systems) -> [Option<Violation>; 2] {
    let mut checkers = [Checker::new(None), Checker::reading_everything()];
    let mut found = [None, None];
    run_with(&schedule(seed, Profile::Default), systems, Checks::NONE, &mut |event| {
        for (checker, found) in checkers.iter_mut().zip(&mut found) {
            if found.is_none() {
                *found = checker.check(event);
            }
        }
    });
    found
}

#[test]
fn invariants_ask_for_all_the_events_that_they_need() {
    for mutant in super::all() {
        for seed in 0..3 {
            let [asked, everything] = found(seed, &mutant.systems());
            let context = format!("{} with seed {seed}", mutant.name);
            match (asked, everything) {
                (Some(one), Some(other)) if OVERDUE.contains(&one.invariant) => {
                    assert_eq!(one.invariant, other.invariant, "{context}");
                }
                (one, other) => assert_eq!(one, other, "{context}"),
            }
        }
    }
}
