//! The copy of this crate with planted bugs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use crate::plant::{COPIED, Planted, all, edited, root};

/// The code that is only in the copy.
const SWITCHES: &str = include_str!("switches.rs");

/// Makes or updates the copy.
///
/// # Errors
///
/// When it cannot be written.
///
/// # Panics
///
/// When a bug cannot be planted.
pub fn copy_to(to: &Path) -> io::Result<()> {
    let planted = all();
    let files = edited(&planted).unwrap_or_else(|misfits| panic!("{}", misfits.join("\n\n")));
    for from in COPIED {
        copy(&root().join(from), &to.join(from), &files)?;
    }
    write(&to.join("Cargo.toml"), &manifest()?)?;
    write(&to.join("src/mutant/planted.rs"), &table(&planted))
}

/// The manifest of the crate without its tests and benches.
fn manifest() -> io::Result<String> {
    let text = fs::read_to_string(root().join("Cargo.toml"))?;
    let mut manifest: toml::Table = text.parse().map_err(io::Error::other)?;
    for section in ["test", "bench", "dev-dependencies"] {
        manifest.remove(section);
    }
    Ok(manifest.to_string())
}

/// The table of planted bugs, which replaces the empty one.
fn table(planted: &[Planted]) -> String {
    let mut text = SWITCHES.replace("use groupsim::", "use crate::");
    text.push_str("\n/// The planted bugs of this build.\npub const PLANTED: &[Mutant] = &[\n");
    for bug in planted {
        let Planted { name, upstream, breaks, caught_by, .. } = bug;
        let _ = writeln!(
            text,
            "    Mutant {{ name: {name:?}, upstream: &{upstream:?}, breaks: {breaks:?}, caught_by: &{caught_by:?}, \
             system: System::Planted(|| systems({name:?})) }},"
        );
    }
    text.push_str("];\n");
    text
}

/// Copies a file or a folder, with the edits. A file that is already up to date stays untouched, so
/// that nothing is built twice.
fn copy(from: &Path, to: &Path, edited: &BTreeMap<String, String>) -> io::Result<()> {
    if from.is_dir() {
        remove_others(from, to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()), edited)?;
        }
        return Ok(());
    }
    let name = from.strip_prefix(root()).expect("a file of the crate").to_string_lossy();
    if name == "src/mutant/planted.rs" {
        return Ok(());
    }
    match edited.get(&*name) {
        Some(text) => write(to, text),
        None => write(to, &fs::read_to_string(from)?),
    }
}

/// Removes files of an earlier copy that no longer exist: a module that is a file and a folder does
/// not build.
fn remove_others(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(to).into_iter().flatten() {
        let entry = entry?;
        match entry.path().is_dir() {
            _ if from.join(entry.file_name()).exists() => {}
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

fn write(to: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(to).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::create_dir_all(to.parent().expect("a file in a folder"))?;
    fs::write(to, text)
}
