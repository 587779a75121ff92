//! The bugs that can be planted in a copy of this crate.
//!
//! A file of `planted/` lists bugs. Each entry names the upstream bug, what it breaks, the
//! invariants that must catch it, and its edits. `find` occurs exactly once in its file, as the
//! edits before have left it. In `put`, `PLANTED` stands for "the mutant of this bug is running".

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

/// The paths of the crate that the copy needs to build: its sources, and the folders that they
/// include.
pub const COPIED: [&str; 5] = ["Cargo.lock", ".cargo", "src", "sims", "tests/conformance"];

/// The folder of the lists.
const LISTS: &str = "tests/mutants/planted";

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    mutant: Vec<Planted>,
}

/// One bug.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Planted {
    /// The mutant's name.
    pub name: String,
    /// The upstream bugs that it resembles.
    pub upstream: Vec<String>,
    /// What it does wrong.
    pub breaks: String,
    /// The invariants of which one must catch it.
    pub caught_by: Vec<String>,
    /// The edits that plant it.
    pub edit: Vec<Edit>,
}

/// An edit of one place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The path of the file.
    pub file: String,
    /// The text to replace.
    pub find: String,
    /// The text that replaces it.
    pub put: String,
}

impl Edit {
    /// The function that tells whether the mutant is running. Brokers act outside of the mutant's
    /// coordinators, so they have one of their own.
    fn switch(&self) -> &'static str {
        match self.file.starts_with("src/broker/") {
            true => "is_hosted",
            false => "is_planted",
        }
    }
}

/// All bugs that can be planted, in the order of the files.
///
/// # Panics
///
/// When a list cannot be read.
pub fn all() -> Vec<Planted> {
    let entries = fs::read_dir(root().join(LISTS)).expect("the folder of lists");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let lists = files.iter().map(|file| {
        let text = fs::read_to_string(file).expect("a list");
        let list: List =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        list.mutant
    });
    lists.flatten().collect()
}

/// The edited files with their new text, or the edits that do not fit.
pub fn edited(planted: &[Planted]) -> Result<BTreeMap<String, String>, Vec<String>> {
    let mut files = BTreeMap::new();
    let mut misfits = Vec::new();
    for (bug, edit) in planted.iter().flat_map(|bug| bug.edit.iter().map(move |edit| (bug, edit))) {
        let read = || fs::read_to_string(root().join(&edit.file)).unwrap_or_default();
        let text: &mut String = files.entry(edit.file.clone()).or_insert_with(read);
        let find = edit.find.trim_matches('\n');
        match text.matches(find).count() {
            1 => {
                let switch = format!("crate::mutant::{}(\"{}\")", edit.switch(), bug.name);
                let put = edit.put.trim_matches('\n').replace("PLANTED", &switch);
                *text = text.replacen(find, &put, 1);
            }
            count => misfits.push(format!(
                "{}: this must occur once in {1}, but occurs {count} times:\n{find}",
                bug.name, edit.file
            )),
        }
    }
    if misfits.is_empty() { Ok(files) } else { Err(misfits) }
}

/// The folder of the crate.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
