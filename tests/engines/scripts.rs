//! The scripts under `sims/` on every engine: their `expect` lines hold, no invariant is violated,
//! and they have the same outcome.
//!
//! Not every fact of an outcome is determined by the script. For example, the committed offset
//! depends on when the last commit was sent. So each script runs on the event engine with several
//! seeds. The facts on which these runs agree must hold on the other engines, too. The others
//! depend on randomness and are listed in a snapshot.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use groupsim::engine::{EngineKind, refusal};
use groupsim::script;
use groupsim::sim::schedule::{Action, Schedule, Step};

use crate::look;

/// The number of seeds with which a script runs on the event engine, to find the facts that depend
/// on randomness.
const SEEDS: u64 = 6;

/// Scripts that do not run on other engines, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    ("topics/delete", "the expectations depend on which member is the leader, which is random"),
    (
        "topics/delete-cooperative",
        "the expectations depend on which member is the leader, which is random",
    ),
    ("failover/uncommitted-tail-kept-then-lost", "it needs c2 to become leader, which is random"),
];

/// How much longer each script runs, so that no commit and no heartbeat races its end.
const EXTRA_TIME: Duration = Duration::from_secs(6);

type Facts = BTreeMap<String, String>;

/// Each script below `sims/`, by its name.
fn scripts() -> Vec<(String, Schedule)> {
    let sims = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims");
    let named = files(&sims).into_iter().map(|path| {
        let inside = path.strip_prefix(&sims).expect("a path below the sims folder");
        let name = inside.with_extension("").to_string_lossy().replace('\\', "/");
        let mut schedule = script::load(&path).unwrap_or_else(|error| panic!("{error}"));
        schedule.steps.push(Step { line: 0, at: None, action: Action::Advance(EXTRA_TIME) });
        (name, schedule)
    });
    // Scripts in regress/ were shrunk until they depend on the randomness of the event engine.
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

/// The facts of a script on the event engine that hold with every seed, and the names of those that
/// depend on randomness. Seeds with a finding are skipped: some scripts need the randomness of
/// their own seed.
fn reference(schedule: &Schedule) -> (Facts, Vec<String>) {
    let (report, outcome) = look(EngineKind::Sim, schedule);
    assert_eq!(report.finding, None);
    let mut facts = outcome.facts();
    let mut random = Vec::new();
    for seed in 1..SEEDS {
        let other = Schedule { seed: schedule.seed + seed * 1_000, ..schedule.clone() };
        let (report, outcome) = look(EngineKind::Sim, &other);
        if report.finding.is_some() {
            continue;
        }
        let found = outcome.facts();
        let differs = |name: &String| facts.get(name) != found.get(name);
        random.extend(facts.keys().chain(found.keys()).filter(|name| differs(name)).cloned());
        facts.retain(|name, value| found.get(name) == Some(value));
    }
    random.sort();
    random.dedup();
    (facts, random)
}

/// The differences from the event engine, or the finding, of a script on an engine.
fn differences(engine: EngineKind, schedule: &Schedule, facts: &Facts) -> Vec<String> {
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

/// Runs `work` for each script, on as many threads as there are cores, and joins the results.
fn for_each(
    scripts: &[(String, Schedule)],
    work: impl Fn(&str, &Schedule) -> String + Sync,
) -> String {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((name, schedule)) = scripts.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let text = work(name, schedule);
                    results.lock().expect("no worker panics with the lock held").insert(name, text);
                }
            });
        }
    });
    results.into_inner().expect("no worker panics with the lock held").into_values().collect()
}

fn check_agreement(engine: EngineKind, scripts: &[(String, Schedule)]) {
    crate::plug_in();
    let wrong = for_each(scripts, |name, schedule| {
        if refusal(engine, schedule).is_some() {
            return String::new();
        }
        let (facts, _) = reference(schedule);
        let differences = differences(engine, schedule, &facts);
        differences.iter().map(|what| format!("{name}: {what}\n")).collect()
    });
    assert!(wrong.is_empty(), "on {engine} some scripts have another outcome:\n{wrong}");
}

#[cfg(madsim)]
#[test]
fn every_script_has_the_same_outcome_on_madsim() {
    check_agreement(EngineKind::Madsim, &scripts());
}

/// turmoil advances in ticks of a millisecond, so only short scripts run on it. `GROUPSIM_ALL=1`
/// runs all.
#[test]
fn short_scripts_have_the_same_outcome_on_turmoil() {
    let mut scripts = scripts();
    if std::env::var_os("GROUPSIM_ALL").is_none() {
        scripts.retain(|(_, schedule)| {
            let (report, _) = look(EngineKind::Sim, schedule);
            report.simulated.as_secs() <= SHORT
        });
        assert!(scripts.len() >= 20, "only {} scripts are short", scripts.len());
    }
    check_agreement(EngineKind::Turmoil, &scripts);
}

/// The longest virtual time in seconds of a script that runs on turmoil.
const SHORT: u64 = 28;

/// The facts of each script on which the engines are not compared.
#[test]
fn facts_that_depend_on_randomness_are_listed() {
    let list = for_each(&scripts(), |name, schedule| {
        let (facts, random) = reference(schedule);
        let mut line = format!("{name}: {} facts", facts.len());
        if !random.is_empty() {
            let _ = write!(line, ", but random: {}", random.join("; "));
        }
        line + "\n"
    });
    insta::with_settings!({
        snapshot_path => "../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("engines-random", list);
    });
}
