//! A schedule that an engine does not support is refused with its line and an alternative, and
//! nothing runs.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use groupsim::engine::EngineKind;

use crate::program::program;

fn groupsim(args: &[&str]) -> Output {
    run(EngineKind::Sim, args)
}

/// Runs the program that has the engine.
fn run(engine: EngineKind, args: &[&str]) -> Output {
    let mut command = Command::new(program(engine));
    command.args(args).stdin(Stdio::null()).current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.env_remove("RUST_LOG").output().expect("groupsim starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("groupsim writes UTF-8")
}

/// Creates a file for one test and returns its name.
fn file<'a>(name: &'a str, content: &str) -> &'a str {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(path, content).expect("the folder for test files can be written");
    name
}

fn refused(engine: &str, file: &str) -> String {
    let has = if engine == "madsim" { EngineKind::Madsim } else { EngineKind::Sim };
    let output = run(has, &["run", "--engine", engine, file]);
    let output_text = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{engine}: {output_text}");
    assert!(output.stdout.is_empty(), "{engine} ran something: {}", text(&output.stdout));
    format!("$ groupsim run --engine {engine} {file}\n{output_text}\n")
}

const CLOG: &str = "topic orders partitions=1\ngroup g\njoin c1\nclog c1 b0 by=2s\nadvance 5s\n";
const RACE: &str =
    "# Races deadlines.\nnetwork race=20\ntopic orders partitions=1\ngroup g\njoin c1\n";

#[cfg(madsim)]
#[test]
fn an_unsupported_line_is_shown_with_an_alternative() {
    let clog = file("refused-clog.sim", CLOG);
    let race = file("refused-race.sim", RACE);
    let mut refusals = refused("madsim", clog);
    for engine in ["turmoil", "madsim", "tcp"] {
        refusals += &refused(engine, race);
    }
    insta::with_settings!({
        snapshot_path => "../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("engines-refused", refusals);
    });
}

/// The program that people install does not have madsim.
#[test]
fn without_madsim_the_program_names_the_one_that_has_it() {
    for verb in [&["run", file("no-madsim.sim", CLOG)][..], &["swarm", "--seeds", "0..1"]] {
        let output = groupsim(&[verb, &["--engine", "madsim"]].concat());
        let output_text = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{output_text}");
        assert!(output_text.contains("cargo run --release --example madsim"), "{output_text}");
    }
}

#[test]
fn an_unknown_engine_is_refused_with_the_list_of_engines() {
    let output = groupsim(&["run", "--engine", "madsin", file("unknown-engine.sim", RACE)]);
    let output_text = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{output_text}");
    assert!(output_text.contains("madsim") && output_text.contains("turmoil"), "{output_text}");
}

/// In a generated schedule an unsupported line is left out instead, and the summary counts it.
#[cfg(madsim)]
#[test]
fn a_summary_counts_what_was_left_out() {
    let args = ["swarm", "--seeds", "0..4", "--profile", "network", "--engine", "madsim"];
    let output = run(EngineKind::Madsim, &args);
    let output_text = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output_text}");
    assert!(output_text.contains("\nengine       madsim\n"), "{output_text}");
    let output = run(EngineKind::Madsim, &[&args[..], &["--format", "json"]].concat());
    let summary: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("a summary is JSON");
    let out = &summary["left_out"];
    let [lines, seeds, races, losses] =
        ["lines", "seeds", "races", "losses"].map(|what| out[what].as_u64().unwrap());
    assert!(lines > seeds && seeds > 0 && seeds <= 4 && races > 0, "{out}");
    let seeds = if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds") };
    let row = format!(
        "\nskipped      {lines} steps of {seeds}, race= of {races} and loss= of {losses}\n"
    );
    assert!(output_text.contains(&row), "{output_text}");
}

/// A replay leaves out the same lines of a seed.
#[cfg(madsim)]
#[test]
fn a_replay_shows_its_engine_and_what_was_left_out() {
    let output =
        run(EngineKind::Madsim, &["replay", "3", "--profile", "network", "--engine", "madsim"]);
    let output_text = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output_text}");
    assert!(output_text.contains("\n# engine=madsim\n# skipped: "), "{output_text}");
}
