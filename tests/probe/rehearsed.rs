//! Probes in virtual time: random schedules of all that a probe accepts, all that it refuses, and every script
//! below `sims/` that it accepts. On our own brokers, which are correct, it finds nothing.

use std::fs;
use std::path::{Path, PathBuf};

use groupsim::engine::{Refused, Rehearsal, rehearse};
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
    script::parse_outside("brokers", BROKERS).expect("a valid script")
}

fn rehearsed(systems: &Systems, text: &str) -> Result<Rehearsal, Refused> {
    let schedule = script::parse("probe", text).unwrap_or_else(|errors| panic!("{errors}"));
    rehearse(&schedule, &brokers(), systems, &mut |_| ())
}

/// What the schedule has done to a consumer last.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Gone,
    Running,
    Paused,
}

/// Writes random schedules that are mostly possible.
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
        writer.line("calm");
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
                let how = ["", " assignor=cooperative-sticky,range", " version=4", " instance=i1"];
                format!("join {name}{}", self.rng.pick(&how))
            }
            (State::Paused, 0..=4) => {
                *state = State::Running;
                format!("resume {name}")
            }
            (State::Running, 0) => {
                *state = State::Gone;
                // A join that comes before it has closed is impossible.
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
                let what = ["", " coordinator", " bootstrap", " data"];
                format!("reset {name}{}", self.rng.pick(&what))
            }
            (State::Running, 4) => {
                let pace = ["1ms", "50ms", "800ms"];
                format!("slow {name} process={}", self.rng.pick(&pace))
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
fn random_schedules_neither_panic_nor_find_anything() {
    for seed in 0..300 {
        let text = Writer::schedule(seed);
        let rehearsal = rehearsed(&Systems::default(), &text);
        let rehearsal = rehearsal.unwrap_or_else(|refused| panic!("{refused}\n{text}"));
        match rehearsal.found.finding {
            // A consumer may have given up by itself, or not have closed yet.
            None | Some(Finding::BadStep { .. }) => {}
            Some(finding) => panic!("seed {seed}: {finding:?}\n{text}"),
        }
        assert_eq!(rehearsal.brokers, None, "seed {seed}\n{text}");
    }
}

#[test]
fn most_random_schedules_are_possible_and_rebalance() {
    let reports = (0..50).map(|seed| rehearsed(&Systems::default(), &Writer::schedule(seed)));
    let reports: Vec<_> = reports.map(|report| report.expect("not refused").found).collect();
    let whole = reports.iter().filter(|report| report.finding.is_none()).count();
    assert!(whole >= 40, "only {whole} of 50 are carried out to their end");
    let rebalances: u64 = reports.iter().map(|report| report.rebalances).sum();
    assert!(rebalances >= 200, "{rebalances} rebalances");
}

#[test]
fn a_rehearsal_repeats_itself() {
    let digest = || {
        let report = rehearsed(&Systems::default(), &Writer::schedule(7)).expect("not refused");
        report.found.digest
    };
    assert_eq!(digest(), digest());
}

#[test]
fn random_schedules_find_a_mutant() {
    let mutant = mutant::find("forgiving-heartbeats").expect("a mutant").systems();
    let found = (0..100).any(|seed| {
        let rehearsal = rehearsed(&mutant, &Writer::schedule(seed)).expect("not refused");
        matches!(rehearsal.found.finding, Some(Finding::Violation(found)) if found.invariant == "fencing")
    });
    assert!(found, "no schedule of 100 finds it");
}

/// `reset` once crashed a probe: it looked for the connection's other end among brokers of its own.
#[test]
fn every_connection_can_be_reset() {
    for what in ["", " coordinator", " bootstrap", " data"] {
        let text =
            format!("{SETTINGS}join c1\nadvance 2s\nreset c1{what}\nsettle\nexpect c1 stable");
        let rehearsal = rehearsed(&Systems::default(), &text).expect("not refused");
        assert_eq!(rehearsal.found.finding, None, "reset c1{what}");
    }
}

/// An answer that waited for a paused process is lost with its connection; its sender is no broker of ours.
#[test]
fn what_waits_for_a_paused_consumer_may_be_reset() {
    let text = format!(
        "{SETTINGS}join c1\nsettle\nadvance 200ms\npause c1\nadvance 1s\nreset c1\nresume c1\nsettle"
    );
    let rehearsal = rehearsed(&Systems::default(), &text).expect("not refused");
    assert_eq!(rehearsal.found.finding, None);
}

#[test]
fn after_a_leave_or_a_crash_settle_waits_until_the_others_have_heard() {
    for goes in ["leave c1", "crash c1"] {
        let text = format!(
            "{SETTINGS}join c1\njoin c2\nsettle\n{goes}\nsettle\n\
             expect c2 stable owns=orders-0,orders-1,orders-2,orders-3 generation=2\n\
             expect stable generation=2 members=1"
        );
        let rehearsal = rehearsed(&Systems::default(), &text).expect("not refused");
        assert_eq!(rehearsal.found.finding, None, "{goes}");
        assert_eq!(rehearsal.found.rebalances, 2, "{goes}");
    }
}

#[test]
fn a_state_that_a_group_is_not_in_is_found() {
    let text = format!("{SETTINGS}join c1\nsettle\nexpect stable generation=1 members=2");
    let found = rehearsed(&Systems::default(), &text).expect("not refused").found.finding;
    let Some(Finding::Violation(violation)) = found else { panic!("{found:?}") };
    assert_eq!(violation.invariant, "expect");
    assert!(violation.message.contains("Stable generation=1 members=1"), "{}", violation.message);
}

/// Everything that a probe cannot do, one line each, after c1 has joined.
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
    "expect answer NONE",
    "expect coordinator b0",
    "expect processed orders-0=1",
];

