//! A test of somebody's own crate that fails tells how to see the seed again, and that works where the test is.
//!
//! The tests that are ignored here stand for those of another crate: they use nothing but what is public, and
//! fail, because their coordinator is broken. The others run them as cargo would.

use std::process::{Command, Output};
use std::sync::atomic::AtomicBool;

use groupsim::mutant;
use groupsim::run::Systems;
use groupsim::swarm::{Profile, SeedRange, assert_holds, describe_all, run_seeds};

fn broken() -> Systems {
    mutant::find("forgiving-heartbeats").expect("a mutant of that name").systems()
}

#[test]
#[ignore = "fails; the tests below run it"]
fn my_coordinator_holds() {
    assert_holds(SeedRange::first(40), Profile::Default, &broken());
}

#[test]
#[ignore = "fails; the tests below run it"]
fn my_coordinator_holds_by_hand() {
    let systems = broken();
    let stop = AtomicBool::new(false);
    let summary = run_seeds(0..40, Profile::Default, 0, &systems, &stop, &|_| ()).expect("threads");
    assert!(summary.findings.is_empty(), "{}", describe_all(&summary, &systems));
}

#[test]
#[ignore = "one of those below runs it"]
fn the_right_coordinator_holds() {
    assert_holds(SeedRange::first(2), Profile::Default, &Systems::default());
}

/// Runs one of the tests above in a process of its own, as `cargo test NAME -- --nocapture --exact` does.
fn cargo_test(name: &str, environment: &[(&str, &str)]) -> (bool, String) {
    let this = std::env::current_exe().expect("a test runs from a file");
    let mut command = Command::new(this);
    command.args([name, "--ignored", "--nocapture", "--exact"]);
    for variable in ["GROUPSIM_SEED", "GROUPSIM_SEEDS", "GROUPSIM_ZOOM", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
    let Output { status, stdout, stderr } =
        command.envs(environment.iter().copied()).output().expect("it starts");
    let told = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (status.success(), told.join("\n"))
}

/// The seed and the test of the first command that is told.
fn command(told: &str) -> (&str, &str) {
    let line = told.lines().find_map(|line| line.strip_prefix("see all of it: "));
    let line = line.unwrap_or_else(|| panic!("no command in\n{told}"));
    let words: Vec<&str> = line.split(' ').collect();
    let [seed, "cargo", "test", name, "--", "--nocapture", "--exact"] = words[..] else {
        panic!("it cannot be run here: {line}")
    };
    (seed.strip_prefix("GROUPSIM_SEED=").expect("a seed"), name)
}

fn is_seen_again(name: &str) {
    let (held, told) = cargo_test(name, &[]);
    assert!(!held, "{told}");
    let finding = told.lines().find(|line| line.starts_with("seed ")).expect("a finding");
    let (seed, named) = command(&told);
    assert_eq!(named, name);
    let (held, again) = cargo_test(named, &[("GROUPSIM_SEED", seed)]);
    assert!(!held && again.contains(finding), "not the same finding:\n{again}");
    // The whole trace, from its first line on, and not its tail.
    assert!(again.contains("the trace:\n     0.000000  sim      topic "), "{again}");
    assert!(again.lines().count() > told.lines().count());
    let closer = [("GROUPSIM_SEED", seed), ("GROUPSIM_ZOOM", "wire")];
    assert!(cargo_test(named, &closer).1.contains(" Heartbeat generation="));
}

#[test]
fn a_failing_test_of_another_crate_is_seen_again() {
    is_seen_again("my_coordinator_holds");
}

#[test]
fn so_is_one_that_puts_the_parts_together_itself() {
    is_seen_again("my_coordinator_holds_by_hand");
}

#[test]
fn a_seed_that_holds_is_shown_when_it_is_named() {
    let name = "the_right_coordinator_holds";
    let (held, told) = cargo_test(name, &[("GROUPSIM_SEED", "7")]);
    assert!(
        held && told.contains("  0.000000  sim      topic ") && told.contains("\nheld"),
        "{told}"
    );
    let (held, told) = cargo_test(name, &[]);
    assert!(held && !told.contains("0.000000"), "{told}");
}

#[test]
fn members_are_named_as_in_the_trace_and_only_what_concerns_them_is_shown() {
    let (_, told) = cargo_test("my_coordinator_holds", &[]);
    let dashed = |word: &str| word.split('-').filter(|part| part.len() == 4).count() >= 3;
    let id = told.split(|c: char| c.is_whitespace() || c == '"').find(|word| dashed(word));
    assert_eq!(id, None, "a full member id in\n{told}");
    assert!(!told.contains("producer "), "{told}");
}
