//! Reading ledgers, whatever state they were left in.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use super::line::{Began, Entry, Line, Tally, Why};

/// What a ledger says about its process, besides what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// The file.
    pub path: PathBuf,
    /// What the process set out to do; none when it was killed before it had said so.
    pub began: Option<Began>,
    /// How far it came, as far as it has told.
    pub tally: Tally,
    /// Why it ended; none when it was killed.
    pub ended: Option<Why>,
    /// Whether its last line is unfinished.
    pub torn: bool,
    /// Which other lines cannot be read.
    pub unreadable: Vec<u64>,
}

/// Why ledgers could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// A file or a folder cannot be read.
    Io(PathBuf, io::Error),
    /// There is no ledger in any of the folders.
    None(Vec<PathBuf>),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io(path, error) => {
                write!(f, "cannot read the ledger {}: {error}", path.display())
            }
            ReadError::None(folders) => {
                let folders = folders.iter().map(|folder| folder.display().to_string());
                let folders = folders.collect::<Vec<_>>().join(", ");
                write!(f, "there is no ledger (a file *.jsonl) in {folders}")
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// The ledgers in the folders and below them, each once.
pub(super) fn ledgers(folders: &[PathBuf]) -> Result<BTreeSet<PathBuf>, ReadError> {
    let mut found = BTreeSet::new();
    for folder in folders {
        search(folder, &mut found).map_err(|error| ReadError::Io(folder.clone(), error))?;
    }
    match found.is_empty() {
        true => Err(ReadError::None(folders.to_vec())),
        false => Ok(found),
    }
}

fn search(folder: &Path, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let mut folders = vec![folder.canonicalize()?];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            // Links are not followed: one that leads back up would never end.
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                found.insert(path);
            }
        }
    }
    Ok(())
}

/// Reads one ledger line by line, and hands on what was found.
///
/// # Errors
///
/// When the file cannot be read. A line that cannot be is no error, but noted.
pub fn read(path: &Path, found: &mut dyn FnMut(Entry)) -> Result<Book, ReadError> {
    let failed = |error| ReadError::Io(path.to_owned(), error);
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut book = Book { path: path.to_owned(), ..Book::default() };
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if file.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        match serde_json::from_slice(&line) {
            Ok(read) => book.take(read, found),
            Err(_) if !line.ends_with(b"\n") => book.torn = true,
            Err(_) => book.unreadable.push(number),
        }
    }
    Ok(book)
}

impl Book {
    fn take(&mut self, line: Line, found: &mut dyn FnMut(Entry)) {
        match line {
            Line::Began(began) => self.began = Some(began),
            Line::Progress(tally) => self.tally = tally,
            Line::Finding(entry) => found(*entry),
            Line::Ended(ended) => {
                self.ended = Some(ended.why);
                self.tally = ended.tally;
            }
        }
    }

    /// What is wrong with it, if something is, for a warning.
    pub fn warning(&self) -> Option<String> {
        let mut why = Vec::new();
        if self.torn {
            why.push("its last line is unfinished and is left out".to_owned());
        }
        if let [first, ..] = self.unreadable[..] {
            why.push(match self.unreadable.len() {
                1 => format!("line {first} cannot be read"),
                count => format!("{count} lines cannot be read, the first is line {first}"),
            });
        }
        if self.began.is_none() {
            why.push("it does not say what it is of".to_owned());
        }
        (!why.is_empty()).then(|| format!("{}: {}", self.path.display(), why.join("; ")))
    }
}
