//! The core of the library: without the features `engines` and `cli` it builds, and it depends on
//! little. The test of a coordinator needs no more than that.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The core has this many dependencies, theirs included. Raise it only for one that is worth it to
/// everyone who tests a coordinator.
const AT_MOST: usize = 44;

/// Only engines and the command line may depend on these.
const NOT_IN_THE_CORE: [&str; 9] = [
    "clap",
    "ctrlc",
    "futures-util",
    "include_dir",
    "indicatif",
    "madsim",
    "tokio",
    "tracing-subscriber",
    "turmoil",
];

/// What a command of cargo prints to stdout and to stderr.
fn cargo(args: &[&str]) -> [String; 2] {
    let mut command = Command::new(env!("CARGO"));
    command.args(args).args(["--locked", "--no-default-features"]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    let text = |bytes| String::from_utf8(bytes).expect("cargo prints text");
    let [out, error] = [text(output.stdout), text(output.stderr)];
    assert!(output.status.success(), "cargo {args:?}:\n{error}");
    [out, error]
}

#[test]
fn the_core_builds_alone_and_without_warnings() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("core");
    let target = target.to_str().expect("a path in UTF-8");
    let [_, messages] = cargo(&["check", "--lib", "--target-dir", target]);
    assert!(!messages.contains("warning"), "{messages}");
}

#[test]
fn the_core_depends_on_little() {
    let edges = ["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let [tree, _] = cargo(&edges);
    let packages: BTreeSet<(&str, &str)> = tree.lines().filter_map(package).collect();
    let names: BTreeSet<&str> = packages.iter().map(|(name, _)| *name).collect();
    assert!(names.contains("kafka-protocol"), "not the tree of this crate:\n{tree}");
    let heavy: Vec<_> = NOT_IN_THE_CORE.iter().filter(|name| names.contains(**name)).collect();
    assert!(heavy.is_empty(), "the core depends on {heavy:?}:\n{tree}");
    let dependencies = packages.len() - 1;
    assert!(dependencies <= AT_MOST, "the core has {dependencies} dependencies:\n{tree}");
}

/// The name and the version in a line such as `serde_derive v1.0.229 (proc-macro)`.
fn package(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?))
}
