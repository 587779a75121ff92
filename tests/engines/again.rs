//! The same seed is the same trace: in one process and in two, on every engine that promises it.

use std::process::Command;
use std::sync::atomic::AtomicBool;

use groupsim::engine::Engine;
use groupsim::run::Systems;
use groupsim::script;
use groupsim::swarm::{Conditions, Profile, run_seeds};

use crate::{REPEATABLE, look};

const SCRIPT: &str = "
seed 7
topic orders partitions=4 rate=2/s
group g session=6s heartbeat=1s request=8s
join c1
join c2
settle
crash c2
advance 1s
restart c2
partition c1 -> b0
advance 3s
heal c1 b0
advance 4s
settle
";

#[test]
fn the_same_schedule_twice_in_one_process() {
    let schedule = script::parse("again.sim", SCRIPT).unwrap_or_else(|error| panic!("{error}"));
    for engine in REPEATABLE {
        let (first, ends) = look(engine, &schedule);
        assert_eq!(first.finding, None, "{engine}");
        assert_eq!((first, ends), look(engine, &schedule), "{engine}");
    }
}

#[test]
fn another_seed_is_another_trace() {
    let mut schedule = script::parse("again.sim", SCRIPT).unwrap_or_else(|error| panic!("{error}"));
    for engine in REPEATABLE {
        schedule.seed = 7;
        let (first, _) = look(engine, &schedule);
        schedule.seed = 8;
        let (second, _) = look(engine, &schedule);
        assert_ne!(first.digest, second.digest, "{engine}");
    }
}

/// The digest of a swarm in a process of its own.
fn digest_of_process(engine: Engine, seeds: u64, jobs: &str) -> String {
    let seeds = format!("0..{seeds}");
    let output = Command::new(env!("CARGO_BIN_EXE_groupsim"))
        .args(["swarm", "--seeds", &seeds, "--profile", "calm", "--format", "json"])
        .args(["--engine", engine.name(), "--jobs", jobs])
        .output()
        .expect("groupsim starts");
    let summary: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("a summary is JSON");
    assert_eq!(summary["engine"], engine.name());
    summary["digest"].as_str().expect("a summary has a digest").to_owned()
}

fn the_same_in_two_processes(engine: Engine, seeds: u64) {
    let conditions = Conditions { profile: Profile::Calm, engine };
    let (systems, stop) = (Systems::default(), AtomicBool::new(false));
    let here = run_seeds(0..seeds, conditions, 2, &systems, &stop, &|_| ())
        .unwrap_or_else(|why| panic!("{engine}: {why}"));
    let here = format!("{:016x}", here.digest);
    let there = [digest_of_process(engine, seeds, "1"), digest_of_process(engine, seeds, "2")];
    assert_eq!(there, [here.clone(), here], "{engine}");
}

#[cfg(madsim)]
#[test]
fn the_same_seeds_in_two_processes_on_madsim() {
    the_same_in_two_processes(Engine::Madsim, 6);
}

#[test]
fn the_same_seed_in_two_processes_on_turmoil() {
    the_same_in_two_processes(Engine::Turmoil, 1);
}
