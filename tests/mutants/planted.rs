//! The planted bugs fit the source, and name existing invariants.

use std::collections::BTreeSet;
use std::fs;

use groupsim::{invariant, mutant};

use crate::plant;

#[test]
fn everything_can_be_planted() {
    let planted = plant::all();
    let files =
        plant::edited(&planted).unwrap_or_else(|misfits| panic!("{}", misfits.join("\n\n")));
    assert!(files.keys().all(|file| file.starts_with("src/")), "{:?}", files.keys());
}

#[test]
fn every_planted_bug_has_a_switch_an_upstream_bug_and_an_invariant_that_catches_it() {
    let mut names: BTreeSet<String> = mutant::all().map(|mutant| mutant.name.to_owned()).collect();
    let invariants = invariant::names();
    for bug in plant::all() {
        assert!(names.insert(bug.name.clone()), "{} occurs twice", bug.name);
        assert!(
            bug.edit.iter().any(|edit| edit.put.contains("PLANTED")),
            "{}: no edit has a switch",
            bug.name
        );
        assert!(!bug.upstream.is_empty(), "{}: no upstream bug", bug.name);
        assert!(!bug.breaks.is_empty(), "{}: no description", bug.name);
        assert!(!bug.caught_by.is_empty(), "no invariant catches {}", bug.name);
        for name in &bug.caught_by {
            let known = invariants.contains(&name.as_str()) || name == "crash";
            assert!(known, "{}: no invariant {name}", bug.name);
        }
    }
}

/// Only a bench builds the copy, so here a folder that it lacks would go unnoticed.
#[test]
fn the_copy_has_every_folder_that_the_sources_include() {
    let included = |text: &str| -> Vec<String> {
        let rest = text.split("include_dir!(\"$CARGO_MANIFEST_DIR/").skip(1);
        rest.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
    };
    let mut folders = vec![plant::root().join("src")];
    let mut missing = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => missing.extend(included(&fs::read_to_string(path).expect("a source"))),
            }
        }
    }
    missing.retain(|folder| !plant::COPIED.contains(&folder.as_str()));
    assert!(missing.is_empty(), "the sources include {missing:?}, which the copy does not have");
}

/// At least 60 bugs of real coordinators and clients.
#[test]
fn enough_upstream_bugs_are_planted_again() {
    let planted = plant::all();
    let wrapped =
        mutant::all().flat_map(|mutant| mutant.upstream.iter().map(|id| (*id).to_owned()));
    let upstream: BTreeSet<String> =
        planted.iter().flat_map(|bug| bug.upstream.clone()).chain(wrapped).collect();
    println!("{} upstream bugs: {upstream:?}", upstream.len());
    assert!(upstream.len() >= 60, "{} upstream bugs: {upstream:?}", upstream.len());
}
