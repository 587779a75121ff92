//! A failing test of another crate prints a command that replays the seed in that crate.
//!
//! The ignored tests stand for those of another crate: they use only the public API, and fail because
//! their coordinator is broken. The other tests run them as cargo does.

use std::process::{Command, Output};
use std::sync::atomic::AtomicBool;

use groupsim::mutant;
use groupsim::run::Systems;
use groupsim::swarm::{Profile, SeedRange, Swarm, assert_holds, describe_all};

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
    let summary = Swarm::of(0..40, Profile::Default, &systems).run(&stop, &()).expect("threads");
    assert!(summary.findings.is_empty(), "{}", describe_all(&summary, &systems));
}

#[test]
#[ignore = "a test below runs it"]
fn the_right_coordinator_holds() {
    assert_holds(SeedRange::first(2), Profile::Default, &Systems::default());
}

/// Runs one of the tests above in its own process, as `cargo test NAME -- --nocapture --exact` does.
fn cargo_test(name: &str, environment: &[(&str, &str)]) -> (bool, String) {
    let this = std::env::current_exe().expect("a test runs from a file");
    let mut command = Command::new(this);
    command.args([name, "--ignored", "--nocapture", "--exact"]);
    for variable in ["GROUPSIM_SEED", "GROUPSIM_SEEDS", "GROUPSIM_ZOOM", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
    let Output { status, stdout, stderr } =
        command.envs(environment.iter().copied()).output().expect("it starts");
    let printed = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (status.success(), printed.join("\n"))
}

/// The seed and the test of the first replay command in an output.
fn command(printed: &str) -> (&str, &str) {
    let line = printed.lines().find_map(|line| line.strip_prefix("replay: "));
    let line = line.unwrap_or_else(|| panic!("no command in\n{printed}"));
    let words: Vec<&str> = line.split(' ').collect();
    let [seed, "cargo", "test", name, "--", "--nocapture", "--exact"] = words[..] else {
        panic!("not a command of cargo test: {line}")
    };
    (seed.strip_prefix("GROUPSIM_SEED=").expect("a seed"), name)
}

/// Checks that the replay command of a failing test reproduces its finding.
fn check_replay(name: &str) {
    let (held, printed) = cargo_test(name, &[]);
    assert!(!held, "{printed}");
    let finding = printed.lines().find(|line| line.starts_with("seed ")).expect("a finding");
    let (seed, named) = command(&printed);
    assert_eq!(named, name);
    let (held, again) = cargo_test(named, &[("GROUPSIM_SEED", seed)]);
    assert!(!held && again.contains(finding), "not the same finding:\n{again}");
    // The complete trace from its first line, not only the last lines.
    assert!(again.contains("the trace:\n     0.000000  sim      topic "), "{again}");
    assert!(again.lines().count() > printed.lines().count());
    let closer = [("GROUPSIM_SEED", seed), ("GROUPSIM_ZOOM", "wire")];
    assert!(cargo_test(named, &closer).1.contains(" Heartbeat generation="));
}

#[test]
fn a_failing_test_of_another_crate_can_be_replayed() {
    check_replay("my_coordinator_holds");
}

#[test]
fn a_failing_test_that_runs_a_swarm_itself_can_be_replayed() {
    check_replay("my_coordinator_holds_by_hand");
}

#[test]
fn the_trace_of_a_selected_seed_is_printed_even_if_it_holds() {
    let name = "the_right_coordinator_holds";
    let (held, printed) = cargo_test(name, &[("GROUPSIM_SEED", "7")]);
    assert!(
        held && printed.contains("  0.000000  sim      topic ") && printed.contains("\nheld"),
        "{printed}"
    );
    let (held, printed) = cargo_test(name, &[]);
    assert!(held && !printed.contains("0.000000"), "{printed}");
}

#[test]
fn findings_use_the_member_names_of_the_trace_and_show_only_relevant_events() {
    let (_, printed) = cargo_test("my_coordinator_holds", &[]);
    let dashed = |word: &str| word.split('-').filter(|part| part.len() == 4).count() >= 3;
    let id = printed.split(|c: char| c.is_whitespace() || c == '"').find(|word| dashed(word));
    assert_eq!(id, None, "a full member id in\n{printed}");
    assert!(!printed.contains("producer "), "{printed}");
}
