//! The same seed has the same trace: in one process and in two, on one thread and on many, and after
//! its schedule was printed and parsed.

use std::process::Command;
use std::sync::atomic::AtomicBool;

use groupsim::run::{Report, Run, Systems};
use groupsim::script;
use groupsim::sim::schedule::Schedule;
use groupsim::swarm::{Profile, Swarm, schedule};

fn run_once(schedule: &Schedule) -> Report {
    Run::of(schedule).run()
}

#[test]
fn a_seed_has_the_same_report_twice_in_one_process() {
    for profile in Profile::ALL {
        for seed in 0..10 {
            let schedule = schedule(seed, profile);
            assert_eq!(run_once(&schedule), run_once(&schedule), "seed {seed} {profile}");
        }
    }
}

#[test]
fn different_seeds_have_different_digests() {
    let digest = |seed| run_once(&schedule(seed, Profile::Default)).digest;
    assert_ne!(digest(1), digest(2));
}

/// The digest of a swarm in its own process.
fn digest_of_process(jobs: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_groupsim"))
        .args(["swarm", "--seeds", "100..140", "--format", "json", "--jobs", jobs])
        .output()
        .expect("groupsim starts");
    let summary: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("a summary is JSON");
    summary["digest"].as_str().expect("a summary has a digest").to_owned()
}

#[test]
fn a_swarm_has_the_same_digest_in_other_processes_with_other_numbers_of_threads() {
    let systems = Systems::default();
    let swarm = Swarm { jobs: 3, ..Swarm::of(100..140, Profile::Default, &systems) };
    let here = swarm.run(&AtomicBool::new(false), &()).expect("threads can be had");
    let here = format!("{:016x}", here.digest);
    assert_eq!([digest_of_process("1"), digest_of_process("2")], [here.clone(), here]);
}

#[test]
fn a_printed_schedule_parses_to_the_same_schedule() {
    for profile in Profile::ALL {
        for seed in 0..50 {
            let generated = schedule(seed, profile);
            let text = script::print(&generated);
            let mut parsed = match script::parse("generated.sim", &text) {
                Ok(parsed) => parsed,
                Err(error) => panic!("seed {seed} {profile}: {error}"),
            };
            for step in &mut parsed.steps {
                step.line = 0;
            }
            assert_eq!(parsed, generated, "seed {seed} {profile}\n{text}");
        }
    }
}

#[test]
fn a_printed_and_parsed_schedule_has_the_same_digest() {
    for seed in 0..10 {
        let generated = schedule(seed, Profile::Default);
        let parsed = match script::parse("generated.sim", &script::print(&generated)) {
            Ok(parsed) => parsed,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        assert_eq!(run_once(&parsed).digest, run_once(&generated).digest, "seed {seed}");
    }
}
