//! Output to stdout and stderr. Unlike `println!` it does not panic when a pipe is closed.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Stdout, Write};

use super::args::Format;

/// A command failed before it had a verdict.
#[derive(Debug)]
pub enum Failure {
    /// A usage or I/O error: the message, without `error: `.
    Usage(String),
    /// A file is invalid: the complete error text, with the position in the file.
    Refused(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Usage(format!("cannot write the output: {error}"))
    }
}

/// Stdout, in the format that the user chose.
pub struct Out {
    format: Format,
    to: BufWriter<Stdout>,
    /// Whether the reader has closed the pipe. The command continues: its exit code still counts.
    closed: bool,
}

impl Out {
    /// Opens stdout for writing in a format.
    pub fn new(format: Format) -> Out {
        Out { format, to: BufWriter::new(io::stdout()), closed: false }
    }

    /// Whether the format is JSON.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Writes one line, in text format only.
    pub fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        if !self.is_json() {
            self.write(|to| writeln!(to, "{text}"))?;
        }
        Ok(())
    }

    /// Writes one object as a line, in JSON format only.
    pub fn object(&mut self, value: &serde_json::Value) -> Result<(), Failure> {
        if self.is_json() {
            self.write(|to| writeln!(to, "{value}"))?;
        }
        Ok(())
    }

    /// Writes complete lines, in either format.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.write(|to| to.write_all(text.as_bytes()))
    }

    /// Flushes the buffer.
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

/// Writes an error to stderr, and ignores a closed stderr.
pub fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "error: {message}");
}

/// Writes a warning to stderr.
pub fn warn(message: &str) {
    let _ = writeln!(io::stderr(), "warning: {message}");
}
