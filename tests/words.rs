//! One word for each meaning. Words that the project has retired do not return: not in the code,
//! its identifiers, messages and comments, nor in the scripts and the README. The glossary in
//! `src/lib.rs` defines the words to use.
//!
//! Identifiers are split at `_` and at CamelCase.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest line of a comment, in characters.
const WIDTH: usize = 100;

/// Each retired word, and the words to use instead.
const RETIRED: &[(&str, &str)] = &[
    ("abroad", "third-party brokers"),
    ("aim", "race"),
    ("aimed", "deadline race"),
    ("aims", "race"),
    ("anybody", "any member, any client, any broker"),
    ("astray", "ambiguous"),
    ("attendant", "observer"),
    ("belief", "view"),
    ("beliefs", "views"),
    ("bend", "interceptor"),
    ("bends", "changes"),
    ("bent", "intercepted"),
    ("calm", "quiesce; the profile is fault-free"),
    ("calmed", "quiesced"),
    ("calms", "quiesces"),
    ("census", "settling"),
    ("complaints", "warnings"),
    ("everybody", "all members, every client"),
    ("founded", "created"),
    ("founding", "creation"),
    ("founds", "creates"),
    ("gist", "summary"),
    ("heir", "static-member replacement"),
    ("heirs", "static-member replacements"),
    ("inquirer", "group describer"),
    ("luck", "rng, randomness"),
    ("lucky", "random"),
    ("mend", "repair"),
    ("mended", "repaired"),
    ("mending", "repairing"),
    ("mends", "repairs"),
    ("mischief", "interceptor, planted bug"),
    ("news", "dedup, new findings, changes of leadership"),
    ("night", "campaign"),
    ("nights", "campaigns"),
    ("nobody", "no member, no client, no broker"),
    ("onlooker", "outcome collector"),
    ("outsider", "external client"),
    ("outsiders", "external clients"),
    ("overstayed", "zombie"),
    ("rehearsal", "virtual probe"),
    ("reign", "term"),
    ("reigns", "is the current leader"),
    ("seat", "install_term, place"),
    ("seats", "installs, places"),
    ("somebody", "a member, a client, another member"),
    ("someone", "a member, a client"),
    ("stranger", "unknown member, client that is no member"),
    ("strangers", "unknown members, external clients"),
    ("told", "received, was sent, was assigned"),
    ("twist", "interceptor"),
    ("twisted", "intercepted"),
    ("undead", "zombie"),
    ("unseat", "remove_term"),
    ("untold", "unsent"),
    ("upkeep", "admin_ops"),
    ("valve", "link gate"),
    ("valves", "link gates"),
    ("whoever", "the named actor"),
    ("whomever", "the named actor"),
];

/// Names and texts with retired words that stay. They are skipped before a line is searched.
const EXCEPTIONS: &[&str] = &[
    // Streams of randomness are split by these names: another name is other randomness.
    "\"aim\"",
    "\"swarm/heirs\"",
    // An id that belongs to no member.
    "\"nobody\"",
    "\"stranger\"",
];

#[test]
fn retired_words_do_not_return() {
    let mut report = String::new();
    for path in files_with_words() {
        let text = fs::read_to_string(root().join(&path)).expect("a text file");
        for (number, line) in (1..).zip(text.lines()) {
            // The steps of a script are words of the sim language, which are defined in src.
            let line = match path.ends_with(".sim") {
                true => line.split_once('#').map_or("", |(_, comment)| comment),
                false => line,
            };
            for (word, instead) in retired_in(line) {
                let _ = writeln!(report, "{path}:{number}: \"{word}\": say {instead}");
            }
        }
    }
    assert!(report.is_empty(), "retired words:\n{report}");
}

