//! Probes in virtual time: random schedules of everything that a probe supports, everything that it
//! refuses, and every script below `sims/` that it supports. Our own brokers are correct, so a
//! probe of them finds nothing.

use std::fs;
use std::path::{Path, PathBuf};

use groupsim::engine::{Refused, VirtualProbe, run_virtual_probe};
use groupsim::mutant;
use groupsim::rng::Rng;
use groupsim::run::{Finding, Systems};
use groupsim::script;
use groupsim::sim::schedule::Schedule;

const BROKERS: &str = "
    broker count=2 initial-delay=200ms min-session=500ms
    topic orders partitions=4 rate=20/s
";

const SETTINGS: &str = "broker min-session=500ms
topic orders partitions=4
group g session=2s heartbeat=200ms rebalance=3s autocommit=300ms request=3s records=3
";

fn brokers() -> Schedule {
    script::parse_for_external_clients("brokers", BROKERS).expect("a valid script")
}

fn probed(systems: &Systems, text: &str) -> Result<VirtualProbe, Refused> {
    let schedule = script::parse("probe", text).unwrap_or_else(|errors| panic!("{errors}"));
    run_virtual_probe(&schedule, &brokers(), systems, &mut |_, _| ())
}

/// The state of a consumer after the last step.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Gone,
    Running,
    Paused,
}

/// Writes random schedules whose steps are mostly possible.
struct Writer {
    rng: Rng,
    consumers: [State; 4],
    text: String,
}

