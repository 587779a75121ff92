//! Campaigns that are killed, run twice, run out of disk space, or miss their canary: no finding is
//! lost, and the summary reports what went wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use groupsim::campaign::{Entry, Line, Merged};
use serde_json::Value;

#[path = "campaign/merge.rs"]
mod merge;
#[path = "campaign/workflows.rs"]
mod workflows;

/// A mutant that is found on nearly every seed, and the invariant that finds it.
const CANARY: (&str, &str) = ("commits-ahead", "no-loss");

fn groupsim(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groupsim"));
    command.args(args).stdin(Stdio::null());
    for name in ["RUST_LOG", "CLICOLOR_FORCE", "RUST_BACKTRACE", "GITHUB_STEP_SUMMARY"] {
        command.env_remove(name);
    }
    command.env("GITHUB_SHA", "0123456789abcdef");
    command
}

fn output(line: &str, more: &[&str]) -> Output {
    let args: Vec<&str> = line.split(' ').chain(more.iter().copied()).collect();
    groupsim(&args).output().expect("groupsim starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("groupsim writes UTF-8")
}

fn json(output: &Output) -> Value {
    let stdout = text(&output.stdout);
    serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{}", text(&output.stderr)))
}

/// An empty directory for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("campaign").join(name);
    if path.exists() {
        fs::remove_dir_all(&path).expect("the directory of an earlier test can be removed");
    }
    fs::create_dir_all(&path).expect("the directory for test files can be written");
    path
}

fn merged(folder: &Path) -> Merged {
    Merged::read(&[folder.to_owned()]).expect("ledgers")
}

/// All findings in the ledgers of a directory, except a truncated last line.
fn findings(folder: &Path) -> Vec<Entry> {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.unwrap().path());
    let texts = files.map(|path| fs::read_to_string(path).expect("a ledger"));
    let lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    lines
        .filter_map(|line| match serde_json::from_str(&line) {
            Ok(Line::Finding(entry)) => Some(*entry),
            _ => None,
        })
        .collect()
}

fn seeds(folder: &Path) -> Vec<u64> {
    let mut seeds: Vec<u64> = findings(folder).iter().map(|entry| entry.seed).collect();
    seeds.sort_unstable();
    seeds
}

#[allow(clippy::disallowed_methods, reason = "another process is waited for")]
fn wait_until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("timed out after 30 s: {what}");
}

#[test]
fn a_finding_has_everything_that_is_needed_to_reproduce_it() {
    let ledger = folder("entry");
    let swarm = format!("swarm --seeds 0..4 --mutant {} --format json --ledger", CANARY.0);
    let summary = output(&swarm, &[ledger.to_str().unwrap()]);
    assert_eq!(summary.status.code(), Some(1), "{}", text(&summary.stderr));
    let summary = json(&summary);
    assert_eq!((&summary["mutant"], &summary["shard"]), (&CANARY.0.into(), &"0/1".into()));
    assert_eq!(summary["ended"], "done");
    assert!(Path::new(summary["ledger"].as_str().unwrap()).starts_with(&ledger), "{summary}");

    let found = findings(&ledger);
    assert_eq!(found.len(), summary["findings"].as_array().unwrap().len());
    let entry =
        found.iter().find(|entry| entry.invariant == CANARY.1).expect("the mutant is found");
    assert_eq!(entry.commit, "0123456789abcdef");
    assert_eq!((entry.profile.as_str(), entry.engine.as_str()), ("default", "sim"));
    let has_digit = entry.signature.contains(|letter: char| letter.is_ascii_digit());
    assert!(!has_digit, "{}", entry.signature);

    let seed = entry.seed.to_string();
    let replay = format!("replay {seed} --mutant {} --format json", CANARY.0);
    let again = output(&replay, &[]);
    assert_eq!(again.status.code(), Some(1));
    let report: Value = serde_json::from_str(text(&again.stdout).lines().last().unwrap()).unwrap();
    assert_eq!(report["digest"].as_str(), entry.trace.as_deref());
    assert_eq!(report["finding"]["message"], entry.message);
    assert_eq!(report["simulated_us"].as_u64(), entry.simulated_us);
    let without_mutant = output(&format!("replay {seed}"), &[]);
    assert_eq!(without_mutant.status.code(), Some(0), "found without the mutant");
}

