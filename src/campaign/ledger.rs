//! Writes a ledger durably.
//!
//! A line is one `write` to a file that is open for appending, followed by `sync_data` before the
//! process does anything else. So neither a killed process nor a crashed machine loses a line.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::line::Line;

/// A ledger that is open for writing. Threads can share it.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: Mutex<Result<File, LedgerError>>,
}

/// A ledger or its directory could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerError {
    path: PathBuf,
    why: String,
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write the ledger {}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for LedgerError {}

/// The number of processes that can use the same name in one directory.
const NAMESAKES: u32 = 1_000;

impl Ledger {
    /// Creates a ledger file in a directory, and the directory if it does not exist. `name`
    /// identifies the process. If an earlier process used the same name, such as one in a restarted
    /// container, the file name gets a number.
    ///
    /// # Errors
    ///
    /// If the file or the directory cannot be created.
    pub fn create(folder: &Path, name: &str) -> Result<Ledger, LedgerError> {
        let failed = |path: &Path, error: &io::Error| LedgerError {
            path: path.to_owned(),
            why: error.to_string(),
        };
        fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        for number in 1..=NAMESAKES {
            let number = if number == 1 { String::new() } else { format!("-{number}") };
            let path = folder.join(format!("{name}{number}.jsonl"));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path, &error)),
                Ok(file) => {
                    // The file's name is content of the directory. Not every system can sync one.
                    let _ = File::open(folder).and_then(|folder| folder.sync_all());
                    return Ok(Ledger { path, file: Mutex::new(Ok(file)) });
                }
            }
        }
        let why = format!("there are already {NAMESAKES} ledgers named {name}");
        Err(LedgerError { path: folder.to_owned(), why })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a line. After an error nothing more is written: a line after a partial one could not
    /// be read.
    ///
    /// # Errors
    ///
    /// If this line or an earlier one could not be written.
    pub fn write(&self, line: &Line) -> Result<(), LedgerError> {
        let mut text = serde_json::to_string(line).expect("lines of a ledger are JSON");
        text.push('\n');
        let mut state = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = state.as_mut().map_err(|error| error.clone())?;
        let written = append(file, text.as_bytes());
        written.map_err(|error| {
            let error = LedgerError { path: self.path.clone(), why: error.to_string() };
            *state = Err(error.clone());
            error
        })
    }

    /// The error of the first line that could not be written, if any.
    pub fn error(&self) -> Option<LedgerError> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).as_ref().err().cloned()
    }
}

/// Appends in a single write. When a disk is nearly full a write can be short, and `write_all`
/// would then write the line in several parts.
fn append(file: &mut File, line: &[u8]) -> io::Result<()> {
    let written = loop {
        match file.write(line) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            written => break written?,
        }
    };
    if written < line.len() {
        let why = format!("no room: only {written} of {} bytes of a line were written", line.len());
        return Err(io::Error::new(ErrorKind::StorageFull, why));
    }
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Tally;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_stays_one() {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        let ledger = Ledger { path, file: Mutex::new(Ok(file)) };
        assert_eq!(ledger.error(), None);
        let error = ledger.write(&Line::Progress(Tally::default())).unwrap_err();
        assert!(error.to_string().contains("/dev/full: No space left"), "{error}");
        assert_eq!(ledger.write(&Line::Progress(Tally::default())), Err(error.clone()));
        assert_eq!(ledger.error(), Some(error));
    }
}
