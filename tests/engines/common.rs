//! The scripts under `sims/` on every engine: their `expect` lines hold, no invariant objects, and they come to
//! the same end.
//!
//! Not all of an end is determined: how far a commit has come depends on when the last one went out. So each
//! script is run on the event engine with several seeds, and what these agree on is what the other engines have
//! to come to as well. What they do not agree on is luck, and listed in a snapshot.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use groupsim::engine::{Engine, refusal};
use groupsim::script;
use groupsim::sim::schedule::{Action, Schedule, Step};

use crate::look;

/// With how many seeds a script is run on the event engine, to see what of its outcome is luck.
const SEEDS: u64 = 6;

/// Not run on other engines, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    ("topics/delete", "what is expected depends on who becomes leader, which is luck"),
    ("topics/delete-cooperative", "what is expected depends on who becomes leader, which is luck"),
    ("failover/uncommitted-tail-kept-then-lost", "it needs c2 to be leader, which is luck"),
];

/// How much longer each script goes on, so that no commit and no heartbeat of its end is a race.
const AFTERMATH: Duration = Duration::from_secs(6);

type Facts = BTreeMap<String, String>;

/// Each script below `sims/`, by its name.
fn scripts() -> Vec<(String, Schedule)> {
    let sims = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims");
    let named = files(&sims).into_iter().map(|path| {
        let inside = path.strip_prefix(&sims).expect("a path below the sims folder");
        let name = inside.with_extension("").to_string_lossy().replace('\\', "/");
        let mut schedule = script::load(&path).unwrap_or_else(|error| panic!("{error}"));
        schedule.steps.push(Step { line: 0, at: None, action: Action::Advance(AFTERMATH) });
        (name, schedule)
    });
    // Those of regress/ were shrunk until they stand on the luck of the event engine.
    let named = named.filter(|(name, _)| !name.starts_with("regress/"));
    named.filter(|(name, _)| LEFT_OUT.iter().all(|(other, _)| name != other)).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of scripts");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
        .iter()
        .flat_map(|path| if path.is_dir() { files(path) } else { vec![path.clone()] })
        .collect()
}

/// What a script comes to on the event engine with any seed, and which facts are luck. Seeds with which the
/// script does not hold are no use: some scripts were written for the luck of theirs.
fn reference(schedule: &Schedule) -> (Facts, Vec<String>) {
    let (report, outcome) = look(Engine::Sim, schedule);
    assert_eq!(report.finding, None);
    let mut facts = outcome.facts();
    let mut luck = Vec::new();
    for seed in 1..SEEDS {
        let other = Schedule { seed: schedule.seed + seed * 1_000, ..schedule.clone() };
        let (report, outcome) = look(Engine::Sim, &other);
        if report.finding.is_some() {
            continue;
        }
        let found = outcome.facts();
        let differs = |name: &String| facts.get(name) != found.get(name);
        luck.extend(facts.keys().chain(found.keys()).filter(|name| differs(name)).cloned());
        facts.retain(|name, value| found.get(name) == Some(value));
    }
    luck.sort();
    luck.dedup();
    (facts, luck)
}

/// What is wrong with a script on an engine.
fn objections(engine: Engine, schedule: &Schedule, facts: &Facts) -> Vec<String> {
    let (report, outcome) = look(engine, schedule);
    if let Some(finding) = report.finding {
        return vec![format!("{finding:?}")];
    }
    let found = outcome.facts();
    let differing = facts.iter().filter(|(name, value)| found.get(*name) != Some(*value));
    differing
        .map(|(name, value)| {
            let found = found.get(name).map_or("nothing", String::as_str);
            format!("{name} is {found}, but {value} on the event engine")
        })
        .collect()
}

/// Does something with each script, on as many threads as there are cores, and gathers what it says.
fn for_each(
    scripts: &[(String, Schedule)],
    work: impl Fn(&str, &Schedule) -> String + Sync,
) -> String {
    let (next, said) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((name, schedule)) = scripts.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let words = work(name, schedule);
                    said.lock().expect("no worker panics while it speaks").insert(name, words);
                }
            });
        }
    });
    said.into_inner().expect("no worker panics while it speaks").into_values().collect()
}

fn agrees(engine: Engine, scripts: &[(String, Schedule)]) {
    let wrong = for_each(scripts, |name, schedule| {
        if refusal(engine, schedule).is_some() {
            return String::new();
        }
        let (facts, _) = reference(schedule);
        let objections = objections(engine, schedule, &facts);
        objections.iter().map(|what| format!("{name}: {what}\n")).collect()
    });
    assert!(wrong.is_empty(), "on {engine} some scripts come to another end:\n{wrong}");
}

#[cfg(madsim)]
#[test]
fn every_script_comes_to_the_same_end_on_madsim() {
    agrees(Engine::Madsim, &scripts());
}

/// turmoil goes by in ticks of a millisecond, so only the scripts that are soon over are run on it;
/// `GROUPSIM_ALL=1` runs all.
#[test]
fn short_scripts_come_to_the_same_end_on_turmoil() {
    let mut scripts = scripts();
    if std::env::var_os("GROUPSIM_ALL").is_none() {
        scripts.retain(|(_, schedule)| {
            let (report, _) = look(Engine::Sim, schedule);
            report.simulated.as_secs() <= SHORT
        });
        assert!(scripts.len() >= 20, "only {} scripts are short", scripts.len());
    }
    agrees(Engine::Turmoil, &scripts);
}

/// How many virtual seconds a script may take to be run on turmoil.
const SHORT: u64 = 28;

/// What the engines are not compared on, for each script.
#[test]
fn what_is_luck_is_known() {
    let list = for_each(&scripts(), |name, schedule| {
        let (facts, luck) = reference(schedule);
        let mut line = format!("{name}: {} facts", facts.len());
        if !luck.is_empty() {
            let _ = write!(line, ", but luck: {}", luck.join("; "));
        }
        line + "\n"
    });
    insta::with_settings!({
        snapshot_path => "../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("engines-luck", list);
    });
}