/// A process that is killed when its test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A swarm is killed with SIGKILL after it has findings. The ledger has the findings and the number of
/// seeds.
#[cfg(unix)]
#[test]
fn a_killed_swarm_loses_no_finding() {
    let ledger = folder("killed");
    let swarm = format!("swarm --seeds 0.. --mutant {} --ledger", CANARY.0);
    let args: Vec<&str> = swarm.split(' ').chain([ledger.to_str().unwrap()]).collect();
    let mut child = Running(groupsim(&args).stdout(Stdio::null()).spawn().unwrap());
    wait_until("the ledger has a tally and a finding", || {
        let so_far = Merged::read(std::slice::from_ref(&ledger)).unwrap_or_default();
        so_far.tally(Some(CANARY.0)).seeds > 0 && !so_far.findings.is_empty()
    });
    let before = seeds(&ledger);
    child.0.kill().unwrap();
    assert_eq!(child.0.wait().unwrap().code(), None);

    let after = seeds(&ledger);
    let lost: Vec<_> = before.iter().filter(|seed| !after.contains(seed)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let campaign = merged(&ledger);
    assert_eq!((campaign.ledgers.len(), campaign.ledgers[0].ended), (1, None));
    let times: u64 = campaign.findings.values().map(|kept| kept.times).sum();
    assert_eq!(times, after.len() as u64);
    assert!(campaign.tally(Some(CANARY.0)).seeds > 0);
    // Without seeds that have no mutant the campaign would prove nothing.
    merge::ledger(&ledger, "0/1", &[]);
    let report = output("report merge", &[ledger.to_str().unwrap(), "--expect-canary", CANARY.0]);
    assert_eq!(report.status.code(), Some(0), "{}", text(&report.stderr));
    assert!(text(&report.stdout).contains("| killed |"), "{}", text(&report.stdout));
}

#[test]
fn two_swarms_that_share_a_directory_lose_no_finding() {
    let (both, first, second) = (folder("both"), folder("first"), folder("second"));
    let run = |range: &str, ledger: &Path| {
        let swarm = format!("swarm --seeds {range} --mutant {} --ledger", CANARY.0);
        let args: Vec<&str> = swarm.split(' ').chain([ledger.to_str().unwrap()]).collect();
        groupsim(&args).stdout(Stdio::null()).spawn().unwrap()
    };
    let ranges = [("0..150", &first), ("150..300", &second)];
    let at_once = ranges.map(|(range, _)| run(range, &both));
    at_once.into_iter().for_each(|mut swarm| assert_eq!(swarm.wait().unwrap().code(), Some(1)));
    ranges.into_iter().for_each(|(range, alone)| {
        run(range, alone).wait().unwrap();
    });
    assert_eq!(merged(&both).ledgers.len(), 2);
    assert_eq!(seeds(&both), [seeds(&first), seeds(&second)].concat());
    assert!(seeds(&both).len() > 200);
}

#[test]
fn the_shards_together_run_all_seeds() {
    let digest = |summary: &Value| {
        u64::from_str_radix(summary["digest"].as_str().expect("a digest"), 16).expect("hexadecimal")
    };
    let whole = json(&output("swarm --seeds 100..130 --format json", &[]));
    let shards = [0, 1, 2, 3].map(|index| {
        json(&output(&format!("swarm --seeds 100..130 --shard {index}/4 --format json"), &[]))
    });
    let sum = shards.iter().map(digest).fold(0, u64::wrapping_add);
    assert_eq!(sum, digest(&whole), "the digest differs from that without shards");
    for count in ["simulated_us", "events", "messages", "rebalances", "records"] {
        let sum: u64 = shards.iter().map(|shard| shard[count].as_u64().unwrap()).sum();
        assert_eq!(Some(sum), whole[count].as_u64(), "{count}");
    }
    assert_eq!(shards.map(|shard| shard["seeds"]["ran"].as_u64().unwrap()), [8, 8, 7, 7]);
}

#[test]
fn an_endless_swarm_ends_at_its_time_limit() {
    let ledger = folder("time");
    let swarm = output("swarm --time 1s --shard 1/3 --ledger", &[ledger.to_str().unwrap()]);
    let stdout = text(&swarm.stdout);
    assert_eq!(swarm.status.code(), Some(0), "{stdout}{}", text(&swarm.stderr));
    assert!(stdout.contains(" of 0.., shard 1/3, profile default, time is up\n"), "{stdout}");
    let campaign = merged(&ledger);
    assert_eq!(campaign.ledgers[0].ended, Some(groupsim::campaign::EndReason::Time));
    assert!(campaign.tally(None).seeds > 0 && campaign.tally(None).wall_ms >= 1_000);
}

/// A run over real TCP takes its virtual minutes in real time, which exceeds a limit of one second.
#[test]
fn a_hang_is_a_finding() {
    let ledger = folder("hang");
    let swarm = "swarm --engine tcp --seeds 3..4 --hang 1s --ledger";
    let swarm = output(swarm, &[ledger.to_str().unwrap()]);
    let stdout = text(&swarm.stdout);
    assert_eq!(swarm.status.code(), Some(4), "{stdout}{}", text(&swarm.stderr));
    assert!(stdout.contains("seed 3: hang\n"), "{stdout}");
    assert!(stdout.contains(" replay 3 --profile default --engine tcp\n"), "{stdout}");
    let [entry] = &findings(&ledger)[..] else { panic!("one finding") };
    assert_eq!((entry.seed, entry.invariant.as_str()), (3, "hang"));
    assert_eq!((&entry.trace, entry.simulated_us), (&None, None));
    assert!(entry.wall_ms >= 1_000);
    assert_eq!(merged(&ledger).ledgers[0].ended, Some(groupsim::campaign::EndReason::Hang));
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error() {
    let file = folder("no-folder").join("file");
    fs::write(&file, "").unwrap();
    let swarm = output("swarm --seeds 0..2 --ledger", &[file.join("ledger").to_str().unwrap()]);
    let stderr = text(&swarm.stderr);
    assert_eq!(swarm.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("error: cannot write the ledger") && stderr.contains("no-folder"),
        "{stderr}"
    );
    assert!(swarm.stdout.is_empty(), "seeds were run without a ledger");
}

/// The disk is full in the middle of a line: the swarm stops with an error, and the lines before are
/// complete. A limit on the size of files stands in for a full disk; without the trap it would raise a
/// signal.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_swarm_and_keeps_the_lines_before() {
    let ledger = folder("full");
    let limited = "trap '' XFSZ; ulimit -f 4; exec \"$@\"";
    let swarm = format!("swarm --seeds 0..1000000 --jobs 1 --mutant {} --ledger", CANARY.0);
    let stopped = Command::new("bash")
        .args(["-c", limited, "bash", env!("CARGO_BIN_EXE_groupsim")])
        .args(swarm.split(' '))
        .arg(&ledger)
        .output()
        .expect("bash starts");
    let stderr = text(&stopped.stderr);
    assert_eq!(stopped.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("error: cannot write the ledger"), "{stderr}");
    assert!(stderr.contains("no room") || stderr.contains("too large"), "{stderr}");
    assert!(text(&stopped.stdout).contains("violation (no-loss)"), "the findings are not printed");

    let whole = findings(&ledger);
    assert!(whole.len() >= 3, "{} findings in 4 KiB", whole.len());
    // Without seeds that have no mutant the campaign would prove nothing.
    merge::ledger(&ledger, "0/1", &[]);
    let ledger = ledger.to_str().unwrap();
    let report = output("report merge", &[ledger, "--expect-canary", CANARY.0]);
    assert_eq!(report.status.code(), Some(0), "{}", text(&report.stderr));
    let warnings = text(&report.stderr);
    assert!(warnings.contains("truncated last line"), "{warnings}");
}
