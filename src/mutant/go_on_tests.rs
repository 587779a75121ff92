//! Runs that continue after a violation: with every mutant they find first what a run that stops
//! finds, and no invariant panics on the events that follow. A bug in two groups is found in both.

use std::rc::Rc;

use crate::run::{Finding, Report, Run, Systems};
use crate::script;
use crate::sim::Sim;
use crate::sim::schedule::Schedule;

fn run_to_the_end(schedule: &Schedule, systems: &Systems) -> Report {
    let shared = Rc::new(schedule.clone());
    let world = || Sim::new(&shared, &systems.into());
    Run::of(schedule).systems(systems).drive_in(world, |driver| {
        driver.go_on_after_violations(Vec::new());
        let _ = driver.drive().and_then(|()| driver.finish());
    })
}

/// The invariant and the group of each violation.
fn places(report: &Report) -> Vec<(&'static str, String)> {
    let violations = report.findings.iter().filter_map(|found| match &found.finding {
        Finding::Violation(violation) | Finding::NoConvergence(violation) => Some(violation),
        Finding::Crash { .. } | Finding::BadStep { .. } => None,
    });
    let group = |violation: &crate::invariant::Violation| {
        violation.group.as_ref().map_or(String::new(), |group| group.as_str().to_owned())
    };
    violations.map(|violation| (violation.invariant, group(violation))).collect()
}

/// Faults of each kind, without a wait that a broken system would stretch to its bound.
const FAULTS: &str = "
    broker count=2
    topic orders partitions=4 rate=5/s
    group g assignor=cooperative-sticky session=10s rebalance=20s
    join c1
    join c2
    join c3 instance=i3
    advance 20s
    pause c2
    advance 14s
    resume c2
    crash c3
    restart c3
    advance 10s
    move g
    advance 10s
    leave c1
    advance 20s
";

#[test]
fn a_run_that_continues_finds_the_same_violation_first_and_does_not_panic() {
    let schedule = script::parse("trouble", FAULTS).expect("a valid script");
    let mut found = 0;
    for mutant in super::all() {
        let systems = mutant.systems();
        let stopped = Run::of(&schedule).systems(&systems).run();
        let continued = run_to_the_end(&schedule, &systems);
        let context = mutant.name;
        assert_eq!(stopped.finding, continued.finding, "{context}");
        let last = continued.findings.last().map(|found| &found.finding);
        let crashed = matches!(last, Some(Finding::Crash { .. }));
        assert!(!crashed || stopped.finding.as_ref() == last, "{context}: {last:?}");
        found += usize::from(continued.finding.is_some());
    }
    assert!(found >= 15, "the script shows only {found} mutants");
}

#[test]
fn a_bug_in_two_groups_is_found_in_both() {
    let text = "
        topic orders partitions=4
        group g topics=orders session=10s rebalance=20s
        group h topics=orders session=10s rebalance=20s
        join c1 group=g
        join c2 group=g
        join c3 group=g
        advance 20s
        join c4 group=h
        join c5 group=h
        join c6 group=h
        advance 90s
    ";
    let schedule = script::parse("two groups", text).expect("a valid script");
    for (mutant, invariant) in [
        ("shared-assignment", "single-owner"),
        ("all-members-lead", "generation"),
        ("lost-sync-responses", "response-deadline"),
        ("immortal-members", "session"),
        ("restless-heartbeats", "fencing"),
    ] {
        let systems = super::find(mutant).expect("a mutant").systems();
        let mut text = schedule.clone();
        if invariant == "session" {
            let crashes = "crash c1\ncrash c4\nadvance 60s\n";
            let mut console = script::Console::new(&schedule);
            for line in crashes.lines() {
                text.steps.extend(console.read(line).expect("a valid step"));
            }
        }
        let found = places(&run_to_the_end(&text, &systems));
        for group in ["g", "h"] {
            assert!(
                found.contains(&(invariant, group.to_owned())),
                "{mutant} in {group}: {found:?}"
            );
        }
    }
}
