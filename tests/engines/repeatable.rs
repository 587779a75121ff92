//! The same seed gives the same trace, in one process and in two, on every engine that promises it.

use std::path::Path;
use std::process::Command;

use groupsim::engine::EngineKind;
use groupsim::script;
use groupsim::sim::schedule::Schedule;

use crate::program::program;
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

fn engines() -> impl Iterator<Item = EngineKind> {
    REPEATABLE.into_iter().filter(|engine| *engine != EngineKind::Madsim || cfg!(madsim))
}

fn schedule() -> Schedule {
    script::parse("repeatable.sim", SCRIPT).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_same_schedule_twice_in_one_process() {
    for engine in engines() {
        let (first, ends) = look(engine, &schedule());
        assert_eq!(first.finding, None, "{engine}");
        assert_eq!((first, ends), look(engine, &schedule()), "{engine}");
    }
}

#[test]
fn another_seed_is_another_trace() {
    for engine in engines() {
        let digest = |seed| look(engine, &Schedule { seed, ..schedule() }).0.digest;
        assert_ne!(digest(7), digest(8), "{engine}");
    }
}

/// The digest of a run in its own process, after other scripts have run in that process.
fn digest_of_process(engine: EngineKind, before: &[&Path], path: &Path) -> String {
    let output = Command::new(program(engine))
        .args(["run", "--engine", engine.name(), "--format", "json"])
        .args(before)
        .arg(path)
        .output()
        .expect("groupsim starts");
    assert!(output.status.success(), "{engine}: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("groupsim writes UTF-8");
    let report = lines.lines().last().expect("a report comes last");
    let report: serde_json::Value = serde_json::from_str(report).expect("a report is JSON");
    report["digest"].as_str().expect("a report has a digest").to_owned()
}

#[test]
fn the_same_schedule_in_two_processes() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("repeatable.sim");
    std::fs::write(&path, SCRIPT).expect("the folder for test files can be written");
    for engine in engines() {
        let here = format!("{:016x}", look(engine, &schedule()).0.digest);
        let there = [&[][..], &[path.as_path()]];
        let there = there.map(|before| digest_of_process(engine, before, &path));
        assert_eq!(there, [here.clone(), here], "{engine}");
    }
}
