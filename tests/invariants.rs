//! Invariants as a user of the library meets them: each rule is documented, and an invariant of the
//! user's own is checked, shrunk and allowed like those of the crate.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use groupsim::coordinator::{ClassicObservation, Observation};
use groupsim::invariant::{self, Allow, Breach, Checker, Interest, Invariant};
use groupsim::model::Model;
use groupsim::run::{Finding, Report, Run, Systems};
use groupsim::shrink::shrink;
use groupsim::sim::Sim;
use groupsim::sim::schedule::Schedule;
use groupsim::swarm::{Profile, Swarm, describe_all};
use groupsim::trace::{Event, EventKind};
use groupsim::{mutant, script};

/// An invariant that no correct system has: no group has a second generation.
#[derive(Default)]
struct OneGeneration;

impl Invariant for OneGeneration {
    fn name(&self) -> &'static str {
        "one-generation"
    }

    fn statement(&self) -> &'static str {
        "no group has a second generation"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        match &event.kind {
            EventKind::Coordinator(Observation::Classic(ClassicObservation::GenerationBegan {
                group,
                generation,
                ..
            })) if generation.0 > 1 => {
                let members = model.find(group).map_or(0, |(_, group)| group.members.len());
                let message =
                    format!("group {}: generation {generation} of {members}", group.as_str());
                Err(Breach::new("second", message))
            }
            _ => Ok(()),
        }
    }
}

fn systems() -> Systems {
    Systems::default().with_invariant(OneGeneration::default)
}

fn noisy() -> Schedule {
    let text = "network latency=1ms..30ms\ntopic t partitions=6 rate=5/s\ngroup g session=12s\n\
        join c1\njoin c2\nsettle\nat 20s pause c2\nat 22s skew c1 ppm=1000\nat 40s resume c2\n\
        leave c1\nsettle\n";
    script::parse("noisy.sim", text).expect("a valid script")
}

#[track_caller]
fn rule_of(finding: Option<Finding>) -> (&'static str, &'static str) {
    match finding {
        Some(Finding::Violation(violation)) => (violation.invariant, violation.rule),
        other => panic!("no violation: {other:?}"),
    }
}

#[test]
fn an_invariant_of_the_user_is_checked_in_a_run_and_in_a_swarm() {
    let report = Run::of(&noisy()).systems(&systems()).run();
    assert_eq!(rule_of(report.finding), ("one-generation", "second"));
    assert_eq!(Run::of(&noisy()).run().finding, None);
    let stop = AtomicBool::new(false);
    let summary = Swarm::of(0..3, Profile::Default, &systems()).run(&stop, &());
    let summary = summary.expect("threads");
    assert_eq!(summary.by_invariant()["one-generation"].len(), 3);
    // It replays the seeds, so the invariant has to be there again.
    let described = describe_all(&summary, &systems());
    assert!(described.contains("violation (one-generation)"), "{described}");
    assert!(!described.contains("NOT DETERMINISTIC"), "{described}");
}

#[test]
fn an_invariant_of_the_user_judges_mutants_beside_those_of_the_crate() {
    let fenced = mutant::find("forgiving-heartbeats").expect("a mutant").systems();
    let finding = Run::of(&noisy()).systems(&fenced).run().finding;
    let (invariant, _) = rule_of(finding);
    assert!(invariant::names().contains(&invariant));
    let both = fenced.with_invariant(OneGeneration::default);
    let report = going_on(&both, Vec::new());
    let found: BTreeSet<_> =
        report.findings.into_iter().map(|found| rule_of(Some(found.finding)).0).collect();
    assert!(found.contains("one-generation") && found.contains(invariant), "{found:?}");
}

#[test]
fn a_violation_of_it_is_shrunk() {
    let shrunk = shrink(&noisy(), &systems(), &mut |_, _| true).expect("it fails");
    let text = script::print(&shrunk.schedule);
    assert_eq!(rule_of(Some(shrunk.finding)), ("one-generation", "second"));
    assert!(shrunk.schedule.steps.len() <= 3, "{text}");
}

#[test]
fn a_violation_of_it_is_allowed_by_its_name_everywhere_or_in_one_group() {
    let found = |allowed: Vec<Allow>| !going_on(&systems(), allowed).findings.is_empty();
    assert!(found(Vec::new()));
    assert!(!found(vec![Allow::new("one-generation", None)]));
    assert!(!found(vec![Allow::new("one-generation", Some("g"))]));
    assert!(found(vec![Allow::new("one-generation", Some("h")), Allow::new("session", None)]));
}

/// A run that continues after violations.
fn going_on(systems: &Systems, allowed: Vec<Allow>) -> Report {
    let shared = Rc::new(noisy());
    let world = || Sim::new(&shared, &systems.into());
    Run::of(&shared).systems(systems).drive_in(world, |driver| {
        driver.go_on_after_violations(allowed);
        let _ = driver.drive().and_then(|()| driver.finish());
    })
}

#[test]
#[should_panic(expected = "65 invariants, but at most 64")]
fn there_is_an_end_to_the_number_of_invariants() {
    struct Named(&'static str);
    impl Invariant for Named {
        fn name(&self) -> &'static str {
            self.0
        }
        fn statement(&self) -> &'static str {
            "nothing"
        }
        fn check(&mut self, _model: &Model, _event: &Event) -> Result<(), Breach> {
            Ok(())
        }
    }
    let missing = Checker::MOST + 1 - invariant::names().len();
    let more = (0..missing).map(|number| -> Box<dyn Invariant> {
        Box::new(Named(Box::leak(format!("own-{number}").into_boxed_str())))
    });
    let _ = Checker::new(None).with(more);
}

/// The files of one invariant: a file, or the files of a folder.
fn files_of(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).expect("a folder of sources");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// The ids of the rules that the code names, in order.
fn rules_in(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let calls = code.split("breach!(").skip(1);
    calls.filter_map(|call| Some(call.split('"').nth(1)?.to_owned())).collect()
}

/// The ids of the rules in the head of a module: `Rule: ID`, or the first column of a table.
fn rules_documented(text: &str) -> Vec<String> {
    let head = text.lines().map_while(|line| line.strip_prefix("//!"));
    let ids = head.filter_map(|line| {
        let id = line.strip_prefix(" Rule: `").or_else(|| line.strip_prefix(" | `"))?;
        Some(id.split('`').next()?.to_owned())
    });
    ids.collect()
}

#[test]
fn each_rule_is_in_the_head_of_its_invariant() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/invariant");
    let mut seen = 0;
    for folder in ["common", "classic", "client", "black_box"] {
        for invariant in files_of(&source.join(folder)) {
            let files = files_of(&invariant);
            let texts = files.iter().map(|file| fs::read_to_string(file).expect("a source"));
            let texts: Vec<String> = texts.collect();
            let named: Vec<String> = texts.iter().flat_map(|text| rules_in(text)).collect();
            let unique: BTreeSet<String> = named.iter().cloned().collect();
            let shown = invariant.display();
            if named.is_empty() {
                continue;
            }
            let documented = texts.iter().flat_map(|text| rules_documented(text)).collect();
            assert_eq!(unique, documented, "{shown}");
            seen += unique.len();
        }
    }
    assert!(seen > 80, "{seen} rules");
}