impl Writer {
    fn schedule(seed: u64) -> String {
        let rng = Rng::stream(seed, "probe");
        let mut writer = Writer { rng, consumers: [State::Gone; 4], text: SETTINGS.to_owned() };
        writer.line("at 0s join c1");
        writer.line("at 0s join c2");
        writer.consumers[..2].fill(State::Running);
        for _ in 0..writer.rng.within(5..=25) {
            writer.step();
        }
        writer.line("quiesce");
        writer.line("settle");
        writer.text
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn step(&mut self) {
        let number = self.rng.below(4) as usize;
        let name = format!("c{}", number + 1);
        let state = &mut self.consumers[number];
        let line = match (*state, self.rng.below(12)) {
            (State::Gone, 0..=7) => {
                *state = State::Running;
                let options =
                    ["", " assignor=cooperative-sticky,range", " version=4", " instance=i1"];
                format!("join {name}{}", self.rng.pick(&options))
            }
            (State::Paused, 0..=4) => {
                *state = State::Running;
                format!("resume {name}")
            }
            (State::Running, 0) => {
                *state = State::Gone;
                // A join before the consumer has closed is impossible.
                format!("leave {name}\nadvance 4s")
            }
            (State::Running, 1) | (State::Paused, 5) => {
                *state = State::Gone;
                format!("crash {name}")
            }
            (State::Running, 2) => {
                *state = State::Paused;
                format!("pause {name}")
            }
            (State::Running, 3) | (State::Running | State::Paused, 6) => {
                let purposes = ["", " coordinator", " bootstrap", " data"];
                format!("reset {name}{}", self.rng.pick(&purposes))
            }
            (State::Running, 4) => {
                let times = ["1ms", "50ms", "800ms"];
                format!("slow {name} process={}", self.rng.pick(&times))
            }
            (State::Running, 5) => {
                let ppm = ["100000", "-100000", "0"];
                format!("skew {name} ppm={}", self.rng.pick(&ppm))
            }
            (_, 8) => "settle".to_owned(),
            _ => format!("advance {}ms", self.rng.within(1..=2_500)),
        };
        self.line(&line);
    }
}

#[test]
fn random_schedules_neither_panic_nor_have_findings() {
    for seed in 0..300 {
        let text = Writer::schedule(seed);
        let result = probed(&Systems::default(), &text);
        let result = result.unwrap_or_else(|refused| panic!("{refused}\n{text}"));
        match result.found.finding {
            // A consumer may have given up by itself, or may not have closed yet.
            None | Some(Finding::BadStep { .. }) => {}
            Some(finding) => panic!("seed {seed}: {finding:?}\n{text}"),
        }
        assert_eq!(result.brokers, None, "seed {seed}\n{text}");
    }
}

#[test]
fn most_random_schedules_are_possible_and_rebalance() {
    let reports = (0..50).map(|seed| probed(&Systems::default(), &Writer::schedule(seed)));
    let reports: Vec<_> = reports.map(|report| report.expect("not refused").found).collect();
    let whole = reports.iter().filter(|report| report.finding.is_none()).count();
    assert!(whole >= 40, "only {whole} of 50 run to their end");
    let rebalances: u64 = reports.iter().map(|report| report.rebalances).sum();
    assert!(rebalances >= 200, "{rebalances} rebalances");
}

#[test]
fn a_virtual_probe_is_repeatable() {
    let digest = || {
        let report = probed(&Systems::default(), &Writer::schedule(7)).expect("not refused");
        report.found.digest
    };
    assert_eq!(digest(), digest());
}

#[test]
fn random_schedules_find_a_mutant() {
    let mutant = mutant::find("forgiving-heartbeats").expect("a mutant").systems();
    let found = (0..100).any(|seed| {
        let result = probed(&mutant, &Writer::schedule(seed)).expect("not refused");
        matches!(result.found.finding, Some(Finding::Violation(found)) if found.invariant == "fencing")
    });
    assert!(found, "no schedule of 100 finds it");
}

/// `reset` once crashed a probe: it looked for the connection's other end among brokers of its own.
#[test]
fn every_connection_can_be_reset() {
    for what in ["", " coordinator", " bootstrap", " data"] {
        let text =
            format!("{SETTINGS}join c1\nadvance 2s\nreset c1{what}\nsettle\nexpect c1 stable");
        let result = probed(&Systems::default(), &text).expect("not refused");
        assert_eq!(result.found.finding, None, "reset c1{what}");
    }
}

/// A response that waits for a paused process is lost with its connection. Its sender is a
/// third-party broker.
#[test]
fn a_response_that_waits_for_a_paused_consumer_may_be_reset() {
    let text = format!(
        "{SETTINGS}join c1\nsettle\nadvance 200ms\npause c1\nadvance 1s\nreset c1\nresume c1\nsettle"
    );
    let result = probed(&Systems::default(), &text).expect("not refused");
    assert_eq!(result.found.finding, None);
}

#[test]
fn after_a_leave_or_a_crash_settle_waits_until_the_others_have_learned_of_it() {
    for goes in ["leave c1", "crash c1"] {
        let text = format!(
            "{SETTINGS}join c1\njoin c2\nsettle\n{goes}\nsettle\n\
             expect c2 stable owns=orders-0,orders-1,orders-2,orders-3 generation=2\n\
             expect stable generation=2 members=1"
        );
        let result = probed(&Systems::default(), &text).expect("not refused");
        assert_eq!(result.found.finding, None, "{goes}");
        assert_eq!(result.found.rebalances, 2, "{goes}");
    }
}

#[test]
fn a_wrong_expectation_of_a_group_is_found() {
    let text = format!("{SETTINGS}join c1\nsettle\nexpect stable generation=1 members=2");
    let found = probed(&Systems::default(), &text).expect("not refused").found.finding;
    let Some(Finding::Violation(violation)) = found else { panic!("{found:?}") };
    assert_eq!(violation.invariant, "expect");
    assert!(violation.message.contains("Stable generation=1 members=1"), "{}", violation.message);
}

/// Everything that a probe does not support, one line each, after c1 has joined.
const REFUSED: [&str; 36] = [
    "produce orders count=1",
    "drain",
    "partition c1 b0",
    "partition c1 -> b0",
    "heal c1 b0",
    "isolate c1",
    "reconnect c1",
    "clog c1 b0 by=1s",
    "unclog c1 b0",
    "drop c1 Heartbeat request",
    "crash b0",
    "pause b0",
    "resume b0",
    "skew b0 ppm=1000",
    "move g to=b1",
    "stall g",
    "unstall g",
    "refuse g",
    "accept g",
    "compact g",
    "grow orders partitions=5",
    "delete-topic orders",
    "describe g",
    "list",
    "delete-group g",
    "delete-offsets g orders-0",
    "remove g member=c1",
    "commit g orders-0=1",
    "offsets g",
    "txn-commit g orders-0=1 producer=7",
    "end-txn g producer=7 commit",
    "expect empty generation=1",
    "expect committed orders-0=1",
    "expect response NONE",
    "expect coordinator b0",
    "expect processed orders-0=1",
];

#[test]
fn an_unsupported_line_is_refused_before_anything_runs() {
    for line in REFUSED {
        let text = format!("broker count=2\n{SETTINGS}join c1\n{line}\n");
        let text = text.replace("broker min-session=500ms\n", "");
        let text = text.replace("broker count=2", "broker count=2 min-session=500ms");
        let schedule = script::parse("probe", &text).unwrap_or_else(|errors| panic!("{errors}"));
        let mut events = 0;
        let refused =
            run_virtual_probe(&schedule, &brokers(), &Systems::default(), &mut |_, _| events += 1);
        match refused {
            Err(Refused::Line { line: 5, why }) => assert!(why.contains(": "), "{line}: {why}"),
            other => panic!("{line}: {other:?}"),
        }
        assert_eq!(events, 0, "{line}");
    }
}

#[test]
fn settings_without_effect_in_a_probe_are_refused() {
    for (verb, option, line) in [
        ("network", "", "network loss=10"),
        ("network", "", "network race=10"),
        ("broker", "racks=", "broker count=2 racks=a,b"),
        ("topic", "rate=", "topic others partitions=1 rate=5/s"),
    ] {
        let text = format!("{line}\ntopic orders partitions=4\ngroup g\njoin c1\n");
        match probed(&Systems::default(), &text) {
            Err(Refused::Setting { verb: found, option: which, .. }) => {
                assert_eq!((found, which), (verb, option), "{line}");
            }
            other => panic!("{line}: {other:?}"),
        }
    }
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of scripts");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let files = paths.iter();
    files.flat_map(|path| if path.is_dir() { files_of(path) } else { vec![path.clone()] }).collect()
}

/// The scripts were written for brokers whose inside is visible. A script that a probe supports
/// must hold there, too.
#[test]
fn the_scripts_that_a_probe_supports_hold() {
    let sims = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims");
    let mut accepted = Vec::new();
    for path in files_of(&sims) {
        let name = path.strip_prefix(&sims).expect("a path below").display().to_string();
        // Scripts in regress/ were shrunk until they depend on the randomness of the simulator.
        if name.starts_with("regress") {
            continue;
        }
        let schedule = script::load(&path).unwrap_or_else(|error| panic!("{error}"));
        let cluster = Schedule { steps: Vec::new(), ..schedule.clone() };
        match run_virtual_probe(&schedule, &cluster, &Systems::default(), &mut |_, _| ()) {
            Err(_) => {}
            Ok(result) => {
                assert_eq!(result.found.finding, None, "{name}");
                assert_eq!(result.brokers, None, "{name}");
                accepted.push(name);
            }
        }
    }
    assert!(accepted.len() >= 20, "only {} are accepted: {accepted:?}", accepted.len());
    let listed: Vec<&str> = KAFKA.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    for name in accepted {
        let name = name.replace(".sim", "");
        let there = listed.contains(&name.as_str());
        assert_ne!(there, OTHER_SETTINGS.contains(&name.as_str()), "{name} in tests/clients/kafka");
    }
}

/// The script that runs these scripts on a real Apache Kafka.
const KAFKA: &str = include_str!("../clients/kafka");

/// Supported but not run there, because they need broker settings other than Kafka's.
const OTHER_SETTINGS: [&str; 1] = ["limits/max-size"];
