//! The module order of `src/lib.rs` holds: a module uses only those above it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules in the order of the architecture page.
const RINGS: [&str; 24] = [
    "time",
    "rng",
    "marks",
    "protocol",
    "wire",
    "assignor",
    "coordinator",
    "client",
    "broker",
    "trace",
    "model",
    "coverage",
    "render",
    "sim",
    "invariant",
    "run",
    "engine",
    "script",
    "conform",
    "swarm",
    "mutant",
    "shrink",
    "campaign",
    "cli",
];

/// Modules that are independent: neither uses the other.
const INDEPENDENT: [(&str, &str); 2] = [("coordinator", "client"), ("sim", "invariant")];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).expect("a folder of sources");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let sources = paths.iter().flat_map(|path| files(path));
    sources.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

fn files_of(ring: &str) -> Vec<PathBuf> {
    let (folder, file) = (source().join(ring), source().join(format!("{ring}.rs")));
    files(if folder.is_dir() { &folder } else { &file })
}

/// The modules that a line of code names. Comments may refer to any module.
fn named(line: &str) -> Vec<&'static str> {
    let code = line.split("//").next().unwrap_or_default();
    let names = |ring: &&str| {
        let path = format!("crate::{ring}");
        let whole =
            |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        code.match_indices(&path).any(|(at, _)| whole(&code[at + path.len()..]))
            || code.contains("use crate::{") && code.contains(&format!(" {ring}::"))
            || code.contains("use crate::{") && listed(code, ring)
    };
    RINGS.iter().filter(|ring| names(ring)).copied().collect()
}

/// Whether `use crate::{a, b};` lists the module.
fn listed(code: &str, ring: &str) -> bool {
    let inside = code.split_once('{').map_or("", |(_, rest)| rest);
    inside.split([',', '}', ';', ' ']).any(|word| word.split("::").next() == Some(ring))
}

#[test]
fn a_module_uses_only_those_above_it() {
    let mut breaches = Vec::new();
    for (depth, ring) in RINGS.iter().enumerate() {
        for path in files_of(ring) {
            let text = fs::read_to_string(&path).expect("a source file");
            for (number, line) in text.lines().enumerate() {
                let outside = named(line).into_iter().filter(|used| {
                    let forbidden = RINGS[depth + 1..].contains(used);
                    forbidden
                        || INDEPENDENT.contains(&(used, ring))
                        || INDEPENDENT.contains(&(ring, used))
                });
                for used in outside {
                    breaches.push(format!("{}:{}: {ring} uses {used}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "modules use others below them:\n{}", breaches.join("\n"));
}

#[test]
fn every_module_of_the_library_has_a_place_in_the_order() {
    let library = library();
    let modules: BTreeSet<&str> = modules(&library).map(|(name, _)| name).collect();
    assert_eq!(modules, BTreeSet::from(RINGS));
}

fn library() -> String {
    fs::read_to_string(source().join("lib.rs")).expect("src/lib.rs")
}

/// The modules of the library, and whether each is hidden from the documentation.
fn modules(library: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut hidden = false;
    library.lines().filter_map(move |line| {
        let name = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'));
        hidden |= line == "#[doc(hidden)]";
        Some((name?, std::mem::take(&mut hidden)))
    })
}

/// What the documentation shows is what it introduces under *What you use*.
#[test]
fn the_documented_modules_are_those_that_a_user_needs() {
    let library = library();
    let table = library.split("//! # ").find(|section| section.starts_with("What you use"));
    let links = table.expect("the section").split("[`").skip(1);
    let introduced: BTreeSet<&str> =
        links.filter_map(|link| link.split(['`', ':']).next()).collect();
    let documented = modules(&library).filter(|(_, hidden)| !hidden).map(|(name, _)| name);
    assert_eq!(introduced, documented.collect());
}

/// A longer file should be split.
#[test]
fn no_file_is_longer_than_500_lines() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let all = files(&source()).into_iter().chain(files(&tests));
    let long: Vec<String> = all
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).expect("a source file").lines().count();
            (lines > 500).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn uses_of_modules_are_recognised() {
    assert_eq!(named("use crate::sim::Sim;"), ["sim"]);
    assert_eq!(named("use crate::{client, coordinator};"), ["coordinator", "client"]);
    assert_eq!(named("/// See [`crate::sim`]."), [""; 0]);
    assert_eq!(named("    crate::trace::Event"), ["trace"]);
    assert_eq!(named("use crate::runner;"), [""; 0]);
}
