//! A script from a file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::sim::schedule::Schedule;

use super::error::{ScriptErrors, quoted_path};

/// The largest script that is read. A million lines fit; an endless device does not.
const LARGEST: u64 = 64 << 20;

/// Why a file did not become a schedule.
#[derive(Debug)]
pub enum LoadError {
    /// It cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// It is larger than any script.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is not UTF-8.
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first byte that is not, from 1.
        line: usize,
        /// Its offset in the file, from 0.
        offset: usize,
        /// The byte.
        byte: u8,
    },
    /// It is text, but not in the sim language.
    Script(ScriptErrors),
}

/// Reads and parses a file.
pub fn load(path: &Path) -> Result<Schedule, LoadError> {
    load_with(path, super::parse)
}

/// Reads and parses a file for a world whose consumers come from outside.
pub fn load_outside(path: &Path) -> Result<Schedule, LoadError> {
    load_with(path, super::parse_outside)
}

fn load_with(
    path: &Path,
    parse: fn(&str, &str) -> Result<Schedule, ScriptErrors>,
) -> Result<Schedule, LoadError> {
    let text = read_text(path)?;
    parse(&path.to_string_lossy(), &text).map_err(LoadError::Script)
}

/// Reads a file that is to be a script.
pub fn read_text(path: &Path) -> Result<String, LoadError> {
    let file = File::open(path);
    let file = file.map_err(|reason| LoadError::Unreadable { path: path.to_owned(), reason })?;
    read_text_from(path, file)
}

/// Reads what is to be a script, and has this name in errors.
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
    /// The same text as `Display`, in colour for a terminal where there is something to colour.
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
                "error: {} is no script: it is larger than {} MiB",
                shown(path),
                LARGEST >> 20
            ),
            LoadError::NotUtf8 { path, line, offset, byte } => write!(
                f,
                "error: {} is not UTF-8: line {line} holds the byte 0x{byte:02x} (offset {offset})",
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
