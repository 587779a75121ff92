//! The copy of the crate in which the mutants are planted: all files that git knows, and the
//! switch.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result, ensure};

/// The file that names the modules.
const LIBRARY: &str = "src/lib.rs";

/// This program's folder, which is not copied.
const THIS: &str = "tests/mutants/every/";

/// The code that is only in the copy.
const SWITCH: &str = "//! The mutant of this process.

use std::sync::LazyLock;

static NUMBER: LazyLock<u32> = LazyLock::new(|| {
    std::env::var(\"GROUPSIM_MUTANT\").map_or(0, |number| number.parse().expect(\"a number\"))
});

/// Whether the mutant of this number is on.
#[inline]
pub fn on(number: u32) -> bool {
    *NUMBER == number
}

/// One iterator or another.
pub enum Or<T, O> {
    This(T),
    Other(O),
}

impl<T: Iterator, O: Iterator<Item = T::Item>> Iterator for Or<T, O> {
    type Item = T::Item;

    fn next(&mut self) -> Option<T::Item> {
        match self {
            Or::This(this) => this.next(),
            Or::Other(other) => other.next(),
        }
    }
}
";

/// The files to copy, by their path in the crate.
pub struct Source {
    files: Vec<(String, Vec<u8>)>,
}

impl Source {
    /// Reads the files that git knows, except those that are deleted in the work tree.
    ///
    /// # Errors
    ///
    /// When git fails.
    pub fn read(root: &Path) -> Result<Source> {
        let listed = Command::new("git").current_dir(root).args(["ls-files", "-z"]).output()?;
        ensure!(listed.status.success(), "git ls-files failed in {}", root.display());
        let names = String::from_utf8(listed.stdout)?;
        let names = names.split('\0').filter(|name| !name.is_empty() && !name.starts_with(THIS));
        let files =
            names.filter_map(|name| Some((name.to_owned(), fs::read(root.join(name)).ok()?)));
        Ok(Source { files: files.collect() })
    }

    /// A digest of the code that mutants change, and of the code that uses it. Tests do not count:
    /// a new test does not invalidate earlier verdicts.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let is_code = |name: &str| {
            name.starts_with("src/") && name.ends_with(".rs") && !name.contains("test")
        };
        self.files.iter().filter(|(name, _)| is_code(name)).for_each(|file| file.hash(&mut hasher));
        hasher.finish()
    }

    /// The text of a source file.
    ///
    /// # Errors
    ///
    /// When no file has this name.
    pub fn text(&self, name: &str) -> Result<&str> {
        let found = self.files.iter().find(|(path, _)| path == name);
        let (_, text) = found.with_context(|| format!("git does not know {name}"))?;
        Ok(str::from_utf8(text)?)
    }

    /// Writes the copy, with the planted text of the files that have one. A file that is already up
    /// to date stays untouched, so that nothing is built twice.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn write(&self, to: &Path, planted: &[(String, String)]) -> Result<()> {
        let library = format!("#![allow(warnings)]\n{}\npub mod every;\n", self.text(LIBRARY)?);
        let mut there = BTreeSet::from([to.join("src/every.rs")]);
        write(&to.join("src/every.rs"), SWITCH.as_bytes())?;
        for (name, text) in &self.files {
            let other = planted.iter().find(|(path, _)| path == name).map(|(_, text)| text);
            let other = if name == LIBRARY { Some(&library) } else { other };
            write(&to.join(name), other.map_or(text, |text| text.as_bytes()))?;
            there.insert(to.join(name));
        }
        // A module that an earlier copy has as a file and this one as a folder does not build.
        remove_others(&to.join("src"), &there).context("files of an earlier copy")
    }
}

fn write(to: &Path, text: &[u8]) -> Result<()> {
    if fs::read(to).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::create_dir_all(to.parent().context("a file in a folder")?)?;
    fs::write(to, text).with_context(|| format!("{} cannot be written", to.display()))
}

fn remove_others(folder: &Path, keep: &BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => remove_others(&path, keep)?,
            false if keep.contains(&path) => {}
            false => fs::remove_file(path)?,
        }
    }
    Ok(())
}
