//! The rules page is consistent: every cited rule is on it, every rule is cited by a script or a
//! test, and the table `src/coordinator/SHOWN.md` lists these citations.
//!
//! A script cites rules in its first comment, a test in the comment right above it. After a change
//! of either, `INSTA_UPDATE=always cargo test --test rules` rewrites the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The section of the rules that groupsim leaves out, each with its reason; no test shows them.
const LEFT_OUT: &str = "R15";

const HEAD: &str = "# Where each rule is shown

The scripts under `sims/` (run one with `groupsim run`) and the tests (`cargo test NAME`) that cite
each rule. `tests/rules.rs` generates this table from the citations, and fails if a rule has none.

| rule | shown by |
|---|---|
";

#[test]
fn every_rule_is_shown_and_the_table_says_where() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = rules(&read(&root.join("src/coordinator/RULES.md")));
    let mut shown: BTreeMap<Vec<u32>, BTreeSet<String>> =
        rules.iter().map(|rule| (number(rule), BTreeSet::new())).collect();
    for (place, rule) in citations(root) {
        if let Some(places) = shown.get_mut(&number(&rule)) {
            places.insert(place);
        }
    }
    let bare: Vec<String> =
        shown.iter().filter(|(_, places)| places.is_empty()).map(|(rule, _)| name(rule)).collect();
    let table: String = shown.iter().map(|(rule, places)| row(rule, places)).collect();
    let path = root.join("src/coordinator/SHOWN.md");
    let table = format!("{HEAD}{table}");
    if std::env::var("INSTA_UPDATE").is_ok_and(|wanted| wanted == "always") {
        fs::write(&path, &table).expect("the table can be written");
    }
    assert_eq!(
        read(&path),
        table,
        "the table is out of date: the head of tests/rules.rs says how to rewrite it"
    );
    assert!(bare.is_empty(), "no sim and no test shows {}", bare.join(", "));
}

#[test]
fn every_cited_rule_is_on_the_rules_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = read(&root.join("src/coordinator/RULES.md"));
    let known =
        |rule: &str| page.contains(&format!("**{rule}**")) || page.contains(&format!("# {rule} "));
    let folders = [("src", "rs"), ("tests", "rs"), ("sims", "sim")];
    let sources = folders.into_iter().flat_map(|(folder, end)| files(&root.join(folder), end));
    let mut unknown = Vec::new();
    for path in sources {
        let text = read(&path);
        let comments = text.lines().filter(|line| line.contains("//") || line.contains('#'));
        for rule in comments.flat_map(cited).filter(|rule| !known(rule)) {
            unknown.push(format!("{}: {rule}", inside(root, &path)));
        }
    }
    assert!(unknown.is_empty(), "not on the rules page:\n{}", unknown.join("\n"));
    assert_eq!(cited("(rules R5.1, R13)."), ["R5.1", "R13"]);
}

#[test]
fn every_sim_cites_a_rule_in_its_first_comment() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cites_a_rule =
        |path: &PathBuf| first_comment(&read(path)).any(|line| !cited(line).is_empty());
    let silent: Vec<String> = files(&root.join("sims"), "sim")
        .into_iter()
        .filter(|path| !path.starts_with(root.join("sims/regress")) && !cites_a_rule(path))
        .map(|path| inside(root, &path))
        .collect();
    assert!(silent.is_empty(), "no rule is cited by {}", silent.join(", "));
}

fn first_comment(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| line.starts_with('#'))
}

fn row(rule: &[u32], places: &BTreeSet<String>) -> String {
    let places: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
    format!("| {} | {} |\n", name(rule), places.join(", "))
}

/// Every rule of the page, except those that are left out.
fn rules(page: &str) -> Vec<String> {
    let bold = page.split("**").skip(1).step_by(2);
    let rules = bold.filter(|text| !number(text).is_empty() && cited(text) == [*text]);
    rules.filter(|rule| number(rule)[0] != number(LEFT_OUT)[0]).map(str::to_owned).collect()
}

/// `[6, 1, 4]` of `R6.1.4`.
fn number(rule: &str) -> Vec<u32> {
    let Some(digits) = rule.strip_prefix('R') else { return Vec::new() };
    digits.split('.').filter_map(|part| part.parse().ok()).collect()
}

fn name(rule: &[u32]) -> String {
    let parts: Vec<String> = rule.iter().map(ToString::to_string).collect();
    format!("R{}", parts.join("."))
}

/// Each citation: the script or test, and the rule.
fn citations(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in files(&root.join("sims"), "sim") {
        let place = inside(root, &path);
        let text = read(&path);
        found.extend(
            first_comment(&text).flat_map(cited).map(|rule| (place.clone(), rule.to_owned())),
        );
    }
    for folder in ["src", "tests"] {
        for path in files(&root.join(folder), "rs") {
            found.extend(of_tests(&inside(root, &path), &read(&path)));
        }
    }
    found
}

/// The citations of the tests of a file, in the comments above them.
fn of_tests(file: &str, text: &str) -> Vec<(String, String)> {
    let (mut found, mut above, mut is_test) = (Vec::new(), Vec::new(), false);
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("//") && !line.starts_with("//!") {
            above.extend(cited(line).into_iter().map(str::to_owned));
        } else if line.starts_with("#[") {
            is_test |= line == "#[test]";
        } else {
            let function = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            if let Some(function) = function.filter(|_| is_test) {
                let place = format!("{file} {function}");
                found.extend(above.iter().map(|rule| (place.clone(), rule.clone())));
            }
            above.clear();
            is_test = false;
        }
    }
    found
}

/// The rules a text cites: `R6.1.4`, `R5`.
fn cited(text: &str) -> Vec<&str> {
    let starts = text.match_indices('R').filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        let after = text[at + 1..].chars().next();
        before.is_none_or(|c| !c.is_alphanumeric()) && after.is_some_and(|c| c.is_ascii_digit())
    });
    let rules = starts.map(|(at, _)| {
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        text[at..at + 1 + end].trim_end_matches('.')
    });
    rules.collect()
}

fn inside(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).expect("a path below the project");
    path.to_string_lossy().replace('\\', "/")
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the project");
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
