//! Where results go. `println!` panics when the reader of a pipe has gone; this does not.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Stdout, Write};

use super::args::Format;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The user's mistake, or the machine's: what to tell them.
    Usage(String),
    /// A file is wrong: the error as it is to be shown, with its place.
    Refused(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Usage(format!("cannot write the output: {error}"))
    }
}

/// Stdout, and how to write to it.
pub struct Out {
    format: Format,
    to: BufWriter<Stdout>,
    /// Whoever read it has enough of it. What is found decides the exit code all the same.
    closed: bool,
}

impl Out {
    /// Stdout.
    pub fn new(format: Format) -> Out {
        Out { format, to: BufWriter::new(io::stdout()), closed: false }
    }

    /// Whether a machine reads it.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Writes one line, when people read it.
    pub fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        if !self.is_json() {
            self.write(|to| writeln!(to, "{text}"))?;
        }
        Ok(())
    }

    /// Writes one object, when a machine reads it.
    pub fn object(&mut self, value: &serde_json::Value) -> Result<(), Failure> {
        if self.is_json() {
            self.write(|to| writeln!(to, "{value}"))?;
        }
        Ok(())
    }

    /// Writes whole lines that end in a line break, whoever reads them.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.write(|to| to.write_all(text.as_bytes()))
    }

    /// Makes everything written so far visible.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.write(|to| to.flush())
    }

    fn write(
        &mut self,
        write: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        match write(&mut self.to) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            written => Ok(written?),
        }
    }
}

/// Writes an error to stderr. If that is closed too, there is nobody left to tell.
pub fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "error: {message}");
}

/// Writes to stderr what is not as it should be, but keeps nothing from being done.
pub fn warn(message: &str) {
    let _ = writeln!(io::stderr(), "warning: {message}");
}
