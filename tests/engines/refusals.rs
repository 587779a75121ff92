//! What an engine cannot express is refused with its place and a way out, and nothing is run.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn groupsim(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groupsim"));
    command.args(args).stdin(Stdio::null()).current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.env_remove("RUST_LOG").output().expect("groupsim starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("groupsim writes UTF-8")
}

/// A file for one test, and its name.
fn file<'a>(name: &'a str, content: &str) -> &'a str {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(path, content).expect("the folder for test files can be written");
    name
}

fn refused(engine: &str, file: &str) -> String {
    let output = groupsim(&["run", "--engine", engine, file]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{engine}: {said}");
    assert!(output.stdout.is_empty(), "{engine} ran something: {}", text(&output.stdout));
    format!("$ groupsim run --engine {engine} {file}\n{said}\n")
}

const CLOG: &str = "topic orders partitions=1\ngroup g\njoin c1\nclog c1 b0 by=2s\nadvance 5s\n";
const AIM: &str = "# Aimed.\nnetwork aim=20\ntopic orders partitions=1\ngroup g\njoin c1\n";

#[cfg(madsim)]
#[test]
fn what_cannot_be_expressed_is_shown_with_its_line_and_a_way_out() {
    let clog = file("refused-clog.sim", CLOG);
    let aim = file("refused-aim.sim", AIM);
    let mut told = refused("madsim", clog);
    for engine in ["turmoil", "madsim", "tcp"] {
        told += &refused(engine, aim);
    }
    insta::with_settings!({
        snapshot_path => "../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("engines-refused", told);
    });
}

#[cfg(not(madsim))]
#[test]
fn without_its_flag_madsim_is_refused() {
    let said = refused("madsim", file("no-madsim.sim", CLOG));
    assert!(said.contains("--cfg madsim"), "{said}");
    let output = groupsim(&["swarm", "--seeds", "0..1", "--engine", "madsim"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn an_unknown_engine_is_answered_with_those_there_are() {
    let output = groupsim(&["run", "--engine", "madsin", file("unknown-engine.sim", AIM)]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("madsim") && said.contains("turmoil"), "{said}");
}

/// Of a seed it is left out instead, and the summary says how much.
#[cfg(madsim)]
#[test]
fn a_summary_says_what_was_left_out() {
    let args = ["swarm", "--seeds", "0..4", "--profile", "network", "--engine", "madsim"];
    let output = groupsim(&args);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("\nengine       madsim\n"), "{said}");
    let output = groupsim(&[&args[..], &["--format", "json"]].concat());
    let summary: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("a summary is JSON");
    let out = &summary["left_out"];
    let [lines, seeds, aims, losses] =
        ["lines", "seeds", "aims", "losses"].map(|what| out[what].as_u64().unwrap());
    assert!(lines > seeds && seeds > 0 && seeds <= 4 && aims > 0, "{out}");
    let seeds = if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds") };
    let row = format!(
        "\nleft out     {lines} lines of {seeds}, the aim= of {aims} and the loss= of {losses}\n"
    );
    assert!(said.contains(&row), "{said}");
}

/// As far as it can be expressed, a seed is replayed as it was run.
#[cfg(madsim)]
#[test]
fn a_replay_says_where_it_was_run_and_what_was_left_out() {
    let output = groupsim(&["replay", "3", "--profile", "network", "--engine", "madsim"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("\n# engine=madsim\n# left out: "), "{said}");
}
