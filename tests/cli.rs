//! The command line: exit codes, messages, pipes, interrupts.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn groupsim(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groupsim"));
    command.args(args).stdin(Stdio::null());
    for name in ["RUST_LOG", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

fn output(args: &[&str]) -> Output {
    groupsim(args).output().expect("groupsim starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("groupsim writes UTF-8")
}

/// The objects that `--format json` writes, one per line.
fn objects(args: &[&str]) -> Vec<Value> {
    let output = output(&[args, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// A file for one test.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("the folder for test files can be written");
    path
}

/// The error of a script that is refused, after checking the exit code.
fn refused(file: &std::path::Path) -> String {
    let output = output(&["run", file.to_str().expect("a UTF-8 path")]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty(), "something was run: {}", text(&output.stdout));
    stderr
}

#[test]
fn a_step_that_cannot_be_carried_out_is_reported_once_with_its_line() {
    let script = b"topic orders partitions=1\ngroup g\njoin c1\n\nresume c1\n";
    let path = file("bad-step.sim", script);
    let output = output(&["run", path.to_str().expect("a UTF-8 path")]);
    assert_eq!(output.status.code(), Some(2));
    let error = format!("error: c1 is not paused\n  --> {}:5\n", path.display());
    assert_eq!(text(&output.stderr), error);
    assert!(!text(&output.stdout).contains("is not paused"), "{}", text(&output.stdout));
}

#[test]
fn usage_errors_have_a_message_and_the_exit_code_of_usage() {
    let mut messages = String::new();
    for line in [
        "swrm",
        "run",
        "swarm --seeds 12",
        "swarm --seeds a..9",
        "swarm --seeds -3..9",
        "swarm --seeds 5..5",
        "swarm --seeds 9..3",
        "swarm --seeds 0..99999999999999999999",
        "swarm --seeds",
        "swarm --jobs 0",
        "swarm --jobs many",
        "swarm --jobs -1",
        "swarm --jobs 100000",
        "swarm --profile defualt",
        "swarm --seeds ..",
        "swarm --shard 4",
        "swarm --shard 4/4",
        "swarm --time soon",
        "report",
        "report merge",
        "serve --topic t:1 --max-frame 0",
        "serve --topic t:1 --max-frame -1",
        "serve --topic t:1 --max-idle 0s",
        "serve --topic a/b:1",
        "serve --topic ..:1",
        "serve --topic t:1 --allow no-loss:",
        "probe --bootstrap x:1 --topic a/b",
        "replay",
        "replay x",
        "replay -1",
        "replay 18446744073709551616",
        "replay 1 --zoom timelines",
        "list --format xml",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let output = output(&args);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(output.stdout.is_empty(), "{line}");
        let _ = writeln!(messages, "$ groupsim {line}\n{}", text(&output.stderr));
    }
    insta::with_settings!({
        snapshot_path => "../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("cli-usage", messages);
    });
}

#[test]
fn without_arguments_the_help_is_printed() {
    let output = output(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("Usage: groupsim"));
}

#[test]
fn help_documents_the_exit_codes() {
    let output = output(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("130  interrupted"));
}

#[test]
fn the_error_names_a_missing_file() {
    let stderr = refused("no/such/file.sim".as_ref());
    assert!(stderr.contains("no/such/file.sim"), "{stderr}");
}

#[test]
fn a_folder_is_not_a_script() {
    let stderr = refused(env!("CARGO_TARGET_TMPDIR").as_ref());
    assert!(stderr.contains(env!("CARGO_TARGET_TMPDIR")), "{stderr}");
}

#[test]
fn the_error_names_a_file_that_is_not_utf8() {
    let path = file("latin1.sim", b"topic orders partitions=4\njoin c\xe9\n");
    let stderr = refused(&path);
    assert!(stderr.contains("latin1.sim") && stderr.contains("UTF-8"), "{stderr}");
}

#[test]
fn an_invalid_script_is_shown_with_its_line_and_is_not_run() {
    let script = b"topic orders partitions=4\ngroup g\njoin c1\nadvance 5s\nfly c1\n";
    let path = file("wrong.sim", script);
    let stderr = refused(&path);
    assert!(stderr.contains("wrong.sim:5"), "{stderr}");
    assert!(stderr.contains("fly"), "{stderr}");
}

#[test]
fn if_one_script_is_invalid_none_is_run() {
    let good = file("good.sim", b"topic orders partitions=1\ngroup g\njoin c1\nsettle\n");
    let output = output(&["run", good.to_str().unwrap(), "no/such/file.sim"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
}

#[test]
fn a_script_that_holds_has_exit_code_0_and_a_verdict() {
    let script = b"topic orders partitions=2\ngroup g\njoin c1\nsettle\nexpect stable members=1\n";
    let path = file("holds.sim", script);
    for zoom in ["wire", "group", "timeline"] {
        let output = output(&["run", path.to_str().unwrap(), "--zoom", zoom]);
        let stdout = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{stdout}");
        assert!(stdout.contains("\nheld\n"), "{stdout}");
    }
}

#[test]
fn a_failed_expectation_has_exit_code_1() {
    let script = b"topic orders partitions=2\ngroup g\njoin c1\nsettle\nexpect stable members=7\n";
    let path = file("fails.sim", script);
    let output = output(&["run", path.to_str().unwrap()]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.contains("\nviolation ("), "{stdout}");
}

#[test]
fn the_error_names_an_invalid_log_filter() {
    let output = groupsim(&["list"]).env("RUST_LOG", "groupsim=[").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("RUST_LOG=groupsim=["));
}

#[test]
fn diagnostics_never_reach_stdout() {
    let quiet = output(&["replay", "3"]);
    let loud = output(&["replay", "3", "-vv"]);
    assert_eq!(text(&quiet.stdout), text(&loud.stdout));
    assert!(quiet.stderr.is_empty(), "{}", text(&quiet.stderr));
}

#[test]
fn a_closed_pipe_does_not_panic() {
    for args in [&["replay", "1", "--zoom", "wire"][..], &["list"], &["swarm", "--seeds", "0..5"]] {
        let mut child =
            groupsim(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(text(&output.stderr), "", "{args:?}");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}

/// The exit code reports findings even if the reader of the output has gone.
#[test]
fn a_closed_pipe_does_not_change_the_exit_code() {
    let args = ["swarm", "--seeds", "0..20", "--mutant", "commits-ahead"];
    let mut child = groupsim(&args).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn the_lists_are_complete() {
    let stdout = text(&output(&["list"]).stdout);
    for profile in groupsim::swarm::Profile::ALL {
        assert!(stdout.contains(profile.spec().about), "{stdout}");
    }
    assert!(stdout.contains("single-owner"), "{stdout}");
    let [list] = &objects(&["list"])[..] else { panic!("list is one object") };
    for mutant in groupsim::mutant::all() {
        assert!(stdout.lines().any(|line| line.trim().starts_with(mutant.name)), "{stdout}");
    }
    assert_eq!(list["mutants"].as_array().unwrap().len(), groupsim::mutant::all().count());
    assert_eq!(list["profiles"].as_array().unwrap().len(), groupsim::swarm::Profile::ALL.len());
}

#[test]
fn the_summary_has_all_rows() {
    let output = output(&["swarm", "--seeds", "0..20"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(output.stderr.is_empty(), "a progress bar in a pipe: {}", text(&output.stderr));
    for row in [
        "seeds        20 of 0..20, profile default\n",
        "simulated ",
        "speed ",
        "rebalances ",
        "faults ",
        "invariants ",
        "cells ",
        "vacuous ",
        "digest ",
        "violations   0\n",
    ] {
        assert!(stdout.contains(row), "{row:?} is missing in\n{stdout}");
    }
}

#[test]
fn the_json_of_a_summary_is_one_object() {
    let [summary] = &objects(&["swarm", "--seeds", "5..15"])[..] else {
        panic!("a summary is one object")
    };
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["seeds"]["ran"], 10);
    assert_eq!(summary["findings"], Value::Array(vec![]));
    assert_eq!(summary["digest"].as_str().map(str::len), Some(16));
    assert_eq!(summary["exit"], 0);
}

#[test]
fn the_json_of_a_replay_has_options_events_and_a_report() {
    let objects = objects(&["replay", "7", "--zoom", "timeline"]);
    let types: Vec<&str> = objects.iter().filter_map(|object| object["type"].as_str()).collect();
    assert_eq!(types.len(), objects.len());
    assert_eq!((types[0], types[1], types[types.len() - 1]), ("trace", "options", "report"));
    assert_eq!(objects[1]["options"]["seed"], "7");
    assert_eq!(objects[objects.len() - 1]["seed"], 7);
}

#[test]
fn a_printed_schedule_replays_as_a_script() {
    let printed = output(&["replay", "7", "--print"]);
    assert_eq!(printed.status.code(), Some(0));
    let path = file("seed7.sim", &printed.stdout);
    let output = output(&["run", path.to_str().unwrap(), "--zoom", "timeline"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// The output of an endless swarm that is interrupted after its start.
#[cfg(unix)]
fn interrupted(args: &[&str]) -> String {
    let mut child = groupsim(&[&["swarm", "--seeds", "0..1000000000000"], args].concat())
        .env("RUST_LOG", "groupsim::cli=debug")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("the swarm begins"), "{line}");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{stdout}");
    stdout
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_swarm_with_the_summary_so_far() {
    let stdout = interrupted(&[]);
    assert!(stdout.contains(", interrupted\n") && stdout.contains("\ndigest "), "{stdout}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_an_exploration_with_the_summary_so_far() {
    let stdout = interrupted(&["--until-quiet", "1000000"]);
    assert!(stdout.contains(", interrupted\n") && stdout.contains("\nlast new "), "{stdout}");
}

/// Runs groupsim in a directory without scripts, as after an installation.
fn elsewhere(args: &[&str], input: &str) -> Output {
    use std::io::Write as _;
    let mut command = groupsim(args);
    command.current_dir(env!("CARGO_TARGET_TMPDIR")).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that refuses its arguments reads no input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn an_installed_program_has_built_in_scripts() {
    let list = text(&elsewhere(&["list"], "").stdout);
    assert!(list.contains("\n  cooperative/two-phases "), "{list}");
    let script = include_str!("../sims/cooperative/two-phases.sim");
    for name in ["cooperative/two-phases", "sims/cooperative/two-phases.sim", "two-phases"] {
        let shown = elsewhere(&["show", name], "");
        assert_eq!((shown.status.code(), text(&shown.stdout).as_str()), (Some(0), script));
        let run = elsewhere(&["run", name], "");
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        assert!(text(&run.stdout).contains("\nheld\n"), "{}", text(&run.stdout));
    }
    let mistaken = elsewhere(&["show", "two-phase"], "");
    assert_eq!(mistaken.status.code(), Some(2));
    assert!(text(&mistaken.stderr).contains("did you mean two-phases?"));
    let many = text(&elsewhere(&["show", "in-preparing"], "").stderr);
    assert!(many.contains("join/in-preparing or leave/in-preparing"), "{many}");
}

#[test]
fn a_script_can_come_from_stdin() {
    let script = "topic orders partitions=2\ngroup g\njoin c1\nsettle\nexpect stable members=1\n";
    let run = elsewhere(&["run", "-"], script);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    assert!(text(&run.stdout).contains("\nheld\n"));
    let wrong = elsewhere(&["run", "-"], "topic orders partitions=2\nfly c1\n");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("stdin:2"), "{}", text(&wrong.stderr));
}

#[test]
fn a_workload_does_not_hide_the_events_of_the_group() {
    let script = "topic orders partitions=4 rate=20/s\ngroup g session=10s\njoin c1\njoin c2\nsettle\n\
                  advance 60s\nleave c2\nsettle\nexpect stable generation=2\nexpect stable generation=3\n";
    let run = elsewhere(&["run", "-"], script);
    let trace = text(&run.stdout);
    assert_eq!(run.status.code(), Some(1), "{trace}");
    assert!(trace.lines().count() < 80, "{trace}");
    assert!(trace.contains(" polled orders-1@") && trace.contains(" ×"), "{trace}");
    // Only expectations that fail have a line of their own.
    assert_eq!(
        trace.lines().filter(|line| line.contains("EXPECTED: expect ")).count(),
        1,
        "{trace}"
    );
    assert!(!trace.contains("as expected"), "{trace}");
}

#[test]
fn a_word_of_the_language_has_a_page() {
    let page_of = |words: &[&str]| {
        let output = output(&[&["language"], words].concat());
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, page) = page_of(&["group"]);
    assert!(code == Some(0) && page.contains("default: 5s (Kafka's: 500ms)"), "{page}");
    let (code, page) = page_of(&["expect", "committed"]);
    assert!(code == Some(0) && page.starts_with("expect committed "), "{page}");
    let (code, page) = page_of(&["pause", "max.poll.interval.ms"]);
    assert!(code == Some(0) && page.contains("is `rebalance` here"), "{page}");
    let (code, page) = page_of(&["partiton"]);
    assert!(code == Some(2) && page.contains("did you mean `partition`?"), "{page}");
}
