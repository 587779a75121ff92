//! Every script under `tests/conformance/`, each a test of its own: in virtual time, over Kafka's bytes, the cluster
//! answers what a real Kafka 4.4.0 answered, at the time at which it did. What may differ stands in one table, and an
//! entry of it that no longer does is a failure, too.
//!
//! `cargo test --test conformance static` runs those with `static` in their names.

use std::path::Path;

use groupsim::conform::{
    Case, DEVIATIONS, NOT_SERVED, Settings, TOLERANCE, Transcript, Verdict, VirtualBroker, compare,
    difference, embedded, from_file, late,
};
use groupsim::mutant;
use groupsim::run::Systems;
use libtest_mimic::{Arguments, Failed, Trial};

/// Coordinators that some script must notice.
const BROKEN: &[&str] = &[
    "zombie-commits",
    "forgiving-heartbeats",
    "shared-assignment",
    "everybody-leads",
    "generation-behind",
    "stale-offsets",
    "replaces-by-rebalance",
    "fences-the-new",
    "deletes-what-lives",
    "tells-pending",
    "silent-replacement",
    "no-size-limit",
];

fn main() -> std::process::ExitCode {
    let cases = embedded(&Settings::new());
    let mut trials = vec![
        Trial::test("what is in the binary is what is in the folder", in_the_binary),
        Trial::test("every deviation is of a script", every_deviation_is_of_a_script),
        Trial::test("a coordinator that is broken differs", broken_ones_differ),
        Trial::test("the same bytes give the same answers", deterministic),
    ];
    trials.extend(cases.into_iter().map(|case| {
        Trial::test(case.script.name.clone(), move || check(&case, &Systems::default()))
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn transcript(case: &Case, systems: &Systems) -> Result<Transcript, String> {
    let mut broker = VirtualBroker::new(&case.script.presumes, systems)?;
    case.replay(&mut broker, |script| format!("conform-{script}"))
}

fn check(case: &Case, systems: &Systems) -> Result<(), Failed> {
    let transcript = transcript(case, systems)?;
    let recording = case.recording.as_ref().ok_or("it has no recording")?;
    let compared = compare(recording, &transcript, TOLERANCE).map_err(|error| error.to_string())?;
    let verdict = Verdict::own(&case.script.name, compared);
    if let Some((rule, why)) = verdict.not_served {
        return match verdict.differs() {
            false => Ok(()),
            true => Err(format!("equal by now: take it out of NOT_SERVED ({rule}: {why})").into()),
        };
    }
    let mut wrong = String::new();
    for differs in &verdict.differences {
        wrong.push_str(&difference(&case.file, &transcript, differs));
    }
    for slow in &verdict.late {
        wrong.push_str(&late(&case.file, &transcript, slow));
    }
    for (deviation, answer) in &verdict.stale {
        wrong.push_str(&format!(
            "  {}:{}: does not deviate as the table says ({})\n    - {}\n    + {}\n",
            case.file, answer.line, deviation.rule, answer.kafka, answer.here
        ));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("- Kafka 4.4.0, + groupsim\n{wrong}").into())
    }
}

/// Files that are new are not noticed by the compiler.
fn in_the_binary() -> Result<(), Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut files: Vec<_> = std::fs::read_dir(folder.join("scripts"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let inside = embedded(&Settings::new());
    assert_eq!(inside.len(), files.len(), "touch src/conform/suite.rs");
    for (case, file) in inside.iter().zip(&files) {
        let outside = from_file(file, None)?;
        assert_eq!(case.script, outside.script, "touch src/conform/suite.rs");
        let text = |case: &Case| case.recording.as_ref().map(|it| it.text(&case.script.name));
        assert_eq!(text(case), text(&outside), "touch src/conform/suite.rs");
        assert!(case.recording.is_some(), "{} has no recording", case.file);
    }
    Ok(())
}

fn every_deviation_is_of_a_script() -> Result<(), Failed> {
    let cases = embedded(&Settings::new());
    let names = DEVIATIONS.iter().map(|deviation| deviation.script);
    for name in names.chain(NOT_SERVED.iter().map(|(name, ..)| *name)) {
        assert!(
            cases.iter().any(|case| case.script.name == name),
            "{name} deviates, but is not there"
        );
    }
    Ok(())
}

/// A comparison that nothing could fail would prove nothing.
fn broken_ones_differ() -> Result<(), Failed> {
    let right = embedded(&Settings::new()).into_iter();
    let right: Vec<Case> = right.filter(|case| check(case, &Systems::default()).is_ok()).collect();
    for name in BROKEN {
        let systems = mutant::find(name).ok_or(name)?.systems();
        let notices = |case: &&Case| check(case, &systems).is_err();
        assert!(right.iter().any(|case| notices(&case)), "no script notices {name}");
    }
    Ok(())
}

fn deterministic() -> Result<(), Failed> {
    let systems = Systems::default();
    for case in &embedded(&Settings::new()) {
        assert_eq!(transcript(case, &systems)?, transcript(case, &systems)?, "{}", case.file);
    }
    Ok(())
}
