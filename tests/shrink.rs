//! `groupsim shrink`: the scripts that it writes, and its errors.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use groupsim::mutant;
use groupsim::run::Run;
use groupsim::script;
use groupsim::swarm::parts;

const NOISY: &str = "seed 3\nnetwork latency=1ms..30ms\ntopic t partitions=6 rate=5/s\ngroup g session=12s\n\
    join c1\njoin c2\nsettle\nat 20s pause c2\nat 22s skew c1 ppm=1000\nat 40s resume c2\nadvance 30s\nleave c1\nsettle\n";

fn shrink(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groupsim"));
    command.arg("shrink").args(args).output().expect("groupsim starts")
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn noisy(name: &str) -> PathBuf {
    let path = path(name);
    fs::write(&path, NOISY).expect("the folder for test files can be written");
    path
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn word(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

#[test]
fn a_failing_script_is_shrunk_to_a_small_one_that_fails_in_the_same_way() {
    let (from, to) = (noisy("noisy.sim"), path("small.sim"));
    let args = [word(&from), "--mutant", "forgiving-heartbeats", "--out", word(&to)];
    let output = shrink(&args);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    let text = fs::read_to_string(&to).expect("it wrote the script");
    let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
    assert!(head[0].starts_with("# violation (fencing) at "), "{text}");
    assert!(text.contains(&format!("# Shrunk from 9 steps of {} to ", word(&from))), "{text}");
    assert!(text.contains("# mutant forgiving-heartbeats: "), "{text}");
    let schedule = script::parse("small.sim", &text).expect("a valid script");
    assert!(schedule.steps.len() <= 5, "{text}");
    let systems = mutant::find("forgiving-heartbeats").expect("a mutant").systems();
    let finding = Run::of(&schedule).systems(&systems).run().finding.expect("it fails");
    assert_eq!(parts(&finding).name, "fencing");
}

#[test]
fn an_existing_file_is_overwritten_only_with_out() {
    let folder = path("shrink-twice");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("the folder for test files can be written");
    let from = noisy("twice.sim");
    let shrink = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_groupsim"));
        command.args(["shrink", word(&from), "--mutant", "forgiving-heartbeats", "--time", "0s"]);
        command.args(more).current_dir(&folder).output().expect("groupsim starts")
    };
    let there = folder.join("fencing.sim");
    let first = shrink(&[]);
    assert_eq!(first.status.code(), Some(1), "{}", printed(&first));
    script::load(&there).expect("a whole script");

    fs::write(&there, "mine").expect("a file");
    let second = shrink(&[]);
    assert_eq!(second.status.code(), Some(2), "{}", printed(&second));
    let message = printed(&second);
    assert!(
        message.contains("error: fencing.sim exists") && message.contains("--out"),
        "{message}"
    );
    assert_eq!(fs::read_to_string(&there).expect("the file"), "mine");

    let third = shrink(&["--out", "fencing.sim"]);
    assert_eq!(third.status.code(), Some(1), "{}", printed(&third));
    script::load(&there).expect("a whole script");
}

#[test]
fn at_the_time_limit_the_smallest_schedule_so_far_is_written() {
    let (from, to) = (noisy("hurried.sim"), path("hurried-small.sim"));
    let mutant = ["--mutant", "forgiving-heartbeats"];
    let args = [&[word(&from), "--out", word(&to), "--time", "0s"], &mutant[..]].concat();
    let output = shrink(&args);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    script::load(&to).expect("a whole script");
}

#[test]
fn a_script_without_a_finding_cannot_be_shrunk() {
    let from = noisy("innocent.sim");
    let output = shrink(&[word(&from), "--out", word(&path("never.sim"))]);
    assert_eq!(output.status.code(), Some(2));
    assert!(printed(&output).contains("has no finding"), "{}", printed(&output));
    assert!(!path("never.sim").exists());
}

#[test]
fn the_error_names_a_file_that_cannot_be_written() {
    let (from, to) = (noisy("unwritten.sim"), path("no/such/folder/small.sim"));
    let output = shrink(&[word(&from), "--mutant", "forgiving-heartbeats", "--out", word(&to)]);
    assert_eq!(output.status.code(), Some(2), "{}", printed(&output));
    assert!(printed(&output).contains(word(&to)), "{}", printed(&output));
}

#[test]
fn the_error_for_an_unknown_mutant_lists_the_mutants() {
    let output = shrink(&["1", "--mutant", "zombie"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(printed(&output).contains("zombie-commits"), "{}", printed(&output));
}
