//! Loads a script from a file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::sim::schedule::Schedule;

use super::error::{ScriptErrors, quoted_path};

/// The largest script that is read. A million lines fit; an endless device does not.
const LARGEST: u64 = 64 << 20;

/// A file could not be loaded as a script.
#[derive(Debug)]
pub enum LoadError {
    /// The file cannot be read.
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The reason.
        reason: io::Error,
    },
    /// The file is too large for a script.
    TooLarge {
        /// The path of the file.
        path: PathBuf,
    },
    /// The file is not UTF-8.
    NotUtf8 {
        /// The path of the file.
        path: PathBuf,
        /// The line of the first invalid byte, counted from 1.
        line: usize,
        /// The offset of that byte in the file, counted from 0.
        offset: usize,
        /// The byte.
        byte: u8,
    },
    /// The script has errors.
    Script(ScriptErrors),
}

/// Reads and parses a file.
pub fn load(path: &Path) -> Result<Schedule, LoadError> {
    load_with(path, super::parse)
}

/// Reads a file and parses it with
/// [`parse_for_external_clients`](super::parse_for_external_clients).
pub fn load_for_external_clients(path: &Path) -> Result<Schedule, LoadError> {
    load_with(path, super::parse_for_external_clients)
}

fn load_with(
    path: &Path,
    parse: fn(&str, &str) -> Result<Schedule, ScriptErrors>,
) -> Result<Schedule, LoadError> {
    let text = read_text(path)?;
    parse(&path.to_string_lossy(), &text).map_err(LoadError::Script)
}

/// Reads the text of a script from a file.
pub fn read_text(path: &Path) -> Result<String, LoadError> {
    let file = File::open(path);
    let file = file.map_err(|reason| LoadError::Unreadable { path: path.to_owned(), reason })?;
    read_text_from(path, file)
}

/// Reads the text of a script from any source. Errors show `path` as its name.
pub fn read_text_from(path: &Path, from: impl Read) -> Result<String, LoadError> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|reason| LoadError::Unreadable { path: path.to_owned(), reason })?;
    if bytes.len() as u64 > LARGEST {
        return Err(LoadError::TooLarge { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        not_utf8(path, error.as_bytes(), offset)
    })
}

impl LoadError {
    /// The same text as `Display`, coloured for a terminal if it is the error of a script.
    pub fn styled(&self) -> String {
        match self {
            LoadError::Script(errors) => errors.styled(),
            LoadError::Unreadable { .. }
            | LoadError::TooLarge { .. }
            | LoadError::NotUtf8 { .. } => self.to_string(),
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |path: &Path| quoted_path(&path.to_string_lossy());
        match self {
            LoadError::Unreadable { path, reason } => {
                write!(f, "error: cannot read {}: {reason}", shown(path))
            }
            LoadError::TooLarge { path } => write!(
                f,
                "error: {} is too large for a script: more than {} MiB",
                shown(path),
                LARGEST >> 20
            ),
            LoadError::NotUtf8 { path, line, offset, byte } => write!(
                f,
                "error: {} is not UTF-8: invalid byte 0x{byte:02x} in line {line} (offset {offset})",
                shown(path)
            ),
            LoadError::Script(errors) => errors.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LoadError::Unreadable { reason, .. } => Some(reason),
            LoadError::Script(errors) => Some(errors),
            LoadError::TooLarge { .. } | LoadError::NotUtf8 { .. } => None,
        }
    }
}

fn not_utf8(path: &Path, bytes: &[u8], offset: usize) -> LoadError {
    let line = bytes[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1;
    LoadError::NotUtf8 { path: path.to_owned(), line, offset, byte: bytes[offset] }
}
