//! The invariants judge programs on other engines by the same events, so they catch mutants there
//! as well.

use groupsim::engine::EngineKind;
use groupsim::mutant;
use groupsim::run::{Finding, Report, Run, Systems};
use groupsim::script;

/// A mutant, and a script on which it violates an invariant.
const CASES: [(&str, &str); 2] = [
    (
        "forgiving-heartbeats",
        "broker initial-delay=300ms min-session=1s\ntopic t partitions=2 rate=10/s\n\
         group g session=2s heartbeat=300ms\n\
         join c1\njoin c2\nsettle\npause c2\nadvance 4s\nresume c2\nadvance 2s\n",
    ),
    (
        "keeps-partitions",
        "broker initial-delay=300ms\ntopic t partitions=2 rate=10/s\ngroup g heartbeat=200ms\n\
         join c1\nsettle\njoin c2\nadvance 4s\n",
    ),
];

fn engines() -> impl Iterator<Item = EngineKind> {
    EngineKind::ALL.into_iter().filter(|engine| *engine != EngineKind::Madsim || cfg!(madsim))
}

fn run(engine: EngineKind, text: &str, systems: &Systems) -> Report {
    #[cfg(madsim)]
    groupsim::engine::plug::plug_in(&crate::madsim_engine::MADSIM);
    let schedule = script::parse("inline", text).unwrap_or_else(|error| panic!("{error}"));
    Run::of(&schedule)
        .systems(systems)
        .run_on(engine)
        .unwrap_or_else(|refused| panic!("{engine}: {refused}"))
}

#[test]
fn a_mutant_is_caught_on_every_engine() {
    for (name, text) in CASES {
        let mutant = mutant::find(name).expect("a mutant");
        for engine in engines() {
            let found = run(engine, text, &mutant.systems()).finding;
            let caught = matches!(&found, Some(Finding::Violation(violation))
                if mutant.caught_by.contains(&violation.invariant));
            assert!(caught, "{name} on {engine}: {found:?}");
        }
    }
}

#[test]
fn correct_systems_hold_on_the_same_scripts() {
    for (name, text) in CASES {
        for engine in engines() {
            let report = run(engine, text, &Systems::default());
            assert_eq!(report.finding, None, "the script of {name} on {engine}");
        }
    }
}