#[test]
fn comments_are_at_most_as_wide_as_code() {
    let mut report = String::new();
    for path in files("src", &["rs"]) {
        let text = fs::read_to_string(root().join(&path)).expect("a text file");
        for (number, line) in (1..).zip(text.lines()) {
            let columns = line.chars().count();
            if columns > WIDTH && is_prose(line) {
                let _ = writeln!(report, "{path}:{number}: {columns} columns");
            }
        }
    }
    assert!(report.is_empty(), "comments wider than {WIDTH} columns:\n{report}");
}

#[test]
fn the_list_is_sorted_and_its_exceptions_are_in_use() {
    let retired: Vec<&str> = RETIRED.iter().map(|(word, _)| *word).collect();
    assert!(retired.is_sorted(), "sort the retired words");
    let text: Vec<String> = files_with_words()
        .iter()
        .map(|path| fs::read_to_string(root().join(path)).expect("a text file"))
        .collect();
    for exception in EXCEPTIONS {
        let used = text.iter().any(|text| text.contains(exception));
        assert!(used, "the exception {exception} is not needed any more");
        assert!(words(exception).any(|word| find(&word).is_some()), "{exception} has no such word");
    }
}

#[test]
fn identifiers_are_split_into_words() {
    let words = |text: &str| words(text).collect::<Vec<_>>();
    assert_eq!(
        words("fn deliver_news(aLuck: HTTPValve)"),
        ["fn", "deliver", "news", "a", "luck", "http", "valve"]
    );
    assert_eq!(words("NEVER_TOLD `heirs=2` v2Night"), ["never", "told", "heirs", "v", "night"]);
    assert!(retired_in("let rng = Rng::stream(seed, \"aim\");").is_empty());
    assert_eq!(retired_in("struct Heirs;"), [("heirs", "static-member replacements")]);
    assert!(retired_in("the postponed answer to a stage").is_empty());
}

/// The retired words of a line outside of its exceptions, with the words to use instead.
fn retired_in(line: &str) -> Vec<(&'static str, &'static str)> {
    let mut line = line.to_owned();
    for exception in EXCEPTIONS {
        line = line.replace(exception, " ");
    }
    let mut found: Vec<_> = words(&line).filter_map(|word| find(&word)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The entry of a word, if it is retired.
fn find(word: &str) -> Option<(&'static str, &'static str)> {
    let at = RETIRED.binary_search_by(|(retired, _)| (*retired).cmp(word)).ok()?;
    Some(RETIRED[at])
}

/// The words of a text in lower case. Identifiers are split at `_`, at digits and at CamelCase.
fn words(text: &str) -> impl Iterator<Item = String> {
    let letters: Vec<char> = text.chars().collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        if !letter.is_alphabetic() {
            words.push(String::new());
            continue;
        }
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1);
        let starts_a_word = letter.is_uppercase()
            && (before.is_some_and(char::is_lowercase) || after.is_some_and(|c| c.is_lowercase()));
        if starts_a_word {
            words.push(String::new());
        }
        let word = words.last_mut().expect("there is a word");
        word.extend(letter.to_lowercase());
    }
    words.into_iter().filter(|word| !word.is_empty())
}

/// Whether a line is a comment that can be wrapped. Rows of tables cannot, nor can a single word
/// such as a link.
fn is_prose(line: &str) -> bool {
    let Some(comment) = line.trim_start().strip_prefix("//") else { return false };
    let text = comment.trim_start_matches(['/', '!']).trim();
    !text.starts_with('|') && text.contains(' ')
}

fn files_with_words() -> Vec<String> {
    let mut paths = files("src", &["rs", "md"]);
    paths.extend(files("sims", &["sim", "md"]));
    paths.push("README.md".to_owned());
    // Generated from the names of scripts and tests.
    paths.retain(|path| path != "src/coordinator/SHOWN.md");
    paths
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder with one of these extensions, sorted, as paths below the project.
fn files(folder: &str, extensions: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| extensions.iter().any(|e| end == *e)) {
                let path = path.strip_prefix(root()).expect("a path below the project");
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}
