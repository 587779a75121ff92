//! Finds and reads ledgers, including those of killed processes.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use super::line::{EndReason, Entry, Line, ProcessStarted, Tally};

/// The content of a ledger, without its findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerSummary {
    /// The path of the file.
    pub path: PathBuf,
    /// The task of the process; `None` if it was killed before it wrote the first line.
    pub started: Option<ProcessStarted>,
    /// The last tally that the process wrote.
    pub tally: Tally,
    /// The reason why the process ended; `None` if it was killed.
    pub ended: Option<EndReason>,
    /// Whether the last line is truncated.
    pub torn: bool,
    /// The numbers of the other lines that cannot be read, counted from 1.
    pub unreadable: Vec<u64>,
}

/// Ledgers could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// A file or a directory could not be read.
    Io(PathBuf, io::Error),
    /// None of the directories has a ledger.
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

/// The paths of all ledgers in the directories, recursively and without duplicates.
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
            // Links are not followed: a link to a parent would make the search endless.
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                found.insert(path);
            }
        }
    }
    Ok(())
}

/// Reads a ledger and passes each finding to `found`.
///
/// # Errors
///
/// If the file cannot be read. A line that cannot be parsed is no error; the summary counts it.
pub fn read(path: &Path, found: &mut dyn FnMut(Entry)) -> Result<LedgerSummary, ReadError> {
    let failed = |error| ReadError::Io(path.to_owned(), error);
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut summary = LedgerSummary { path: path.to_owned(), ..LedgerSummary::default() };
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if file.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        match serde_json::from_slice(&line) {
            Ok(read) => summary.take(read, found),
            Err(_) if !line.ends_with(b"\n") => summary.torn = true,
            Err(_) => summary.unreadable.push(number),
        }
    }
    Ok(summary)
}

impl LedgerSummary {
    fn take(&mut self, line: Line, found: &mut dyn FnMut(Entry)) {
        match line {
            Line::Started(started) => self.started = Some(started),
            Line::Progress(tally) => self.tally = tally,
            Line::Finding(entry) => found(*entry),
            Line::Ended(ended) => {
                self.ended = Some(ended.reason);
                self.tally = ended.tally;
            }
        }
    }

    /// A warning about the defects of the ledger, if it has any.
    pub fn warning(&self) -> Option<String> {
        let mut defects = Vec::new();
        if self.torn {
            defects.push("the truncated last line was skipped".to_owned());
        }
        if let [first, ..] = self.unreadable[..] {
            defects.push(match self.unreadable.len() {
                1 => format!("line {first} cannot be read"),
                count => format!("{count} lines cannot be read, the first is line {first}"),
            });
        }
        if self.started.is_none() {
            defects.push("its first line, which describes the process, is missing".to_owned());
        }
        (!defects.is_empty()).then(|| format!("{}: {}", self.path.display(), defects.join("; ")))
    }
}