#[test]
fn what_a_probe_cannot_do_is_refused_with_its_line_before_anything_runs() {
    for line in REFUSED {
        let text = format!("broker count=2\n{SETTINGS}join c1\n{line}\n");
        let text = text.replace("broker min-session=500ms\n", "");
        let text = text.replace("broker count=2", "broker count=2 min-session=500ms");
        let schedule = script::parse("probe", &text).unwrap_or_else(|errors| panic!("{errors}"));
        let mut events = 0;
        let refused = rehearse(&schedule, &brokers(), &Systems::default(), &mut |_| events += 1);
        match refused {
            Err(Refused::Line { line: 5, why }) => assert!(why.contains(": "), "{line}: {why}"),
            other => panic!("{line}: {other:?}"),
        }
        assert_eq!(events, 0, "{line}");
    }
}

#[test]
fn settings_that_mean_nothing_to_a_probe_are_refused() {
    for (verb, option, line) in [
        ("network", "", "network loss=10"),
        ("network", "", "network aim=10"),
        ("broker", "racks=", "broker count=2 racks=a,b"),
        ("topic", "rate=", "topic others partitions=1 rate=5/s"),
    ] {
        let text = format!("{line}\ntopic orders partitions=4\ngroup g\njoin c1\n");
        match rehearsed(&Systems::default(), &text) {
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

/// The scripts were written for brokers that are looked into. Where a probe accepts one, it comes to the same.
#[test]
fn the_scripts_that_a_probe_accepts_hold() {
    let sims = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims");
    let mut accepted = Vec::new();
    for path in files_of(&sims) {
        let name = path.strip_prefix(&sims).expect("a path below").display().to_string();
        // Those of regress/ were shrunk until they rest on the luck of the simulator.
        if name.starts_with("regress") {
            continue;
        }
        let schedule = script::load(&path).unwrap_or_else(|error| panic!("{error}"));
        let cluster = Schedule { steps: Vec::new(), ..schedule.clone() };
        match rehearse(&schedule, &cluster, &Systems::default(), &mut |_| ()) {
            Err(_) => {}
            Ok(rehearsal) => {
                assert_eq!(rehearsal.found.finding, None, "{name}");
                assert_eq!(rehearsal.brokers, None, "{name}");
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

/// Runs these scripts on a real Apache Kafka.
const KAFKA: &str = include_str!("../clients/kafka");

/// Accepted, and not run there: they need a broker with other settings than Kafka's.
const OTHER_SETTINGS: [&str; 1] = ["limits/max-size"];
