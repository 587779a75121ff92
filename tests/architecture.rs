//! The rings of `src/lib.rs` hold: a module uses only those before it.

use std::fs;
use std::path::{Path, PathBuf};

/// From the innermost out, as in the architecture page.
const RINGS: [&str; 21] = [
    "time",
    "rng",
    "sometimes",
    "protocol",
    "wire",
    "assignor",
    "coordinator",
    "consumer",
    "cluster",
    "trace",
    "sim",
    "invariant",
    "run",
    "engine",
    "script",
    "conform",
    "swarm",
    "mutant",
    "shrink",
    "night",
    "cli",
];

/// Rings that are side by side: neither uses the other.
const STRANGERS: [(&str, &str); 2] = [("coordinator", "consumer"), ("sim", "invariant")];

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

/// The rings that a line of code names. Prose, which may point anywhere, is not code.
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

/// Whether `use crate::{a, b};` lists the ring.
fn listed(code: &str, ring: &str) -> bool {
    let inside = code.split_once('{').map_or("", |(_, rest)| rest);
    inside.split([',', '}', ';', ' ']).any(|word| word.split("::").next() == Some(ring))
}

#[test]
fn a_ring_uses_only_those_before_it() {
    let mut breaches = Vec::new();
    for (depth, ring) in RINGS.iter().enumerate() {
        for path in files_of(ring) {
            let text = fs::read_to_string(&path).expect("a source file");
            for (number, line) in text.lines().enumerate() {
                let outside = named(line).into_iter().filter(|used| {
                    let forbidden = RINGS[depth + 1..].contains(used);
                    forbidden
                        || STRANGERS.contains(&(used, ring))
                        || STRANGERS.contains(&(ring, used))
                });
                for used in outside {
                    breaches.push(format!("{}:{}: {ring} uses {used}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "the rings are broken:\n{}", breaches.join("\n"));
}

#[test]
fn every_module_of_the_library_is_a_ring() {
    let library = fs::read_to_string(source().join("lib.rs")).expect("src/lib.rs");
    let modules: Vec<&str> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let mut rings = RINGS.to_vec();
    rings.sort_unstable();
    assert_eq!(modules, rings);
}

/// A file that has grown past this is two things.
#[test]
fn no_file_is_too_long_to_hold_in_the_head() {
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
fn the_check_sees_what_it_looks_for() {
    assert_eq!(named("use crate::sim::Sim;"), ["sim"]);
    assert_eq!(named("use crate::{consumer, coordinator};"), ["coordinator", "consumer"]);
    assert_eq!(named("/// See [`crate::sim`]."), [""; 0]);
    assert_eq!(named("    crate::trace::Event"), ["trace"]);
    assert_eq!(named("use crate::runner;"), [""; 0]);
}
